"""Attendees over HTTP: requests, invitations and their answers; registrations for what is free; attendance."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from vezne import identity
from vezne.bookings import refusals as says
from vezne.bookings.api.claims import HOLD_REFUSALS
from vezne.bookings.api.fields import (
    AttendanceOut,
    AttendeeId,
    AttendeeOut,
    ClaimOut,
    CustomerId,
    Quantity,
    ResourceId,
    TicketOut,
    fields_of,
)
from vezne.bookings.models import AttendeeStatus
from vezne.bookings.operations import attending
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of

api = router("/v1", "Attendees")

_READ = [requires("bookings.read")]
_WRITE = [requires("bookings.write")]
_ANSWERS = refusals(says.AttendeeUnknown, says.AttendeeNotAt, says.SoldOut, says.ResourceClosed, says.ResourceOver)


class AttendeeIn(RequestModel):
    """Who is to come, and who says so."""

    customer_id: CustomerId
    by: Literal["invitation", "request"] = Field(description="the host invites, or the customer requests")


class RegistrationIn(RequestModel):
    """Seats of what is free."""

    customer_id: CustomerId
    quantity: Quantity = 1


class RegistrationOut(BaseModel):
    """What was booked at once."""

    claim: ClaimOut
    tickets: list[TicketOut]


class AttendeeFilter(PageParams):
    """Which attendees are asked for."""

    status: AttendeeStatus | None = None


class AttendanceFilter(PageParams):
    """Whose attendance is asked for."""

    customer_id: CustomerId | None = None


@api.post(
    "/resources/{resource_id}/attendees",
    status_code=201,
    dependencies=_WRITE,
    responses=refusals(
        says.ResourceUnknown,
        says.ResourceClosed,
        says.NoAttendees,
        identity.CustomerNotFound,
        says.AdmissionNeeded,
        says.AlreadyInvolved,
        says.SoldOut,
    ),
)
async def post_attendee(resource_id: ResourceId, body: AttendeeIn, tx: TxDep) -> AttendeeOut:
    """Invite a customer, or note a customer's request."""
    act = attending.invite if body.by == "invitation" else attending.request
    return AttendeeOut.of(await act(tx, resource_id, body.customer_id))


@api.get("/resources/{resource_id}/attendees", dependencies=_READ, responses=refusals(says.ResourceUnknown, CursorUnknown))
async def list_attendees(resource_id: ResourceId, asked: Annotated[AttendeeFilter, Query()], tx: TxDep) -> Page[AttendeeOut]:
    """Who comes, wants to or is asked to, newest first."""
    found = await attending.attendees_page(tx, resource_id, limit=asked.limit + 1, before=asked.id_of("atd"), status=asked.status)
    return page_of(found, asked, AttendeeOut.of, by_id("atd"))


@api.get("/attendees/{attendee_id}", dependencies=_READ, responses=refusals(says.AttendeeUnknown))
async def get_attendee(attendee_id: AttendeeId, tx: TxDep) -> AttendeeOut:
    """One attendee."""
    return AttendeeOut.of(await attending.attendee(tx, attendee_id))


@api.post("/attendees/{attendee_id}/acceptances", status_code=201, dependencies=_WRITE, responses=_ANSWERS)
async def post_acceptance(attendee_id: AttendeeId, tx: TxDep) -> AttendeeOut:
    """An invited customer will come: what is free is booked at once, what has a price may be ordered."""
    return AttendeeOut.of(await attending.accept(tx, attendee_id))


@api.post("/attendees/{attendee_id}/approvals", status_code=201, dependencies=_WRITE, responses=_ANSWERS)
async def post_approval(attendee_id: AttendeeId, tx: TxDep) -> AttendeeOut:
    """The host says yes to a request: what is free is booked at once, what has a price may be ordered."""
    return AttendeeOut.of(await attending.approve(tx, attendee_id))


@api.post("/attendees/{attendee_id}/declines", status_code=201, dependencies=_WRITE, responses=_ANSWERS)
async def post_decline(attendee_id: AttendeeId, tx: TxDep) -> AttendeeOut:
    """The customer will not come, or the host says no."""
    return AttendeeOut.of(await attending.decline(tx, attendee_id))


@api.post(
    "/attendees/{attendee_id}/confirmations",
    status_code=201,
    dependencies=_WRITE,
    responses=refusals(says.AttendeeUnknown, says.PaymentRequired, says.AttendeeNotAt),
)
async def post_confirmation(attendee_id: AttendeeId, tx: TxDep) -> AttendeeOut:
    """Whoever goes says that they will be there; for what has a price not before the order is paid."""
    return AttendeeOut.of(await attending.confirm_attendance(tx, attendee_id))


@api.post(
    "/resources/{resource_id}/registrations",
    status_code=201,
    dependencies=_WRITE,
    responses=refusals(says.PaymentRequired, *HOLD_REFUSALS),
)
async def post_registration(resource_id: ResourceId, body: RegistrationIn, tx: TxDep) -> RegistrationOut:
    """Book seats of what is free, at once; what has a price is ordered."""
    claim, issued = await attending.register(tx, resource_id, body.customer_id, body.quantity)
    return RegistrationOut(claim=ClaimOut.of(claim), tickets=[TicketOut.of(each) for each in issued])


@api.get("/resources/{resource_id}/attendance", dependencies=_READ, responses=refusals(says.ResourceUnknown, CursorUnknown))
async def list_attendance(resource_id: ResourceId, asked: Annotated[AttendanceFilter, Query()], tx: TxDep) -> Page[AttendanceOut]:
    """Each ticket's attendance record, newest first."""
    found = await attending.attendance_page(
        tx, resource_id, limit=asked.limit + 1, before=asked.id_of("tkt"), customer_id=asked.customer_id
    )
    return page_of(
        found, asked, lambda each: AttendanceOut(**fields_of(AttendanceOut, each)), lambda each: public_id("tkt", each.ticket_id)
    )
