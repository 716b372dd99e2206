"""Orders, lines, tenders and refunds as plain values, and which of an order's moves are legal. Amounts are minor units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from vezne.kernel.money import Money

TenderKind = Literal["wallet", "coins", "provider"]
TenderStatus = Literal["waiting", "captured", "released"]
RefundStatus = Literal["pending", "succeeded", "failed"]
Reason = Literal["paid_twice", "amount_mismatch", "paid_late", "no_order"]
Action = Literal["refund", "wallet", "accept"]


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
    # Back to paid: a refund failed, and what it had taken back could not be given again.
    OrderStatus.FULFILLED: frozenset({OrderStatus.REFUNDED, OrderStatus.PAID}),
    # The money may come after the end.
    OrderStatus.FAILED: frozenset({OrderStatus.PAID}),
    OrderStatus.CANCELLED: frozenset({OrderStatus.PAID}),
    OrderStatus.EXPIRED: frozenset({OrderStatus.PAID}),
    OrderStatus.REFUNDED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a customer buys, and the payment that pays it; None when stored value pays all, or there is nothing to pay."""

    id: UUID
    customer_id: UUID
    status: OrderStatus
    currency: str
    total_minor: int
    refunded_minor: int
    payment_id: UUID | None
    return_url: str | None
    last_error: str | None
    metadata: Mapping[str, Any]
    created_at: datetime
    paid_at: datetime | None
    fulfilled_at: datetime | None

    @property
    def refundable_minor(self) -> int:
        """What was not refunded yet."""
        return self.total_minor - self.refunded_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing bought. `applied_minor` is what it has given and not taken back, `refunded_minor` what was refunded of it.

    `quantity` counts its seats, servings or units. `discount_minor`: what promo codes took off before.
    """

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
    quantity: int = 1
    refunded_quantity: int = 0
    payee_id: UUID | None = None
    discount_minor: int = 0

    @property
    def owed(self) -> Money:
        """What was paid for and neither given nor refunded."""
        return Money(self.amount_minor - self.applied_minor - self.refunded_minor, self.currency)

    @property
    def refundable_minor(self) -> int:
        """What was not refunded yet."""
        return self.amount_minor - self.refunded_minor

    @property
    def left(self) -> int:
        """How many of its seats were not given back."""
        return self.quantity - self.refunded_quantity

    def price_of_seats(self, seats: int) -> int:
        """What of its price so many of the seats left stand for; the last of them for all that is left, so nothing is lost."""
        if seats == self.left:
            return self.refundable_minor
        gone = self.refunded_quantity
        share = self.amount_minor * (gone + seats) // self.quantity - self.amount_minor * gone // self.quantity
        return min(share, self.refundable_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tender:
    """One of the means that pay an order. `units` is what is taken of a wallet: minor units, or whole coins."""

    id: UUID
    order_id: UUID
    number: int
    kind: TenderKind
    status: TenderStatus
    amount_minor: int
    currency: str
    refunded_minor: int
    wallet_id: UUID | None
    units: int
    refunded_units: int
    hold_id: UUID | None
    transaction_id: UUID | None

    @property
    def refundable_minor(self) -> int:
        """What it paid and has not got back."""
        return self.amount_minor - self.refunded_minor if self.status == "captured" else 0

    def units_back(self, amount_minor: int) -> int:
        """How many whole units come back when `amount_minor` more of it is refunded; in the end all of them."""
        after = self.refunded_minor + amount_minor
        return self.units * after // self.amount_minor - self.refunded_units


_WALK: Mapping[TenderKind, int] = {"provider": 0, "wallet": 1, "coins": 2}


def walk(tenders: Sequence[Tender]) -> list[Tender]:
    """The tenders in the order in which refunds go back to them: the provider's first, wallets next, coins last."""
    return sorted(tenders, key=lambda tender: (_WALK[tender.kind], tender.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a line's price was made of when it was paid. `platform_fee_percentage` in hundredths of a percent: 250 is 2.5 %."""

    line_id: UUID
    order_id: UUID
    payee_id: UUID | None
    currency: str
    seats_count: int
    base_price_per_seat_minor: int
    platform_fee_percentage: int
    platform_fee_amount_minor: int
    host_earning_per_seat_minor: int
    host_earning_minor: int
    discount_minor: int
    total_minor: int
    fee_rule_id: UUID | None
    fee_rule_version: int
    taken_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """How many seats of a line go back, and which, where that is said; `all_left`: none of them stays."""

    count: int = 0
    ticket_ids: tuple[UUID, ...] = ()
    all_left: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRefund:
    """What goes back of one line."""

    line: Line
    amount_minor: int
    seats: Seats


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundShare:
    """The part of a refund that came from one line and goes to one tender; of it, `given_minor` was taken back from the line."""

    refund_id: UUID
    line_id: UUID
    tender_id: UUID
    amount_minor: int
    given_minor: int
    seats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefund:
    """A refund of an order as it was asked for."""

    id: UUID
    order_id: UUID
    amount_minor: int
    currency: str
    reason: str
    status: RefundStatus
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """Money that came and that no order can take, and what was decided about it."""

    id: UUID
    payment_id: UUID
    attempt_id: UUID
    order_id: UUID | None
    customer_id: UUID | None
    reason: Reason
    detail: str
    amount_minor: int
    currency: str
    status: Literal["waiting", "under_way", "resolved"]
    action: Action | None
    refund_id: UUID | None
    transaction_id: UUID | None
    entry_id: UUID | None
    resolved_by: str | None
    created_at: datetime
    resolved_at: datetime | None

    @property
    def amount(self) -> Money:
        """How much it is."""
        return Money(self.amount_minor, self.currency)

    @property
    def is_final(self) -> bool:
        """Whether it is the very money that paid its payment, and not what came beside it."""
        return self.reason in {"paid_late", "no_order"}


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


def share_out(refunds: Sequence[LineRefund], tenders: Sequence[Tender]) -> list[tuple[LineRefund, Tender, int]]:
    """Which tender each line's refund goes back to, in the tenders' order, each up to what it paid; the sums are exact.

    Raises ValueError when the tenders have less.
    """
    left = {tender.id: tender.refundable_minor for tender in tenders}
    shares: list[tuple[LineRefund, Tender, int]] = []
    for refund in refunds:
        amount = refund.amount_minor
        for tender in tenders:
            part = min(amount, left[tender.id])
            if part:
                shares.append((refund, tender, part))
                left[tender.id] -= part
                amount -= part
        if amount:
            raise ValueError("more than the tenders have paid")
    return shares


def taken_from(line: Line) -> tuple[str, int]:
    """In which order lines are held, given and taken back: all transactions alike, so that none waits for another in a circle."""
    return str(line.details.get("resource_id", "")), line.number
