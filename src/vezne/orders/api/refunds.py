"""Refunds of orders over HTTP."""

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
from vezne.orders.api.schemas import LineId, OrderId, PaymentId, RefundId, TenderId
from vezne.orders.lines import booking
from vezne.orders.models import Order, OrderRefund, RefundShare, RefundStatus
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


@api.get("/refunds", dependencies=[requires("orders.read")], responses=refusals(reading.UnknownOrder))
async def list_order_refunds(tx: TxDep, order_id: OrderId) -> Page[OrderRefundOut]:
    """All refunds of an order, newest first."""
    order = await reading.order(tx, order_id)
    found, shares = await reading.refunds_of(tx, order_id)
    return Page(data=[shown_refund(order, refund, shares) for refund in found], has_more=False, next=None)
