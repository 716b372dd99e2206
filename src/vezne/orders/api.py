"""Orders and top-ups over HTTP. Paying itself happens on the checkout page; nothing here talks to a provider."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from starlette.requests import Request

from vezne import identity, payments, wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId, parse_id, public_id
from vezne.kernel.money import AmountMinor, AmountOutOfRange, Currency, CurrencyMismatch
from vezne.kernel.paging import Page, PageParams, cursor
from vezne.orders import queries
from vezne.orders.lines import AskedLine, TopUpDetails
from vezne.orders.lines.top_up import WalletNotTopUp, WalletShut
from vezne.orders.models import Line, Order, OrderStatus
from vezne.orders.operations import fulfilling, placing, refunding
from vezne.payments import Gateways

OrderId = Annotated[UUID, PublicId("ord")]
LineId = Annotated[UUID, PublicId("oli")]
PaymentId = Annotated[UUID, PublicId("pay")]
RefundId = Annotated[UUID, PublicId("ref")]
CustomerId = Annotated[UUID, PublicId("cus")]
WalletId = Annotated[UUID, PublicId("wal")]

api = router("/v1/orders", "orders")
top_ups_api = router("/v1/top-ups", "orders")


class CustomerOrWallet(Invalid):
    """Name the customer, or the wallet to top up, or both when they belong together."""


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


class TopUpIn(RequestModel):
    """Money to be put into a wallet once it is paid."""

    customer_id: CustomerId | None = Field(None, description="whose money wallet of the currency is topped up")
    wallet_id: WalletId | None = Field(None, description="the wallet to top up")
    amount_minor: AmountMinor
    currency: Currency
    return_url: ReturnUrl | None = None
    metadata: Metadata = Field(default_factory=dict)


class OrderIn(RequestModel):
    """What a customer wants to buy."""

    customer_id: CustomerId
    lines: list[AskedLine] = Field(min_length=1, max_length=50)
    return_url: ReturnUrl | None = None
    metadata: Metadata = Field(default_factory=dict)


class OrderRefundIn(RequestModel):
    """How much to give back; all that is left when no amount is named."""

    amount_minor: AmountMinor | None = None
    reason: str = Field("", max_length=500)


class OrderFilter(PageParams):
    """Which orders are asked for."""

    customer_id: CustomerId | None = None
    status: OrderStatus | None = None


class LineOut(BaseModel):
    """One thing bought. Amounts are whole minor units."""

    id: LineId
    number: int
    kind: str
    description: str
    details: dict[str, Any]
    amount_minor: int
    currency: str
    applied_minor: int = Field(description="given, and not taken back")
    refunded_minor: int


class OrderOut(BaseModel):
    """What a customer buys. Amounts are whole minor units of `currency`."""

    id: OrderId
    customer_id: CustomerId
    status: OrderStatus
    currency: str
    total_minor: int
    refunded_minor: int
    payment_id: PaymentId
    return_url: str | None
    last_error: str | None = Field(description="why a paid order is not fulfilled")
    lines: list[LineOut]
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
    client_secret: str = Field(description="lets a browser see and pay this payment; shown only now", examples=["pay_…_secret_…"])


class PlacedOut(BaseModel):
    """A new order: send the customer to `checkout_url` before `expires_at`."""

    order: OrderOut
    payment: PaymentToMake
    checkout_url: str
    expires_at: datetime


class OrderRefundOut(BaseModel):
    """Money on its way back."""

    id: RefundId
    order_id: OrderId
    payment_id: PaymentId
    amount_minor: int
    currency: str
    reason: str
    status: payments.RefundStatus
    created_at: datetime


def shown_order(order: Order, lines: list[Line]) -> OrderOut:
    """An order as the API shows it."""
    return OrderOut(
        id=order.id,
        customer_id=order.customer_id,
        status=order.status,
        currency=order.currency,
        total_minor=order.total_minor,
        refunded_minor=order.refunded_minor,
        payment_id=order.payment_id,
        return_url=order.return_url,
        last_error=order.last_error,
        lines=[_shown_line(line) for line in lines if line.order_id == order.id],
        metadata=dict(order.metadata),
        created_at=order.created_at,
        paid_at=order.paid_at,
        fulfilled_at=order.fulfilled_at,
    )


def _shown_line(line: Line) -> LineOut:
    return LineOut(
        id=line.id,
        number=line.number,
        kind=line.kind,
        description=line.description,
        details=dict(line.details),
        amount_minor=line.amount_minor,
        currency=line.currency,
        applied_minor=line.applied_minor,
        refunded_minor=line.refunded_minor,
    )


def _shown_placed(placed: placing.Placed, gateways: Gateways) -> PlacedOut:
    payment = placed.payment
    return PlacedOut(
        order=shown_order(placed.order, list(placed.lines)),
        payment=PaymentToMake(
            id=payment.id,
            status=payment.status,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            client_secret=placed.client_secret,
        ),
        checkout_url=gateways.checkout_url(placed.client_secret),
        expires_at=payment.expires_at,
    )


_PRICING = (
    identity.CustomerNotFound,
    wallets.WalletMissing,
    CurrencyMismatch,
    WalletNotTopUp,
    WalletShut,
)


@top_ups_api.post("", status_code=201, dependencies=[requires("orders.write")], responses=refusals(CustomerOrWallet, *_PRICING))
async def top_up(tx: TxDep, request: Request, asked: TopUpIn) -> PlacedOut:
    """Ask a customer to load their wallet: an order of one line, its payment, and the page where it is paid."""
    gateways: Gateways = request.app.state.gateways
    customer_id = await _customer_of(tx, asked)
    line = TopUpDetails(wallet_id=asked.wallet_id, amount_minor=asked.amount_minor, currency=asked.currency)
    placed = await placing.place(
        tx,
        customer_id,
        [line],
        expires_after=gateways.session_ttl,
        return_url=asked.return_url,
        metadata=asked.metadata,
    )
    return _shown_placed(placed, gateways)


async def _customer_of(tx: Tx, asked: TopUpIn) -> UUID:
    if asked.customer_id is not None:
        return asked.customer_id
    if asked.wallet_id is None:
        raise CustomerOrWallet(loc=("body", "customer_id"))
    return (await wallets.wallet(tx, asked.wallet_id)).customer_id


@api.post(
    "",
    status_code=201,
    dependencies=[requires("orders.write")],
    responses=refusals(AmountOutOfRange, *_PRICING),
)
async def place_order(tx: TxDep, request: Request, asked: OrderIn) -> PlacedOut:
    """Order something: lines of one currency, their payment, and the page where it is paid."""
    gateways: Gateways = request.app.state.gateways
    placed = await placing.place(
        tx,
        asked.customer_id,
        asked.lines,
        expires_after=gateways.session_ttl,
        return_url=asked.return_url,
        metadata=asked.metadata,
    )
    return _shown_placed(placed, gateways)


@api.get("", dependencies=[requires("orders.read")])
async def list_orders(tx: TxDep, asked: Annotated[OrderFilter, Query()]) -> Page[OrderOut]:
    """Orders, newest first."""
    position = asked.position()
    rows = await queries.select_orders(
        tx,
        limit=asked.limit + 1,
        before=None if position is None else parse_id("ord", position),
        customer_id=asked.customer_id,
        status=asked.status,
    )
    shown = rows[: asked.limit]
    lines = await placing.lines_of(tx, [row.id for row in shown])
    more = len(rows) > asked.limit
    return Page(
        data=[shown_order(row, lines) for row in shown],
        has_more=more,
        next=cursor(public_id("ord", shown[-1].id)) if more else None,
    )


@api.get("/{order_id}", dependencies=[requires("orders.read")], responses=refusals(placing.UnknownOrder))
async def get_order(tx: TxDep, order_id: OrderId) -> OrderOut:
    """An order with its lines."""
    return shown_order(await placing.order(tx, order_id), await placing.lines_of(tx, [order_id]))


@api.post(
    "/{order_id}/refunds",
    status_code=201,
    dependencies=[requires("orders.write")],
    responses=refusals(
        placing.UnknownOrder,
        payments.NotRefundable,
        payments.RefundTooLarge,
        wallets.InsufficientFunds,
    ),
)
async def refund_order(tx: TxDep, order_id: OrderId, asked: OrderRefundIn) -> OrderRefundOut:
    """Take back what was bought and give its money back: at once here, by a job at the provider."""
    refund = await refunding.refund(tx, order_id, asked.amount_minor, reason=asked.reason)
    return OrderRefundOut(
        id=refund.id,
        order_id=order_id,
        payment_id=refund.payment_id,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        status=refund.status,
        created_at=refund.created_at,
    )


@api.post(
    "/{order_id}/cancellations",
    status_code=201,
    dependencies=[requires("orders.write")],
    responses=refusals(placing.UnknownOrder, payments.PaymentNotOpen, payments.PaymentInFlight),
)
async def cancel_order(tx: TxDep, order_id: OrderId) -> OrderOut:
    """Want it no longer, while it is not paid. Again: nothing changes."""
    return shown_order(await refunding.cancel(tx, order_id), await placing.lines_of(tx, [order_id]))


@api.post(
    "/{order_id}/fulfilments",
    status_code=201,
    dependencies=[requires("orders.write")],
    responses=refusals(placing.UnknownOrder, fulfilling.OrderNotPaid),
)
async def fulfil_order(tx: TxDep, order_id: OrderId) -> OrderOut:
    """Try again to give what a paid order still owes, once what stood in the way is gone."""
    return shown_order(await fulfilling.fulfil(tx, order_id), await placing.lines_of(tx, [order_id]))


ROUTERS = (api, top_ups_api)
