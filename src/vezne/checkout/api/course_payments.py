"""The course platform's payments: the API its documents name, under a path of ours and under theirs.

What the provider is asked, it is asked between short transactions; so an Idempotency-Key stands for the order that was placed,
and the same request again finds that order and tells how it stands.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from vezne import orders, payments
from vezne.checkout.operations import course_payments
from vezne.checkout.operations.course_payments import CoursePayment, CourseStatus
from vezne.kernel import idempotency
from vezne.kernel.body import BodyNotJson, BodyTooLarge, TextUnstorable
from vezne.kernel.db import Busy, DatabaseUnavailable, Tx
from vezne.kernel.errors import Invalid, RateLimited, Unauthenticated
from vezne.kernel.http import Edge, RequestModel, StrictRequest, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId, parse_id, public_id
from vezne.kernel.money import AmountMinor, Currency
from vezne.kernel.paging import CursorUnknown, Page, PageParams, page_of
from vezne.kernel.principal import PermissionMissing, Principal

PREFIX, TAG = "/v1/course-payments", "course payments"

PaymentId = Annotated[UUID, PublicId("pay")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=40)], Annotated[str, StringConstraints(max_length=500)]],
    Field(max_length=50, description="yours to keep: up to 50 texts"),
]


class AskingRoute(APIRoute):
    """A route whose endpoint asks a provider, and opens its own transactions before and after."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, once it is known who asks."""
        endpoint = super().get_route_handler()

        async def answer(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            edge: Edge = strict.app.state.edge
            strict.state.principal = replace(await edge.authenticate(strict), request_id=strict.state.request_id)
            if "%00" in strict.url.query:
                raise TextUnstorable(loc=("query",))
            if await strict.body() and "json" in strict.headers.get("content-type", "").lower():
                await strict.json()  # here, since FastAPI would hide what is wrong with a body it reads itself
            return await endpoint(strict)

        return answer


read_api = router(PREFIX, TAG, permission="payments.read")
ask_api = APIRouter(
    prefix=PREFIX,
    tags=[TAG],
    route_class=AskingRoute,
    dependencies=[requires("orders.write")],
    responses=refusals(
        BodyNotJson, Unauthenticated, PermissionMissing, Busy, BodyTooLarge, Invalid, RateLimited, DatabaseUnavailable
    ),
)


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("not a web address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError("not an http or https address")
    return text


class CoursePaymentIn(RequestModel):
    """A payment to be asked of a student. The price is the platform's: it is asked with a secret key, never by a browser."""

    student_id: Name = Field(description="your own name for the student, who becomes a customer with this reference")
    amount_minor: AmountMinor
    currency: Currency
    course_id: Name | None = None
    description: Annotated[str, StringConstraints(max_length=200)] = ""
    return_url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^[!-~]+$"), AfterValidator(_web_address)] | None = (
        Field(None, description="where the student goes in the end", examples=["https://courses.example/paid"])
    )
    metadata: Metadata = Field(default_factory=dict)


class CoursePaymentOut(BaseModel):
    """A student's payment. Amounts are whole minor units of `currency`."""

    id: PaymentId
    student_id: str | None
    course_id: str | None
    description: str
    amount_minor: int
    refunded_minor: int
    currency: str
    status: CourseStatus = Field(description="`initiated`, then one of the others for good")
    provider: str | None
    provider_payment_id: str | None = Field(description="the provider's own name of the attempt that paid, or of the last one")
    payment_url: str | None = Field(description="where the student pays; null once the payment has ended")
    failure_code: str | None = Field(description="why the last attempt failed; another one may follow while it is `initiated`")
    expires_at: datetime
    created_at: datetime
    completed_at: datetime | None = Field(description="when it succeeded")
    metadata: dict[str, Any]


class History(PageParams):
    """Which payments are asked for."""

    student_id: str | None = Field(None, max_length=200)


@ask_api.post("", status_code=201, responses=refusals(idempotency.IdempotencyKeyReused))
async def post_course_payment(request: Request, body: CoursePaymentIn, response: Response) -> CoursePaymentOut:
    """Open a payment for a student, and tell where it is paid and until when. With an Idempotency-Key: once.

    While the provider cannot be reached, `payment_url` is our own checkout page, which tries again.
    """
    edge, gateways, principal = _standing(request)
    async with edge.db.transaction(principal) as tx:
        payment_id, made = await _once(tx, request, body, gateways)
    url = await course_payments.start(edge.db, gateways, principal, payment_id)
    async with edge.db.transaction(principal, read_only=True) as tx:
        told = await course_payments.payment(tx, payment_id)
    if not made:
        response.headers[idempotency.REPLAYED] = "true"
    return _shown(told, url)


@ask_api.post(
    "/{payment_id}/confirmations",
    responses=refusals(payments.UnknownPayment, payments.ProviderUnavailable),
)
async def post_confirmation(request: Request, payment_id: PaymentId) -> CoursePaymentOut:
    """Ask the provider what became of the payment, and tell. What the caller says of it is not believed. Again: the same."""
    edge, gateways, principal = _standing(request)
    return _shown(await course_payments.confirm(edge.db, gateways, principal, payment_id))


@read_api.get("", responses=refusals(CursorUnknown))
async def get_course_payments(asked: Annotated[History, Query()], tx: TxDep) -> Page[CoursePaymentOut]:
    """A student's payments, newest first; everybody's, when no student is named."""
    found = await course_payments.history(tx, student_id=asked.student_id, before=asked.id_of("pay"), limit=asked.limit + 1)
    return page_of(found, asked, _shown, lambda told: public_id("pay", told.payment.id))


@read_api.get("/{payment_id}", responses=refusals(payments.UnknownPayment))
async def get_course_payment(payment_id: PaymentId, tx: TxDep) -> CoursePaymentOut:
    """One payment as we know it; nobody is asked."""
    return _shown(await course_payments.payment(tx, payment_id))


def _standing(request: Request) -> tuple[Edge, payments.Gateways, Principal]:
    return request.app.state.edge, request.app.state.gateways, request.state.principal


async def _once(tx: Tx, request: Request, body: CoursePaymentIn, gateways: payments.Gateways) -> tuple[UUID, bool]:
    """The payment this request opens, and True; or the one it opened when it came before, and False."""
    key = idempotency.key_of(request)
    digest = idempotency.hash_request(request, await request.body())
    stored = None if key is None else await idempotency.claim(tx, key, digest)
    if stored is not None:
        kept: dict[str, str] = msgspec.json.decode(stored.replay(digest).body)
        return parse_id("pay", kept["payment_id"]), False
    payment_id = await course_payments.place(
        tx,
        student_id=body.student_id,
        line=orders.CourseDetails(
            course_id=body.course_id,
            description=body.description,
            amount_minor=body.amount_minor,
            currency=body.currency,
        ),
        life=gateways.session_ttl,
        return_url=body.return_url,
        metadata=body.metadata,
    )
    if key is not None:
        answer = msgspec.json.encode({"payment_id": public_id("pay", payment_id)})
        await idempotency.store(tx, key, HTTPStatus.CREATED, answer)
    return payment_id, True


def _shown(told: CoursePayment, url: str | None = None) -> CoursePaymentOut:
    payment, attempt = told.payment, told.attempt
    live = attempt if attempt is not None and attempt.ended_at is None else None
    initiated = told.status is CourseStatus.INITIATED
    return CoursePaymentOut(
        id=payment.id,
        student_id=told.student_id,
        course_id=told.course_id,
        description=told.description,
        amount_minor=payment.amount_minor,
        refunded_minor=payment.refunded_minor,
        currency=payment.currency,
        status=told.status,
        provider=None if attempt is None else attempt.provider,
        provider_payment_id=None if attempt is None else attempt.provider_ref,
        payment_url=(url or (live.redirect_url if live else None)) if initiated else None,
        failure_code=payment.last_error,
        expires_at=payment.expires_at,
        created_at=payment.created_at,
        completed_at=payment.succeeded_at,
        metadata=dict(payment.metadata),
    )
