"""What the widget tells the slices above it."""

from dataclasses import dataclass
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class ReservationAsked(Event):
    """A guest asked for storage, and consented to what the tenant asks."""

    reservation_id: UUID
    text_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReservationConverted(Event):
    """A unit was found: it is held, and an order placed."""

    reservation_id: UUID
    order_id: UUID
    resource_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ReservationCancelled(Event):
    """The reservation was given up."""

    reservation_id: UUID
