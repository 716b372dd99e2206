"""What Stripe tells its merchant: snapshots and thin events, signed, retried, and with every fault that can be armed (CM5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from sandbox.stripe_lab import STRIPE_KEY, STRIPE_SECRET, Heard, Lab, intent_of, looked_at, until
from sandbox.stripe_shapes import check


@pytest.fixture
def told(stripe_lab: Lab) -> Lab:
    """A lab whose dashboard names the merchant's address."""
    stripe_lab.answers.clear()
    stripe_lab.dashboard()
    return stripe_lab


def believed(heard: Heard, secret: str = STRIPE_SECRET) -> stripe.Event:
    event: stripe.Event = stripe.Webhook.construct_event(heard.body, heard.signature, secret)
    return event


def test_a_payment_is_told_in_snapshots_that_the_sdk_believes(told: Lab) -> None:
    intent = told.intent(metadata={"reference": "att_1"})
    until(lambda: told.of("payment_intent.succeeded", intent.id))
    (heard,) = told.of("payment_intent.succeeded", intent.id)
    event = believed(heard)
    check(event.to_dict())
    assert (event.type, event.api_version, event.data.object["metadata"]["reference"]) == (
        "payment_intent.succeeded",
        stripe.api_version,
        "att_1",
    )
    assert event.request is not None
    assert str(event.request.id).startswith("req_")
    kept = looked_at(told.v1.events.retrieve(event.id))
    assert kept["data"]["object"]["id"] == intent.id
    with pytest.raises(stripe.SignatureVerificationError):
        believed(heard, "whsec_another")
    with pytest.raises(stripe.SignatureVerificationError):
        believed(Heard(heard.body.replace(b"2000", b"2001"), heard.signature))


def test_thin_events_name_their_object_and_lead_to_it(told: Lab) -> None:
    told.dashboard("thin")
    intent = told.intent()
    until(lambda: told.of("v1.payment_intent.succeeded", intent.id))
    (heard,) = told.of("v1.payment_intent.succeeded", intent.id)
    with pytest.raises(ValueError, match="parse_event_notification"):
        believed(heard)
    client: Any = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": told.base})
    notice = client.parse_event_notification(heard.body, heard.signature, STRIPE_SECRET)
    assert (notice.type, notice.related_object.id) == ("v1.payment_intent.succeeded", intent.id)
    assert notice.fetch_related_object().id == intent.id
    whole = notice.fetch_event()
    assert (whole.id, whole.reason.type) == (notice.id, "request")
    assert client.v2.core.events.retrieve(notice.id).type == notice.type
    assert told.v1.events.retrieve(whole.snapshot_event).data.object["id"] == intent.id


def test_both_forms_are_told_when_both_are_wanted_and_neither_without_an_address(told: Lab) -> None:
    told.dashboard("both")
    customer = told.customer()
    until(lambda: told.of("customer.created", customer.id) and told.of("v1.customer.created", customer.id))
    told.dashboard(told=False)
    quiet = told.customer()
    assert told.v1.events.list({"type": "customer.created"}).data[0].pending_webhooks == 0
    assert not told.of("customer.created", quiet.id)


def test_an_endpoint_made_by_the_api_hears_its_types_under_its_own_secret(told: Lab) -> None:
    told.dashboard(told=False)
    made = told.v1.webhook_endpoints.create(
        {"url": f"{told.told}/webhook", "enabled_events": ["customer.deleted"], "api_version": "2026-10-28.endive"}
    )
    secret = looked_at(made)["secret"]
    try:
        assert "secret" not in looked_at(told.v1.webhook_endpoints.retrieve(made.id))
        customer = told.customer()
        assert looked_at(told.v1.customers.delete(customer.id))["deleted"]
        until(lambda: told.of("customer.deleted", customer.id))
        assert believed(told.of("customer.deleted", customer.id)[0], secret).type == "customer.deleted"
        assert not told.of("customer.created", customer.id)
        off = looked_at(told.v1.webhook_endpoints.update(made.id, {"disabled": True}))
        assert off["status"] == "disabled"
        assert [one.id for one in told.v1.webhook_endpoints.list()] == [made.id]
    finally:
        assert looked_at(told.v1.webhook_endpoints.delete(made.id))["deleted"]
    for wrong in ({"url": "https://shop.example/", "enabled_events": ["*"]}, {"url": f"{told.told}/w"}):
        with pytest.raises(stripe.InvalidRequestError):
            told.v1.webhook_endpoints.create(wrong)


def test_what_is_not_accepted_is_told_again(told: Lab) -> None:
    told.answers.extend([500, 404])
    customer = told.customer()
    until(lambda: len(told.of("customer.created", customer.id)) == 3)
    bodies = {heard.body for heard in told.of("customer.created", customer.id)}
    assert len(bodies) == 1


def test_duplicates_come_under_the_same_id(told: Lab) -> None:
    with told.armed(webhooks={"duplicate": 2}):
        customer = told.customer()
        until(lambda: len(told.of("customer.created", customer.id)) == 3)
    assert len({believed(heard).id for heard in told.of("customer.created", customer.id)}) == 1


def test_forged_and_stale_copies_come_first_and_are_not_believed(told: Lab) -> None:
    with told.armed(webhooks={"forge": True}):
        with pytest.raises(stripe.CardError) as declined:
            told.intent("chargeDeclined")
        id_ = intent_of(declined.value).id
        until(lambda: told.of("payment_intent.payment_failed", id_))
    forged = told.of("payment_intent.succeeded", id_)[0]
    assert forged.event["data"]["object"]["status"] == "succeeded"
    with pytest.raises(stripe.SignatureVerificationError, match="No signatures found"):
        believed(forged)
    with told.armed(webhooks={"stale": True}):
        customer = told.customer()
        until(lambda: len(told.of("customer.created", customer.id)) == 2)
    stale, genuine = told.of("customer.created", customer.id)
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        believed(stale)
    assert believed(genuine).type == "customer.created"


def test_events_are_swapped_late_and_lost(told: Lab) -> None:
    with told.armed(webhooks={"reorder": 2000}):
        first, second = told.customer(), told.customer()
        until(lambda: told.of("customer.created", first.id))
    assert told.heard.index(told.of("customer.created", second.id)[0]) < told.heard.index(
        told.of("customer.created", first.id)[0]
    )
    with told.armed(webhooks={"drop_first": 1}):
        lost = told.customer()
        until(lambda: told.of("customer.created", lost.id))
    with told.armed(webhooks={"delay_ms": 200}):
        late = told.customer()
        assert not told.of("customer.created", late.id)
        until(lambda: told.of("customer.created", late.id))


def test_an_answer_that_never_comes_was_done_all_the_same_and_the_sdk_finds_it_by_its_key(told: Lab) -> None:
    with told.armed(api={"timeout_after": "create", "hang_ms": 2000}):
        impatient = stripe.RequestsClient(timeout=0.5)
        address: Any = {"api": told.base}
        retrying: Any = stripe.StripeClient(STRIPE_KEY, base_addresses=address, max_network_retries=2, http_client=impatient)
        asked = {"amount": 900, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, "metadata": {"n": "once"}}
        intent = retrying.v1.payment_intents.create({**asked, "payment_method_types": ["card"]})
    assert (intent.status, intent.last_response.headers["idempotent-replayed"]) == ("succeeded", "true")
    assert len(told.v1.payment_intents.search({"query": "metadata['n']:'once'"}).data) == 1


def test_a_capture_that_timed_out_was_done_and_is_not_done_again(told: Lab) -> None:
    held = told.intent(capture_method="manual")
    with told.armed(api={"timeout_after": "capture", "hang_ms": 10}), pytest.raises(stripe.APIConnectionError):
        told.v1.payment_intents.capture(held.id)
    seen = told.v1.payment_intents.retrieve(held.id)
    assert (seen.status, seen.amount_received) == ("succeeded", 2000)
    with pytest.raises(stripe.InvalidRequestError):
        told.v1.payment_intents.capture(held.id)
    assert len(told.v1.charges.list({"payment_intent": held.id}).data) == 1


def test_an_event_is_delivered_once_more_on_request(told: Lab) -> None:
    customer = told.customer()
    until(lambda: told.of("customer.created", customer.id))
    event = told.of("customer.created", customer.id)[0].event["id"]
    assert told.web.post(f"/simulated/v1/events/{event}/redeliver", json={}).status_code == 202
    until(lambda: len(told.of("customer.created", customer.id)) == 2)
    log = told.web.get("/simulated/v1/events", params={"payment": customer.id}).json()["data"]
    assert [(one["provider"], one["type"]) for one in log] == [("stripe", "customer.created")]


def test_a_500_after_the_work_is_answered_again_under_the_same_key(told: Lab) -> None:
    with told.armed(api={"error_500_after": "create"}):
        retrying: Any = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": told.base}, max_network_retries=1)
        with pytest.raises(stripe.APIError) as failed:
            retrying.v1.customers.create({"metadata": {"n": "broken"}})
    assert failed.value.http_status == 500
    assert len(told.v1.customers.search({"query": "metadata['n']:'broken'"}).data) == 1


def test_events_are_listed_by_type_newest_first(told: Lab) -> None:
    customer = told.customer()
    told.v1.customers.update(customer.id, {"name": "Ada"})
    found = told.v1.events.list({"types": ["customer.updated", "customer.created"], "limit": 2}).data
    assert [event.type for event in found] == ["customer.updated", "customer.created"]
    assert found[0].data.previous_attributes["name"] is None
    for event in found:
        looked_at(event)
    since = datetime.now(UTC) - timedelta(minutes=1)  # noqa: TID251 - about when the test ran
    recent = told.v1.events.list({"created": {"gt": int(since.timestamp())}, "limit": 1})
    assert recent.data[0].id == found[0].id
