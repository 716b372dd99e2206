"""What bookings tells those above it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceOpened(Event):
    """There is something new to book."""

    resource_id: UUID
    kind: str
    name: str
    capacity: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceChanged(Event):
    """These of its details are others now."""

    resource_id: UUID
    changed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitAdded(Event):
    """A pool has one unit more."""

    unit_id: UUID
    resource_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitChanged(Event):
    """A unit was renamed, or taken out of service or back into it."""

    unit_id: UUID
    resource_id: UUID
    changed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimHeld(Event):
    """Seats or a unit are kept for a customer until `expires_at`."""

    claim_id: UUID
    resource_id: UUID
    unit_id: UUID | None
    customer_id: UUID
    quantity: int
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimExtended(Event):
    """It is kept longer."""

    claim_id: UUID
    resource_id: UUID
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimConsumed(Event):
    """It is booked for good."""

    claim_id: UUID
    resource_id: UUID
    unit_id: UUID | None
    customer_id: UUID
    order_id: UUID | None
    quantity: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimLapsed(Event):
    """It was not booked in time."""

    claim_id: UUID
    resource_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimReleased(Event):
    """It was given back before it was booked."""

    claim_id: UUID
    resource_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimCancelled(Event):
    """`quantity` of what was booked was given back; `remaining` is left of it."""

    claim_id: UUID
    resource_id: UUID
    quantity: int
    remaining: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketIssued(Event):
    """A customer may come in."""

    ticket_id: UUID
    claim_id: UUID
    resource_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketTransferred(Event):
    """It is another customer's now; the code of before is void."""

    ticket_id: UUID
    resource_id: UUID
    customer_id: UUID
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketVoided(Event):
    """It lets nobody in any more."""

    ticket_id: UUID
    resource_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketCheckedIn(Event):
    """Its holder was let in."""

    ticket_id: UUID
    resource_id: UUID
    check_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class AttendeeRequested(Event):
    """A customer wants to come."""

    attendee_id: UUID
    resource_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class AttendeeInvited(Event):
    """A customer is asked to come."""

    attendee_id: UUID
    resource_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class AttendeeAccepted(Event):
    """The customer may come, once what has a price is paid."""

    attendee_id: UUID
    resource_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class AttendeeDeclined(Event):
    """The customer will not come, or may not."""

    attendee_id: UUID
    resource_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class AttendeeGoing(Event):
    """The customer has `seats` tickets."""

    attendee_id: UUID
    resource_id: UUID
    customer_id: UUID
    seats: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AttendeeCancelled(Event):
    """The customer has no ticket any more."""

    attendee_id: UUID
    resource_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingJoined(Event):
    """A customer waits for seats."""

    waiting_id: UUID
    resource_id: UUID
    customer_id: UUID
    quantity: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingOffered(Event):
    """Seats came free and are kept for the first in line until `expires_at`."""

    waiting_id: UUID
    resource_id: UUID
    customer_id: UUID
    claim_id: UUID
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingLapsed(Event):
    """The offer was not taken in time; the next in line is asked."""

    waiting_id: UUID
    resource_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingLeft(Event):
    """The customer waits no longer."""

    waiting_id: UUID
    resource_id: UUID
    customer_id: UUID
