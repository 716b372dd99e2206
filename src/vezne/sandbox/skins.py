"""What the one engine is dressed as: the simulated provider's protocol and MagicPay's, each with its own file, paths and keys."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from vezne.sandbox.models import Payment, Refund, Status, shown_payment, shown_refund, shown_with_card
from vezne.sandbox.refusals import Refused
from vezne.sandbox.settings import LIVE_MARK, SandboxSettings

TOLERANCE = timedelta(minutes=5)
"""How far a signed request's time may lie from ours, either way."""
_UNAUTHENTICATED = 401
_LONGEST_STAMP = 11  # digits: until the year 5138


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: what authenticates it is in here. Names of headers are in small letters."""

    method: str
    target: bytes
    """Path and query, as they were sent."""
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """A protocol over the engine: names, paths, how a request is authenticated, and how things are shown."""

    name: str
    title: str
    things: str
    """What payments are called in paths, such as `payments`."""
    noun: str
    """What one is called in the types of events, such as `payment`."""
    statuses: Mapping[Status, str]
    payment_id: str
    refund_id: str
    event_id: str
    """What names of payments, refunds and events begin with."""
    show_payment: Callable[[Payment], dict[str, object]]
    show_refund: Callable[[Refund], dict[str, object]]
    authenticate: Callable[[Asked, SandboxSettings, datetime], None]
    """Raises Refused unless the request is the merchant's."""
    database: Callable[[SandboxSettings], Path]
    webhook_secret: Callable[[SandboxSettings], str]
    keeps_cards: bool = False
    """Whether a card that was paid with can be kept and charged again."""

    @property
    def prefix(self) -> str:
        """Where all of it stands."""
        return f"/{self.name}"

    def event_type(self, status: Status) -> str:
        """The type of the event that tells of a payment's new status."""
        return f"{self.noun}.{self.statuses[status]}"


def _refuse_live(key: str) -> None:
    if LIVE_MARK in key:
        raise Refused(_UNAUTHENTICATED, "live_key_refused", "This is a test gateway; a live key must never be sent to it.")


def _by_bearer_key(asked: Asked, settings: SandboxSettings, _now: datetime) -> None:
    scheme, _, key = asked.headers.get("authorization", "").partition(" ")
    _refuse_live(key)
    if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode(), settings.api_key.encode()):
        raise Refused(
            _UNAUTHENTICATED, "unauthenticated", "Send the merchant's API key as 'Authorization: Bearer sim_sk_test_…'."
        )


def _by_signature(asked: Asked, settings: SandboxSettings, now: datetime) -> None:
    key, secret = settings.magic_pay_api_key or "", settings.magic_pay_secret or ""
    offered = asked.headers.get("magicpay-api-key", "")
    _refuse_live(offered)
    if not key or not hmac.compare_digest(offered.encode(), key.encode()):
        raise Refused(_UNAUTHENTICATED, "unauthenticated", "Send the merchant's API key as 'MagicPay-Api-Key'.")
    stamp = asked.headers.get("magicpay-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _LONGEST_STAMP):
        raise Refused(_UNAUTHENTICATED, "signature_invalid", "MagicPay-Timestamp must be the time in seconds since 1970.")
    if abs(int(now.timestamp()) - int(stamp)) > TOLERANCE.total_seconds():
        raise Refused(_UNAUTHENTICATED, "signature_expired", "MagicPay-Timestamp is too far from the present time.")
    message = b"\n".join((asked.method.encode(), asked.target, stamp.encode(), asked.body))
    expected = f"v1={hmac.digest(secret.encode(), message, hashlib.sha256).hex()}"
    if not hmac.compare_digest(expected.encode(), asked.headers.get("magicpay-signature", "").encode()):
        raise Refused(_UNAUTHENTICATED, "signature_invalid", "MagicPay-Signature does not match this request.")


def _session(payment: Payment) -> dict[str, object]:
    """A payment as MagicPay shows it: a session."""
    shown = shown_payment(payment)
    for name in ("capture", "captured_minor", "refunding_minor", "redirect_url"):
        del shown[name]
    return {
        **shown,
        "object": "session",
        "status": _SESSION_STATUSES[payment.status],
        "paid_minor": payment.captured_minor,
        "checkout_url": payment.redirect_url,
    }


def _session_refund(refund: Refund) -> dict[str, object]:
    shown = shown_refund(refund)
    del shown["payment"]
    return {**shown, "session": refund.payment_id}


_SESSION_STATUSES: Mapping[Status, str] = MappingProxyType(
    {**{status: status.value for status in Status}, Status.PENDING: "open", Status.SUCCEEDED: "paid"}
)

SIMULATED = Skin(
    name="simulated",
    title="Simulated provider",
    things="payments",
    noun="payment",
    statuses=MappingProxyType({status: status.value for status in Status}),
    payment_id="sim_pay",
    refund_id="sim_ref",
    event_id="sim_evt",
    show_payment=shown_with_card,
    show_refund=shown_refund,
    authenticate=_by_bearer_key,
    database=lambda settings: settings.database,
    webhook_secret=lambda settings: settings.webhook_secret,
    keeps_cards=True,
)
MAGICPAY = Skin(
    name="magicpay",
    title="MagicPay",
    things="sessions",
    noun="session",
    statuses=_SESSION_STATUSES,
    payment_id="mps",
    refund_id="mpr",
    event_id="mpe",
    show_payment=_session,
    show_refund=_session_refund,
    authenticate=_by_signature,
    database=lambda settings: settings.database.with_name(f"{settings.database.stem}-magicpay{settings.database.suffix}"),
    webhook_secret=lambda settings: settings.magic_pay_webhook_secret or "",
)
