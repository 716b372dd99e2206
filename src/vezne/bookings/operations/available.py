"""What is still to be had."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.bookings.models import Unit
from vezne.bookings.operations.resources import resource as resource_by_id
from vezne.bookings.queries import units
from vezne.bookings.refusals import DatesBackwards, PeriodNeeded, PeriodNotTaken, UnitsOfPoolsOnly
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id


@dataclass(frozen=True, slots=True)
class Availability:
    """How many seats are left, or how many units are free for the whole period."""

    resource_id: UUID
    free: int
    starts_at: datetime | None
    ends_at: datetime | None


async def availability(
    tx: Tx, resource_id: UUID, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> Availability:
    """What a hold could get now, but for holds that have just lapsed and are not swept up. A pool is asked for a period.

    Raises ResourceUnknown, PeriodNeeded, PeriodNotTaken, DatesBackwards.
    """
    found = await resource_by_id(tx, resource_id)
    if found.manner == "counted":
        if starts_at is not None or ends_at is not None:
            raise PeriodNotTaken(loc=("query", "starts_at" if starts_at else "ends_at"))
        return Availability(resource_id, found.left if found.status == "open" else 0, None, None)
    first, last = _period(starts_at, ends_at)
    free = await units.count_free(tx, resource_id, first, last) if found.status == "open" else 0
    return Availability(resource_id, free, first, last)


async def free_units(tx: Tx, resource_id: UUID, starts_at: datetime, ends_at: datetime, *, limit: int) -> list[Unit]:
    """At most `limit` of a pool's units that are free for the whole period.

    Raises ResourceUnknown, UnitsOfPoolsOnly, DatesBackwards.
    """
    found = await resource_by_id(tx, resource_id)
    if found.manner != "exclusive":
        raise UnitsOfPoolsOnly(resource_id=public_id("rsc", resource_id))
    first, last = _period(starts_at, ends_at)
    return await units.select_free(tx, resource_id, first, last, limit) if found.status == "open" else []


async def units_page(
    tx: Tx, resource_id: UUID, *, limit: int, before: UUID | None = None, status: str | None = None
) -> list[Unit]:
    """At most `limit` units of a pool, newest first, older than `before`. Raises ResourceUnknown."""
    await resource_by_id(tx, resource_id)
    return await units.select_units(tx, resource_id, limit=limit, before=before, status=status)


def _period(starts_at: datetime | None, ends_at: datetime | None) -> tuple[datetime, datetime]:
    if starts_at is None or ends_at is None:
        raise PeriodNeeded(loc=("query", "starts_at" if starts_at is None else "ends_at"))
    if ends_at <= starts_at:
        raise DatesBackwards(loc=("query", "ends_at"))
    return starts_at, ends_at
