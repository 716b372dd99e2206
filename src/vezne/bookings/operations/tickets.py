"""Tickets: looking at them, their signed codes, and passing them on."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from vezne import identity
from vezne.bookings import events
from vezne.bookings.codes import write_code
from vezne.bookings.models import Attendee, Claim, Ticket
from vezne.bookings.operations.resources import resource as resource_by_id
from vezne.bookings.queries import attendees, claims, resources, tickets
from vezne.bookings.refusals import ClaimUnknown, ResourceUnknown, TicketUnknown, TicketUsed, TicketVoid
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def claim(tx: Tx, claim_id: UUID) -> Claim:
    """One claim. Raises ClaimUnknown, also for one of another payee's resource than the caller acts for."""
    found = await claims.select_claim(tx, claim_id)
    if found is None or not await _may_see(tx, found.resource_id):
        raise ClaimUnknown(claim_id=public_id("clm", claim_id))
    return found


async def claims_page(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None = None,
    resource_id: UUID | None = None,
    customer_id: UUID | None = None,
    status: str | None = None,
) -> list[Claim]:
    """At most `limit` claims, newest first, older than `before`."""
    return await claims.select_claims(
        tx,
        limit=limit,
        before=before,
        resource_id=resource_id,
        customer_id=customer_id,
        status=status,
        payee_id=tx.principal.payee_id,
    )


async def ticket(tx: Tx, ticket_id: UUID) -> Ticket:
    """One ticket. Raises TicketUnknown, also for one of another payee's resource than the caller acts for."""
    found = await tickets.select_ticket(tx, ticket_id)
    if found is None or not await _may_see(tx, found.resource_id):
        raise TicketUnknown
    return found


async def tickets_of(tx: Tx, claim_ids: Sequence[UUID]) -> list[Ticket]:
    """All tickets of these claims, void ones too, each claim's in their order."""
    return await tickets.select_of_claims(tx, claim_ids)


async def tickets_page(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None = None,
    resource_id: UUID | None = None,
    customer_id: UUID | None = None,
    claim_id: UUID | None = None,
) -> list[Ticket]:
    """At most `limit` tickets, newest first, older than `before`."""
    return await tickets.select_tickets(
        tx,
        limit=limit,
        before=before,
        resource_id=resource_id,
        customer_id=customer_id,
        claim_id=claim_id,
        payee_id=tx.principal.payee_id,
    )


async def ticket_code(tx: Tx, shown: Ticket) -> str:
    """The text of a ticket's QR code. Raises TicketVoid."""
    if shown.status != "valid":
        raise TicketVoid
    found = await resources.select_resource(tx, shown.resource_id)
    if found is None:
        raise ResourceUnknown(resource_id=public_id("rsc", shown.resource_id))
    return write_code(tx.vault, tx.tenant_id, shown, found)


async def transfer_ticket(tx: Tx, ticket_id: UUID, to_customer_id: UUID) -> Ticket:
    """The ticket is another customer's from now on, under a new code; the one of before is void. To its holder: nothing changes.

    Raises TicketUnknown, TicketVoid, TicketUsed when it was checked in, CustomerNotFound.
    """
    await ticket(tx, ticket_id)
    await identity.customer(tx, to_customer_id)
    before = await tickets.lock_ticket(tx, ticket_id)
    if before is None:
        raise TicketUnknown
    if before.status != "valid":
        raise TicketVoid
    if before.checked_in_at is not None:
        raise TicketUsed(ticket_id=public_id("tkt", ticket_id), checked_in_at=before.checked_in_at.isoformat())
    if before.customer_id == to_customer_id:
        return before
    after = replace(before, customer_id=to_customer_id, version=before.version + 1)
    await tickets.update_ticket(tx, after)
    await tx.publish(
        events.TicketTransferred(
            ticket_id=ticket_id, resource_id=after.resource_id, customer_id=to_customer_id, version=after.version
        )
    )
    resource = await resource_by_id(tx, after.resource_id)
    if resource.bookable.has_attendees:
        await _pass_on(tx, before, after)
    return after


async def _pass_on(tx: Tx, before: Ticket, after: Ticket) -> None:
    """The seat goes from one attendee to another; their rows are locked in the order of the customers."""
    await attendees.pass_record(tx, after.id, after.customer_id)
    for customer_id in sorted([before.customer_id, after.customer_id]):
        if customer_id == before.customer_id:
            gives = await attendees.drop_seats(tx, after.resource_id, customer_id, 1)
            if gives is not None and gives.seats == 0:
                await tx.publish(
                    events.AttendeeCancelled(attendee_id=gives.id, resource_id=after.resource_id, customer_id=customer_id)
                )
            continue
        fresh = Attendee(
            id=new_id(),
            resource_id=after.resource_id,
            customer_id=customer_id,
            status="going",
            seats=1,
            order_id=after.order_id,
            created_at=tx.now,
        )
        goes = await attendees.add_seats(tx, fresh)
        await tx.publish(
            events.AttendeeGoing(attendee_id=goes.id, resource_id=after.resource_id, customer_id=customer_id, seats=goes.seats)
        )


async def _may_see(tx: Tx, resource_id: UUID) -> bool:
    own = tx.principal.payee_id
    if own is None:
        return True
    found = await resources.select_resource(tx, resource_id)
    return found is not None and found.payee_id == own
