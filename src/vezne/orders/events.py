"""What orders tells those above it."""

from dataclasses import dataclass
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderPlaced(Event):
    """A customer wants to buy."""

    order_id: UUID
    customer_id: UUID
    payment_id: UUID | None
    total_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderPaid(Event):
    """Its money is ours."""

    order_id: UUID
    payment_id: UUID | None


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
class OrderRefundMade(Event):
    """Part of it, or all, was taken back; wallets have their money again, and a provider's is on its way."""

    order_id: UUID
    refund_id: UUID
    amount_minor: int
    currency: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderLossBorne(Event):
    """A dispute about it was lost, and so much of what it had bought could not be taken back."""

    order_id: UUID
    dispute_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderRefunded(Event):
    """All its money has gone back."""

    order_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderPaidLate(Event):
    """Its money came when what was bought could not be given any more (`reason`): it went to the customer's `wallet`, is on its
    way back (`refund`), or waits for a person (`staff`).
    """

    order_id: UUID
    payment_id: UUID
    reason: str
    went: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UnmatchedFound(Event):
    """Money came that no order can take."""

    unmatched_id: UUID
    payment_id: UUID
    reason: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UnmatchedResolved(Event):
    """It was decided what becomes of money that no order could take."""

    unmatched_id: UUID
    payment_id: UUID
    action: str
