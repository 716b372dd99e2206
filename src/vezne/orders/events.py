"""What orders tells those above it."""

from dataclasses import dataclass
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderPlaced(Event):
    """A customer wants to buy."""

    order_id: UUID
    customer_id: UUID
    payment_id: UUID
    total_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderPaid(Event):
    """Its money is ours."""

    order_id: UUID
    payment_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderFulfilled(Event):
    """The customer has everything that was bought."""

    order_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderStuck(Event):
    """It is paid, but something bought could not be given (`reason`); the money waits in `unapplied` for a person."""

    order_id: UUID
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderFailed(Event):
    """Its payment failed for good."""

    order_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderCancelled(Event):
    """It is no longer wanted."""

    order_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderExpired(Event):
    """It was not paid in time."""

    order_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderRefunded(Event):
    """All its money has gone back."""

    order_id: UUID
