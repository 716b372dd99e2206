"""Refunds of orders over HTTP."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from vezne import bookings, payments, wallets
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId
from vezne.kernel.money import AmountMinor
from vezne.kernel.paging import Page
from vezne.orders.api.schemas import LineId, OrderId, PaymentId, PostingOut, RefundId, TenderId
from vezne.orders.lines import booking, credit_pack
from vezne.orders.models import Order, OrderRefund, RefundShare, RefundStatus, TenderKind
from vezne.orders.operations import reading, refunding
from vezne.orders.operations.refunding import AskedLineRefund

TicketId = Annotated[UUID, PublicId("tkt")]

api = router("/v1/orders/{order_id}", "orders")

_REFUSALS = (
    reading.UnknownOrder,
    refunding.OrderNotRefundable,
    refunding.OrderRefundTooLarge,
    refunding.LineRefundTooLarge,
    refunding.UnknownOrderLine,
    refunding.RefundUnclear,
    payments.RefundTooLarge,
    wallets.InsufficientFunds,
    bookings.TicketUsed,
    booking.SeatsGivenUp,
    credit_pack.CreditsSpent,
)


class LineRefundIn(RequestModel):
    """What is to go back of one line: so many seats or these tickets at what was paid for them, or an amount; else all of it."""

    line_id: LineId
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    ticket_ids: list[TicketId] = Field(default_factory=list, max_length=1000)
    amount_minor: AmountMinor | None = None


class OrderRefundIn(RequestModel):
    """How much to give back, or what of which lines; all that is left when neither is named."""

    amount_minor: AmountMinor | None = None
    lines: list[LineRefundIn] = Field(default_factory=list, max_length=50)
    reason: str = Field("", max_length=500)

    @property
    def asked_lines(self) -> list[AskedLineRefund]:
        """The lines as operations take them."""
        return [
            AskedLineRefund(
                line_id=line.line_id, quantity=line.quantity, ticket_ids=tuple(line.ticket_ids), amount_minor=line.amount_minor
            )
            for line in self.lines
        ]


class RefundShareOut(BaseModel):
    """A part of a refund: from which line, to which tender."""

    line_id: LineId
    tender_id: TenderId
    amount_minor: int


class OrderRefundOut(BaseModel):
    """Money on its way back."""

    id: RefundId
    order_id: OrderId
    payment_id: PaymentId | None
    amount_minor: int
    currency: str
    reason: str
    status: RefundStatus = Field(description="of the provider's part; what came from wallets is back at once")
    shares: list[RefundShareOut]
    created_at: datetime


def shown_refund(order: Order, refund: OrderRefund, shares: Sequence[RefundShare]) -> OrderRefundOut:
    """A refund as the API shows it."""
    return OrderRefundOut(
        id=refund.id,
        order_id=order.id,
        payment_id=order.payment_id,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        status=refund.status,
        shares=[
            RefundShareOut(line_id=share.line_id, tender_id=share.tender_id, amount_minor=share.amount_minor)
            for share in shares
            if share.refund_id == refund.id
        ],
        created_at=refund.created_at,
    )


@api.post("/refunds", status_code=201, dependencies=[requires("orders.write")], responses=refusals(*_REFUSALS))
async def refund_order(tx: TxDep, order_id: OrderId, asked: OrderRefundIn) -> OrderRefundOut:
    """Take back what was bought and give its money back: at once here, by a job at the provider."""
    refund = await refunding.refund(tx, order_id, asked.amount_minor, lines=asked.asked_lines, reason=asked.reason)
    _, shares = await reading.refunds_of(tx, order_id)
    return shown_refund(await reading.order(tx, order_id), refund, shares)


class PreviewShareOut(BaseModel):
    """What would go from which line to which tender."""

    line_id: LineId
    tender_id: TenderId
    tender_kind: TenderKind
    amount_minor: int


class PreviewLineOut(BaseModel):
    """What a line would stand at afterwards."""

    line_id: LineId
    refund_minor: int = Field(description="what would be refunded of it now")
    refunded_minor: int
    refunded_quantity: int


class RefundPreviewOut(BaseModel):
    """What a refund would do. Amounts are whole minor units."""

    amount_minor: int
    currency: str
    shares: list[PreviewShareOut]
    lines: list[PreviewLineOut]
    fee_minor: int = Field(description="what the platform would give back of its fee")
    payee_minor: int = Field(description="what payees would give back of their shares")
    postings: list[PostingOut]


def _shown_preview(seen: refunding.Preview) -> RefundPreviewOut:
    kinds = {tender.id: tender.kind for tender in seen.tenders}
    now = Counter[UUID]()
    for share in seen.shares:
        now[share.line_id] += share.amount_minor
    return RefundPreviewOut(
        amount_minor=seen.refund.amount_minor,
        currency=seen.refund.currency,
        shares=[
            PreviewShareOut(
                line_id=share.line_id,
                tender_id=share.tender_id,
                tender_kind=kinds[share.tender_id],
                amount_minor=share.amount_minor,
            )
            for share in seen.shares
        ],
        lines=[
            PreviewLineOut(
                line_id=line.id,
                refund_minor=now[line.id],
                refunded_minor=line.refunded_minor,
                refunded_quantity=line.refunded_quantity,
            )
            for line in seen.lines
        ],
        fee_minor=-sum(each.amount_minor for each in seen.postings if each.account == "fees"),
        payee_minor=-sum(each.amount_minor for each in seen.postings if each.account.startswith("payee")),
        postings=[PostingOut.model_validate(each, from_attributes=True) for each in seen.postings],
    )


@api.post("/refund-previews", dependencies=[requires("orders.write")], responses=refusals(*_REFUSALS))
async def preview_order_refund(tx: TxDep, order_id: OrderId, asked: OrderRefundIn) -> RefundPreviewOut:
    """What the same refund would do, as if its provider gave its part back at once. Nothing happens."""
    return _shown_preview(await refunding.preview(tx, order_id, asked.amount_minor, lines=asked.asked_lines))


@api.get("/refunds", dependencies=[requires("orders.read")], responses=refusals(reading.UnknownOrder))
async def list_order_refunds(tx: TxDep, order_id: OrderId) -> Page[OrderRefundOut]:
    """All refunds of an order, newest first."""
    order = await reading.order(tx, order_id)
    found, shares = await reading.refunds_of(tx, order_id)
    return Page(data=[shown_refund(order, refund, shares) for refund in found], has_more=False, next=None)
