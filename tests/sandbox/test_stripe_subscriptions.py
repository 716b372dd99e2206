"""Stripe's subscriptions as the official SDK meets them at the sandbox: from the first bill to the end (CM3, CM5)."""

from datetime import timedelta
from typing import Any

import pytest
import stripe

from sandbox.stripe_billing_lab import DAY, HOUR, START, at, club, period
from sandbox.stripe_lab import Lab, looked_at


def test_a_paid_first_bill_brings_a_subscription_to_life(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe(metadata={"reference": "sub_1"})
    assert (made["status"], period(made)) == ("active", (START, at(2026, 2, 28)))
    (bill,) = here.bills(made["id"])
    assert (bill["status"], bill["billing_reason"], bill["amount_paid"]) == ("paid", "subscription_create", 2000)
    assert bill["parent"]["subscription_details"]["subscription"] == made["id"]
    assert bill["parent"]["subscription_details"]["metadata"] == {"reference": "sub_1"}
    (paid,) = bill["payments"]["data"]
    assert (paid["status"], paid["amount_paid"], paid["is_default"]) == ("paid", 2000, True)
    intent = looked_at(stripe_lab.v1.payment_intents.retrieve(paid["payment"]["payment_intent"]))
    assert (intent["status"], intent["customer"]) == ("succeeded", here.customer)
    assert stripe_lab.types(made["id"])[:1] == ["customer.subscription.created"]
    assert stripe_lab.types(bill["id"]) == ["invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"]
    assert looked_at(stripe_lab.v1.invoice_payments.list({"invoice": bill["id"]}))["data"][0]["id"] == paid["id"]


def test_the_period_and_the_payment_stand_where_they_stand_today(stripe_lab: Lab) -> None:
    """The fields of versions before 2025-03-31 are gone, and reading one is an error."""
    here = club(stripe_lab)
    made = stripe_lab.v1.subscriptions.retrieve(here.subscribe()["id"], {"expand": ["latest_invoice.payments"]})
    for gone in ("current_period_end", "current_period_start"):
        with pytest.raises((AttributeError, KeyError)):
            made[gone]
    for gone in ("payment_intent", "charge", "paid"):
        with pytest.raises((AttributeError, KeyError)):
            made.latest_invoice[gone]
    assert made.latest_invoice.payments.data[0].payment.type == "payment_intent"


def test_an_incomplete_one_waits_for_its_customer_who_confirms_the_first_payment(stripe_lab: Lab) -> None:
    here = club(stripe_lab, card=None)
    asked: dict[str, Any] = {
        "payment_behavior": "default_incomplete",
        "payment_settings": {"save_default_payment_method": "on_subscription"},
        "expand": ["latest_invoice.confirmation_secret", "latest_invoice.payments"],
    }
    made = here.subscribe(**asked)
    assert (made["status"], made["latest_invoice"]["status"]) == ("incomplete", "open")
    secret = made["latest_invoice"]["confirmation_secret"]
    intent = made["latest_invoice"]["payments"]["data"][0]["payment"]["payment_intent"]
    assert (secret["type"], secret["client_secret"].startswith(intent)) == ("payment_intent", True)
    with pytest.raises(stripe.CardError):
        stripe_lab.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_chargeCustomerFail"})
    assert here.now(made["id"])["status"] == "incomplete"
    stripe_lab.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    live = here.now(made["id"])
    assert (live["status"], live["default_payment_method"] is not None) == ("active", True)
    assert here.bills(made["id"])[0]["attempt_count"] == 2


def test_one_whose_first_bill_is_not_paid_within_a_day_is_over(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe(payment_behavior="default_incomplete")
    here.advance(timedelta(hours=22))
    assert here.now(made["id"])["status"] == "incomplete"
    here.advance(timedelta(hours=2))
    assert (here.now(made["id"])["status"], here.bills(made["id"])[0]["status"]) == ("incomplete_expired", "void")
    assert "customer.subscription.deleted" in stripe_lab.types(made["id"])


@pytest.mark.parametrize("behaviour", ["allow_incomplete", "error_if_incomplete"])
def test_a_declined_first_bill_leaves_it_incomplete_or_nothing_at_all(stripe_lab: Lab, behaviour: str) -> None:
    here = club(stripe_lab, card="chargeCustomerFail")
    if behaviour == "allow_incomplete":
        assert here.subscribe()["status"] == "incomplete"
        return
    with pytest.raises(stripe.CardError) as refused:
        here.subscribe(payment_behavior=behaviour)
    assert refused.value.http_status == 402
    assert looked_at(stripe_lab.v1.subscriptions.list({"customer": here.customer, "status": "all"}))["data"] == []


def test_without_a_card_it_is_refused_or_waits(stripe_lab: Lab) -> None:
    here = club(stripe_lab, card=None)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        here.subscribe()
    assert refused.value.code == "resource_missing"
    assert here.subscribe(payment_behavior="default_incomplete")["status"] == "incomplete"


def test_a_trial_costs_nothing_warns_before_it_ends_and_is_billed_then(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe(trial_period_days=14)
    assert (made["status"], made["trial_end"]) == ("trialing", START + 14 * DAY)
    (free,) = here.bills(made["id"])
    assert (free["status"], free["total"], free["payments"]["data"]) == ("paid", 0, [])
    here.advance(START + 11 * DAY + HOUR)
    assert stripe_lab.types(made["id"]).count("customer.subscription.trial_will_end") == 1
    here.advance(START + 14 * DAY + 2 * HOUR)
    live = here.now(made["id"])
    assert (live["status"], period(live)[0]) == ("active", START + 14 * DAY)
    assert [bill["amount_paid"] for bill in here.bills(made["id"])] == [0, 2000]


@pytest.mark.parametrize(("behaviour", "status"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")])
def test_a_trial_without_a_card_ends_as_it_was_agreed(stripe_lab: Lab, behaviour: str, status: str) -> None:
    here = club(stripe_lab, card=None)
    made = here.subscribe(trial_period_days=7, trial_settings={"end_behavior": {"missing_payment_method": behaviour}})
    assert made["pending_setup_intent"] is not None
    here.advance(START + 7 * DAY + 2 * HOUR)
    assert here.now(made["id"])["status"] == status
    if status == "paused":
        here.card("visa")
        resumed = looked_at(stripe_lab.v1.subscriptions.resume(made["id"], {"billing_cycle_anchor": "now"}))
        assert (resumed["status"], here.bills(made["id"])[-1]["amount_paid"]) == ("active", 2000)


def test_a_trial_asks_for_a_card_by_a_setup_intent(stripe_lab: Lab) -> None:
    here = club(stripe_lab, card=None)
    made = here.subscribe(trial_period_days=7)
    stripe_lab.v1.setup_intents.confirm(made["pending_setup_intent"], {"payment_method": "pm_card_visa"})
    ready = here.now(made["id"])
    assert (ready["pending_setup_intent"], ready["default_payment_method"] is not None) == (None, True)


def test_a_subscription_ends_now_or_when_its_period_is_over(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    now, later, instant = (here.subscribe() for _ in range(3))
    ended = looked_at(stripe_lab.v1.subscriptions.cancel(now["id"], {"cancellation_details": {"feedback": "unused"}}))
    assert (ended["status"], ended["ended_at"], ended["cancellation_details"]["feedback"]) == ("canceled", START, "unused")
    with pytest.raises(stripe.InvalidRequestError) as gone:
        stripe_lab.v1.subscriptions.cancel(now["id"])
    assert (gone.value.http_status, gone.value.code) == (404, "resource_missing")
    warned = looked_at(stripe_lab.v1.subscriptions.update(later["id"], {"cancel_at_period_end": True}))
    assert (warned["status"], warned["cancel_at"]) == ("active", at(2026, 2, 28))
    kept = looked_at(stripe_lab.v1.subscriptions.update(later["id"], {"cancel_at_period_end": False}))
    assert (kept["cancel_at_period_end"], kept["cancel_at"], kept["canceled_at"]) == (False, None, None)
    stripe_lab.v1.subscriptions.update(later["id"], {"cancel_at_period_end": True})
    stripe_lab.v1.subscriptions.update(instant["id"], {"cancel_at": START + 5 * DAY})
    here.advance(START + 6 * DAY)
    assert [here.now(one["id"])["status"] for one in (later, instant)] == ["active", "canceled"]
    here.advance(at(2026, 2, 28, 14))
    assert here.now(later["id"])["status"] == "canceled"
    assert len(here.bills(later["id"])) == 1


def test_what_is_over_is_listed_only_for_those_who_ask(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    live, over = here.subscribe(), here.subscribe()
    stripe_lab.v1.subscriptions.cancel(over["id"])
    for status, shown in (
        (None, {live["id"]}),
        ("all", {live["id"], over["id"]}),
        ("canceled", {over["id"]}),
        ("ended", {over["id"]}),
    ):
        asked = {"customer": here.customer, **({"status": status} if status else {})}
        assert {one["id"] for one in looked_at(stripe_lab.v1.subscriptions.list(asked))["data"]} == shown
    found = stripe_lab.v1.subscriptions.search({"query": f"status:'active' AND metadata['x']:'{live['id']}'"})
    assert found.data == []


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"items": []}, "parameter_missing", "items"),
        ({"items": [{"price": "price_none"}]}, "resource_missing", "items[0][price]"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"trial_period_days": 0}, "parameter_invalid_integer", "trial_period_days"),
        ({"trial_end": START - 1}, "timestamp_invalid", "trial_end"),
        ({"payment_behavior": "whatever"}, None, "payment_behavior"),
        ({"collection_method": "send_invoice"}, None, "collection_method"),
        ({"discounts": [{"coupon": "x"}]}, None, "discounts"),
        ({"nonsense": "1"}, "parameter_unknown", "nonsense"),
        ({"items": [{"price": None, "nonsense": 1}]}, None, None),
    ],
)
def test_a_wrong_request_is_refused_in_stripe_s_words(
    stripe_lab: Lab, asked: dict[str, object], code: str | None, param: str | None
) -> None:
    here = club(stripe_lab)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_lab.v1.subscriptions.create({"customer": here.customer, "items": [{"price": here.price()}], **asked})
    assert refused.value.http_status == 400
    if param is not None:
        assert (refused.value.code, refused.value.param) == (code, param)


def test_prices_that_do_not_go_together_are_refused(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    monthly = here.price()
    once = looked_at(stripe_lab.v1.prices.create({"currency": "usd", "unit_amount": 5, "product_data": {"name": "Once"}}))["id"]
    for other in (here.price(currency="eur"), here.price(interval="year"), once):
        with pytest.raises(stripe.InvalidRequestError):
            here.subscribe(items=[{"price": monthly}, {"price": other}])


def test_the_same_key_makes_the_same_subscription_and_another_request_under_it_is_refused(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    asked = {"customer": here.customer, "items": [{"price": here.price()}]}
    key = {"idempotency_key": f"key-{here.customer}"}
    first, again = (stripe_lab.v1.subscriptions.create(asked, key) for _ in range(2))
    assert first.id == again.id
    assert len(here.bills(first.id)) == 1
    with pytest.raises(stripe.IdempotencyError):
        stripe_lab.v1.subscriptions.create({**asked, "metadata": {"x": "y"}}, key)


def test_products_and_prices_are_kept_found_and_changed(stripe_lab: Lab) -> None:
    product = looked_at(
        stripe_lab.v1.products.create({"name": "Club", "default_price_data": {"currency": "try", "unit_amount": 500}})
    )
    looked_at(stripe_lab.v1.products.update(product["id"], {"name": "The club", "description": "Weekly"}))
    price = looked_at(
        stripe_lab.v1.prices.create(
            {
                "product": product["id"],
                "currency": "try",
                "unit_amount": 900,
                "recurring": {"interval": "week"},
                "lookup_key": "weekly",
            }
        )
    )
    found = looked_at(stripe_lab.v1.prices.list({"lookup_keys": ["weekly", "none"], "active": True}))["data"]
    assert [one["id"] for one in found] == [price["id"]]
    with pytest.raises(stripe.InvalidRequestError):
        stripe_lab.v1.prices.create({"product": product["id"], "currency": "try", "unit_amount": 1, "lookup_key": "weekly"})
    heir = stripe_lab.v1.prices.create(
        {"product": product["id"], "currency": "try", "unit_amount": 1, "lookup_key": "weekly", "transfer_lookup_key": True}
    )
    assert stripe_lab.v1.prices.list({"lookup_keys": ["weekly"]}).data[0].id == heir.id
    looked_at(stripe_lab.v1.prices.update(price["id"], {"active": False, "nickname": "old"}))
    with pytest.raises(stripe.InvalidRequestError):
        club(stripe_lab).subscribe(price["id"])
    with pytest.raises(stripe.InvalidRequestError):
        stripe_lab.v1.products.delete(product["id"])
    looked_at(stripe_lab.v1.products.retrieve(product["id"], {"expand": ["default_price"]}))
