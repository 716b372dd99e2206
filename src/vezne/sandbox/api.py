"""The machine API under /simulated/v1: authentication, idempotency, faults, and one function an endpoint."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from vezne.sandbox import events, faults, operations, queries
from vezne.sandbox.cards import CARDS, Card, digits_of
from vezne.sandbox.models import OPEN, Status
from vezne.sandbox.refusals import Refused
from vezne.sandbox.requests import (
    LARGEST_BODY,
    Capture,
    NewCardPayment,
    NewPayment,
    NewRefund,
    Nothing,
    Play,
    fingerprint,
    read_body,
)
from vezne.sandbox.settings import SandboxSettings
from vezne.sandbox.skins import Asked, Skin
from vezne.sandbox.store import Store, Tx

B = TypeVar("B", bound=BaseModel)
_LONGEST_KEY = 255
_LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What will be answered, and what an armed fault makes of it."""

    status: int
    body: Mapping[str, object]
    replayed: bool = False
    hang_ms: int | None = None
    break_it: bool = False
    slow_ms: int | None = None


Action = Callable[[Tx, B], Answer]


class CutConnection(Response):
    """An answer that never arrives: after a while the connection is closed in its middle."""

    def __init__(self, hang_ms: int) -> None:
        super().__init__(b"", headers={"connection": "close"})
        self._hang_ms = hang_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Wait, begin an answer, and end without one; the server then closes the connection."""
        await asyncio.sleep(self._hang_ms / 1000)
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1"), (b"connection", b"close")]}
        )


def error_response(refused: Refused) -> Response:
    """The API's own error body."""
    headers = {"www-authenticate": 'Bearer realm="sandbox"'} if refused.status == 401 else {}  # noqa: PLR2004
    return Response(json.dumps(refused.body), refused.status, headers, "application/json")


async def read_limited(request: Request, limit: int) -> bytes:
    """The request's body; Refused with 413 as soon as it is longer than `limit` bytes."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > limit:
            raise Refused(413, "too_large", f"The body is larger than {limit} bytes.")
    return bytes(raw)


def authenticate(request: Request, raw: bytes = b"") -> None:
    """Raise Refused unless the request with this body is the merchant's, as its store's provider has it."""
    store, query = _store(request), request.scope["query_string"]
    path = request.scope.get("raw_path") or request.url.path.encode()
    asked = Asked(request.method, path + (b"?" + query if query else b""), request.headers, raw)
    store.skin.authenticate(asked, request.app.state.settings, store.clock())


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= _LONGEST_KEY and key.isprintable()):
        raise Refused(400, "idempotency_error", f"Idempotency-Key must be 1 to {_LONGEST_KEY} printable characters.")
    return key


async def perform(request: Request, operation: str, model: type[B], action: Action[B]) -> Response:
    """Answer a POST: the same Idempotency-Key and content again get the same answer, refusals included."""
    raw = await read_limited(request, LARGEST_BODY)
    authenticate(request, raw)
    key = _idempotency_key(request)
    body = read_body(model, raw)
    facts = body.facts if isinstance(body, NewPayment) else body.model_dump()
    mark = fingerprint(request.method, request.url.path, body=facts)
    answer = await _store(request).transact(lambda tx: spoil(tx, operation, _once(tx, key, mark, body, action)))
    return await send(answer)


def _once(tx: Tx, key: str | None, mark: str, body: B, action: Action[B]) -> Answer:
    if key is not None:
        row = tx.sql.execute("SELECT fingerprint, status, body FROM idempotency WHERE key = ?", (key,)).fetchone()
        if row is not None:
            if row["fingerprint"] != mark:
                raise Refused(400, "idempotency_error", "This Idempotency-Key was used for another request.")
            return Answer(row["status"], json.loads(row["body"]), replayed=True)
    try:
        with tx.savepoint():
            answer = action(tx, body)
    except Refused as refused:
        answer = Answer(refused.status, refused.body)
    if key is not None:
        tx.sql.execute(
            "INSERT INTO idempotency (key, fingerprint, status, body, created_at) VALUES (?, ?, ?, ?, ?)",
            (key, mark, answer.status, json.dumps(answer.body), tx.stamp),
        )
    return answer


def spoil(tx: Tx, operation: str, answer: Answer) -> Answer:
    """Let the armed faults of the API happen to an answer whose work is done."""
    api = faults.armed(tx).api
    if api.timeout_after == operation and faults.fired(tx, "api.timeout_after") < api.times:
        faults.fire(tx, "api.timeout_after")
        return replace(answer, hang_ms=api.hang_ms)
    if api.error_500_after == operation and faults.fired(tx, "api.error_500_after") < api.times:
        faults.fire(tx, "api.error_500_after")
        return replace(answer, break_it=True)
    if api.slow_ms is not None and operation != "faults":
        faults.fire(tx, "api.slow_ms")
        return replace(answer, slow_ms=api.slow_ms)
    return answer


async def send(answer: Answer) -> Response:
    """The answer over HTTP, or what an armed fault has made of it."""
    if answer.hang_ms is not None:
        return CutConnection(answer.hang_ms)
    if answer.break_it:
        return error_response(Refused(500, "internal_error", "The simulated provider failed after doing the work."))
    if answer.slow_ms is not None:
        await asyncio.sleep(answer.slow_ms / 1000)
    headers = {"idempotent-replayed": "true"} if answer.replayed else {}
    return Response(json.dumps(answer.body), answer.status, headers, "application/json")


async def look(request: Request, operation: str, question: Callable[[Tx], Mapping[str, object]]) -> Response:
    """Answer a GET."""
    authenticate(request)
    return await send(await _store(request).transact(lambda tx: spoil(tx, operation, Answer(200, question(tx)))))


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def page(request: Request) -> tuple[int, str | None]:
    """How many of a list are asked for, and after which; Refused with 400."""
    text = request.query_params.get("limit", "20")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= _LARGEST_PAGE):
        raise Refused(400, "invalid_parameter", f"limit: must be 1 to {_LARGEST_PAGE}", "limit")
    return int(text), request.query_params.get("after")


def _base_url(request: Request) -> str:
    settings: SandboxSettings = request.app.state.settings
    return (settings.public_url or f"{request.url.scheme}://{request.url.netloc}").rstrip("/")


async def create_payment(request: Request) -> Response:
    """POST /payments"""
    model = NewCardPayment if _store(request).skin.keeps_cards else NewPayment

    def action(tx: Tx, body: NewPayment) -> Answer:
        mark = fingerprint("payment", body=body.facts)
        payment, made = operations.create_payment(tx, body, mark, _base_url(request))
        return Answer(201 if made else 200, tx.skin.show_payment(payment))

    return await perform(request, "create", model, action)


async def list_payments(request: Request) -> Response:
    """GET /payments, newest first; `?merchant_reference=` finds the one there is."""
    limit, after = page(request)
    reference = request.query_params.get("merchant_reference")

    def question(tx: Tx) -> Mapping[str, object]:
        if reference is not None:
            found = queries.select_payment_by_reference(tx, reference)
            return {"data": [] if found is None else [tx.skin.show_payment(found)], "has_more": False}
        rows = queries.select_payments(tx, limit=limit + 1, after=after)
        return {"data": [tx.skin.show_payment(row) for row in rows[:limit]], "has_more": len(rows) > limit}

    return await look(request, "read", question)


async def fetch_payment(request: Request) -> Response:
    """GET /payments/{id}"""
    payment_id = request.path_params["id"]
    return await look(request, "read", lambda tx: tx.skin.show_payment(queries.select_payment(tx, payment_id)))


async def capture_payment(request: Request) -> Response:
    """POST /payments/{id}/capture"""
    payment_id = request.path_params["id"]

    def action(tx: Tx, body: Capture) -> Answer:
        return Answer(200, tx.skin.show_payment(operations.capture(tx, payment_id, body.amount_minor)))

    return await perform(request, "capture", Capture, action)


async def cancel_payment(request: Request) -> Response:
    """POST /payments/{id}/cancel"""
    payment_id = request.path_params["id"]
    return await perform(
        request, "cancel", Nothing, lambda tx, _: Answer(200, tx.skin.show_payment(operations.cancel(tx, payment_id)))
    )


async def refund_payment(request: Request) -> Response:
    """POST /payments/{id}/refunds"""
    payment_id = request.path_params["id"]

    def action(tx: Tx, body: NewRefund) -> Answer:
        mark = fingerprint("refund", payment_id, body=body.model_dump())
        refund, made = operations.refund(tx, payment_id, body.amount_minor, body.merchant_reference, mark)
        return Answer(201 if made else 200, tx.skin.show_refund(refund))

    return await perform(request, "refund", NewRefund, action)


async def list_refunds(request: Request) -> Response:
    """GET /payments/{id}/refunds, oldest first"""
    payment_id = request.path_params["id"]

    def question(tx: Tx) -> Mapping[str, object]:
        rows = queries.select_refunds_of(tx, queries.select_payment(tx, payment_id).id)
        return {"data": [tx.skin.show_refund(row) for row in rows], "has_more": False}

    return await look(request, "read", question)


async def fetch_refund(request: Request) -> Response:
    """GET /refunds/{id}"""
    refund_id = request.path_params["id"]
    return await look(request, "read", lambda tx: tx.skin.show_refund(queries.select_refund(tx, refund_id)))


def card_of(text: str) -> Card:
    """The test card of this number; Refused with 400 when there is none."""
    card = CARDS.get(digits_of(text))
    if card is None:
        raise Refused(400, "unknown_card", "card: only the documented test cards are taken", "card")
    return card


async def play_customer(request: Request) -> Response:
    """POST /payments/{id}/play, for tests: what a customer would do on the hosted page."""
    payment_id = request.path_params["id"]

    def action(tx: Tx, body: Play) -> Answer:
        payment = queries.select_payment(tx, payment_id)
        card = card_of(body.card)
        if payment.status not in OPEN or payment.off_session:
            raise Refused(409, "invalid_state", f"Payment {payment.id} is {payment.status} and takes no card.")
        payment = operations.pay(tx, payment, card)
        if payment.status is Status.REQUIRES_ACTION and body.three_ds != "abandon":
            payment = operations.answer_challenge(tx, payment, approved=body.three_ds == "approve")
        return Answer(200, tx.skin.show_payment(payment))

    return await perform(request, "play", Play, action)


async def list_events(request: Request) -> Response:
    """GET /events, newest first, of one payment with `?payment=`"""
    limit, after = page(request)
    payment = request.query_params.get("payment")

    def question(tx: Tx) -> Mapping[str, object]:
        rows = events.select_events(tx, limit=limit + 1, after=after, payment=payment)
        return {"data": [events.shown_event(tx, row) for row in rows[:limit]], "has_more": len(rows) > limit}

    return await look(request, "read", question)


async def fetch_event(request: Request) -> Response:
    """GET /events/{id}, with the log of its deliveries"""
    event_id = request.path_params["id"]
    return await look(request, "read", lambda tx: events.shown_event(tx, events.select_event(tx, event_id)))


async def redeliver_event(request: Request) -> Response:
    """POST /events/{id}/redeliver"""
    event_id = request.path_params["id"]
    return await perform(request, "redeliver", Nothing, lambda tx, _: Answer(202, events.redeliver(tx, event_id)))


async def arm_faults(request: Request) -> Response:
    """POST /faults: these and no others, counters at nought"""

    def action(tx: Tx, body: faults.Faults) -> Answer:
        faults.arm(tx, body)
        return Answer(200, faults.shown(tx))

    return await perform(request, "faults", faults.Faults, action)


async def show_faults(request: Request) -> Response:
    """GET /faults: what is armed and how often each fired"""
    return await look(request, "faults", faults.shown)


async def disarm_faults(request: Request) -> Response:
    """DELETE /faults: nothing goes wrong on purpose any more"""

    def question(tx: Tx) -> Mapping[str, object]:
        faults.arm(tx, faults.Faults())
        return faults.shown(tx)

    return await look(request, "faults", question)


async def health(request: Request) -> Response:
    """GET /simulated/healthz: the file answers. Needs no key."""
    await _store(request).transact(lambda tx: tx.sql.execute("SELECT 1").fetchone())
    return Response('{"status":"ok"}', media_type="application/json")


Endpoint = Callable[[Request], Awaitable[Response]]
_TABLE: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/{things}", create_payment),
    ("GET", "/{things}", list_payments),
    ("GET", "/{things}/{id}", fetch_payment),
    ("POST", "/{things}/{id}/capture", capture_payment),
    ("POST", "/{things}/{id}/cancel", cancel_payment),
    ("POST", "/{things}/{id}/refunds", refund_payment),
    ("GET", "/{things}/{id}/refunds", list_refunds),
    ("POST", "/{things}/{id}/play", play_customer),
    ("GET", "/refunds/{id}", fetch_refund),
    ("GET", "/events", list_events),
    ("GET", "/events/{id}", fetch_event),
    ("POST", "/events/{id}/redeliver", redeliver_event),
    ("POST", "/faults", arm_faults),
    ("GET", "/faults", show_faults),
    ("DELETE", "/faults", disarm_faults),
)


def routes(skin: Skin, prefix: str) -> list[Route]:
    """The machine API as `skin` names it, under `prefix`."""
    table = [(method, path.replace("{things}", skin.things), endpoint) for method, path, endpoint in _TABLE]
    api = [Route(f"{prefix}/v1{path}", endpoint, methods=[method]) for method, path, endpoint in table]
    return [*api, Route(f"{prefix}/healthz", health, methods=["GET"])]
