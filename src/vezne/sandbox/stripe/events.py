"""Events: a snapshot of what has changed, kept with the change; told to every endpoint that wants its type, whole or thin."""

import copy
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from vezne.sandbox.events import Event, tell
from vezne.sandbox.parcels import STALE_BY, Parcel
from vezne.sandbox.settings import SandboxSettings
from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, objects, timers
from vezne.sandbox.stripe.shapes import Object, new

NAME = "stripe"
_WRONG_SECRET = "whsec_forgedByTheSandboxAndNobodyElse"  # noqa: S105 - signs the forged copies, and nothing else
_CAUSE: ContextVar[tuple[str | None, str | None]] = ContextVar("stripe_cause", default=(None, None))
"""The request that is being answered and its Idempotency-Key; neither when time did it."""
_CLAIMS = {"payment_failed": "succeeded", "failed": "succeeded", "canceled": "succeeded", "expired": "completed"}


@contextmanager
def caused_by(request_id: str, key: str | None) -> Iterator[None]:
    """What is emitted inside names this request as its cause."""
    token = _CAUSE.set((request_id, key))
    try:
        yield
    finally:
        _CAUSE.reset(token)


def emit(tx: Tx, type_: str, thing: Object, previous: Mapping[str, object] | None = None) -> Object:
    """Keep the event and queue its deliveries. `previous` are the old values of what an update has changed."""
    request_id, key = _CAUSE.get()
    data: Object = {"object": copy.deepcopy(thing)}
    if previous is not None:
        data["previous_attributes"] = dict(previous)
    told = _endpoints(tx, type_)
    event = new(
        "event",
        id=account.new_id(tx, "evt"),
        api_version=account.API_VERSION,
        created=timers.now(tx, timers.clock_of(tx, thing)),
        data=data,
        pending_webhooks=len(told),
        request={"id": request_id, "idempotency_key": key},
        type=type_,
    )
    objects.insert(tx, event)
    for number, (name, url, secret, payload) in enumerate(told):
        shown = thin(event) if payload == "thin" else event
        body = json.dumps({"secret": secret, "payload": shown})
        own_id = event["id"] if number == 0 else f"{event['id']}_{name}"
        tell(tx, Event(own_id, NAME, type_, _subject(thing), url, body))
    return event


def _subject(thing: Object) -> str:
    """What the sandbox's list of events finds it by: the payment, else the thing itself."""
    return str(thing.get("payment_intent") or thing["id"])


def _endpoints(tx: Tx, type_: str) -> list[tuple[str, str, str, str]]:
    """Everybody who wants to hear of this type: a name, an address, a secret (the settings' when empty), and a form."""
    board = account.dashboard(tx)
    found = []
    if board.webhook_url is not None:
        forms = ("snapshot", "thin") if board.payload == "both" else (board.payload,)
        found = [(form, board.webhook_url, "", form) for form in forms]
    for endpoint in objects.select(tx, "webhook_endpoint", status="enabled"):
        if {"*", type_} & set(endpoint["enabled_events"]):
            secret = str(objects.hidden_of(tx, endpoint["id"])["secret"])
            found.append((endpoint["id"], endpoint["url"], secret, "snapshot"))
    return found


def thin(event: Object) -> Object:
    """The event as an event destination is told: what has happened to what, and where to look it up."""
    thing = event["data"]["object"]
    return {
        "id": event["id"],
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "livemode": False,
        "created": _instant(event["created"]),
        "context": None,
        "reason": _reason(event["request"]),
        "changes": None,
        "snapshot_event": event["id"],
        "related_object": {"id": thing["id"], "type": thing["object"], "url": _url_of(thing)},
    }


def _reason(request: Mapping[str, str | None]) -> Object | None:
    if request["id"] is None:
        return None
    return {"type": "request", "request": {"id": request["id"], "idempotency_key": request["idempotency_key"] or ""}}


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _url_of(thing: Object) -> str:
    """Where a resource is retrieved, such as /v1/checkout/sessions/cs_…"""
    if thing["object"] == "line_item":
        return f"/v1/invoices/{thing['invoice']}/lines"
    path = str(thing["object"]).replace(".", "/")
    return f"/v1/{path}{'' if path.endswith('s') else 's'}/{thing['id']}"


def pack(parcel: Parcel, settings: SandboxSettings) -> tuple[bytes, dict[str, str]]:
    """The body and headers to send. A forged copy claims success under a wrong secret; a stale one was signed long ago."""
    envelope = json.loads(parcel.body)
    event, secret, at = envelope["payload"], envelope["secret"] or settings.stripe_webhook_secret, parcel.at
    if parcel.kind == "forged":
        event, secret = _claiming_success(event), _WRONG_SECRET
    if parcel.kind == "stale":
        at -= STALE_BY
    body = json.dumps(event, indent=2)
    seconds = int(at.timestamp())
    signature = hmac.digest(secret.encode(), f"{seconds}.{body}".encode(), hashlib.sha256).hex()
    headers = {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "stripe-signature": f"t={seconds},v1={signature}",
    }
    return body.encode(), headers


def _claiming_success(event: Object) -> Object:
    subject, _, outcome = str(event["type"]).rpartition(".")
    claimed = copy.deepcopy(event)
    claimed["type"] = f"{subject}.{_CLAIMS.get(outcome, outcome)}"
    thing = claimed.get("data", {}).get("object", {})
    for name, value in (
        ("status", "complete" if thing.get("object") == "checkout.session" else "succeeded"),
        ("payment_status", "paid"),
    ):
        if name in thing:
            thing[name] = value
    return claimed
