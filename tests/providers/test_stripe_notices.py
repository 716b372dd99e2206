"""Stripe's events: signatures against the published vectors, times both ways, rolled secrets, snapshots and thin events."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe

from vezne.payments.providers.base import SignatureInvalid, WebhookNotice
from vezne.payments.providers.stripe import StripeProvider
from vezne.payments.providers.stripe_notices import tenant_in

pytestmark = pytest.mark.unit

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("stripe_vectors.json").read_text("utf-8"))["vectors"]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET, OLD = "whsec_of_today_0123456789", "whsec_of_yesterday_0123456789"
SUBJECT = {"id": "cs_test_1", "object": "checkout.session", "mode": "payment"}
STALE = timedelta(minutes=5, seconds=1)


@pytest.fixture
def alone() -> StripeProvider:
    """The provider: reading needs no Stripe."""
    return StripeProvider(base_url="http://127.0.0.1:9", secret_key="sk_test_alone", webhook_secrets=(SECRET, OLD))


def snapshot(type_: str = "checkout.session.completed", **thing: object) -> bytes:
    """An event that shows its object."""
    event = {"id": "evt_1", "object": "event", "type": type_, "data": {"object": thing or SUBJECT}}
    return json.dumps(event).encode()


def thin(type_: str, **related: str) -> bytes:
    """An event that only names its object."""
    event = {
        "id": "evt_thin",
        "object": "v2.core.event",
        "type": type_,
        "created": "2026-11-21T12:00:00.000Z",
        "livemode": False,
        "related_object": {"url": "/v1/anything", **related},
    }
    return json.dumps(event).encode()


def signed(raw: bytes, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    """Its headers."""
    header = stripe.WebhookSignature.generate_signature_header(raw.decode(), secret, int(at.timestamp()))
    return {"stripe-signature": header}


def read(provider: StripeProvider, raw: bytes) -> WebhookNotice:
    """The event, rightly signed."""
    return provider.read_webhook(raw, signed(raw), NOW)


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["kind"] == "hmac_sha256_hex"], ids=lambda one: one["name"])
def test_the_published_hashes_come_out(vector: dict[str, Any]) -> None:
    made = stripe.WebhookSignature._compute_signature(vector["message"], vector["secret"])
    assert made == vector["expected"]


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["kind"] == "header"], ids=lambda one: str(one["timestamp"]))
def test_the_published_event_is_believed(vector: dict[str, Any]) -> None:
    """CM5: and its type, which is none of ours, is about nothing."""
    at = datetime.fromtimestamp(vector["timestamp"], UTC)
    raw = vector["payload"].encode()
    believed = stripe.WebhookSignature.generate_signature_header(vector["payload"], vector["secret"], vector["timestamp"])
    assert believed == vector["expected_header"]
    provider = StripeProvider(base_url="http://127.0.0.1:9", secret_key="sk_test_x", webhook_secrets=(vector["secret"],))
    with pytest.raises(SignatureInvalid, match="no event"):  # the published payload has no type
        provider.read_webhook(raw, {"stripe-signature": vector["expected_header"]}, at)
    typed = raw.replace(b'"object": "event"', b'"object": "event", "type": "terminal.reader.action_succeeded"')
    notice = provider.read_webhook(typed, signed(typed, vector["secret"], at), at)
    assert (notice.event_id, notice.provider_ref, notice.subscription_ref) == ("evt_test_webhook", None, None)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "No Stripe-Signature"),
        ("i'm not even a real signature header", "Unable to extract timestamp and signatures"),
        ("t=now,v1=00", "Unable to extract timestamp and signatures"),
        ("v1=00", "Unable to extract timestamp and signatures"),
        ("t=1700000000,v1=bad_signature", "No signatures found matching"),
        ("t=1700000000,v0=00", "No signatures found with expected scheme"),
        ("t=1700000000,v1=ü", "No Stripe-Signature"),
        ("t,v1", "Unable to extract timestamp and signatures"),
    ],
)
def test_a_malformed_header_is_not_believed(alone: StripeProvider, header: str, reason: str) -> None:
    """CM5, CM7: what the published negative rules name, and worse."""
    with pytest.raises(SignatureInvalid, match=reason):
        alone.read_webhook(snapshot(), {"stripe-signature": header}, NOW)


def test_one_right_signature_among_several_is_enough(alone: StripeProvider) -> None:
    raw = snapshot()
    header = signed(raw)["stripe-signature"].replace(",v1=", f",v1={'0' * 64},v0=00,v1=")
    assert alone.read_webhook(raw, {"stripe-signature": header}, NOW).provider_ref == "cs_test_1"


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_the_old_secret_serves_beside_the_new_one(alone: StripeProvider, secret: str) -> None:
    raw = snapshot()
    assert alone.read_webhook(raw, signed(raw, secret), NOW).event_id == "evt_1"


def test_a_stranger_s_secret_does_not_serve(alone: StripeProvider) -> None:
    raw = snapshot()
    with pytest.raises(SignatureInvalid, match="No signatures found matching"):
        alone.read_webhook(raw, signed(raw, "whsec_of_a_stranger"), NOW)


def test_the_signature_is_over_these_very_bytes(alone: StripeProvider) -> None:
    raw = snapshot()
    with pytest.raises(SignatureInvalid):
        alone.read_webhook(raw + b" ", signed(raw), NOW)


@pytest.mark.parametrize("off", [STALE, -STALE])
def test_a_time_too_far_off_is_not_believed_either_way(alone: StripeProvider, off: timedelta) -> None:
    raw = snapshot()
    assert alone.read_webhook(raw, signed(raw, at=NOW + off - off / 10), NOW).event_id == "evt_1"
    with pytest.raises(SignatureInvalid, match="too far"):
        alone.read_webhook(raw, signed(raw, at=NOW + off), NOW)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b'{"id": 7, "type": "x"}', b'{"id": "evt_1"}', b"[" * 10_000])
def test_what_is_signed_and_no_event_is_refused(alone: StripeProvider, raw: bytes) -> None:
    with pytest.raises(SignatureInvalid, match="no event"):
        read(alone, raw)


def test_bytes_that_are_no_text_are_refused(alone: StripeProvider) -> None:
    with pytest.raises(SignatureInvalid, match="no text"):
        alone.read_webhook(b"\xff\xfe", {"stripe-signature": "t=1700000000,v1=00"}, NOW)


ABOUT: list[tuple[str, dict[str, object], tuple[str | None, str | None, str | None]]] = [
    (f"checkout.session.{how}", dict(SUBJECT), ("cs_test_1", None, None))
    for how in ("completed", "async_payment_succeeded", "async_payment_failed", "expired")
]
ABOUT += [
    (f"payment_intent.{how}", {"id": "pi_1", "object": "payment_intent"}, ("pi_1", None, None))
    for how in ("succeeded", "payment_failed", "processing", "amount_capturable_updated", "canceled")
]
ABOUT += [("charge.refunded", {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}, ("pi_1", None, None))]
ABOUT += [
    (f"refund.{how}", {"id": "re_1", "object": "refund", "payment_intent": {"id": "pi_1"}}, ("pi_1", None, None))
    for how in ("created", "updated", "failed")
]
ABOUT += [
    (f"customer.subscription.{how}", {"id": "sub_1", "object": "subscription"}, (None, "sub_1", None))
    for how in ("created", "updated", "deleted", "paused", "trial_will_end")
]
ABOUT += [
    (
        f"invoice.{how}",
        {"id": "in_1", "object": "invoice", "parent": {"subscription_details": {"subscription": "sub_1"}}},
        (None, "sub_1", None),
    )
    for how in ("created", "finalized", "paid", "payment_failed", "payment_action_required")
]
ABOUT += [
    (f"charge.dispute.{how}", {"id": "du_1", "object": "dispute", "status": "needs_response"}, (None, None, "du_1"))
    for how in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
]
ABOUT += [
    ("invoice.paid", {"id": "in_1", "object": "invoice", "subscription": "sub_old"}, (None, "sub_old", None)),
    ("invoice.paid", {"id": "in_1", "object": "invoice", "parent": None, "subscription": None}, (None, "in_1", None)),
    ("charge.refunded", {"id": "ch_1", "object": "charge", "payment_intent": None}, ("ch_1", None, None)),
    (
        "checkout.session.completed",
        {"id": "cs_2", "object": "checkout.session", "mode": "subscription", "subscription": "sub_2"},
        (None, "sub_2", None),
    ),
    (
        "checkout.session.expired",
        {"id": "cs_2", "object": "checkout.session", "mode": "subscription", "subscription": None},
        (None, "cs_2", None),
    ),
    ("charge.dispute.created", {"id": "du_1", "object": "dispute", "status": "warning_needs_response"}, (None, None, None)),
    ("invoice_payment.paid", {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1"}, (None, "in_1", None)),
    ("customer.created", {"id": "cus_1", "object": "customer"}, (None, None, None)),
    ("nobody.knows.this", {"id": "cs_1", "object": "checkout.session"}, (None, None, None)),
]


@pytest.mark.parametrize(("type_", "thing", "about"), ABOUT, ids=[f"{number}-{one[0]}" for number, one in enumerate(ABOUT)])
def test_an_event_says_what_it_is_about(
    alone: StripeProvider, type_: str, thing: dict[str, object], about: tuple[str | None, str | None, str | None]
) -> None:
    """CM5: in today's shapes, and in those of older versions that an endpoint may be pinned to."""
    notice = read(alone, snapshot(type_, **thing))
    assert notice.type == type_
    assert (notice.provider_ref, notice.subscription_ref, notice.dispute_ref) == about


@pytest.mark.parametrize("data", [None, [], {}, {"object": None}, {"object": []}, {"object": {"object": "charge"}}])
def test_an_event_without_its_object_is_about_nothing(alone: StripeProvider, data: object) -> None:
    raw = json.dumps({"id": "evt_1", "object": "event", "type": "charge.refunded", "data": data}).encode()
    notice = read(alone, raw)
    assert (notice.provider_ref, notice.subscription_ref, notice.dispute_ref) == (None, None, None)


@pytest.mark.parametrize(
    ("type_", "related", "about"),
    [
        ("v1.checkout.session.completed", {"id": "cs_1", "type": "checkout.session"}, ("cs_1", None, None)),
        ("v1.payment_intent.succeeded", {"id": "pi_1", "type": "payment_intent"}, ("pi_1", None, None)),
        ("v1.charge.refunded", {"id": "ch_1", "type": "charge"}, ("ch_1", None, None)),
        ("v1.invoice.paid", {"id": "in_1", "type": "invoice"}, (None, "in_1", None)),
        ("v1.customer.subscription.updated", {"id": "sub_1", "type": "subscription"}, (None, "sub_1", None)),
        ("v1.charge.dispute.created", {"id": "du_1", "type": "dispute"}, (None, None, "du_1")),
        ("v1.billing.meter.error_report_triggered", {"id": "mtr_1", "type": "billing.meter"}, (None, None, None)),
        ("v9.nobody.knows.this", {"id": "x_1", "type": "x"}, (None, None, None)),
    ],
)
def test_a_thin_event_names_its_object(
    alone: StripeProvider, type_: str, related: dict[str, str], about: tuple[str | None, str | None, str | None]
) -> None:
    notice = read(alone, thin(type_, **related))
    assert (notice.event_id, notice.type) == ("evt_thin", type_)
    assert (notice.provider_ref, notice.subscription_ref, notice.dispute_ref) == about


def test_a_thin_event_that_names_nothing_is_about_nothing(alone: StripeProvider) -> None:
    event = json.loads(thin("v1.charge.refunded"))
    for broken in (
        {**event, "related_object": None},
        {k: v for k, v in event.items() if k != "related_object"},
        {**event, "created": 7},
    ):
        assert read(alone, json.dumps(broken).encode()).provider_ref is None


@pytest.mark.parametrize(
    ("thing", "tenant"),
    [
        ({"object": "checkout.session", "metadata": {"tenant": "7"}}, "7"),
        ({"object": "invoice", "parent": {"subscription_details": {"metadata": {"tenant": "8"}}}}, "8"),
        ({"object": "invoice", "subscription_details": {"metadata": {"tenant": "9"}}}, "9"),
        ({"object": "dispute", "metadata": {}}, None),
        ({"object": "charge", "metadata": {"tenant": 7}}, None),
    ],
)
def test_an_event_names_whose_it_is(thing: dict[str, object], tenant: str | None) -> None:
    assert tenant_in(snapshot("charge.refunded", **thing)) == tenant
    assert tenant_in(b"no event") is None
