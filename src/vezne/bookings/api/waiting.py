"""Waiting lists over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from vezne import identity
from vezne.bookings import refusals as says
from vezne.bookings.api.fields import ClaimId, CustomerId, Quantity, ResourceId, WaitingId, fields_of
from vezne.bookings.models import Waiting, WaitingStatus
from vezne.bookings.operations import waiting
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of

api = router("/v1", "Waiting lists")

_READ = [requires("bookings.read")]
_WRITE = [requires("bookings.write")]


class WaitingIn(RequestModel):
    """Who waits, and for how many seats."""

    customer_id: CustomerId
    quantity: Quantity = 1


class WaitingOut(BaseModel):
    """A place in a resource's waiting list."""

    id: WaitingId
    resource_id: ResourceId
    customer_id: CustomerId
    quantity: int
    status: WaitingStatus
    claim_id: ClaimId | None = Field(description="the seats that are held for them; an order of theirs takes them")
    created_at: datetime
    offered_at: datetime | None


class WaitingFilter(PageParams):
    """Which places are asked for."""

    status: WaitingStatus | None = None


def shown_waiting(place: Waiting) -> WaitingOut:
    """A place as the API shows it."""
    return WaitingOut(**fields_of(WaitingOut, place))


@api.post(
    "/resources/{resource_id}/waiting",
    status_code=201,
    dependencies=_WRITE,
    responses=refusals(
        says.ResourceUnknown,
        says.ResourceClosed,
        says.NoWaitingList,
        identity.CustomerNotFound,
        says.QuantityOutOfRange,
        says.AdmissionNeeded,
        says.SeatsLeft,
        says.AlreadyWaiting,
    ),
)
async def post_waiting(resource_id: ResourceId, body: WaitingIn, tx: TxDep) -> WaitingOut:
    """Wait for seats. When some come free they are held for the first in line, who is told by `waiting.offered`."""
    return shown_waiting(await waiting.join(tx, resource_id, body.customer_id, body.quantity))


@api.get("/resources/{resource_id}/waiting", dependencies=_READ, responses=refusals(says.ResourceUnknown, CursorUnknown))
async def list_waiting(resource_id: ResourceId, asked: Annotated[WaitingFilter, Query()], tx: TxDep) -> Page[WaitingOut]:
    """A resource's line, the first in line first."""
    found = await waiting.waiting_page(tx, resource_id, limit=asked.limit + 1, after=asked.id_of("wtg"), status=asked.status)
    return page_of(found, asked, shown_waiting, by_id("wtg"))


@api.get("/waiting/{waiting_id}", dependencies=_READ, responses=refusals(says.WaitingUnknown))
async def get_waiting(waiting_id: WaitingId, tx: TxDep) -> WaitingOut:
    """One place in a waiting list."""
    return shown_waiting(await waiting.waiting_place(tx, waiting_id))


@api.delete("/waiting/{waiting_id}", dependencies=_WRITE, responses=refusals(says.WaitingUnknown, says.WaitingOver))
async def delete_waiting(waiting_id: WaitingId, tx: TxDep) -> WaitingOut:
    """Wait no longer; what was offered goes to the next in line. Again: nothing."""
    return shown_waiting(await waiting.leave(tx, waiting_id))
