"""The door: who holds a good code comes in, once."""

from dataclasses import dataclass, replace
from uuid import UUID

from vezne.bookings import events
from vezne.bookings.codes import read_code
from vezne.bookings.models import CheckIn, Resource, Ticket
from vezne.bookings.operations.resources import resource as resource_by_id
from vezne.bookings.queries import attendees, claims, tickets
from vezne.bookings.refusals import (
    AlreadyCheckedIn,
    NonceUsed,
    PaymentRequired,
    ResourceUnknown,
    TicketElsewhere,
    TicketOver,
    TicketSuperseded,
    TicketUnknown,
    TicketVoid,
)
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """Somebody who was let in, with what, and where to."""

    check_in: CheckIn
    ticket: Ticket
    resource: Resource


async def check_in(tx: Tx, code: str, nonce: str, *, resource_id: UUID | None = None) -> CheckedIn:
    """Let in whoever shows this code; `nonce` is the scanner's own name for this scan. The same scan again: the same answer.

    With `resource_id`, only to that resource. Raises CodeNotOurs, TicketUnknown, TicketElsewhere, TicketVoid, TicketSuperseded,
    TicketOver, PaymentRequired, AlreadyCheckedIn with when that was, NonceUsed.
    """
    said = read_code(tx.vault, code)
    shown = await tickets.lock_ticket(tx, said.ticket_id) if said.tenant_id == tx.tenant_id else None
    if shown is None:
        raise TicketUnknown(loc=("body", "code"))
    try:
        resource = await resource_by_id(tx, shown.resource_id)
    except ResourceUnknown:
        raise TicketUnknown(loc=("body", "code")) from None
    earlier = await tickets.select_check_in(tx, nonce)
    if earlier is not None and earlier.ticket_id == shown.id:
        return CheckedIn(earlier, shown, resource)
    if earlier is not None:
        raise NonceUsed(nonce=nonce, loc=("body", "nonce"))
    if resource_id is not None and resource_id != resource.id:
        raise TicketElsewhere(name=resource.name, loc=("body", "resource_id"))
    await _refuse_not_good(tx, shown, resource, said.version)
    made = CheckIn(
        id=new_id(),
        ticket_id=shown.id,
        resource_id=resource.id,
        nonce=nonce,
        actor=tx.principal.actor,
        checked_in_at=tx.now,
    )
    if not await tickets.insert_check_in(tx, made):
        raise NonceUsed(nonce=nonce, loc=("body", "nonce"))
    used = replace(shown, checked_in_at=tx.now)
    await tickets.update_ticket(tx, used)
    if resource.bookable.has_attendees:
        await attendees.mark_attended(tx, shown.id)
    await tx.publish(events.TicketCheckedIn(ticket_id=shown.id, resource_id=resource.id, check_id=made.id))
    return CheckedIn(made, used, resource)


async def check_ins_page(tx: Tx, *, limit: int, before: UUID | None = None, resource_id: UUID | None = None) -> list[CheckIn]:
    """At most `limit` check-ins, newest first, older than `before`."""
    return await tickets.select_check_ins(tx, limit=limit, before=before, resource_id=resource_id, payee_id=tx.principal.payee_id)


async def _refuse_not_good(tx: Tx, shown: Ticket, resource: Resource, version: int) -> None:
    if shown.status != "valid":
        raise TicketVoid(loc=("body", "code"))
    if shown.version != version:
        raise TicketSuperseded(loc=("body", "code"))
    if shown.checked_in_at is not None:
        raise AlreadyCheckedIn(checked_in_at=shown.checked_in_at.isoformat(), loc=("body", "code"))
    if resource.good_until is not None and resource.good_until <= tx.now:
        raise TicketOver(good_until=resource.good_until.isoformat(), loc=("body", "code"))
    booked = await claims.select_claim(tx, shown.claim_id)
    if booked is None or booked.status != "consumed":
        raise PaymentRequired(name=resource.name, loc=("body", "code"))
