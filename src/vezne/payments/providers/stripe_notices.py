"""Reading Stripe's events: snapshots of any API version, and thin ones. Signature and time are believed; they only say "look".

https://docs.stripe.com/webhooks (signatures), https://docs.stripe.com/event-destinations (thin events).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import stripe

from vezne.payments.providers.base import SignatureInvalid, WebhookNotice
from vezne.payments.providers.stripe_answers import part, ref, said_of_us
from vezne.payments.providers.stripe_api import Fields

TOLERANCE: Final = timedelta(minutes=5)
"""How far an event's time may lie from ours, either way; Stripe's library looks only one way."""
HEADER: Final = "stripe-signature"

_LONGEST_TIME = 11
"""Digits of a time: until the year 5138."""
_ABOUT: Final = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "charge.refunded",
        "charge.refund.updated",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "customer.subscription.trial_will_end",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice.payment_failed",
        "invoice.payment_action_required",
        "invoice.voided",
        "invoice.marked_uncollectible",
        "invoice_payment.paid",
    }
)
"""What is acted on. Every other type is believed and about nothing."""

Refs = Mapping[str, str | None]


class Notices:
    """Events signed with one of our endpoint's secrets: a new secret is listed beside the old one while it is rolled."""

    def __init__(self, client: stripe.StripeClient, secrets: tuple[str, ...]) -> None:
        self._client = client
        self._secrets = secrets

    def read(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:
        """What an event is about. Raises SignatureInvalid."""
        self._verify(raw, headers.get(HEADER, ""), now)
        event = event_in(raw)
        name, kind = event.get("id"), event.get("type")
        if not (isinstance(name, str) and name and isinstance(kind, str)):
            raise SignatureInvalid(reason="its content is no event")
        refs: Refs = {}
        if kind.removeprefix("v1.") in _ABOUT:
            refs = self._thin(event) if event.get("object") == "v2.core.event" else refs_of(snapshot_of(event))
        return WebhookNotice(
            event_id=name,
            type=kind,
            provider_ref=refs.get("provider_ref"),
            subscription_ref=refs.get("subscription_ref"),
            dispute_ref=refs.get("dispute_ref"),
        )

    def _verify(self, raw: bytes, header: str, now: datetime) -> None:
        reason = "there is no secret to verify it by"
        for secret in self._secrets:
            try:
                # The library's own tolerance asks the machine's clock, and takes any time of the future.
                stripe.WebhookSignature.verify_header(raw, _plain(header), secret, tolerance=None)
            except stripe.SignatureVerificationError as error:
                reason = str(error.user_message)
            except UnicodeDecodeError:
                raise SignatureInvalid(reason="its content is no text") from None
            else:
                _check_time(header, now)
                return
        raise SignatureInvalid(reason=reason[:200])

    def _thin(self, event: dict[str, Any]) -> Refs:
        """A thin event names its object and shows nothing of it; the library reads which."""
        try:
            related = self._client.parse_event_notification_without_verification(msgspec.json.encode(event))
            named = getattr(related, "related_object", None)
            return refs_of({"object": named.type.removeprefix("v1."), "id": named.id}) if named is not None else {}
        except (KeyError, TypeError, ValueError, AttributeError):
            return {}


def event_in(raw: bytes) -> dict[str, Any]:
    """The event in a body. Raises SignatureInvalid: signed or not, it is none of Stripe's."""
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise SignatureInvalid(reason="its content is no event") from None


def snapshot_of(event: Fields) -> Fields:
    """The object that a snapshot event shows, in the shape of the version its endpoint was made with."""
    data = part(event, "data")
    return {} if data is None else part(data, "object") or {}


def refs_of(shown: Fields) -> Refs:
    """What an object is about, by the names that the adapter takes."""
    about = _REFS.get(str(shown.get("object")))
    return {} if about is None else about(shown)


def _page(session: Fields) -> Refs:
    if session.get("mode") == "subscription":
        return {"subscription_ref": ref(session, "subscription") or _name(session)}
    return {"provider_ref": _name(session)}


def _of_intent(thing: Fields) -> Refs:
    return {"provider_ref": ref(thing, "payment_intent") or _name(thing)}


def _dispute(dispute: Fields) -> Refs:
    """A bank that only inquires has taken nothing."""
    return {} if str(dispute.get("status", "")).startswith("warning_") else {"dispute_ref": _name(dispute)}


def _name(thing: Fields) -> str | None:
    return ref({"it": thing}, "it")


_REFS: Final[Mapping[str, Callable[[Fields], Refs]]] = {
    "checkout.session": _page,
    "payment_intent": lambda intent: {"provider_ref": _name(intent)},
    "charge": _of_intent,
    "refund": _of_intent,
    "dispute": _dispute,
    "subscription": lambda subscription: {"subscription_ref": _name(subscription)},
    "customer.subscription": lambda subscription: {"subscription_ref": _name(subscription)},
    "invoice": lambda invoice: {"subscription_ref": _subscription_of(invoice) or _name(invoice)},
    "invoice_payment": lambda paid: {"subscription_ref": ref(paid, "invoice")},
}


def _subscription_of(invoice: Fields) -> str | None:
    """Whose bill it is: since 2025-03-31 inside its parent, before that on the bill itself."""
    parent = part(invoice, "parent") or {}
    details = part(parent, "subscription_details") or {}
    return ref(details, "subscription") or ref(invoice, "subscription")


def tenant_in(raw: bytes) -> str | None:
    """The tenant that an event's object names in its metadata; None when it names none. Nothing is believed by this."""
    try:
        shown = snapshot_of(event_in(raw))
    except SignatureInvalid:
        return None
    parent = part(shown, "parent") or {}
    for fields in (shown, part(parent, "subscription_details") or {}, part(shown, "subscription_details") or {}):
        found = said_of_us(fields, "tenant")
        if found is not None:
            return found
    return None


def _plain(header: str) -> str | None:
    """The library compares text by a function that knows ASCII only."""
    return header if header.isascii() else None


def _check_time(header: str, now: datetime) -> None:
    written = next((item[2:] for item in header.split(",") if item.startswith("t=")), "")
    if not (written.isdigit() and len(written) <= _LONGEST_TIME):
        raise SignatureInvalid(reason="its timestamp is no number")
    if abs(now - datetime.fromtimestamp(int(written), UTC)) > TOLERANCE:
        raise SignatureInvalid(reason="its timestamp is too far from the present time")
