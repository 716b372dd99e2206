"""Stripe's payment intents, as the official SDK meets them at the sandbox (CM2, CC6)."""

from functools import partial

import pytest
import stripe

from sandbox.stripe_lab import Json, Lab, intent_of, looked_at, until
from sandbox.stripe_shapes import check

DECLINES = {
    "visa_chargeDeclined": ("card_declined", "generic_decline"),
    "chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "chargeDeclinedExpiredCard": ("expired_card", None),
    "chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "chargeDeclinedProcessingError": ("processing_error", None),
    "visa_chargeDeclinedVelocityLimitExceeded": ("card_declined", "card_velocity_exceeded"),
}


def test_a_card_is_charged_and_every_object_of_it_has_todays_shape(stripe_lab: Lab) -> None:
    intent = looked_at(stripe_lab.intent(expand=["latest_charge.balance_transaction", "payment_method", "customer"]))
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 2000)
    charge = intent["latest_charge"]
    assert (charge["paid"], charge["captured"], charge["payment_method_details"]["card"]["last4"]) == (True, True, "4242")
    assert charge["balance_transaction"]["net"] == 2000 - (58 + 30)
    assert stripe_lab.types(intent["id"]) == ["payment_intent.created", "payment_intent.succeeded"]
    assert stripe_lab.types(charge["id"]) == ["charge.succeeded"]


@pytest.mark.parametrize(("card", "said"), DECLINES.items(), ids=DECLINES)
def test_a_declined_card_says_why_and_leaves_the_intent_waiting_for_another(
    stripe_lab: Lab, card: str, said: tuple[str, str | None]
) -> None:
    with pytest.raises(stripe.CardError) as refused:
        stripe_lab.intent(card)
    error = refused.value.error
    assert error is not None
    assert (refused.value.http_status, error.code, getattr(error, "decline_code", None)) == (402, *said)
    left = intent_of(refused.value).id
    intent = looked_at(stripe_lab.v1.payment_intents.retrieve(left, {"expand": ["latest_charge"]}))
    assert (intent["status"], intent["payment_method"]) == ("requires_payment_method", None)
    assert intent["last_payment_error"]["code"] == said[0]
    assert (intent["latest_charge"]["status"], intent["latest_charge"]["paid"]) == ("failed", False)
    paid = stripe_lab.v1.payment_intents.confirm(intent["id"], {"payment_method": "pm_card_visa"})
    assert (looked_at(paid)["status"], paid.last_payment_error) == ("succeeded", None)


def test_a_card_that_attaches_and_then_fails_is_declined_when_it_is_charged(stripe_lab: Lab) -> None:
    customer = stripe_lab.customer()
    method = stripe_lab.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    with pytest.raises(stripe.CardError):
        stripe_lab.intent(payment_method=method.id, customer=customer.id, off_session=True)
    with pytest.raises(stripe.CardError):
        stripe_lab.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer.id})


def test_the_bank_asks_the_customer_and_the_intent_succeeds_when_they_approve(stripe_lab: Lab) -> None:
    intent = looked_at(stripe_lab.intent("authenticationRequired", return_url=f"{stripe_lab.told}/r?x=1"))
    assert (intent["status"], intent["next_action"]["type"]) == ("requires_action", "redirect_to_url")
    address = intent["next_action"]["redirect_to_url"]["url"]
    assert "3-D Secure" in stripe_lab.web.get(address).text
    back = stripe_lab.web.post(address, data={"answer": "approve"}).headers["location"]
    assert back.startswith(f"{stripe_lab.told}/r?x=1&payment_intent={intent['id']}&")
    assert back.endswith("&redirect_status=succeeded")
    done = looked_at(stripe_lab.v1.payment_intents.retrieve(intent["id"], {"expand": ["latest_charge"]}))
    assert done["status"] == "succeeded"
    assert done["latest_charge"]["payment_method_details"]["card"]["three_d_secure"]["result"] == "authenticated"


def test_an_unapproved_payment_waits_for_another_card_and_a_wrong_secret_opens_nothing(stripe_lab: Lab) -> None:
    intent = stripe_lab.intent("threeDSecure2Required")
    address = intent.next_action.redirect_to_url.url
    assert stripe_lab.web.get(address.rpartition("/")[0] + "/wrong").status_code == 404
    assert stripe_lab.web.post(address, data={"answer": "perhaps"}).status_code == 400
    assert "Payment declined" in stripe_lab.web.post(address, data={"answer": "decline"}).text
    failed = looked_at(stripe_lab.v1.payment_intents.retrieve(intent.id))
    assert failed["status"] == "requires_payment_method"
    assert failed["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    again = stripe_lab.web.post(address, data={"answer": "approve"})
    assert again.status_code == 200
    assert stripe_lab.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_a_card_that_is_declined_after_the_bank_has_asked_says_so(stripe_lab: Lab) -> None:
    intent = stripe_lab.intent("authenticationRequiredChargeDeclinedInsufficientFunds")
    error = stripe_lab.play(intent.id)["error"]
    assert (error["code"], error["decline_code"]) == ("card_declined", "insufficient_funds")


def test_off_session_a_bank_that_wants_to_ask_declines(stripe_lab: Lab) -> None:
    customer = stripe_lab.customer()
    kept = stripe_lab.v1.payment_methods.attach("pm_card_authenticationRequiredOnSetup", {"customer": customer.id})
    always = stripe_lab.v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer.id})
    for method in (kept, always):
        with pytest.raises(stripe.CardError) as refused:
            stripe_lab.intent(payment_method=method.id, customer=customer.id, off_session=True)
        assert refused.value.code == "authentication_required"
    set_up = stripe_lab.intent(payment_method=kept.id, customer=customer.id, setup_future_usage="off_session")
    assert stripe_lab.play(set_up.id)["intent"]["status"] == "succeeded"
    later = stripe_lab.intent(payment_method=kept.id, customer=customer.id, off_session=True)
    assert later.status == "succeeded"
    with pytest.raises(stripe.CardError):
        stripe_lab.intent("threeDSecureRequired", error_on_requires_action=True)


def test_held_money_is_captured_whole_or_in_part_once_or_let_go(stripe_lab: Lab) -> None:
    held = looked_at(stripe_lab.intent(capture_method="manual"))
    assert (held["status"], held["amount_capturable"], held["amount_received"]) == ("requires_capture", 2000, 0)
    with pytest.raises(stripe.InvalidRequestError, match="greater than the authorized amount"):
        stripe_lab.v1.payment_intents.capture(held["id"], {"amount_to_capture": 2001})
    part = looked_at(stripe_lab.v1.payment_intents.capture(held["id"], {"amount_to_capture": 1500}))
    assert (part["status"], part["amount_received"], part["amount_capturable"]) == ("succeeded", 1500, 0)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_lab.v1.payment_intents.capture(held["id"])
    assert refused.value.code == "payment_intent_unexpected_state"
    other = stripe_lab.intent(capture_method="manual")
    gone = looked_at(stripe_lab.v1.payment_intents.cancel(other.id, {"cancellation_reason": "abandoned"}))
    assert (gone["status"], gone["cancellation_reason"], gone["amount_capturable"]) == ("canceled", "abandoned", 0)
    assert looked_at(stripe_lab.v1.charges.retrieve(other.latest_charge))["refunded"]
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        stripe_lab.v1.payment_intents.cancel(other.id)


def test_held_money_that_nobody_captures_is_let_go_after_a_week(stripe_lab: Lab) -> None:
    held = stripe_lab.intent(capture_method="manual")
    stripe_lab.clock.move(days=7, minutes=1)
    gone = looked_at(stripe_lab.v1.payment_intents.retrieve(held.id))
    assert (gone["status"], gone["cancellation_reason"]) == ("canceled", "automatic")


def has_status(lab: Lab, intent: str, status: str) -> bool:
    return bool(lab.v1.payment_intents.retrieve(intent).status == status)


def test_an_account_is_debited_days_later_or_is_not(stripe_lab: Lab) -> None:
    for iban, status, event in (
        ("AT611904300234573201", "succeeded", "payment_intent.succeeded"),
        ("AT861904300235473202", "requires_payment_method", "payment_intent.payment_failed"),
    ):
        data = {"type": "sepa_debit", "sepa_debit": {"iban": iban}, "billing_details": {"name": "Ada", "email": "a@b.example"}}
        method = looked_at(stripe_lab.v1.payment_methods.create(data))
        intent = stripe_lab.intent(payment_method=method["id"], payment_method_types=["sepa_debit"], currency="eur")
        assert looked_at(intent)["status"] == "processing"
        check(stripe_lab.v1.charges.retrieve(intent.latest_charge).to_dict())
        until(partial(has_status, stripe_lab, intent.id, status))
        assert stripe_lab.types(intent.id) == ["payment_intent.created", "payment_intent.processing", event]


def test_an_intent_goes_through_its_states_one_by_one(stripe_lab: Lab) -> None:
    made = looked_at(stripe_lab.v1.payment_intents.create({"amount": 1099, "currency": "USD", "metadata": {"order": "1"}}))
    assert (made["status"], made["currency"], made["automatic_payment_methods"]["enabled"]) == (
        "requires_payment_method",
        "usd",
        True,
    )
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        stripe_lab.v1.payment_intents.confirm(made["id"], {"return_url": stripe_lab.told})
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        stripe_lab.v1.payment_intents.confirm(made["id"], {"payment_method": "pm_card_visa"})
    changed = stripe_lab.v1.payment_intents.update(
        made["id"], {"payment_method": "pm_card_mastercard", "amount": 1200, "metadata": {"order": "", "line": "2"}}
    )
    assert looked_at(changed)["metadata"] == {"line": "2"}
    assert changed.status == "requires_confirmation"
    done = stripe_lab.v1.payment_intents.confirm(made["id"], {"return_url": stripe_lab.told})
    assert (done.status, done.amount_received) == ("succeeded", 1200)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_lab.v1.payment_intents.update(made["id"], {"amount": 1})
    assert refused.value.code == "payment_intent_unexpected_state"
    assert stripe_lab.v1.payment_intents.update(made["id"], {"metadata": {"later": "yes"}}).metadata["later"] == "yes"
    with pytest.raises(stripe.InvalidRequestError):
        stripe_lab.v1.payment_intents.confirm(made["id"], {"return_url": stripe_lab.told})


WRONG: dict[str, tuple[Json, str, str | None]] = {
    "a currency there is not": ({"currency": "xxx"}, "currency", None),
    "no amount": ({"amount": None}, "amount", "parameter_missing"),
    "nothing": ({"amount": 0}, "amount", "parameter_invalid_integer"),
    "too little": ({"amount": 49}, "amount", "amount_too_small"),
    "too much": ({"amount": 100_000_000}, "amount", "amount_too_large"),
    "a fraction": ({"amount": "19.99"}, "amount", "parameter_invalid_integer"),
    "a third decimal": ({"currency": "kwd", "amount": 1001}, "amount", None),
    "hundredths of what has none": ({"currency": "isk", "amount": 150}, "amount", None),
    "a parameter there is not": ({"colour": "red"}, "colour", "parameter_unknown"),
    "one there is not inside another": (
        {"automatic_payment_methods": {"enable": True}},
        "automatic_payment_methods[enable]",
        None,
    ),
    "a customer there is not": ({"customer": "cus_none"}, "customer", "resource_missing"),
    "a method there is not": ({"payment_method": "pm_none"}, "payment_method", "resource_missing"),
    "a type there is not": ({"payment_method_types": ["gold"]}, "payment_method_types[0]", None),
    "a word there is not": ({"capture_method": "soon"}, "capture_method", None),
    "no e-mail address": ({"receipt_email": "ada"}, "receipt_email", "email_invalid"),
    "another machine": ({"return_url": "https://shop.example/"}, "return_url", "url_invalid"),
    "too long": ({"statement_descriptor": "x" * 23}, "statement_descriptor", None),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_refused_by_its_name_and_leaves_nothing(stripe_lab: Lab, wrong: str) -> None:
    changes, param, code = WRONG[wrong]
    before = [intent.id for intent in stripe_lab.v1.payment_intents.list()]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_lab.intent(**changes)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert code is None or refused.value.code == code
    assert [intent.id for intent in stripe_lab.v1.payment_intents.list()] == before


def test_a_method_of_another_customer_or_a_used_one_cannot_be_charged(stripe_lab: Lab) -> None:
    mine, other = stripe_lab.customer(), stripe_lab.customer()
    method = stripe_lab.v1.payment_methods.attach("pm_card_visa", {"customer": mine.id})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        stripe_lab.intent(payment_method=method.id, customer=other.id)
    with pytest.raises(stripe.InvalidRequestError, match="Please include the Customer"):
        stripe_lab.intent(payment_method=method.id)
    used = stripe_lab.intent().payment_method
    with pytest.raises(stripe.InvalidRequestError, match="previously used"):
        stripe_lab.intent(payment_method=used)
    with pytest.raises(stripe.InvalidRequestError, match="previously used"):
        stripe_lab.v1.payment_methods.attach(used, {"customer": mine.id})
    stripe_lab.v1.payment_methods.detach(method.id)
    with pytest.raises(stripe.InvalidRequestError, match="previously used"):
        stripe_lab.intent(payment_method=method.id)


def test_a_method_used_for_later_belongs_to_its_customer(stripe_lab: Lab) -> None:
    customer = stripe_lab.customer()
    paid = stripe_lab.intent(customer=customer.id, setup_future_usage="off_session")
    (kept,) = stripe_lab.v1.customers.payment_methods.list(customer.id, {"type": "card"})
    assert kept.id == paid.payment_method
    assert looked_at(kept)["card"]["checks"]["cvc_check"] == "pass"
    again = stripe_lab.intent(payment_method=kept.id, customer=customer.id, off_session=True)
    assert again.status == "succeeded"


def test_lists_are_paged_both_ways_and_search_finds_by_metadata(stripe_lab: Lab) -> None:
    customer = stripe_lab.customer()
    made = [stripe_lab.intent(customer=customer.id, metadata={"order": f"ord'{n}"}).id for n in range(5)][::-1]
    first = stripe_lab.v1.payment_intents.list({"customer": customer.id, "limit": 2})
    assert ([one.id for one in first.data], first.has_more) == (made[:2], True)
    rest = stripe_lab.v1.payment_intents.list({"customer": customer.id, "limit": 3, "starting_after": made[1]})
    assert ([one.id for one in rest.data], rest.has_more) == (made[2:], False)
    back = stripe_lab.v1.payment_intents.list({"customer": customer.id, "limit": 2, "ending_before": made[3]})
    assert ([one.id for one in back.data], back.has_more) == (made[1:3], True)
    assert [one.id for one in first.auto_paging_iter()] == made
    recent = {"gte": stripe_lab.v1.payment_intents.retrieve(made[0]).created}
    assert made[0] in [one.id for one in stripe_lab.v1.payment_intents.list({"created": recent, "limit": 100}).data]
    query = f"metadata['order']:'ord\\'3' AND customer:'{customer.id}'"
    assert [one.id for one in stripe_lab.v1.payment_intents.search({"query": query}).data] == [made[1]]
    assert not stripe_lab.v1.payment_intents.search({"query": f"amount>5000 AND customer:'{customer.id}'"}).data
    found = stripe_lab.v1.payment_intents.search({"query": f"customer:'{customer.id}' AND -status:'canceled'", "limit": 2})
    assert (len(found.data), found.has_more) == (2, True)
    assert [one.id for one in found.auto_paging_iter()] == made
    for wrong in ("status", "colour:'red'", "status:'a' AND amount>1 OR amount<2", "status>'a'"):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            stripe_lab.v1.payment_intents.search({"query": wrong})
        assert refused.value.param == "query"
    for asked in (
        {"limit": 0},
        {"limit": 101},
        {"starting_after": "pi_none"},
        {"starting_after": made[0], "ending_before": made[1]},
    ):
        with pytest.raises(stripe.InvalidRequestError):
            stripe_lab.v1.payment_intents.list(asked)


def test_wallets_are_cards_of_another_kind(stripe_lab: Lab) -> None:
    for wallet in ("apple_pay", "google_pay"):
        session = stripe_lab.session()
        played = stripe_lab.play(session.id, method=wallet)
        method = looked_at(stripe_lab.v1.payment_methods.retrieve(played["intent"]["payment_method"]))
        assert method["card"]["wallet"]["type"] == wallet
        charge = looked_at(stripe_lab.v1.charges.retrieve(played["intent"]["latest_charge"]))
        assert charge["payment_method_details"]["card"]["wallet"]["type"] == wallet
