"""Orders and their lines as plain values, and which of an order's moves are legal. Amounts are minor units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from vezne.kernel.money import Money


class OrderStatus(StrEnum):
    """Where an order stands."""

    PENDING = "pending"
    PAID = "paid"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDED = "refunded"


ORDER_MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.PAID, OrderStatus.FAILED, OrderStatus.CANCELLED, OrderStatus.EXPIRED}),
    OrderStatus.PAID: frozenset({OrderStatus.FULFILLED, OrderStatus.REFUNDED}),
    OrderStatus.FULFILLED: frozenset({OrderStatus.REFUNDED}),
    # The money may come after the end.
    OrderStatus.FAILED: frozenset({OrderStatus.PAID}),
    OrderStatus.CANCELLED: frozenset({OrderStatus.PAID}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.PAID}),
    OrderStatus.REFUNDED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a customer buys, and the payment that pays it."""

    id: UUID
    customer_id: UUID
    status: OrderStatus
    currency: str
    total_minor: int
    refunded_minor: int
    payment_id: UUID
    return_url: str | None
    last_error: str | None
    metadata: Mapping[str, Any]
    created_at: datetime
    paid_at: datetime | None
    fulfilled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing bought. `applied_minor` is what it has given and not taken back, `refunded_minor` what was refunded of it."""

    id: UUID
    order_id: UUID
    number: int
    kind: str
    details: Mapping[str, Any]
    description: str
    amount_minor: int
    currency: str
    applied_minor: int
    refunded_minor: int

    @property
    def owed(self) -> Money:
        """What was paid for and neither given nor refunded."""
        return Money(self.amount_minor - self.applied_minor - self.refunded_minor, self.currency)

    @property
    def refundable_minor(self) -> int:
        """What was not refunded yet."""
        return self.amount_minor - self.refunded_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundShare:
    """The part of a refund that came from one line; `was_applied`: it was taken back from what the line had given."""

    refund_id: UUID
    line_id: UUID
    amount_minor: int
    was_applied: bool


def allocate(amount_minor: int, lines: Sequence[Line]) -> list[tuple[Line, int]]:
    """Which lines a refund of `amount_minor` comes from: the first lines first, each up to what is left of it.

    Raises ValueError when the lines have less.
    """
    shares: list[tuple[Line, int]] = []
    for line in lines:
        share = min(amount_minor, line.refundable_minor)
        if share:
            shares.append((line, share))
            amount_minor -= share
    if amount_minor:
        raise ValueError("more than the lines have left to refund")
    return shares
