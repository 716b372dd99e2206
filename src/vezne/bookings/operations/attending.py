"""Whoever comes: asked by the host, or asking the host, and going once it is booked.

For what has a price, being accepted is only the right to order: nobody goes, gets a ticket or confirms before the order is paid.
What is free is booked at once.
"""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from vezne import identity
from vezne.bookings import events
from vezne.bookings.models import Ask, AttendanceRecord, Attendee, AttendeeStatus, Claim, Resource, Ticket
from vezne.bookings.operations.consuming import consume
from vezne.bookings.operations.holding import hold
from vezne.bookings.operations.resources import resource as resource_by_id
from vezne.bookings.queries import attendees, claims
from vezne.bookings.refusals import (
    AdmissionNeeded,
    AlreadyInvolved,
    AttendeeNotAt,
    AttendeeUnknown,
    NoAttendees,
    PaymentRequired,
    ResourceClosed,
    ResourceUnknown,
)
from vezne.kernel.db import Tx
from vezne.kernel.events import Event
from vezne.kernel.ids import new_id, public_id

_MOMENT = timedelta(minutes=1)
_FACTS: dict[AttendeeStatus, type[Event]] = {
    "requested": events.AttendeeRequested,
    "invited": events.AttendeeInvited,
    "accepted": events.AttendeeAccepted,
    "declined": events.AttendeeDeclined,
}


async def invite(tx: Tx, resource_id: UUID, customer_id: UUID) -> Attendee:
    """The host asks a customer to come; who has asked for it is accepted with that. Again: the same invitation.

    Raises ResourceUnknown, ResourceClosed, NoAttendees, CustomerNotFound, AlreadyInvolved when they are accepted or go.
    """
    return await _approach(tx, resource_id, customer_id, "invited", "requested")


async def request(tx: Tx, resource_id: UUID, customer_id: UUID) -> Attendee:
    """A customer asks to come; who is invited accepts with that. Again: the same request.

    Raises ResourceUnknown, ResourceClosed, NoAttendees, CustomerNotFound, AdmissionNeeded where only the host asks,
    AlreadyInvolved when they are accepted, go, or were declined.
    """
    return await _approach(tx, resource_id, customer_id, "requested", "invited")


async def accept(tx: Tx, attendee_id: UUID) -> Attendee:
    """An invited customer will come: what is free is booked at once, what has a price may be ordered. Again: nothing.

    Raises AttendeeUnknown, AttendeeNotAt, and for what is free what `hold` refuses.
    """
    return await _agree(tx, attendee_id, "invited", "accepted")


async def approve(tx: Tx, attendee_id: UUID) -> Attendee:
    """The host says yes to a request: what is free is booked at once, what has a price may be ordered. Again: nothing.

    Raises AttendeeUnknown, AttendeeNotAt, and for what is free what `hold` refuses.
    """
    return await _agree(tx, attendee_id, "requested", "approved")


async def decline(tx: Tx, attendee_id: UUID) -> Attendee:
    """The customer will not come, or the host says no. Again: nothing. Raises AttendeeUnknown, AttendeeNotAt for who goes."""
    who, _ = await _locked(tx, attendee_id)
    if who.status == "declined":
        return who
    if who.status not in {"requested", "invited", "accepted"}:
        raise AttendeeNotAt(status=who.status, act="declined")
    return await _stand(tx, who, "declined")


async def confirm_attendance(tx: Tx, attendee_id: UUID) -> Attendee:
    """Whoever goes says that they will be there. Again: nothing.

    Raises AttendeeUnknown, PaymentRequired before what has a price is paid, AttendeeNotAt for who does not go.
    """
    who, resource = await _locked(tx, attendee_id)
    if who.status != "going":
        if resource.priced:
            raise PaymentRequired(name=resource.name)
        raise AttendeeNotAt(status=who.status, act="confirmed")
    await attendees.confirm_records(tx, resource.id, who.customer_id)
    return who


async def register(tx: Tx, resource_id: UUID, customer_id: UUID, quantity: int = 1) -> tuple[Claim, list[Ticket]]:
    """Book seats of what is free, at once; each call books more. Raises PaymentRequired for what has a price, and as `hold`."""
    resource = await resource_by_id(tx, resource_id)
    if resource.priced:
        raise PaymentRequired(name=resource.name)
    ask = Ask(resource_id=resource_id, customer_id=customer_id, purpose="registration", quantity=quantity)
    held = await hold(tx, ask, until=tx.now + _MOMENT)
    issued = await consume(tx, held.id, order_id=None)
    return await claims.select_claim(tx, held.id) or held, issued


async def attendee(tx: Tx, attendee_id: UUID) -> Attendee:
    """One attendee. Raises AttendeeUnknown, also for one of another payee's resource than the caller acts for."""
    found = await attendees.select_attendee(tx, attendee_id)
    await _resource_of(tx, found, attendee_id)
    return _there(found, attendee_id)


async def attendees_page(
    tx: Tx, resource_id: UUID, *, limit: int, before: UUID | None = None, status: str | None = None
) -> list[Attendee]:
    """At most `limit` attendees of a resource, newest first, older than `before`. Raises ResourceUnknown."""
    await resource_by_id(tx, resource_id)
    return await attendees.select_attendees(tx, resource_id=resource_id, status=status, before=before, limit=limit)


async def attendance_page(
    tx: Tx, resource_id: UUID, *, limit: int, before: UUID | None = None, customer_id: UUID | None = None
) -> list[AttendanceRecord]:
    """At most `limit` attendance records of a resource, newest first, older than `before`. Raises ResourceUnknown."""
    await resource_by_id(tx, resource_id)
    return await attendees.select_records(tx, resource_id=resource_id, customer_id=customer_id, before=before, limit=limit)


async def _approach(tx: Tx, resource_id: UUID, customer_id: UUID, status: AttendeeStatus, answered: AttendeeStatus) -> Attendee:
    resource = await resource_by_id(tx, resource_id)
    if not resource.bookable.has_attendees:
        raise NoAttendees(name=resource.name)
    if resource.status != "open":
        raise ResourceClosed(name=resource.name, status=resource.status)
    await identity.customer(tx, customer_id)
    fresh = Attendee(
        id=new_id(),
        resource_id=resource_id,
        customer_id=customer_id,
        status=status,
        seats=0,
        order_id=None,
        created_at=tx.now,
    )
    known = await attendees.lock_of_customer(tx, resource_id, customer_id)
    if status == "requested" and resource.admission == "invite" and (known is None or known.status != answered):
        raise AdmissionNeeded(name=resource.name, admission="invitation", loc=("body", "customer_id"))
    if known is None and await attendees.insert_attendee(tx, fresh):
        await tx.publish(_fact(fresh))
        return fresh
    known = known or _there(await attendees.lock_of_customer(tx, resource_id, customer_id), fresh.id)
    if known.status == status:
        return known
    if known.status == answered:
        return await _admit(tx, known, resource)
    if known.status in {"accepted", "going"} or (status == "requested" and known.status == "declined"):
        raise AlreadyInvolved(status=known.status, loc=("body", "customer_id"))
    return await _stand(tx, known, status)


async def _agree(tx: Tx, attendee_id: UUID, asked: AttendeeStatus, act: str) -> Attendee:
    who, resource = await _locked(tx, attendee_id)
    if who.status in {"accepted", "going"}:
        return who
    if who.status != asked:
        raise AttendeeNotAt(status=who.status, act=act)
    return await _admit(tx, who, resource)


async def _admit(tx: Tx, who: Attendee, resource: Resource) -> Attendee:
    admitted = await _stand(tx, who, "accepted")
    if resource.priced:
        return admitted
    await register(tx, resource.id, who.customer_id)
    return _there(await attendees.select_attendee(tx, who.id), who.id)


async def _stand(tx: Tx, who: Attendee, status: AttendeeStatus) -> Attendee:
    after = replace(who, status=status)
    await attendees.update_status(tx, who.id, status)
    await tx.publish(_fact(after))
    return after


def _fact(who: Attendee) -> Event:
    return _FACTS[who.status](attendee_id=who.id, resource_id=who.resource_id, customer_id=who.customer_id)  # type: ignore[call-arg]


async def _locked(tx: Tx, attendee_id: UUID) -> tuple[Attendee, Resource]:
    found = await attendees.lock_attendee(tx, attendee_id)
    return _there(found, attendee_id), await _resource_of(tx, found, attendee_id)


async def _resource_of(tx: Tx, who: Attendee | None, attendee_id: UUID) -> Resource:
    try:
        return await resource_by_id(tx, _there(who, attendee_id).resource_id)
    except ResourceUnknown:
        raise AttendeeUnknown(attendee_id=public_id("atd", attendee_id)) from None


def _there(who: Attendee | None, attendee_id: UUID) -> Attendee:
    if who is None:
        raise AttendeeUnknown(attendee_id=public_id("atd", attendee_id))
    return who
