"""Resources, claims on them, tickets and whoever comes, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from vezne.bookings.bookables import BOOKABLES, Bookable, Manner

ResourceStatus = Literal["open", "closed", "cancelled"]
Admission = Literal["open", "request", "invite"]
UnitStatus = Literal["idle", "occupied", "out_of_service"]
ClaimStatus = Literal["held", "consumed", "lapsed", "released", "cancelled"]
TicketStatus = Literal["valid", "void"]
AttendeeStatus = Literal["requested", "invited", "accepted", "declined", "going", "cancelled"]
AttendanceStatus = Literal["registered", "confirmed", "attended", "cancelled"]
WaitingStatus = Literal["waiting", "offered", "taken", "lapsed", "left"]

MAX_QUANTITY = 1000
"""Seats in one claim."""
MAX_CAPACITY = 10_000_000
FURTHEST_YEARS = 10
"""How far ahead a period may end."""
GOOD_AFTER_START = timedelta(days=1)
"""How long the tickets of a resource that names no end are good after its start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something with a capacity: `held` seats wait for their payment, `taken` ones are booked.

    Counted: `capacity` seats. Exclusive: a pool of `capacity` units, each booked for periods; `held` and `taken` stay 0.
    """

    id: UUID
    kind: str
    manner: Manner
    name: str
    item_id: UUID | None
    payee_id: UUID | None
    starts_at: datetime | None
    ends_at: datetime | None
    capacity: int
    held: int = 0
    taken: int = 0
    going_count: int = 0
    status: ResourceStatus = "open"
    admission: Admission
    hold_seconds: int | None
    waiting_list: bool
    metadata: Mapping[str, Any]
    created_at: datetime

    @property
    def left(self) -> int:
        """The seats that are neither held nor taken."""
        return self.capacity - self.held - self.taken

    @property
    def priced(self) -> bool:
        """Whether it is sold: nobody goes before paying."""
        return self.item_id is not None

    @property
    def bookable(self) -> Bookable:
        """What its kind gives."""
        return BOOKABLES[self.kind]

    @property
    def good_until(self) -> datetime | None:
        """Until when its tickets are good; None: for ever."""
        if self.ends_at is not None:
            return self.ends_at
        return None if self.starts_at is None else self.starts_at + GOOD_AFTER_START


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One of a pool. `occupied_until`: when the last booked period on it ends that has not ended."""

    id: UUID
    resource_id: UUID
    name: str
    status: UnitStatus
    occupied_until: datetime | None
    metadata: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What somebody wants of a resource: seats, or a unit for a period; `purpose` says what for (an order line's public id)."""

    resource_id: UUID
    customer_id: UUID
    purpose: str
    quantity: int = 1
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Part of a resource's capacity that is somebody's. `cancelled`: how many of the quantity were given back after booking."""

    id: UUID
    resource_id: UUID
    unit_id: UUID | None
    starts_at: datetime | None
    ends_at: datetime | None
    quantity: int
    cancelled: int
    customer_id: UUID
    purpose: str
    status: ClaimStatus
    expires_at: datetime | None
    order_id: UUID | None
    created_at: datetime

    @property
    def live(self) -> int:
        """How much of the capacity it has now."""
        return self.quantity - self.cancelled if self.status in {"held", "consumed"} else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One seat's right to come in. `version` rises with each new holder, and the code of an earlier one is void."""

    id: UUID
    claim_id: UUID
    resource_id: UUID
    customer_id: UUID
    order_id: UUID | None
    number: int
    version: int
    status: TicketStatus
    checked_in_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """A customer who comes to a resource, or wants to, or is asked to. `seats`: how many valid tickets they have."""

    id: UUID
    resource_id: UUID
    customer_id: UUID
    status: AttendeeStatus
    seats: int
    order_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceRecord:
    """What became of one ticket: registered when it was bought, confirmed by its holder, attended at the door."""

    ticket_id: UUID
    resource_id: UUID
    customer_id: UUID
    order_id: UUID | None
    status: AttendanceStatus
    created_at: datetime
    confirmed_at: datetime | None
    attended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """Somebody was let in."""

    id: UUID
    ticket_id: UUID
    resource_id: UUID
    nonce: str
    actor: str
    checked_in_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A place in a resource's waiting list; `claim_id` is the claim offered, once there is one."""

    id: UUID
    resource_id: UUID
    customer_id: UUID
    quantity: int
    status: WaitingStatus
    claim_id: UUID | None
    created_at: datetime
    offered_at: datetime | None
