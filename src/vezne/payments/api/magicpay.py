"""MagicPay's demo over HTTP: a session for programs, and the card page of the same address for people.

A session's name cannot be guessed; whoever holds it may see and pay this one session. That is all it opens.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vezne.kernel.body import read_body
from vezne.kernel.errors import NotFound
from vezne.kernel.http import Edge, refusals
from vezne.kernel.ids import PublicId
from vezne.kernel.messages import LANGUAGES
from vezne.kernel.pages import Pages, language_of
from vezne.payments.gateways import Gateways
from vezne.payments.models import OPEN
from vezne.payments.operations import demo
from vezne.payments.operations.demo import DemoView, PaymentStatusShown
from vezne.payments.providers.magicpay_sessions import (
    CARDS,
    MagicPaySessionUnknown,
    SessionStatus,
    card_fields_wrong,
    spaced,
)

demo_api = APIRouter(prefix="/v1/magicpay/demo", tags=["magicpay"])

PAGES: Final = Pages("payments")
HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
LARGEST_FORM = 8 * 1024
_MOST_FIELDS = 10


class DemoSessionOut(BaseModel):
    """A session of the demo and the payment it is for. Amounts are whole minor units of `currency`."""

    session_id: str
    payment_id: Annotated[UUID, PublicId("pay")]
    status: SessionStatus
    payment_status: PaymentStatusShown
    amount_minor: int
    currency: str
    failure_code: str | None
    checkout_url: str
    return_url: str = Field(description="where the customer goes after paying")
    expires_at: datetime
    mode: Literal["demo"] = "demo"


@demo_api.get(
    "/{session_id}",
    response_model=DemoSessionOut,
    responses=refusals(MagicPaySessionUnknown),
    openapi_extra={"security": []},  # no API key: the session's name cannot be guessed
)
async def get_demo_session(request: Request, session_id: str) -> Response | DemoSessionOut:
    """A session of MagicPay's demo. A browser (`Accept: text/html`) gets the page on which its customer pays."""
    person = "text/html" in request.headers.get("accept", "")
    try:
        view = await demo.demo_session(_edge(request).db, _gateways(request), session_id)
    except NotFound:
        if person:
            return _gone(request)
        raise
    return _page(request, view) if person else _shown(view)


@demo_api.post("/{session_id}", include_in_schema=False)
async def submit_card(request: Request, session_id: str) -> Response:
    """The page's form: a card, or `leave`. Sent twice, the first one counts and both lead to the same place."""
    db, gateways = _edge(request).db, _gateways(request)
    try:
        fields = _fields(await read_body(request, LARGEST_FORM))
        view = await demo.demo_session(db, gateways, session_id)
        if "leave" in fields:
            view = await demo.leave_demo(db, gateways, session_id)
        elif _payable(view):
            wrong = card_fields_wrong(fields, view.now)
            if wrong:
                return _page(request, view, fields, wrong)
            view = await demo.pay_demo(db, gateways, session_id, fields["number"])
    except NotFound:
        return _gone(request)
    return RedirectResponse(_onward(request, view), HTTPStatus.SEE_OTHER, HEADERS)


def _fields(raw: bytes) -> dict[str, str]:
    """The fields of a form; of one that cannot be read, none."""
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError:
        return {}


def _payable(view: DemoView) -> bool:
    return view.session.status is SessionStatus.OPEN and view.payment.status in OPEN and view.now < view.payment.expires_at


def _onward(request: Request, view: DemoView) -> str:
    """Back to whoever sent the customer; while nothing is decided, to the page itself."""
    return _here(request, view) if view.session.status is SessionStatus.OPEN else view.session.return_url


def _here(request: Request, view: DemoView) -> str:
    lang = request.query_params.get("lang")
    return urlsplit(view.checkout_url).path + (f"?lang={lang}" if lang in LANGUAGES else "")


def _page(
    request: Request, view: DemoView, fields: dict[str, str] | None = None, wrong: dict[str, str] | None = None
) -> Response:
    back = urlsplit(view.session.return_url)
    known = CARDS if (fields or {}).get("number", "").replace(" ", "") in CARDS else {}
    number = request.query_params.get("card", "")
    return PAGES.render(
        request,
        "payments/magicpay.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
        locale=view.session.locale,
        form_targets=(f"{back.scheme}://{back.netloc}",) if back.netloc else (),
        headers=HEADERS,
        test_mode=True,
        view=view,
        payable=_payable(view),
        face=view.session.status if not _payable(view) and view.session.status is not SessionStatus.OPEN else "over",
        wrong=wrong or {},
        # Never what is no test card's number, never a security code.
        filled={
            "number": (fields or {}).get("number", "") if known else (spaced(number) if number in CARDS else ""),
            "expiry": (fields or {}).get("expiry", "")[:7] if fields and "expiry" not in (wrong or {}) else "",
        },
        cards=[(number, spaced(number), outcome) for number, outcome in CARDS.items()],
        here=_here(request, view),
        page=urlsplit(view.checkout_url).path,
    )


def _gone(request: Request) -> Response:
    return PAGES.render(
        request,
        "problem.html",
        status=HTTPStatus.NOT_FOUND,
        headers=HEADERS,
        message=PAGES.text(language_of(request), "payments.forward.gone"),
        request_id=request.state.request_id,
    )


def _shown(view: DemoView) -> DemoSessionOut:
    return DemoSessionOut(
        session_id=view.session.id,
        payment_id=view.payment.id,
        status=view.session.status,
        payment_status=view.payment_status,
        amount_minor=view.session.amount_minor,
        currency=view.session.currency,
        failure_code=view.session.failure_code,
        checkout_url=urlsplit(view.checkout_url).path,
        return_url=view.session.return_url,
        expires_at=view.payment.expires_at,
    )


def _edge(request: Request) -> Edge:
    edge: Edge = request.app.state.edge
    return edge


def _gateways(request: Request) -> Gateways:
    gateways: Gateways = request.app.state.gateways
    return gateways
