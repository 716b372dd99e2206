"""Opening what can be booked, changing it, and adding units to pools."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from vezne import catalog, identity
from vezne.bookings import events
from vezne.bookings.bookables import BOOKABLES, Bookable
from vezne.bookings.models import Admission, Resource, Unit
from vezne.bookings.operations.ending import end_holds
from vezne.bookings.operations.offering import offer_seats
from vezne.bookings.queries import claims, resources, units, waiting
from vezne.bookings.refusals import (
    CapacityBelowBooked,
    CapacityByUnits,
    CapacityNeeded,
    EndsBeforeItStarts,
    KindUnknown,
    NotForPools,
    ResourceUnknown,
    UnitNameTaken,
    UnitsOfPoolsOnly,
    UnitUnknown,
)
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def create_resource(
    tx: Tx,
    *,
    kind: str,
    name: str,
    item_id: UUID | None = None,
    payee_id: UUID | None = None,
    capacity: int | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    admission: Admission = "open",
    hold_seconds: int | None = None,
    waiting_list: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> Resource:
    """Open something to book, for whoever acts for one payee that payee's; each call another. Seats need a `capacity`.

    Raises KindUnknown, CapacityNeeded, CapacityByUnits, NotForPools, EndsBeforeItStarts, ItemUnknown, PayeeUnknown.
    """
    bookable = _bookable(kind, capacity)
    made = Resource(
        id=new_id(),
        kind=kind,
        manner=bookable.manner,
        name=name,
        item_id=item_id,
        payee_id=payee_id if tx.principal.payee_id is None else tx.principal.payee_id,
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity or 0,
        admission=admission,
        hold_seconds=hold_seconds,
        waiting_list=waiting_list,
        metadata=metadata or {},
        created_at=tx.now,
    )
    made = await _check(tx, made, None)
    await resources.insert_resource(tx, made)
    await tx.publish(events.ResourceOpened(resource_id=made.id, kind=kind, name=name, capacity=made.capacity))
    return made


async def resource(tx: Tx, resource_id: UUID) -> Resource:
    """One resource. Raises ResourceUnknown, also for one that is another payee's than the caller acts for."""
    return _ours(tx, await resources.select_resource(tx, resource_id), resource_id)


async def resources_page(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None = None,
    kind: str | None = None,
    status: str | None = None,
    item_id: UUID | None = None,
    payee_id: UUID | None = None,
) -> list[Resource]:
    """At most `limit` resources, newest first, older than `before`; those of the payee whom the caller acts for."""
    own = tx.principal.payee_id
    if own is not None and payee_id not in {None, own}:
        return []
    return await resources.select_resources(
        tx, limit=limit, before=before, kind=kind, status=status, item_id=item_id, payee_id=own or payee_id
    )


async def change_resource(tx: Tx, resource_id: UUID, **changes: Any) -> Resource:  # noqa: ANN401 - the fields of Resource
    """Change those details that are given; the same again changes nothing.

    More seats are offered to those who wait. A cancelled resource lets go of what is held; what was booked stays until its orders
    are refunded. Raises ResourceUnknown, CapacityBelowBooked, and what `create_resource` refuses.
    """
    await resource(tx, resource_id)
    ending = changes.get("status") == "cancelled"
    held = await claims.lock_held_of(tx, resource_id) if ending else []
    before = _ours(tx, await resources.lock_resource(tx, resource_id), resource_id)
    after = replace(before, **changes)
    changed = sorted(name for name in changes if getattr(before, name) != getattr(after, name))
    if not changed:
        return before
    if after.manner == "exclusive" and after.capacity != before.capacity:
        raise CapacityByUnits(loc=("body", "capacity"))
    if after.capacity < after.held + after.taken:
        raise CapacityBelowBooked(booked=after.held + after.taken, loc=("body", "capacity"))
    after = await _check(tx, after, before)
    await resources.update_resource(tx, after)
    await tx.publish(events.ResourceChanged(resource_id=resource_id, changed=changed))
    if ending or not after.waiting_list:
        gone = await waiting.end_line(tx, resource_id)
        await tx.publish(
            *[events.WaitingLeft(waiting_id=each.id, resource_id=resource_id, customer_id=each.customer_id) for each in gone]
        )
    if held:
        await end_holds(tx, held, "released")
    await offer_seats(tx, after)
    return await resource(tx, resource_id)


async def add_units(tx: Tx, resource_id: UUID, names: Sequence[str]) -> list[Unit]:
    """Add units of these names to a pool, each free for all time. Raises ResourceUnknown, UnitsOfPoolsOnly, UnitNameTaken."""
    pool = await resource(tx, resource_id)
    if pool.manner != "exclusive":
        raise UnitsOfPoolsOnly(resource_id=public_id("rsc", resource_id))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UnitNameTaken(name=twice, loc=("body", "names"))
    if not names:
        return []
    made = [
        Unit(id=new_id(), resource_id=resource_id, name=name, status="idle", occupied_until=None, metadata={}, created_at=tx.now)
        for name in names
    ]
    if await units.insert_units(tx, made) < len(made):
        taken = await units.select_names(tx, resource_id, names, [unit.id for unit in made])
        raise UnitNameTaken(name=", ".join(taken[:5]), loc=("body", "names"))
    await resources.grow_pool(tx, resource_id, len(made))
    await tx.publish(*[events.UnitAdded(unit_id=unit.id, resource_id=resource_id, name=unit.name) for unit in made])
    return made


async def unit(tx: Tx, unit_id: UUID) -> Unit:
    """One unit. Raises UnitUnknown."""
    found = await units.select_unit(tx, unit_id)
    pool = None if found is None else await resources.select_resource(tx, found.resource_id)
    if found is None or pool is None or tx.principal.payee_id not in {None, pool.payee_id}:
        raise UnitUnknown(unit_id=public_id("unt", unit_id))
    return found


async def change_unit(tx: Tx, unit_id: UUID, *, name: str | None = None, in_service: bool | None = None) -> Unit:
    """Rename a unit, or take it out of service or back: out of service it takes no new bookings, and keeps those it has.

    The same again changes nothing. Raises UnitUnknown, UnitNameTaken.
    """
    await unit(tx, unit_id)
    before = await units.lock_unit(tx, unit_id)
    if before is None:
        raise UnitUnknown(unit_id=public_id("unt", unit_id))
    after = replace(before, name=name or before.name)
    if in_service is not None and in_service == (before.status == "out_of_service"):
        after = replace(
            after, status=("idle" if before.occupied_until is None else "occupied") if in_service else "out_of_service"
        )
    changed = [field for field in ("name", "status") if getattr(before, field) != getattr(after, field)]
    if changed:
        if "name" in changed and await units.select_names(tx, before.resource_id, [after.name], [unit_id]):
            raise UnitNameTaken(name=after.name, loc=("body", "name"))
        await units.update_unit(tx, after)
        await tx.publish(events.UnitChanged(unit_id=unit_id, resource_id=before.resource_id, changed=changed))
    return after


def _bookable(kind: str, capacity: int | None) -> Bookable:
    found = BOOKABLES.get(kind)
    if found is None:
        raise KindUnknown(kind=kind, kinds=", ".join(BOOKABLES), loc=("body", "kind"))
    if found.manner == "counted" and capacity is None:
        raise CapacityNeeded(kind=kind, loc=("body", "capacity"))
    if found.manner == "exclusive" and capacity is not None:
        raise CapacityByUnits(loc=("body", "capacity"))
    return found


def _ours(tx: Tx, found: Resource | None, resource_id: UUID) -> Resource:
    if found is None or tx.principal.payee_id not in {None, found.payee_id}:
        raise ResourceUnknown(resource_id=public_id("rsc", resource_id))
    return found


async def _check(tx: Tx, after: Resource, before: Resource | None) -> Resource:
    """The resource as it may be kept: what belongs to nobody is its item's payee's."""
    if after.starts_at is not None and after.ends_at is not None and after.ends_at <= after.starts_at:
        raise EndsBeforeItStarts(loc=("body", "ends_at"))
    if after.manner == "exclusive" and (after.waiting_list or after.admission != "open"):
        raise NotForPools(loc=("body", "waiting_list" if after.waiting_list else "admission"))
    if after.item_id is not None and (before is None or after.item_id != before.item_id):
        sold = await catalog.item(tx, after.item_id)
        after = replace(after, payee_id=after.payee_id or sold.payee_id)
    if after.payee_id is not None and (before is None or after.payee_id != before.payee_id):
        await identity.payee(tx, after.payee_id)
    return after
