"""What orders look like in requests and answers. Amounts are whole minor units."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from vezne import payments, promos
from vezne.kernel.ids import PublicId
from vezne.orders.models import Line, OrderStatus, Snapshot, Tender, TenderKind, TenderStatus
from vezne.orders.operations.placing import Placed
from vezne.orders.operations.reading import OrderView
from vezne.payments import Gateways

OrderId = Annotated[UUID, PublicId("ord")]
LineId = Annotated[UUID, PublicId("oli")]
TenderId = Annotated[UUID, PublicId("tdr")]
PaymentId = Annotated[UUID, PublicId("pay")]
AttemptId = Annotated[UUID, PublicId("att")]
RefundId = Annotated[UUID, PublicId("ref")]
CustomerId = Annotated[UUID, PublicId("cus")]
WalletId = Annotated[UUID, PublicId("wal")]
HoldId = Annotated[UUID, PublicId("hld")]
TransactionId = Annotated[UUID, PublicId("txn")]
PayeeId = Annotated[UUID, PublicId("pye")]
FeeRuleId = Annotated[UUID, PublicId("fee")]
PromoId = Annotated[UUID, PublicId("prm")]
PromoCodes = Annotated[
    list[Annotated[str, StringConstraints(max_length=100)]],
    Field(max_length=promos.MOST_CODES, description="codes the customer has typed, in any order", examples=[["SAVE20"]]),
]


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("not a web address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError("not an http or https address")
    return text


ReturnUrl = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=r"^[!-~]+$"),
    Field(description="where the checkout page sends the customer in the end", examples=["https://shop.example/paid"]),
    AfterValidator(_web_address),
]
MetadataText = Annotated[str, StringConstraints(max_length=500)]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=40)], MetadataText],
    Field(max_length=50, description="yours to keep: up to 50 texts"),
]


class SnapshotOut(BaseModel):
    """What a line's price was made of when it was paid; it never changes."""

    seats_count: int
    base_price_per_seat_minor: int
    platform_fee_percentage: int = Field(description="in hundredths of a percent: 1000 is 10.00 %")
    platform_fee_amount_minor: int
    host_earning_per_seat_minor: int = Field(description="rounded down; `host_earning_minor` is exact")
    host_earning_minor: int
    discount_minor: int
    total_minor: int
    currency: str
    payee_id: PayeeId | None
    fee_rule_id: FeeRuleId | None
    fee_rule_version: int
    taken_at: datetime


class LineDiscountOut(BaseModel):
    """What a promo code takes off one line."""

    number: int
    discount_minor: int


class PromoUseOut(BaseModel):
    """What a promo code does for an order."""

    code: str
    promotion_id: PromoId
    kind: promos.PromotionKind
    status: promos.RedemptionStatus | None = Field(description="reserved until the order is paid; null: nothing is ordered yet")
    discount_minor: int
    bonus_credits: int = Field(description="credits that come on top once everything is given")
    trial_days: int
    lines: list[LineDiscountOut] = Field(description="the lines it takes something off")


class LineOut(BaseModel):
    """One thing bought. Amounts are whole minor units."""

    id: LineId
    number: int
    kind: str
    description: str
    details: dict[str, Any]
    quantity: int = Field(description="how many seats, servings or units it is of")
    discount_minor: int = Field(description="what promo codes took off")
    amount_minor: int = Field(description="what is paid for it")
    currency: str
    applied_minor: int = Field(description="given, and not taken back")
    refunded_minor: int
    refunded_quantity: int
    payee_id: PayeeId | None
    snapshot: SnapshotOut | None = Field(description="what its price was made of; once it is paid")


class TenderOut(BaseModel):
    """One of the means that pay an order."""

    id: TenderId
    kind: TenderKind
    status: TenderStatus = Field(description="waiting: held, or to be paid; captured: it has paid; released: it pays nothing")
    amount_minor: int
    currency: str
    refunded_minor: int
    wallet_id: WalletId | None
    units: int = Field(description="what is taken of the wallet: minor units, or coins")
    refunded_units: int
    hold_id: HoldId | None
    transaction_id: TransactionId | None


class PostingOut(BaseModel):
    """What would be posted to an account: positive is more for its holder."""

    entry: str = Field(description="the kind of the entry it belongs to")
    account: str
    currency: str
    amount_minor: int


class AttemptOut(BaseModel):
    """One try to pay; the one after a failure names it as its parent, and the one that paid is final."""

    id: AttemptId
    number: int
    provider: str
    status: payments.AttemptStatus
    parent_id: AttemptId | None
    is_final: bool
    failure_code: str | None


class OrderOut(BaseModel):
    """What a customer buys. Amounts are whole minor units of `currency`."""

    id: OrderId
    customer_id: CustomerId
    status: OrderStatus
    currency: str
    discount_minor: int = Field(description="what promo codes took off, of all lines shown")
    total_minor: int = Field(description="what is paid")
    refunded_minor: int
    payment_id: PaymentId | None = Field(description="null when stored value pays all, or there is nothing to pay")
    return_url: str | None
    last_error: str | None = Field(description="why a paid order is not fulfilled, or money that came was not taken")
    lines: list[LineOut]
    promo_codes: list[PromoUseOut]
    tenders: list[TenderOut]
    attempts: list[AttemptOut]
    metadata: dict[str, Any]
    created_at: datetime
    paid_at: datetime | None
    fulfilled_at: datetime | None


class PaymentToMake(BaseModel):
    """The payment of a new order."""

    id: PaymentId
    status: payments.PaymentStatus
    amount_minor: int
    currency: str
    client_secret: str | None = Field(
        description="lets a browser see and pay this payment; shown only now", examples=["pay_…_secret_…"]
    )


class PlacedOut(BaseModel):
    """A new order: send the customer to `checkout_url` before `expires_at`. Both, and `payment`, are null when nothing is left
    to pay.
    """

    order: OrderOut
    payment: PaymentToMake | None
    checkout_url: str | None
    expires_at: datetime | None


def shown_order(view: OrderView) -> OrderOut:
    """An order as the API shows it."""
    order = view.order
    snapshots = {snapshot.line_id: snapshot for snapshot in view.snapshots}
    return OrderOut(
        id=order.id,
        customer_id=order.customer_id,
        status=order.status,
        currency=order.currency,
        discount_minor=sum(line.discount_minor for line in view.lines),
        total_minor=order.total_minor,
        refunded_minor=order.refunded_minor,
        payment_id=order.payment_id,
        return_url=order.return_url,
        last_error=order.last_error,
        lines=[_shown_line(line, snapshots.get(line.id)) for line in view.lines],
        promo_codes=[_shown_redemption(each, view.lines) for each in view.redemptions],
        tenders=[shown_tender(tender) for tender in view.tenders],
        attempts=[AttemptOut.model_validate(attempt, from_attributes=True) for attempt in view.attempts],
        metadata=dict(order.metadata),
        created_at=order.created_at,
        paid_at=order.paid_at,
        fulfilled_at=order.fulfilled_at,
    )


def _shown_line(line: Line, snapshot: Snapshot | None) -> LineOut:
    return LineOut(
        id=line.id,
        number=line.number,
        kind=line.kind,
        description=line.description,
        details=dict(line.details),
        quantity=line.quantity,
        discount_minor=line.discount_minor,
        amount_minor=line.amount_minor,
        currency=line.currency,
        applied_minor=line.applied_minor,
        refunded_minor=line.refunded_minor,
        refunded_quantity=line.refunded_quantity,
        payee_id=line.payee_id,
        snapshot=None if snapshot is None else shown_snapshot(snapshot),
    )


def _shown_redemption(redemption: promos.Redemption, lines: Sequence[Line]) -> PromoUseOut:
    """One payee's staff see what it does to the lines that they see."""
    seen = {line.number for line in lines}
    discounts = {number: minor for number, minor in redemption.line_discounts.items() if number in seen}
    return PromoUseOut(
        code=redemption.code,
        promotion_id=redemption.promotion_id,
        kind=redemption.kind,
        status=redemption.status,
        discount_minor=sum(discounts.values()),
        bonus_credits=redemption.bonus_units,
        trial_days=redemption.trial_days,
        lines=_line_discounts(discounts),
    )


def shown_use(use: promos.Use) -> PromoUseOut:
    """What a code would do as the API shows it."""
    return PromoUseOut(
        code=use.code.code,
        promotion_id=use.promotion.id,
        kind=use.promotion.kind,
        status=None,
        discount_minor=use.discount_minor,
        bonus_credits=use.bonus_units,
        trial_days=use.trial_days,
        lines=_line_discounts(use.discounts),
    )


def _line_discounts(discounts: Mapping[int, int]) -> list[LineDiscountOut]:
    return [LineDiscountOut(number=number, discount_minor=minor) for number, minor in sorted(discounts.items())]


def shown_snapshot(snapshot: Snapshot) -> SnapshotOut:
    """What a price was made of as the API shows it."""
    return SnapshotOut.model_validate(snapshot, from_attributes=True)


def shown_tender(tender: Tender) -> TenderOut:
    """A tender as the API shows it."""
    return TenderOut.model_validate(tender, from_attributes=True)


def shown_placed(view: OrderView, placed: Placed, gateways: Gateways) -> PlacedOut:
    """A new order, and where it is paid, as the API shows them."""
    payment, secret = placed.payment, placed.client_secret
    return PlacedOut(
        order=shown_order(view),
        payment=None
        if payment is None
        else PaymentToMake(
            id=payment.id,
            status=payment.status,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            client_secret=secret,
        ),
        checkout_url=None if secret is None else gateways.checkout_url(secret),
        expires_at=None if payment is None else payment.expires_at,
    )
