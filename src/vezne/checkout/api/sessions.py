"""Checkout sessions for the merchant: open one for an unpaid order, and see how one stands."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Header
from pydantic import BaseModel, Field
from starlette.requests import Request

from vezne.checkout.models import State, Told
from vezne.checkout.operations import sessions
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId
from vezne.orders import UnknownOrder
from vezne.payments import ClientSecretUnknown, Gateways

SessionId = Annotated[UUID, PublicId("cks")]
OrderId = Annotated[UUID, PublicId("ord")]
PaymentId = Annotated[UUID, PublicId("pay")]

api = router("/v1/checkout-sessions", "checkout")


class SessionIn(RequestModel):
    """Which order is to be paid."""

    order_id: OrderId


class SessionOut(BaseModel):
    """A way to pay one order. Amounts are whole minor units of `currency`."""

    session_id: SessionId = Field(description="the first session of a payment has the payment's own number, as `cks_…`")
    order_id: OrderId
    payment_id: PaymentId
    status: State
    amount_minor: int
    currency: str
    checkout_url: str | None = Field(None, description="where the customer pays; shown once, when the session is opened")
    expires_at: datetime
    created_at: datetime


@api.post(
    "",
    status_code=201,
    dependencies=[requires("orders.write")],
    responses=refusals(UnknownOrder, sessions.OrderNotPayable),
)
async def open_checkout_session(request: Request, tx: TxDep, asked: SessionIn) -> SessionOut:
    """Open one more address at which an unpaid order may be paid. It lives no longer than the order's payment."""
    gateways: Gateways = request.app.state.gateways
    told, token = await sessions.open_session(tx, asked.order_id, life=gateways.session_ttl)
    return _shown(told, tx.now, gateways.checkout_url(token))


# Before `/{session_id}`, which would take "current" for a number.
@api.get("/current", dependencies=[requires("checkout.read")], responses=refusals(ClientSecretUnknown))
async def get_current_checkout_session(
    tx: TxDep, client_secret: Annotated[str, Header(description="the payment's client secret", max_length=200)]
) -> SessionOut:
    """For a browser: the session of the payment whose client secret it holds. Needs a publishable key and the secret."""
    return _shown(await sessions.of_client_secret(tx, client_secret), tx.now)


@api.get("/{session_id}", dependencies=[requires("orders.read")], responses=refusals(sessions.SessionUnknown))
async def get_checkout_session(tx: TxDep, session_id: SessionId) -> SessionOut:
    """How a session stands."""
    return _shown(await sessions.session(tx, session_id), tx.now)


def _shown(told: Told, now: datetime, checkout_url: str | None = None) -> SessionOut:
    return SessionOut(
        session_id=told.session.id,
        order_id=told.order.id,
        payment_id=told.payment.id,
        status=told.state(now),
        amount_minor=told.payment.amount_minor,
        currency=told.payment.currency,
        checkout_url=checkout_url,
        expires_at=told.session.expires_at,
        created_at=told.session.created_at,
    )
