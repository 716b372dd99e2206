"""Stripe's renewals at the sandbox: test clocks over several periods, failed bills and their tries, changes and their cost."""

from datetime import timedelta

import pytest
import stripe

from sandbox.stripe_billing_lab import DAY, HOUR, START, at, club, period
from sandbox.stripe_lab import Lab, looked_at, until


def test_a_clock_moved_across_several_renewals_bills_each_period_once(stripe_lab: Lab) -> None:
    """Month ends stick to the anchor's day: 31 January, 28 February, 31 March, 30 April."""
    here = club(stripe_lab)
    made = here.subscribe()
    here.advance(at(2026, 4, 30, 14))
    bills = here.bills(made["id"])
    lines = [bill["lines"]["data"][0]["period"] for bill in bills]
    ends = [at(2026, 2, 28), at(2026, 3, 31), at(2026, 4, 30), at(2026, 5, 31)]
    assert [line["end"] for line in lines] == ends
    assert [line["start"] for line in lines] == [START, *ends[:-1]]
    assert [(bill["billing_reason"], bill["status"]) for bill in bills] == [
        ("subscription_create", "paid"),
        *[("subscription_cycle", "paid")] * 3,
    ]
    assert period(here.now(made["id"])) == (ends[2], ends[3])
    assert len({bill["number"] for bill in bills}) == 4
    assert bills[1]["period_end"] == ends[0]
    assert bills[1]["created"] == ends[0]


def test_the_bill_of_a_renewal_is_a_draft_for_an_hour(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe()
    here.advance(at(2026, 2, 28, 12) + 60)
    drafted = here.bills(made["id"])[-1]
    assert (drafted["status"], drafted["automatically_finalizes_at"]) == ("draft", at(2026, 2, 28, 13))
    here.advance(timedelta(hours=1))
    assert here.bills(made["id"])[-1]["status"] == "paid"


@pytest.mark.parametrize(("interval", "end"), [("day", START + DAY), ("week", START + 7 * DAY), ("year", at(2027, 1, 31))])
def test_periods_are_as_long_as_their_price_says(stripe_lab: Lab, interval: str, end: int) -> None:
    here = club(stripe_lab)
    assert period(here.subscribe(here.price(interval=interval))) == (START, end)


def test_a_failed_renewal_is_tried_again_and_at_last_ends_the_subscription(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe()
    here.card("chargeCustomerFail")
    here.advance(at(2026, 2, 28, 14))
    owed = here.bills(made["id"])[-1]
    assert (here.now(made["id"])["status"], owed["status"], owed["attempt_count"]) == ("past_due", "open", 1)
    assert owed["next_payment_attempt"] == at(2026, 2, 28, 13) + 3 * DAY
    types = stripe_lab.types(owed["id"])
    assert types[-1] == "invoice.payment_failed"
    here.advance(at(2026, 2, 28, 14) + 9 * DAY)
    assert here.bills(made["id"])[-1]["attempt_count"] == 3
    here.advance(timedelta(days=7))
    over = here.now(made["id"])
    assert (over["status"], over["cancellation_details"]["reason"]) == ("canceled", "payment_failed")
    assert here.bills(made["id"])[-1]["attempt_count"] == 4
    here.advance(timedelta(days=60))
    assert len(here.bills(made["id"])) == 2


def test_a_better_card_pays_what_is_past_due(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe()
    here.card("chargeCustomerFail")
    here.advance(at(2026, 2, 28, 14))
    here.card("visa")
    here.advance(timedelta(days=3))
    assert here.now(made["id"])["status"] == "active"
    assert here.bills(made["id"])[-1]["status"] == "paid"
    intents = stripe_lab.v1.invoice_payments.list({"invoice": here.bills(made["id"])[-1]["id"], "status": "paid"}).data
    assert len(intents) == 1


def test_what_is_owed_may_be_paid_by_hand(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe()
    here.card("chargeCustomerFail")
    here.advance(at(2026, 2, 28, 14))
    owed = here.bills(made["id"])[-1]
    with pytest.raises(stripe.CardError):
        stripe_lab.v1.invoices.pay(owed["id"])
    paid = looked_at(stripe_lab.v1.invoices.pay(owed["id"], {"payment_method": _attached(stripe_lab, here.customer)}))
    assert (paid["status"], here.now(made["id"])["status"]) == ("paid", "active")
    with pytest.raises(stripe.InvalidRequestError) as again:
        stripe_lab.v1.invoices.pay(owed["id"])
    assert again.value.code == "invoice_already_paid"


def _attached(lab: Lab, customer: str) -> str:
    return str(lab.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer}).id)


def test_a_bank_that_wants_to_ask_the_customer_says_so(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe()
    here.card("authenticationRequired")
    here.advance(at(2026, 2, 28, 14))
    types = stripe_lab.types(here.bills(made["id"])[-1]["id"])
    assert types[-2:] == ["invoice.payment_failed", "invoice.payment_action_required"]
    assert here.now(made["id"])["status"] == "past_due"


@pytest.mark.parametrize(("last", "status"), [("mark_unpaid", "unpaid"), ("leave", "past_due")])
def test_after_the_last_try_it_may_be_left_unpaid(stripe_lab: Lab, last: str, status: str) -> None:
    _tried(stripe_lab, {"retry_days": [1], "after_last": last})
    try:
        here = club(stripe_lab)
        made = here.subscribe()
        here.card("chargeCustomerFail")
        here.advance(at(2026, 2, 28, 14))
        here.advance(timedelta(days=2))
        assert (here.now(made["id"])["status"], here.bills(made["id"])[-1]["attempt_count"]) == (status, 2)
    finally:
        _tried(stripe_lab, {})


def _tried(lab: Lab, body: dict[str, object]) -> None:
    lab.web.put("/stripe/play/billing", json=body).raise_for_status()


@pytest.mark.parametrize("body", [{"retry_days": [0]}, {"retry_days": [1] * 9}, {"after_last": "x"}, {"more": 1}])
def test_what_nobody_can_set_about_tries_is_refused(stripe_lab: Lab, body: dict[str, object]) -> None:
    assert stripe_lab.web.put("/stripe/play/billing", json=body).status_code == 400


def test_a_better_plan_costs_the_difference_at_once_as_its_preview_said(stripe_lab: Lab) -> None:
    here = club(stripe_lab, start=at(2026, 4, 1))
    made = here.subscribe(here.price(3000))
    better, item = here.price(6000), made["items"]["data"][0]["id"]
    here.advance(at(2026, 4, 16))
    change = {"items": [{"id": item, "price": better}], "proration_behavior": "always_invoice"}
    preview = looked_at(stripe_lab.v1.invoices.create_preview({"subscription": made["id"], "subscription_details": change}))
    assert [line["amount"] for line in preview["lines"]["data"]] == [-1500, 3000]
    assert (preview["total"], preview["amount_due"]) == (1500, 1500)
    assert len(here.bills(made["id"])) == 1
    moved = looked_at(stripe_lab.v1.subscriptions.update(made["id"], change))
    bill = here.bills(made["id"])[-1]
    assert (bill["billing_reason"], bill["amount_paid"], bill["status"]) == ("subscription_update", 1500, "paid")
    assert all(line["parent"]["subscription_item_details"]["proration"] for line in bill["lines"]["data"])
    assert (moved["items"]["data"][0]["price"]["id"], period(moved)) == (better, (at(2026, 4, 1), at(2026, 5, 1)))
    assert moved["items"]["data"][0]["id"] == item


def test_a_cheaper_plan_leaves_credit_that_the_next_bill_uses(stripe_lab: Lab) -> None:
    here = club(stripe_lab, start=at(2026, 4, 1))
    made = here.subscribe(here.price(6000))
    here.advance(at(2026, 4, 16))
    item = made["items"]["data"][0]["id"]
    stripe_lab.v1.subscriptions.update(
        made["id"], {"items": [{"id": item, "price": here.price(3000)}], "proration_behavior": "always_invoice"}
    )
    bill = here.bills(made["id"])[-1]
    assert (bill["total"], bill["amount_due"], bill["status"], bill["ending_balance"]) == (-1500, 0, "paid", -1500)
    assert looked_at(stripe_lab.v1.customers.retrieve(here.customer))["balance"] == -1500
    here.advance(at(2026, 5, 1, 14))
    last = here.bills(made["id"])[-1]
    assert (last["total"], last["starting_balance"], last["amount_paid"], last["ending_balance"]) == (3000, -1500, 1500, 0)


def test_a_change_may_wait_for_the_next_bill_or_cost_nothing(stripe_lab: Lab) -> None:
    here = club(stripe_lab, start=at(2026, 4, 1))
    waits, free = here.subscribe(here.price(3000)), here.subscribe(here.price(3000))
    better = here.price(6000)
    here.advance(at(2026, 4, 16))
    for made, behaviour in ((waits, "create_prorations"), (free, "none")):
        items = [{"id": made["items"]["data"][0]["id"], "price": better}]
        stripe_lab.v1.subscriptions.update(made["id"], {"items": items, "proration_behavior": behaviour})
    pending = looked_at(stripe_lab.v1.invoice_items.list({"customer": here.customer, "pending": True}))["data"]
    assert sorted(one["amount"] for one in pending) == [-1500, 3000]
    upcoming = looked_at(stripe_lab.v1.invoices.create_preview({"subscription": waits["id"]}))
    assert (upcoming["total"], len(upcoming["lines"]["data"])) == (7500, 3)
    here.advance(at(2026, 5, 1, 14))
    assert here.bills(waits["id"])[-1]["amount_paid"] == 7500
    assert here.bills(free["id"])[-1]["amount_paid"] == 6000
    assert looked_at(stripe_lab.v1.invoice_items.list({"customer": here.customer, "pending": True}))["data"] == []


def test_a_change_that_is_not_paid_is_undone_where_that_was_asked_for(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe()
    here.card("chargeCustomerFail")
    here.advance(timedelta(days=10))
    items = [{"id": made["items"]["data"][0]["id"], "price": here.price(9000)}]
    asked = {"items": items, "proration_behavior": "always_invoice", "payment_behavior": "error_if_incomplete"}
    with pytest.raises(stripe.CardError):
        stripe_lab.v1.subscriptions.update(made["id"], asked)
    assert here.now(made["id"])["items"] == made["items"]
    assert len(here.bills(made["id"])) == 1
    stripe_lab.v1.subscriptions.update(made["id"], {**asked, "payment_behavior": "allow_incomplete"})
    assert (here.now(made["id"])["status"], len(here.bills(made["id"]))) == ("past_due", 2)


def test_another_interval_begins_a_new_period_now(stripe_lab: Lab) -> None:
    here = club(stripe_lab, start=at(2026, 4, 1))
    made = here.subscribe(here.price(3000))
    here.advance(at(2026, 4, 16))
    items = [{"id": made["items"]["data"][0]["id"], "price": here.price(30_000, interval="year")}]
    moved = looked_at(stripe_lab.v1.subscriptions.update(made["id"], {"items": items}))
    assert period(moved) == (at(2026, 4, 16), at(2027, 4, 16))
    assert here.bills(made["id"])[-1]["amount_paid"] == 30_000 - 1500


def test_a_trial_that_is_ended_is_billed_at_once(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe(trial_period_days=30)
    here.advance(timedelta(days=3))
    live = looked_at(stripe_lab.v1.subscriptions.update(made["id"], {"trial_end": "now"}))
    assert (live["status"], period(live)[0]) == ("active", START + 3 * DAY)
    assert here.bills(made["id"])[-1]["amount_paid"] == 2000


@pytest.mark.parametrize(
    ("behaviour", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")]
)
def test_a_pause_bills_nothing_until_it_is_over(stripe_lab: Lab, behaviour: str, status: str) -> None:
    here = club(stripe_lab)
    made = here.subscribe()
    paused = looked_at(stripe_lab.v1.subscriptions.update(made["id"], {"pause_collection": {"behavior": behaviour}}))
    assert (paused["status"], paused["pause_collection"]["behavior"]) == ("active", behaviour)
    here.advance(at(2026, 2, 28, 14))
    assert [bill["status"] for bill in here.bills(made["id"])] == ["paid", status]
    assert here.now(made["id"])["status"] == "active"
    resumed = looked_at(stripe_lab.v1.subscriptions.update(made["id"], {"pause_collection": ""}))
    assert resumed["pause_collection"] is None
    here.advance(at(2026, 3, 31, 14))
    assert here.bills(made["id"])[-1]["status"] == "paid"


def test_a_pause_may_end_by_itself(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    made = here.subscribe()
    stripe_lab.v1.subscriptions.update(made["id"], {"pause_collection": {"behavior": "void", "resumes_at": START + 5 * DAY}})
    here.advance(START + 6 * DAY)
    assert here.now(made["id"])["pause_collection"] is None


def test_a_bill_of_one_s_own_is_drafted_finalised_paid_and_a_copy_of_it_voided(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    paid, void, lost = (_drafted(stripe_lab, here.customer) for _ in range(3))
    assert (paid["status"], paid["total"], paid["amount_due"]) == ("draft", 700, 700)
    opened = looked_at(stripe_lab.v1.invoices.finalize_invoice(paid["id"]))
    assert (opened["status"], opened["number"] is not None) == ("open", True)
    assert looked_at(stripe_lab.v1.invoices.pay(paid["id"]))["status"] == "paid"
    with pytest.raises(stripe.InvalidRequestError):
        stripe_lab.v1.invoices.void_invoice(void["id"])
    for draft, verb, status in ((void, "void_invoice", "void"), (lost, "mark_uncollectible", "uncollectible")):
        stripe_lab.v1.invoices.finalize_invoice(draft["id"])
        assert looked_at(getattr(stripe_lab.v1.invoices, verb)(draft["id"]))["status"] == status
    outside = looked_at(stripe_lab.v1.invoices.pay(lost["id"], {"paid_out_of_band": True}))
    assert (outside["status"], outside["amount_paid"]) == ("paid", 0)
    gone = looked_at(stripe_lab.v1.invoices.delete(_drafted(stripe_lab, here.customer)["id"]))
    assert gone["deleted"] is True
    looked_at(stripe_lab.v1.invoices.line_items.list(paid["id"]))


def _drafted(lab: Lab, customer: str) -> dict[str, object]:
    item = looked_at(
        lab.v1.invoice_items.create({"customer": customer, "currency": "usd", "amount": 700, "description": "Extra"})
    )
    draft = looked_at(lab.v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"}))
    assert looked_at(lab.v1.invoice_items.retrieve(item["id"]))["invoice"] == draft["id"]
    return draft


@pytest.mark.parametrize("trial", [None, 14])
def test_a_checkout_page_brings_a_subscription(stripe_lab: Lab, trial: int | None) -> None:
    here = club(stripe_lab, card=None)
    data = {"metadata": {"reference": "sub_9"}, **({"trial_period_days": trial} if trial else {})}
    session = looked_at(
        stripe_lab.v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "line_items": [{"price": here.price(), "quantity": 1}],
                "subscription_data": data,
                "customer": here.customer,
                "success_url": f"{stripe_lab.told}/done",
            }
        )
    )
    assert (session["amount_total"], session["subscription"]) == (0 if trial else 2000, None)
    declined = stripe_lab.play(session["id"], card="4000000000000002")
    assert (declined["session"]["status"], declined["error"]["code"]) == ("open", "card_declined")
    done = stripe_lab.play(session["id"])["session"]
    assert (done["status"], done["payment_status"]) == ("complete", "no_payment_required" if trial else "paid")
    live = here.now(done["subscription"])
    assert (live["status"], live["metadata"]) == ("trialing" if trial else "active", {"reference": "sub_9"})
    assert (live["default_payment_method"] is not None, done["invoice"]) == (True, live["latest_invoice"])
    (bill,) = here.bills(live["id"])
    assert (bill["status"], bill["total"]) == ("paid", 0 if trial else 2000)
    assert len(stripe_lab.v1.payment_intents.list({"customer": here.customer}).data) == (0 if trial else 1)
    here.advance((START + 14 * DAY if trial else at(2026, 2, 28)) + 2 * HOUR)
    assert [one["amount_paid"] for one in here.bills(live["id"])][-1] == 2000


def test_a_trial_on_a_checkout_page_ends_in_two_days_at_the_earliest(stripe_lab: Lab) -> None:
    here = club(stripe_lab, card=None)
    asked = {
        "mode": "subscription",
        "line_items": [{"price": here.price(), "quantity": 1}],
        "subscription_data": {"trial_end": START + DAY},
        "customer": here.customer,
        "success_url": f"{stripe_lab.told}/done",
    }
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_lab.v1.checkout.sessions.create(asked)
    assert refused.value.param == "subscription_data[trial_end]"


def test_events_of_bills_and_subscriptions_show_today_s_shapes(stripe_lab: Lab) -> None:
    here = club(stripe_lab)
    here.subscribe()
    here.advance(at(2026, 2, 28, 14))
    for event in stripe_lab.v1.events.list({"limit": 30}).data:
        looked_at(event)


def test_without_a_test_clock_periods_turn_in_real_time(stripe_lab: Lab) -> None:
    customer = stripe_lab.customer()
    method = stripe_lab.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    price = {"currency": "usd", "unit_amount": 300, "recurring": {"interval": "day"}, "product_data": {"name": "Daily"}}
    made = stripe_lab.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": stripe_lab.v1.prices.create(price).id}],
            "default_payment_method": method.id,
        }
    )
    stripe_lab.clock.move(days=1, hours=2)
    until(lambda: len(stripe_lab.v1.invoices.list({"subscription": made.id, "status": "paid"}).data) == 2)
    assert stripe_lab.v1.subscriptions.retrieve(made.id).status == "active"


@pytest.mark.parametrize("trial", [None, 14])
def test_a_subscriber_s_page_is_shown(stripe_lab: Lab, trial: int | None) -> None:
    here = club(stripe_lab, card=None)
    asked = {
        "mode": "subscription",
        "line_items": [{"price": here.price(), "quantity": 1}],
        "subscription_data": {"trial_period_days": trial} if trial else {},
        "customer": here.customer,
        "success_url": f"{stripe_lab.told}/done",
    }
    session = stripe_lab.v1.checkout.sessions.create(asked)
    page = stripe_lab.web.get(session.url)
    assert page.status_code == 200
    assert "Plan " in page.text
