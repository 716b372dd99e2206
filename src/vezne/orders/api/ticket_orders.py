"""Ticket orders as the event documents have them. The provider is asked after the order is committed, never inside."""

import json
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vezne import bookings, catalog, identity, payments
from vezne.kernel.errors import Refusal
from vezne.kernel.http import Edge, RequestModel, TransactionalRoute, TxDep, refusals, requires, router
from vezne.kernel.idempotency import REPLAYED
from vezne.kernel.ids import PublicId, parse_id, public_id
from vezne.kernel.money import Currency, exponent
from vezne.orders.api.orders import BOOKING
from vezne.orders.api.schemas import AttemptOut, CustomerId, OrderId, ReturnUrl
from vezne.orders.models import Snapshot
from vezne.orders.operations import reading, ticket_orders
from vezne.orders.operations.ticket_orders import TicketOrderView, TicketWish
from vezne.payments import Gateways

ResourceId = Annotated[UUID, PublicId("rsc")]
ClaimId = Annotated[UUID, PublicId("clm")]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_CREATED = 201
_log = structlog.get_logger("vezne.orders")


class TicketOrderIn(RequestModel):
    """Seats of an event, and who is to take the money. The price is the catalogue's."""

    user: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="a customer's id, or your own name for them"
    )
    customer_id: CustomerId | None = Field(None, description="the same, by id")
    event: ResourceId | None = Field(None, description="the event; a reservation says it too")
    reservation: ClaimId | None = Field(None, description="the capacity reservation: a paid event needs one")
    seats_count: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = Field(None, description="of a free event; default 1")
    payment_provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")] | None = None
    currency: Currency | None = None
    return_url: ReturnUrl | None = None
    parent_order: OrderId | None = Field(
        None, description="an order whose payment failed: another attempt, for the same seats and price"
    )


class FinancialSnapshotOut(BaseModel):
    """What the price was made of when it was paid; it never changes. Amounts are decimal texts."""

    base_price_per_seat: str
    platform_fee_percentage: str = Field(examples=["10.00"])
    platform_fee_amount: str
    host_earning_per_seat: str


class TicketTransactionOut(BaseModel):
    """One answer of the provider."""

    provider_transaction_id: str
    amount: str
    status: str
    provider_response: dict[str, Any]
    seen_at: datetime


class FormOut(BaseModel):
    """A form for the browser to submit; made anew each time and never stored."""

    action: str
    fields: dict[str, str]


class TicketOrderOut(BaseModel):
    """A payment order for seats. Amounts are decimal texts in `currency`, and whole minor units where the name says so."""

    order_id: OrderId
    user: CustomerId
    event: str
    seats_count: int
    amount: str
    amount_minor: int
    currency: str
    status: str = Field(description="created, pending, paid, completed, failed, cancelled, refunded or unpaid")
    payment_provider: str | None
    financial_snapshot: FinancialSnapshotOut | None = Field(description="once it is paid")
    parent_order: OrderId | None = Field(description="the order that was tried before: a retry keeps order, seats and price")
    is_final: bool = Field(description="whether it was paid; only such orders are settled and paid out")
    attempts: list[AttemptOut]
    transactions: list[TicketTransactionOut]
    payu: FormOut | None = Field(None, description="what the browser posts to PayU")
    redirect_url: str | None = Field(None, description="where the customer pays")
    checkout_url: str | None = Field(None, description="our page, where the customer may pay too")
    created_at: datetime


class TicketRoute(TransactionalRoute):
    """A route whose order is committed before its provider is asked; the answer of both is one."""

    def get_route_handler(self) -> Handler:
        """The endpoint in its transaction, and then the attempt."""
        place = super().get_route_handler()

        async def answer(request: Request) -> Response:
            response = await place(request)
            if response.status_code != _CREATED:
                return response
            return await _with_attempt(request, response)

        return answer


async def _with_attempt(request: Request, response: Response) -> Response:
    """The order with where it is paid. When the provider cannot be asked, the order stands, and its checkout page leads there."""
    told: dict[str, Any] = json.loads(bytes(response.body))
    edge: Edge = request.app.state.edge
    gateways: Gateways = request.app.state.gateways
    principal = request.state.principal
    replayed = REPLAYED in response.headers
    order_id = parse_id("ord", told["order_id"])
    async with edge.db.transaction(principal, read_only=True) as tx:
        view = await reading.view(tx, order_id)
    attempts = view.attempts
    over = replayed and not (attempts and attempts[-1].ended_at is None)
    if view.order.payment_id is None or view.order.status != "pending" or over:
        return response
    back = attempts[-1].return_url if attempts else view.order.return_url or f"{told['checkout_url']}/return"
    started = None
    try:
        started = await payments.start_attempt(
            edge.db,
            gateways,
            principal,
            view.order.payment_id,
            return_url=back,
            provider=getattr(request.state, "chosen_provider", None),
        )
    except Refusal as refusal:
        _log.warning("a ticket order's payment could not be begun", order=told["order_id"], reason=refusal.code())
    async with edge.db.transaction(principal, read_only=True) as tx:
        shown = shown_ticket_order(await ticket_orders.ticket_order(tx, order_id), checkout_url=told["checkout_url"])
    if started is not None:
        shown.redirect_url = started.redirect_url
        form = started.form
        shown.payu = None if form is None else FormOut(action=form.action, fields=dict(form.fields))
    headers = {REPLAYED: "true"} if replayed else {}
    return JSONResponse(shown.model_dump(mode="json"), _CREATED, headers)


tickets_api = router("/v1/ticket-orders", "documented paths")
placing_api = APIRouter(
    prefix="/v1/ticket-orders", tags=["documented paths"], route_class=TicketRoute, responses=tickets_api.responses
)


@placing_api.post(
    "",
    status_code=_CREATED,
    dependencies=[requires("orders.write")],
    responses=refusals(
        identity.CustomerNotFound,
        *BOOKING,
        ticket_orders.UserNeeded,
        ticket_orders.EventNeeded,
        ticket_orders.CapacityReservationNeeded,
        ticket_orders.SeatsDiffer,
        ticket_orders.ReservationElsewhere,
        payments.ProviderNotOffered,
        payments.PaymentNotOpen,
        reading.UnknownOrder,
        catalog.ItemUnknown,
        bookings.HoldNotAhead,
    ),
)
async def order_tickets(tx: TxDep, request: Request, asked: TicketOrderIn) -> TicketOrderOut:
    """Order seats of an event, or try again to pay an order; the answer says where, and for PayU which form to submit."""
    gateways: Gateways = request.app.state.gateways
    request.state.chosen_provider = asked.payment_provider
    if asked.parent_order is not None:
        return shown_ticket_order(await ticket_orders.retry(tx, asked.parent_order, asked.payment_provider))
    user = asked.user if asked.customer_id is None else public_id("cus", asked.customer_id)
    if user is None:
        raise ticket_orders.UserNeeded(loc=("body", "user"))
    placed = await ticket_orders.place_tickets(
        tx,
        TicketWish(
            user=user,
            event=asked.event,
            reservation=asked.reservation,
            seats_count=asked.seats_count,
            provider=asked.payment_provider,
            currency=asked.currency,
            return_url=asked.return_url,
            expires_after=gateways.session_ttl,
        ),
    )
    secret = placed.client_secret
    found = await ticket_orders.ticket_order(tx, placed.order.id)
    return shown_ticket_order(found, checkout_url=None if secret is None else gateways.checkout_url(secret))


@tickets_api.get("/{order_id}", dependencies=[requires("orders.read")], responses=refusals(reading.UnknownOrder))
async def get_ticket_order(tx: TxDep, order_id: OrderId) -> TicketOrderOut:
    """How a ticket order stands, with what its providers said."""
    return shown_ticket_order(await ticket_orders.ticket_order(tx, order_id))


def shown_ticket_order(found: TicketOrderView, *, checkout_url: str | None = None) -> TicketOrderOut:
    """A ticket order in the documents' words."""
    view, order = found.view, found.view.order
    attempts = view.attempts
    final = next((attempt for attempt in attempts if attempt.is_final), attempts[-1] if attempts else None)
    return TicketOrderOut(
        order_id=order.id,
        user=order.customer_id,
        event=str(view.lines[0].details["resource_id"]) if view.lines else "",
        seats_count=sum(line.quantity for line in view.lines),
        amount=_decimal(order.total_minor, order.currency),
        amount_minor=order.total_minor,
        currency=order.currency,
        status=found.status,
        payment_provider=None if final is None else final.provider,
        financial_snapshot=_shown_snapshot(view.snapshots[0]) if view.snapshots else None,
        parent_order=found.parent_order,
        is_final=found.is_final,
        attempts=[AttemptOut.model_validate(attempt, from_attributes=True) for attempt in attempts],
        transactions=[
            TicketTransactionOut(
                provider_transaction_id=heard.provider_ref,
                amount=_decimal(heard.amount_minor, heard.currency),
                status=heard.status,
                provider_response=dict(heard.response),
                seen_at=heard.seen_at,
            )
            for heard in found.transactions
        ],
        checkout_url=checkout_url,
        created_at=order.created_at,
    )


def _shown_snapshot(snapshot: Snapshot) -> FinancialSnapshotOut:
    currency = snapshot.currency
    return FinancialSnapshotOut(
        base_price_per_seat=_decimal(snapshot.base_price_per_seat_minor, currency),
        platform_fee_percentage=_with_digits(snapshot.platform_fee_percentage, 2),
        platform_fee_amount=_decimal(snapshot.platform_fee_amount_minor, currency),
        host_earning_per_seat=_decimal(snapshot.host_earning_per_seat_minor, currency),
    )


def _decimal(minor: int, currency: str) -> str:
    return _with_digits(minor, exponent(currency))


def _with_digits(minor: int, digits: int) -> str:
    """An amount of minor units as decimal text: 2500 with 2 digits is 25.00."""
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"
