"""Looking at memberships and their periods. A customer's token sees its own."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.memberships.models import FAMILY, Departure, Membership, Period, Status
from vezne.memberships.queries import memberships as queries
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.refusals import MembershipUnknown, NoMembership, PeriodUnknown


async def membership(tx: Tx, membership_id: UUID) -> Membership:
    """One membership. Raises MembershipUnknown."""
    return (await memberships_by_id(tx, [membership_id]))[membership_id]


async def memberships_by_id(tx: Tx, membership_ids: Sequence[UUID]) -> dict[UUID, Membership]:
    """These memberships. Raises MembershipUnknown for the first that is not there."""
    found = await queries.select_memberships(tx, membership_ids)
    own = tx.principal.customer_id
    for membership_id in membership_ids:
        if membership_id not in found or own not in {None, found[membership_id].customer_id}:
            raise MembershipUnknown(membership_id=public_id("mbs", membership_id))
    return found


async def current(tx: Tx, customer_id: UUID, family: str | None = None) -> Membership:
    """The customer's live membership: of the family, or of the main one where there is one, else the newest.

    Raises NoMembership.
    """
    live = await queries.select_live(tx, customer_id, family)
    if not live:
        raise NoMembership(customer_id=public_id("cus", customer_id))
    return next((each for each in live if each.family == FAMILY), live[0])


async def memberships_page(
    tx: Tx,
    *,
    customer_id: UUID | None = None,
    plan_id: UUID | None = None,
    status: Status | None = None,
    family: str | None = None,
    before: UUID | None = None,
    limit: int = 20,
) -> list[Membership]:
    """Memberships, newest first."""
    whose = identity.seen_by(tx, customer_id)
    return await queries.select_page(
        tx, customer_id=whose, plan_id=plan_id, status=status, family=family, before=before, limit=limit
    )


async def period(tx: Tx, period_id: UUID) -> Period:
    """One period. Raises PeriodUnknown."""
    found = await period_queries.select_periods(tx, [period_id])
    if period_id not in found:
        raise PeriodUnknown(period_id=public_id("mpd", period_id))
    return found[period_id]


async def periods_page(tx: Tx, membership_id: UUID, *, before: int | None = None, limit: int = 20) -> list[Period]:
    """The periods of a membership, the newest first. Raises MembershipUnknown."""
    await membership(tx, membership_id)
    return await period_queries.select_page(tx, membership_id, before=before, limit=limit)


async def open_period_of(tx: Tx, membership_id: UUID) -> Period | None:
    """The period of a membership that waits for its money, changes apart; None: none does."""
    waiting = await period_queries.select_open(tx, [membership_id])
    return next((each for each in waiting if each.reason != "change"), None)


async def departures_of(tx: Tx, membership_id: UUID) -> list[Departure]:
    """What was said on leaving, newest first."""
    return await queries.select_departures(tx, [membership_id])


async def departures_page(tx: Tx, *, reason: str | None = None, before: UUID | None = None, limit: int = 20) -> list[Departure]:
    """What was said on leaving, of all memberships, newest first; for one reason only, where it is given."""
    return await queries.select_departures_page(tx, reason=reason, before=before, limit=limit)


async def reasons_of_leaving(tx: Tx, since: datetime, until: datetime) -> list[tuple[str, int]]:
    """How many memberships each reason of leaving was said for in a time, the most frequent first."""
    return await queries.count_departures(tx, since, until)
