"""MagicPay for programs, as the storage documents have it: a session for a reservation, and the end of a demo's session.

What a provider is asked, it is asked between short transactions. Both endpoints do the same again for the same request, with
or without an Idempotency-Key.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints
from starlette.requests import Request

from vezne import payments
from vezne.checkout.api.course_payments import AskingRoute
from vezne.checkout.operations import magicpay, sessions
from vezne.kernel.body import BodyNotJson, BodyTooLarge
from vezne.kernel.db import Busy, DatabaseUnavailable
from vezne.kernel.errors import Invalid, RateLimited, Unauthenticated
from vezne.kernel.http import Edge, RequestModel, refusals, requires
from vezne.kernel.ids import PublicId
from vezne.kernel.principal import PermissionMissing, Principal

api = APIRouter(
    prefix="/v1/magicpay",
    tags=["magicpay"],
    route_class=AskingRoute,
    dependencies=[requires("orders.write")],
    responses=refusals(
        BodyNotJson, Unauthenticated, PermissionMissing, Busy, BodyTooLarge, Invalid, RateLimited, DatabaseUnavailable
    ),
)


class CheckoutSessionIn(RequestModel):
    """Which reservation is to be paid."""

    reservation_id: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")] = Field(
        description="an order (`ord_…`), a claim on capacity (`clm_…`) or a reservation of the widget (`wrs_…`)"
    )


class CheckoutSessionOut(BaseModel):
    """Where the reservation's payment is paid. Amounts are whole minor units of `currency`."""

    payment_id: Annotated[UUID, PublicId("pay")]
    session_id: str = Field(examples=["session_1_0f3c…"])
    checkout_url: str = Field(description="the demo's page on this host, or MagicPay's own in mode live")
    amount_minor: int
    currency: str
    expires_at: datetime


class CompletionIn(RequestModel):
    """How the demo's session ends."""

    result: Literal["success", "failed"]


class CompletionOut(BaseModel):
    """What became of the payment."""

    ok: Literal[True] = True
    payment_status: Literal["pending", "processing", "paid", "failed", "cancelled", "expired"]
    settlement_id: Annotated[UUID, PublicId("stl")] | None = Field(
        None, description="what the sale's payee is owed of it; null for what nobody is settled for"
    )


@api.post(
    "/checkout-session",
    responses=refusals(
        magicpay.ReservationNotFound,
        magicpay.NothingToPay,
        sessions.OrderNotPayable,
        payments.PaymentNotOpen,
        payments.PaymentInFlight,
        payments.PaymentUnderReview,
        payments.ProviderNotOffered,
        payments.ProviderRefused,
        payments.ProviderUnavailable,
    ),
)
async def create_magicpay_session(request: Request, body: CheckoutSessionIn) -> CheckoutSessionOut:
    """The MagicPay session of a reservation's one payment, begun when there is none. Again: the same payment and session."""
    edge, gateways, principal = _standing(request)
    session = await magicpay.open_magicpay(edge.db, gateways, principal, body.reservation_id)
    return CheckoutSessionOut(
        payment_id=session.payment_id,
        session_id=session.session_id,
        checkout_url=session.checkout_url,
        amount_minor=session.amount.minor,
        currency=session.amount.currency,
        expires_at=session.expires_at,
    )


@api.post(
    "/demo/{session_id}/complete",
    responses=refusals(payments.MagicPaySessionUnknown, payments.MagicPaySessionDecided),
)
async def complete_demo_session(request: Request, session_id: str, body: CompletionIn) -> CompletionOut:
    """Decide a session of the demo without its page. The same again: nothing changes; otherwise than before: refused."""
    edge, gateways, principal = _standing(request)
    done = await magicpay.complete(edge.db, gateways, principal, session_id, success=body.result == "success")
    return CompletionOut(payment_status=done.view.payment_status, settlement_id=done.settlement_id)


def _standing(request: Request) -> tuple[Edge, payments.Gateways, Principal]:
    return request.app.state.edge, request.app.state.gateways, request.state.principal
