"""Giving back what was booked: the tickets are void, the seats or the unit free again and offered to those who wait."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from vezne.bookings import events
from vezne.bookings.models import Claim, Resource, Ticket
from vezne.bookings.operations.ending import end_holds
from vezne.bookings.operations.offering import offer_seats
from vezne.bookings.queries import attendees, claims, resources, tickets, units
from vezne.bookings.refusals import ClaimUnknown, QuantityOutOfRange, ResourceUnknown, TicketsNotOfClaim, TicketUsed
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id


async def cancel(tx: Tx, claim_id: UUID, *, quantity: int | None = None, ticket_ids: Sequence[UUID] | None = None) -> Claim:
    """Give back a booked claim: these tickets of it, or so many that were not used, or all of it. A held one is released.

    What was given back before, or tickets that are void: nothing. Raises ClaimUnknown, QuantityOutOfRange, TicketsNotOfClaim, and
    TicketUsed for tickets that were checked in.
    """
    claim = await claims.lock_claim(tx, claim_id)
    if claim is None:
        raise ClaimUnknown(claim_id=public_id("clm", claim_id))
    if claim.status == "held":
        await end_holds(tx, [claim], "released")
        return replace(claim, status="released", expires_at=None)
    if claim.status != "consumed":
        return claim
    resource = await resources.select_resource(tx, claim.resource_id)
    if resource is None:
        raise ResourceUnknown(resource_id=public_id("rsc", claim.resource_id))
    if quantity is not None and not 1 <= quantity <= claim.live:
        raise QuantityOutOfRange(most=claim.live, loc=("body", "quantity"))
    void = await _chosen(tx, claim, quantity, ticket_ids) if resource.bookable.gives_tickets else []
    count = len(void) if resource.bookable.gives_tickets else quantity or claim.live
    if count == 0:
        return claim
    given = replace(claim, cancelled=claim.cancelled + count)
    after = replace(given, status="cancelled" if given.live == 0 else "consumed")
    await claims.update_claim(tx, after)
    if void:
        await _void(tx, void)
    await _set_free(tx, resource, after, count, void)
    await tx.publish(events.ClaimCancelled(claim_id=claim_id, resource_id=resource.id, quantity=count, remaining=after.live))
    return after


async def _chosen(tx: Tx, claim: Claim, quantity: int | None, ticket_ids: Sequence[UUID] | None) -> list[Ticket]:
    """Which valid tickets of the claim are given back, locked."""
    valid = await tickets.lock_valid_of_claim(tx, claim.id)
    if ticket_ids is not None:
        wanted = set(ticket_ids)
        if wanted - {ticket.id for ticket in await tickets.select_of_claims(tx, [claim.id])}:
            raise TicketsNotOfClaim(claim_id=public_id("clm", claim.id), loc=("body", "ticket_ids"))
        chosen = [ticket for ticket in valid if ticket.id in wanted]
    elif quantity is not None:
        unused_last = sorted(valid, key=lambda ticket: (ticket.checked_in_at is not None, -ticket.number))
        chosen = unused_last[:quantity]
    else:
        chosen = valid
    for ticket in chosen:
        if ticket.checked_in_at is not None:
            raise TicketUsed(ticket_id=public_id("tkt", ticket.id), checked_in_at=ticket.checked_in_at.isoformat())
    return chosen


async def _void(tx: Tx, void: Sequence[Ticket]) -> None:
    await tickets.void_tickets(tx, [ticket.id for ticket in void])
    await tx.publish(*[events.TicketVoided(ticket_id=ticket.id, resource_id=ticket.resource_id) for ticket in void])


async def _set_free(tx: Tx, resource: Resource, claim: Claim, count: int, void: Sequence[Ticket]) -> None:
    if claim.unit_id is not None:
        await units.lock_units(tx, [claim.unit_id])
        await units.give_time(tx, claim.unit_id, claim.starts_at, claim.ends_at)
        await units.occupy(tx, claim.unit_id)
        return
    going = len(void) if resource.bookable.has_attendees else 0
    freed = await resources.move_seats(tx, resource.id, taken=-count, going=-going)
    if freed is not None:
        await offer_seats(tx, freed)
    if going:
        for customer_id, seats in sorted(Counter(ticket.customer_id for ticket in void).items()):
            who = await attendees.drop_seats(tx, resource.id, customer_id, seats)
            if who is not None and who.seats == 0:
                await tx.publish(events.AttendeeCancelled(attendee_id=who.id, resource_id=resource.id, customer_id=customer_id))
