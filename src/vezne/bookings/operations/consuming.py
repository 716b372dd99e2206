"""Booking for good what was held: with it come tickets, the attendee, the attendance records and the count of those who go.

All in the caller's transaction, so that a failure anywhere leaves none of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from vezne.bookings import events
from vezne.bookings.models import Attendee, Claim, Resource, Ticket
from vezne.bookings.operations.holding import room_for, take_unit
from vezne.bookings.queries import attendees, claims, resources, tickets, units, waiting
from vezne.bookings.refusals import ClaimTaken, ClaimUnknown, NoUnitFree, ResourceClosed, ResourceUnknown, SoldOut
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def consume(tx: Tx, claim_id: UUID, *, order_id: UUID | None) -> list[Ticket]:
    """Book what was held, and answer its tickets. Again: the same tickets.

    A claim that has lapsed, was released or cancelled takes the same seats once more, or its unit, or another one of the pool.
    Raises ClaimUnknown, SoldOut or NoUnitFree when they are not to be had, ResourceClosed when the resource was cancelled,
    ClaimTaken when another order has booked it.
    """
    claim = await claims.lock_claim(tx, claim_id)
    if claim is None:
        raise ClaimUnknown(claim_id=public_id("clm", claim_id))
    if claim.status == "consumed":
        if claim.order_id != order_id:
            raise ClaimTaken(claim_id=public_id("clm", claim_id))
        return await tickets.select_of_claims(tx, [claim_id], valid=True)
    resource = await resources.select_resource(tx, claim.resource_id)
    if resource is None:
        raise ResourceUnknown(resource_id=public_id("rsc", claim.resource_id))
    if resource.status == "cancelled":
        raise ResourceClosed(name=resource.name, status=resource.status)
    if claim.unit_id is not None:
        claim = await _book_unit(tx, claim, claim.unit_id)
    else:
        await _book_seats(tx, resource, claim)
    booked = replace(claim, status="consumed", cancelled=0, expires_at=None, order_id=order_id)
    await claims.update_claim(tx, booked)
    if booked.unit_id is not None:
        await units.occupy(tx, booked.unit_id)
    elif resource.waiting_list:
        await waiting.end_offers(tx, [claim_id], "taken")
    await tx.publish(
        events.ClaimConsumed(
            claim_id=claim_id,
            resource_id=resource.id,
            unit_id=booked.unit_id,
            customer_id=booked.customer_id,
            order_id=order_id,
            quantity=booked.quantity,
        )
    )
    return await _issue(tx, resource, booked) if resource.bookable.gives_tickets else []


def _is_late(tx: Tx, claim: Claim) -> bool:
    """Whether its hold is over, swept or not: then nothing is booked that is over itself."""
    return claim.status != "held" or (claim.expires_at is not None and claim.expires_at <= tx.now)


async def _book_seats(tx: Tx, resource: Resource, claim: Claim) -> None:
    going = claim.quantity if resource.bookable.has_attendees else 0
    if _is_late(tx, claim) and resource.good_until is not None and resource.good_until <= tx.now:
        raise SoldOut(left=0, quantity=claim.quantity)
    if claim.status == "held":
        await resources.move_seats(tx, resource.id, held=-claim.quantity, taken=claim.quantity, going=going)
        return
    while await resources.move_seats(tx, resource.id, taken=claim.quantity, going=going) is None:
        await room_for(tx, resource.id, claim.quantity)


async def _book_unit(tx: Tx, claim: Claim, unit_id: UUID) -> Claim:
    same = await units.lock_unit(tx, unit_id)
    if _is_late(tx, claim) and claim.ends_at is not None and claim.ends_at <= tx.now:
        raise NoUnitFree
    if claim.status == "held":
        return claim
    if (
        same is not None
        and same.status != "out_of_service"
        and await units.take_time(tx, same.id, claim.starts_at, claim.ends_at)
    ):
        return claim

    async def take(other_id: UUID) -> bool:
        return await units.take_time(tx, other_id, claim.starts_at, claim.ends_at)

    return replace(claim, unit_id=await take_unit(tx, claim, take))


async def _issue(tx: Tx, resource: Resource, claim: Claim) -> list[Ticket]:
    last = await tickets.last_number(tx, claim.id)
    issued = [_ticket(tx, claim, last + number) for number in range(1, claim.quantity + 1)]
    await tickets.insert_tickets(tx, issued)
    await tx.publish(
        *[
            events.TicketIssued(ticket_id=ticket.id, claim_id=claim.id, resource_id=resource.id, customer_id=claim.customer_id)
            for ticket in issued
        ]
    )
    if resource.bookable.has_attendees:
        await _register(tx, claim, issued)
    return issued


async def _register(tx: Tx, claim: Claim, issued: Sequence[Ticket]) -> None:
    await tickets.insert_attendance(tx, issued)
    goes = await attendees.add_seats(
        tx,
        Attendee(
            id=new_id(),
            resource_id=claim.resource_id,
            customer_id=claim.customer_id,
            status="going",
            seats=claim.quantity,
            order_id=claim.order_id,
            created_at=tx.now,
        ),
    )
    await tx.publish(
        events.AttendeeGoing(attendee_id=goes.id, resource_id=goes.resource_id, customer_id=goes.customer_id, seats=goes.seats)
    )


def _ticket(tx: Tx, claim: Claim, number: int) -> Ticket:
    return Ticket(
        id=new_id(),
        claim_id=claim.id,
        resource_id=claim.resource_id,
        customer_id=claim.customer_id,
        order_id=claim.order_id,
        number=number,
        version=1,
        status="valid",
        checked_in_at=None,
        created_at=tx.now,
    )
