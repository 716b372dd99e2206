"""The fields and bodies that bookings' endpoints share."""

from datetime import datetime
from typing import Annotated, Any, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from vezne.bookings.models import (
    MAX_QUANTITY,
    AttendanceStatus,
    Attendee,
    AttendeeStatus,
    Claim,
    ClaimStatus,
    Ticket,
    TicketStatus,
)
from vezne.kernel.ids import PublicId

ResourceId = Annotated[UUID, PublicId("rsc")]
UnitId = Annotated[UUID, PublicId("unt")]
ClaimId = Annotated[UUID, PublicId("clm")]
TicketId = Annotated[UUID, PublicId("tkt")]
AttendeeId = Annotated[UUID, PublicId("atd")]
WaitingId = Annotated[UUID, PublicId("wtg")]
CheckId = Annotated[UUID, PublicId("chk")]
CustomerId = Annotated[UUID, PublicId("cus")]
ItemId = Annotated[UUID, PublicId("itm")]
PayeeId = Annotated[UUID, PublicId("pye")]
OrderId = Annotated[UUID, PublicId("ord")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=40)], Annotated[str, StringConstraints(max_length=500)]],
    Field(max_length=50, description="your own names and values, up to 50"),
]
Shown = TypeVar("Shown", bound=BaseModel)


class ClaimOut(BaseModel):
    """Part of a resource's capacity that is somebody's."""

    id: ClaimId
    resource_id: ResourceId
    unit_id: UnitId | None = Field(description="which unit of a pool")
    starts_at: datetime | None
    ends_at: datetime | None
    quantity: int
    cancelled: int = Field(description="how many of the quantity were given back after booking")
    customer_id: CustomerId
    purpose: str
    status: ClaimStatus
    expires_at: datetime | None = Field(description="until when it is held")
    order_id: OrderId | None
    created_at: datetime

    @classmethod
    def of(cls, claim: Claim) -> Self:
        """A claim as the API shows it."""
        return cls(**fields_of(cls, claim))


class TicketOut(BaseModel):
    """One seat's right to come in."""

    id: TicketId
    claim_id: ClaimId
    resource_id: ResourceId
    customer_id: CustomerId
    order_id: OrderId | None
    number: int
    version: int = Field(description="rises with each new holder; the code of an earlier version is void")
    status: TicketStatus
    checked_in_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, ticket: Ticket) -> Self:
        """A ticket as the API shows it."""
        return cls(**fields_of(cls, ticket))


class AttendeeOut(BaseModel):
    """A customer who comes, or wants to, or is asked to."""

    id: AttendeeId
    resource_id: ResourceId
    customer_id: CustomerId
    status: AttendeeStatus = Field(description="accepted: may order; going: has what was ordered")
    seats: int = Field(description="how many valid tickets they have")
    order_id: OrderId | None
    created_at: datetime

    @classmethod
    def of(cls, attendee: Attendee) -> Self:
        """An attendee as the API shows them."""
        return cls(**fields_of(cls, attendee))


class AttendanceOut(BaseModel):
    """What became of one ticket."""

    ticket_id: TicketId
    resource_id: ResourceId
    customer_id: CustomerId
    order_id: OrderId | None
    status: AttendanceStatus
    created_at: datetime
    confirmed_at: datetime | None
    attended_at: datetime | None


def fields_of(shape: type[BaseModel], value: object) -> dict[str, Any]:
    """What a body shows of a plain value."""
    return {name: getattr(value, name) for name in shape.model_fields}
