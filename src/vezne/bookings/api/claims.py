"""Claims over HTTP: who has which part of a capacity; staff hold, release and give back by hand."""

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import Field

from vezne import identity
from vezne.bookings import refusals as says
from vezne.bookings.api.fields import ClaimId, ClaimOut, CustomerId, Quantity, ResourceId, TicketId
from vezne.bookings.api.resources import period_asked
from vezne.bookings.models import Ask, ClaimStatus
from vezne.bookings.operations import cancelling, ending, holding, offering, resources, tickets
from vezne.kernel.clock import Moment
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of

api = router("/v1/claims", "Claims")

_READ = [requires("bookings.read")]
_WRITE = [requires("bookings.write")]
HOLD_REFUSALS = (
    says.ResourceUnknown,
    says.ResourceClosed,
    says.ResourceOver,
    identity.CustomerNotFound,
    says.QuantityOutOfRange,
    says.SoldOut,
    says.NoUnitFree,
    says.PeriodNeeded,
    says.PeriodNotTaken,
    says.DatesBackwards,
    says.DatesPast,
    says.DatesTooFar,
    says.AdmissionNeeded,
    says.HoldNotAhead,
)


class ClaimIn(RequestModel):
    """Seats, or a unit for a period, to keep for a customer."""

    resource_id: ResourceId
    customer_id: CustomerId
    quantity: Quantity = 1
    starts_at: Moment | None = Field(None, description="from when a unit is wanted")
    ends_at: Moment | None = None
    checkin_date: Annotated[date, Field(strict=False)] | None = Field(
        None, description="instead of times: days of the tenant's zone"
    )
    checkout_date: Annotated[date, Field(strict=False)] | None = None
    purpose: str = Field("by hand", min_length=1, max_length=200)
    expires_at: Moment | None = Field(None, description="null: as the resource, or the tenant, holds")


class CancellationIn(RequestModel):
    """What to give back of what was booked: all of it, unless something is named."""

    quantity: Quantity | None = None
    ticket_ids: Annotated[list[TicketId], Field(min_length=1, max_length=1000)] | None = None


class ClaimFilter(PageParams):
    """Which claims are asked for."""

    resource_id: ResourceId | None = None
    customer_id: CustomerId | None = None
    status: ClaimStatus | None = None


@api.get("", dependencies=_READ, responses=refusals(CursorUnknown))
async def list_claims(asked: Annotated[ClaimFilter, Query()], tx: TxDep) -> Page[ClaimOut]:
    """Claims, newest first."""
    found = await tickets.claims_page(
        tx,
        limit=asked.limit + 1,
        before=asked.id_of("clm"),
        resource_id=asked.resource_id,
        customer_id=asked.customer_id,
        status=asked.status,
    )
    return page_of(found, asked, ClaimOut.of, by_id("clm"))


@api.post("", status_code=201, dependencies=_WRITE, responses=refusals(*HOLD_REFUSALS))
async def post_claim(body: ClaimIn, tx: TxDep) -> ClaimOut:
    """Hold seats or a unit for a customer by hand."""
    resource = await resources.resource(tx, body.resource_id)
    starts_at, ends_at = await period_asked(tx, body.starts_at, body.ends_at, body.checkin_date, body.checkout_date)
    ask = Ask(
        resource_id=body.resource_id,
        customer_id=body.customer_id,
        purpose=body.purpose,
        quantity=body.quantity,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    until = body.expires_at or await offering.held_until(tx, resource)
    return ClaimOut.of(await holding.hold(tx, ask, until=until))


@api.get("/{claim_id}", dependencies=_READ, responses=refusals(says.ClaimUnknown))
async def get_claim(claim_id: ClaimId, tx: TxDep) -> ClaimOut:
    """One claim."""
    return ClaimOut.of(await tickets.claim(tx, claim_id))


@api.post("/{claim_id}/releases", status_code=201, dependencies=_WRITE, responses=refusals(says.ClaimUnknown))
async def post_release(claim_id: ClaimId, tx: TxDep) -> ClaimOut:
    """Give back what is held. Again, or when it is held no more: the claim as it is."""
    await tickets.claim(tx, claim_id)
    await ending.release(tx, claim_id)
    return ClaimOut.of(await tickets.claim(tx, claim_id))


@api.post(
    "/{claim_id}/cancellations",
    status_code=201,
    dependencies=_WRITE,
    responses=refusals(says.ClaimUnknown, says.ClaimOfOrder, says.TicketUsed, says.QuantityOutOfRange, says.TicketsNotOfClaim),
)
async def post_cancellation(claim_id: ClaimId, body: CancellationIn, tx: TxDep) -> ClaimOut:
    """Give back what was booked free of charge; what an order has paid is given back by its refund."""
    found = await tickets.claim(tx, claim_id)
    if found.order_id is not None:
        raise says.ClaimOfOrder(claim_id=public_id("clm", claim_id))
    return ClaimOut.of(await cancelling.cancel(tx, claim_id, quantity=body.quantity, ticket_ids=body.ticket_ids))
