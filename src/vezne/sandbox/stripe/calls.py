"""One call of the API: who asks, whether it was answered before, what it does, and how the answer looks over HTTP."""

import asyncio
import hmac
import json
import re
import secrets
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vezne.sandbox import api
from vezne.sandbox.api import Answer
from vezne.sandbox.refusals import Refused
from vezne.sandbox.requests import fingerprint
from vezne.sandbox.settings import LIVE_MARK, SandboxSettings
from vezne.sandbox.store import Store, Tx, stamp
from vezne.sandbox.stripe import account, events, objects
from vezne.sandbox.stripe.errors import API, IDEMPOTENCY, INVALID, StripeRefused, invalid, of_refusal
from vezne.sandbox.stripe.params import Params, read
from vezne.sandbox.stripe.shapes import Object

_VERSION = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9](\.[a-z]+)?", re.ASCII)
_LONGEST_KEY = 255
_LARGEST_BODY = 256 * 1024
_KEPT = timedelta(hours=24)
"""How long an answer is remembered under its Idempotency-Key."""


@dataclass(frozen=True, slots=True)
class Call:
    """What an endpoint is given. What it returns is answered with 200."""

    tx: Tx
    params: Params
    path: Mapping[str, str]


Action = Callable[[Call], Object]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as it came."""

    path: Mapping[str, str]
    query: bytes
    raw: bytes
    key: str | None
    mark: str
    id: str
    version: str
    base_url: str


def get(path: str, action: Action) -> Route:
    """An endpoint that only looks."""
    return Route(path, _endpoint(action, "read"), methods=["GET"])


def post(path: str, action: Action, operation: str = "change") -> Route:
    """An endpoint that does something. `operation` is what faults call it: create, capture, cancel or refund."""
    return Route(path, _endpoint(action, operation), methods=["POST"])


def delete(path: str, action: Action, operation: str = "change") -> Route:
    """An endpoint that takes something away."""
    return Route(path, _endpoint(action, operation), methods=["DELETE"])


def _endpoint(action: Action, operation: str) -> Endpoint:
    async def answer(request: Request) -> Response:
        headers = {"request-id": f"req_{secrets.token_hex(7)}", "stripe-version": _version(request)}
        try:
            return await _answered(request, headers, action, operation)
        except Refused as refused:
            return show_refusal(refused, headers)

    return answer


async def _answered(request: Request, headers: dict[str, str], action: Action, operation: str) -> Response:
    _authenticate(request)
    if not _VERSION.fullmatch(headers["stripe-version"]):
        raise invalid(f"Invalid Stripe API version: {headers['stripe-version'][:40]}")
    asked = await _asked(request, headers)
    store: Store = request.app.state.store
    under_way: set[str] = request.app.state.stripe_keys
    if asked.key is not None:
        headers["idempotency-key"] = asked.key
        if asked.key in under_way:
            raise _in_use()
        under_way.add(asked.key)
    try:
        answer = await store.transact(lambda tx: _once(tx, asked, action, operation))
        return await _send(answer, headers)
    finally:
        under_way.discard(asked.key or "")


def _in_use() -> StripeRefused:
    message = "There is currently another in-progress request using this Idempotent Key. Please try again later."
    return StripeRefused(409, IDEMPOTENCY, message, code="idempotency_key_in_use")


def _version(request: Request) -> str:
    return str(request.headers.get("stripe-version", account.API_VERSION))


async def _asked(request: Request, headers: Mapping[str, str]) -> _Asked:
    settings: SandboxSettings = request.app.state.settings
    raw = await api.read_limited(request, _LARGEST_BODY)
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    if key is not None and not 1 <= len(key) <= _LONGEST_KEY:
        raise invalid(f"Idempotency-Key must have 1 to {_LONGEST_KEY} characters.")
    mark = fingerprint(request.method, request.url.path, body={"sent": sorted(raw.decode("latin-1").split("&"))})
    base_url = (settings.public_url or f"{request.url.scheme}://{request.url.netloc}").rstrip("/")
    query = request.scope["query_string"]
    return _Asked(request.path_params, query, raw, key, mark, headers["request-id"], headers["stripe-version"], base_url)


def _authenticate(request: Request) -> None:
    settings: SandboxSettings = request.app.state.settings
    scheme, _, offered = request.headers.get("authorization", "").partition(" ")
    key = offered.strip()
    if scheme.lower() == "basic":
        with suppress(ValueError):
            key = b64decode(key, validate=True).decode("utf-8").partition(":")[0]
    if LIVE_MARK in key:
        raise StripeRefused(401, INVALID, "This is a test gateway; a live key must never be sent to it.")
    if not key:
        message = (
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth."
        )
        raise StripeRefused(401, INVALID, message)
    if not hmac.compare_digest(key.encode(), settings.stripe_secret_key.encode()):
        raise StripeRefused(401, INVALID, f"Invalid API Key provided: {key[:8]}{'*' * 8}{key[-4:] if len(key) > 16 else ''}")  # noqa: PLR2004


def _once(tx: Tx, asked: _Asked, action: Action, operation: str) -> Answer:
    if asked.key is None:
        return api.spoil(tx, operation, _done(tx, asked, action)[0])
    tx.sql.execute("DELETE FROM stripe_idempotency WHERE created_at < ?", (stamp(tx.now - _KEPT),))
    row = tx.sql.execute("SELECT fingerprint, status, body FROM stripe_idempotency WHERE key = ?", (asked.key,)).fetchone()
    if row is not None:
        if row["fingerprint"] != asked.mark:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
                f" Try using a key other than '{asked.key}' if you meant to execute a different request."
            )
            raise StripeRefused(400, IDEMPOTENCY, message)
        return Answer(row["status"], json.loads(row["body"]), replayed=True)
    answer, stored = _done(tx, asked, action)
    answer = api.spoil(tx, operation, answer)
    if answer.break_it:
        failed = StripeRefused(500, API, "An unknown error occurred.")
        answer = Answer(failed.status, failed.body)
    if stored:
        tx.sql.execute(
            "INSERT INTO stripe_idempotency (key, fingerprint, status, body, created_at) VALUES (?, ?, ?, ?, ?)",
            (asked.key, asked.mark, answer.status, json.dumps(answer.body), tx.stamp),
        )
    return answer


def _done(tx: Tx, asked: _Asked, action: Action) -> tuple[Answer, bool]:
    """The answer, and whether the same key gets it again."""
    account.keep_base_url(tx, asked.base_url)
    with events.caused_by(asked.id, asked.key):
        try:
            with tx.savepoint():
                return _acted(tx, asked, action)
        except StripeRefused as refused:
            return Answer(refused.status, refused.body), refused.stored


def _acted(tx: Tx, asked: _Asked, action: Action) -> tuple[Answer, bool]:
    params = read(asked.raw or asked.query)
    paths = params.texts("expand")
    try:
        thing = action(Call(tx, params, asked.path))
    except StripeRefused as refused:
        if not refused.keeps:
            raise
        return Answer(refused.status, refused.body), True
    params.finish()
    return Answer(200, objects.expand(tx, thing, paths)), True


async def _send(answer: Answer, headers: dict[str, str]) -> Response:
    if answer.hang_ms is not None:
        return api.CutConnection(answer.hang_ms)
    if answer.slow_ms is not None:
        await asyncio.sleep(answer.slow_ms / 1000)
    if answer.break_it:
        return show_refusal(StripeRefused(500, API, "An unknown error occurred."), headers)
    if answer.replayed:
        headers["idempotent-replayed"] = "true"
    return Response(json.dumps(answer.body, indent=2), answer.status, headers, "application/json")


def show_refusal(refused: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """The error as Stripe's API shows it."""
    shown = of_refusal(refused)
    retry = {"stripe-should-retry": "true"} if shown.code == "idempotency_key_in_use" else {}
    body = json.dumps(shown.body, indent=2)
    return Response(body, shown.status, {**(headers or {}), **retry}, "application/json")
