"""Resources over HTTP: what can be booked, the units of pools, and what is still to be had."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from vezne import catalog, identity
from vezne.bookings import refusals as says
from vezne.bookings.api.fields import ItemId, Metadata, PayeeId, ResourceId, Text, UnitId, fields_of
from vezne.bookings.bookables import Manner
from vezne.bookings.models import MAX_CAPACITY, Admission, Resource, ResourceStatus, Unit, UnitStatus
from vezne.bookings.operations import available, resources
from vezne.bookings.periods import period_of_days
from vezne.kernel.clock import Moment
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of

api = router("/v1", "Resources")

_READ = [requires("bookings.read")]
_WRITE = [requires("bookings.write")]
_MADE_WRONG = (
    says.EndsBeforeItStarts,
    says.CapacityByUnits,
    says.NotForPools,
    catalog.ItemUnknown,
    identity.PayeeUnknown,
)
Capacity = Annotated[int, Field(ge=0, le=MAX_CAPACITY)]
HoldSeconds = Annotated[int, Field(ge=30, le=86_400, description="how long it is held; null: as the tenant's settings say")]


class ResourceNotChanged(Invalid):
    """Give at least one detail of the resource to change."""


class UnitNotChanged(Invalid):
    """Give a new name of the unit, or whether it is in service."""


class ResourceIn(RequestModel):
    """Something to book."""

    kind: str = Field(max_length=40, description="event, meal: so many seats; storage: a pool of units", examples=["event"])
    name: Text
    item_id: ItemId | None = Field(None, description="what is sold, and at which price; null: it is free")
    payee_id: PayeeId | None = Field(None, description="whose it is; null: the item's payee's")
    capacity: Capacity | None = Field(None, description="how many seats; a pool has units instead")
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    admission: Admission = Field("open", description="request, invite: who was not accepted books nothing")
    hold_seconds: HoldSeconds | None = None
    waiting_list: bool = False
    metadata: Metadata = Field(default_factory=dict)


class ResourcePatch(RequestModel):
    """What to change; what is not given stays, null removes where something may be absent."""

    name: Text = Field("", description="not to be removed")
    item_id: ItemId | None = None
    payee_id: PayeeId | None = None
    capacity: Capacity = Field(0, description="not below what is held and booked")
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    status: ResourceStatus = Field("open", description="cancelled: what is held is let go; refund what was booked by its orders")
    admission: Admission = "open"
    hold_seconds: HoldSeconds | None = None
    waiting_list: bool = False
    metadata: Metadata = Field(default_factory=dict)


class ResourceOut(BaseModel):
    """Something to book. `held` seats wait for their payment, `taken` ones are booked."""

    id: ResourceId
    kind: str
    manner: Manner
    name: str
    item_id: ItemId | None
    payee_id: PayeeId | None
    starts_at: datetime | None
    ends_at: datetime | None
    capacity: int = Field(description="seats, or how many units the pool has")
    held: int
    taken: int
    left: int = Field(description="seats that are neither held nor taken; of a pool ask the availability")
    going_count: int
    status: ResourceStatus
    admission: Admission
    hold_seconds: int | None
    waiting_list: bool
    metadata: dict[str, str]
    created_at: datetime


class ResourceFilter(PageParams):
    """Which resources are asked for."""

    kind: str | None = Field(None, max_length=40)
    status: ResourceStatus | None = None
    item_id: ItemId | None = None
    payee_id: PayeeId | None = None


class UnitsIn(RequestModel):
    """Units to add to a pool."""

    names: list[Text] = Field(min_length=1, max_length=1000)


class UnitPatch(RequestModel):
    """What to change of a unit."""

    name: Text | None = None
    in_service: bool | None = Field(None, description="out of service it takes no new bookings and keeps those it has")


class UnitOut(BaseModel):
    """One of a pool."""

    id: UnitId
    resource_id: ResourceId
    name: str
    status: UnitStatus
    occupied_until: datetime | None = Field(description="when the last period booked on it ends")
    metadata: dict[str, str]
    created_at: datetime


class UnitsOut(BaseModel):
    """The units that were added."""

    data: list[UnitOut]


class UnitFilter(PageParams):
    """Which units are asked for."""

    status: UnitStatus | None = None


class AvailabilityOut(BaseModel):
    """What is still to be had."""

    resource_id: ResourceId
    free: int = Field(description="seats, or units that are free for the whole period")
    starts_at: datetime | None
    ends_at: datetime | None


class AvailabilityFilter(BaseModel):
    """The period a unit is wanted for: by time, or by days of the tenant's zone."""

    starts_at: Moment | None = None
    ends_at: Moment | None = None
    checkin_date: date | None = None
    checkout_date: date | None = None


def shown_resource(resource: Resource) -> ResourceOut:
    """A resource as the API shows it."""
    return ResourceOut(**fields_of(ResourceOut, resource))


def shown_unit(unit: Unit) -> UnitOut:
    """A unit as the API shows it."""
    return UnitOut(**fields_of(UnitOut, unit))


@api.post(
    "/resources",
    status_code=201,
    dependencies=_WRITE,
    responses=refusals(says.KindUnknown, says.CapacityNeeded, *_MADE_WRONG),
)
async def post_resource(body: ResourceIn, tx: TxDep) -> ResourceOut:
    """Open something to book."""
    return shown_resource(await resources.create_resource(tx, **fields_of(ResourceIn, body)))


@api.get("/resources", dependencies=_READ, responses=refusals(CursorUnknown))
async def list_resources(asked: Annotated[ResourceFilter, Query()], tx: TxDep) -> Page[ResourceOut]:
    """What can be booked, newest first."""
    found = await resources.resources_page(
        tx,
        limit=asked.limit + 1,
        before=asked.id_of("rsc"),
        kind=asked.kind,
        status=asked.status,
        item_id=asked.item_id,
        payee_id=asked.payee_id,
    )
    return page_of(found, asked, shown_resource, by_id("rsc"))


@api.get("/resources/{resource_id}", dependencies=_READ, responses=refusals(says.ResourceUnknown))
async def get_resource(resource_id: ResourceId, tx: TxDep) -> ResourceOut:
    """One resource."""
    return shown_resource(await resources.resource(tx, resource_id))


@api.patch(
    "/resources/{resource_id}",
    dependencies=_WRITE,
    responses=refusals(says.ResourceUnknown, says.CapacityBelowBooked, ResourceNotChanged, *_MADE_WRONG),
)
async def patch_resource(resource_id: ResourceId, body: ResourcePatch, tx: TxDep) -> ResourceOut:
    """Change a resource. The same again changes nothing."""
    await resources.resource(tx, resource_id)
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    if not changes:
        raise ResourceNotChanged(loc=("body",))
    return shown_resource(await resources.change_resource(tx, resource_id, **changes))


@api.get(
    "/resources/{resource_id}/availability",
    dependencies=_READ,
    responses=refusals(says.ResourceUnknown, says.PeriodNeeded, says.PeriodNotTaken, says.DatesBackwards, says.DatesTooFar),
)
async def get_availability(resource_id: ResourceId, asked: Annotated[AvailabilityFilter, Query()], tx: TxDep) -> AvailabilityOut:
    """How many seats are left, or how many units are free for a period."""
    await resources.resource(tx, resource_id)
    starts_at, ends_at = await period_asked(tx, asked.starts_at, asked.ends_at, asked.checkin_date, asked.checkout_date)
    found = await available.availability(tx, resource_id, starts_at, ends_at)
    return AvailabilityOut(**fields_of(AvailabilityOut, found))


@api.post(
    "/resources/{resource_id}/units",
    status_code=201,
    dependencies=_WRITE,
    responses=refusals(says.ResourceUnknown, says.UnitsOfPoolsOnly, says.UnitNameTaken),
)
async def post_units(resource_id: ResourceId, body: UnitsIn, tx: TxDep) -> UnitsOut:
    """Add units to a pool."""
    return UnitsOut(data=[shown_unit(each) for each in await resources.add_units(tx, resource_id, body.names)])


@api.get("/resources/{resource_id}/units", dependencies=_READ, responses=refusals(says.ResourceUnknown, CursorUnknown))
async def list_units(resource_id: ResourceId, asked: Annotated[UnitFilter, Query()], tx: TxDep) -> Page[UnitOut]:
    """A pool's units, newest first."""
    found = await available.units_page(tx, resource_id, limit=asked.limit + 1, before=asked.id_of("unt"), status=asked.status)
    return page_of(found, asked, shown_unit, by_id("unt"))


@api.get("/units/{unit_id}", dependencies=_READ, responses=refusals(says.UnitUnknown))
async def get_unit(unit_id: UnitId, tx: TxDep) -> UnitOut:
    """One unit."""
    return shown_unit(await resources.unit(tx, unit_id))


@api.patch(
    "/units/{unit_id}",
    dependencies=_WRITE,
    responses=refusals(says.UnitUnknown, says.UnitNameTaken, UnitNotChanged),
)
async def patch_unit(unit_id: UnitId, body: UnitPatch, tx: TxDep) -> UnitOut:
    """Rename a unit, take it out of service or back. The same again changes nothing."""
    await resources.unit(tx, unit_id)
    if body.name is None and body.in_service is None:
        raise UnitNotChanged(loc=("body",))
    return shown_unit(await resources.change_unit(tx, unit_id, name=body.name, in_service=body.in_service))


async def period_asked(
    tx: Tx,
    starts_at: datetime | None,
    ends_at: datetime | None,
    checkin_date: date | None,
    checkout_date: date | None,
) -> tuple[datetime | None, datetime | None]:
    """A period as it was named: by time, or by days of the tenant's zone. Raises DatesBackwards, DatesTooFar."""
    if checkin_date is None or checkout_date is None:
        return starts_at, ends_at
    return period_of_days((await identity.settings_of(tx)).zone, checkin_date, checkout_date)
