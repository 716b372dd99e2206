"""The waiting list: joining and leaving it. The offers are made where seats come free."""

from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from vezne import identity
from vezne.bookings import events
from vezne.bookings.models import MAX_QUANTITY, Waiting
from vezne.bookings.operations.ending import end_holds
from vezne.bookings.operations.holding import refuse_unadmitted, room_for
from vezne.bookings.operations.offering import is_offer
from vezne.bookings.operations.resources import resource as resource_by_id
from vezne.bookings.queries import claims, resources, waiting
from vezne.bookings.refusals import (
    AlreadyWaiting,
    NoWaitingList,
    QuantityOutOfRange,
    ResourceClosed,
    ResourceUnknown,
    SeatsLeft,
    SoldOut,
    WaitingOver,
    WaitingUnknown,
)
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def join(tx: Tx, resource_id: UUID, customer_id: UUID, quantity: int = 1) -> Waiting:
    """Wait for seats, at the end of the line.

    Raises ResourceUnknown, ResourceClosed, NoWaitingList, CustomerNotFound, QuantityOutOfRange, AdmissionNeeded, SeatsLeft when
    there are seats, AlreadyWaiting.
    """
    resource = await resource_by_id(tx, resource_id)
    if resource.status != "open":
        raise ResourceClosed(name=resource.name, status=resource.status)
    if not resource.waiting_list:
        raise NoWaitingList(name=resource.name)
    await identity.customer(tx, customer_id)
    most = min(MAX_QUANTITY, resource.capacity)
    if not 1 <= quantity <= most:
        raise QuantityOutOfRange(most=most, loc=("body", "quantity"))
    await refuse_unadmitted(tx, resource, customer_id)
    await _refuse_while_seats_are_left(tx, resource_id, quantity)
    place = Waiting(
        id=new_id(),
        resource_id=resource_id,
        customer_id=customer_id,
        quantity=quantity,
        status="waiting",
        claim_id=None,
        created_at=tx.now,
        offered_at=None,
    )
    if not await waiting.insert_waiting(tx, place):
        raise AlreadyWaiting(loc=("body", "customer_id"))
    await tx.publish(
        events.WaitingJoined(waiting_id=place.id, resource_id=resource_id, customer_id=customer_id, quantity=quantity)
    )
    return place


async def leave(tx: Tx, waiting_id: UUID) -> Waiting:
    """Wait no longer; what was offered goes to the next in line. Again: nothing.

    Raises WaitingUnknown, WaitingOver once the offer was taken.
    """
    place = await waiting_place(tx, waiting_id)
    offered = None if place.claim_id is None else await claims.lock_claim(tx, place.claim_id)
    await resources.lock_resource(tx, place.resource_id)
    place = await waiting_place(tx, waiting_id)
    if place.status in {"left", "lapsed"}:
        return place
    if place.status == "waiting":
        gone = replace(place, status="left")
        await waiting.update_waiting(tx, gone)
        await tx.publish(events.WaitingLeft(waiting_id=waiting_id, resource_id=place.resource_id, customer_id=place.customer_id))
        return gone
    if offered is None or offered.status != "held" or not is_offer(offered, place):
        raise WaitingOver(status="taken")
    await end_holds(tx, [offered], "released")
    return await waiting_place(tx, waiting_id)


async def waiting_place(tx: Tx, waiting_id: UUID) -> Waiting:
    """One place. Raises WaitingUnknown, also for one of another payee's resource than the caller acts for."""
    found = await waiting.select_waiting(tx, waiting_id)
    try:
        if found is not None:
            await resource_by_id(tx, found.resource_id)
            return found
    except ResourceUnknown:
        pass
    raise WaitingUnknown(waiting_id=public_id("wtg", waiting_id))


async def waiting_page(
    tx: Tx, resource_id: UUID, *, limit: int, after: UUID | None = None, status: str | None = None
) -> list[Waiting]:
    """At most `limit` places in a resource's line behind `after`, the first in line first. Raises ResourceUnknown."""
    await resource_by_id(tx, resource_id)
    return await waiting.select_waitings(tx, resource_id=resource_id, status=status, after=after, limit=limit)


async def _refuse_while_seats_are_left(tx: Tx, resource_id: UUID, quantity: int) -> None:
    """Nobody gives seats back meanwhile: the resource is locked from here on."""
    with suppress(SoldOut):
        await room_for(tx, resource_id, quantity)
    found = await resources.lock_resource(tx, resource_id)
    if found is not None and found.left >= quantity:
        raise SeatsLeft(left=found.left)
