"""Stripe's Checkout Sessions and the pages they lead to, as the SDK and a browser without JavaScript meet them (CM2)."""

from typing import Any

import pytest
import stripe

from sandbox.stripe_lab import Lab, looked_at, until

CARD = {"method": "card", "number": "4242 4242 4242 4242", "expiry": "12/39", "cvc": "123", "email": "ada@example.com"}


def paid_by(lab: Lab, session: stripe.checkout.Session, **changes: str) -> str:
    """Where the browser is led after the form was sent."""
    answer = lab.web.post(str(session.url), data={**CARD, **changes})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def again(lab: Lab, session: stripe.checkout.Session, *expand: str) -> dict[str, Any]:
    return looked_at(lab.v1.checkout.sessions.retrieve(session.id, {"expand": list(expand)}))


def test_a_session_has_todays_shape_and_its_page_shows_what_is_sold(stripe_lab: Lab) -> None:
    session = stripe_lab.session(
        amount=1250,
        metadata={"reference": "att_1"},
        client_reference_id="att_1",
        expand=["line_items"],
        customer_email="ada@example.com",
    )
    shown = looked_at(session)
    assert (shown["status"], shown["payment_status"], shown["payment_intent"]) == ("open", "unpaid", None)
    assert (shown["amount_total"], shown["currency"], shown["customer_details"]["email"]) == (1250, "try", "ada@example.com")
    assert [item["description"] for item in shown["line_items"]["data"]] == ["Ten credits"]
    page = stripe_lab.web.get(shown["url"])
    assert "TRY\xa012.50" in page.text
    assert "Ten credits" in page.text
    assert 'name="email"' not in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert stripe_lab.v1.checkout.sessions.line_items.list(session.id).data[0].amount_total == 1250


def test_paying_leads_back_to_the_merchant_and_completes_the_session(stripe_lab: Lab) -> None:
    data = {"metadata": {"reference": "att_2"}, "description": "Ten credits"}
    session = stripe_lab.session(payment_intent_data=data, client_reference_id="att_2")
    assert paid_by(stripe_lab, session) == f"{stripe_lab.told}/done?session={session.id}"
    done = again(stripe_lab, session, "payment_intent.latest_charge", "payment_intent.payment_method", "customer")
    assert (done["status"], done["payment_status"], done["url"]) == ("complete", "paid", None)
    assert (done["customer"], done["customer_details"]["email"]) == (None, "ada@example.com")
    intent = done["payment_intent"]
    assert (intent["status"], intent["metadata"], intent["description"]) == ("succeeded", {"reference": "att_2"}, "Ten credits")
    assert stripe_lab.types(session.id) == ["checkout.session.completed"]
    assert paid_by(stripe_lab, session) == f"{stripe_lab.told}/done?session={session.id}"
    assert len(stripe_lab.v1.charges.list({"payment_intent": intent["id"]}).data) == 1
    assert "Payment complete" in stripe_lab.web.get(session.url).text
    found = stripe_lab.v1.checkout.sessions.list({"payment_intent": intent["id"]}).data
    assert [one.id for one in found] == [session.id]


def test_a_declined_card_is_said_on_the_page_and_another_is_tried(stripe_lab: Lab) -> None:
    session = stripe_lab.session()
    assert paid_by(stripe_lab, session, number="4000000000009995") == f"/stripe/pay/{session.id}"
    page = stripe_lab.web.get(session.url)
    assert "There is not enough money on the card or account." in page.text
    seen = again(stripe_lab, session, "payment_intent")
    assert (seen["status"], seen["payment_intent"]["status"]) == ("open", "requires_payment_method")
    with pytest.raises(stripe.InvalidRequestError, match="belongs to a Checkout Session"):
        stripe_lab.v1.payment_intents.cancel(seen["payment_intent"]["id"])
    assert paid_by(stripe_lab, session).startswith(stripe_lab.told)
    assert again(stripe_lab, session)["payment_intent"] == seen["payment_intent"]["id"]


def test_the_bank_asks_and_an_unapproved_payment_leads_back_to_the_page(stripe_lab: Lab) -> None:
    session = stripe_lab.session(locale="tr")
    question = paid_by(stripe_lab, session, number="4000002760003184")
    assert stripe_lab.web.get(session.url).headers["location"] == question
    assert "bankanızın yerini tutar" in stripe_lab.web.get(question).text
    back = stripe_lab.web.post(question, data={"answer": "decline"}).headers["location"]
    assert "Ödeme bankada onaylanmadı." in stripe_lab.web.get(back).text
    question = paid_by(stripe_lab, session, number="4000002500003155")
    assert stripe_lab.web.post(question, data={"answer": "approve"}).headers["location"].startswith(stripe_lab.told)
    assert again(stripe_lab, session)["payment_status"] == "paid"


MISTAKES = {
    "no number": ({"number": ""}, "Enter the card number."),
    "a real card": ({"number": "4539578763621486"}, "This is not a test card. It was neither kept nor sent anywhere."),
    "no card": ({"number": "1234"}, "This is not a card number. Check its digits."),
    "a date that is past": ({"expiry": "01/20"}, "This card has expired."),
    "no e-mail address": ({"email": "ada"}, "Enter an e-mail address"),
    "an account there is not": ({"method": "sepa_debit", "iban": "TR00"}, "This is not a test account."),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_beside_their_fields_and_nothing_is_paid(stripe_lab: Lab, mistake: str) -> None:
    changes, words = MISTAKES[mistake]
    session = stripe_lab.session(currency="eur", payment_method_types=["card", "sepa_debit"])
    answer = stripe_lab.web.post(session.url, data={**CARD, **changes})
    assert (answer.status_code, words in answer.text) == (422, True)
    assert "4539578763621486" not in answer.text
    assert again(stripe_lab, session)["payment_intent"] is None


def test_a_customer_is_made_where_one_is_wanted_and_keeps_the_card(stripe_lab: Lab) -> None:
    data = {"setup_future_usage": "off_session"}
    session = stripe_lab.session(customer_creation="always", payment_intent_data=data, customer_email="bo@example.com")
    stripe_lab.play(session.id)
    done = again(stripe_lab, session, "customer", "payment_intent")
    assert done["customer"]["email"] == "bo@example.com"
    (kept,) = stripe_lab.v1.customers.payment_methods.list(done["customer"]["id"])
    assert kept.id == done["payment_intent"]["payment_method"]
    later = stripe_lab.intent(payment_method=kept.id, customer=done["customer"]["id"], off_session=True)
    assert later.status == "succeeded"


def test_money_that_is_only_held_leaves_the_session_unpaid_until_it_is_captured(stripe_lab: Lab) -> None:
    session = stripe_lab.session(payment_intent_data={"capture_method": "manual"})
    stripe_lab.play(session.id)
    held = again(stripe_lab, session, "payment_intent")
    assert (held["status"], held["payment_status"], held["payment_intent"]["status"]) == (
        "complete",
        "unpaid",
        "requires_capture",
    )
    stripe_lab.v1.payment_intents.capture(held["payment_intent"]["id"])
    assert again(stripe_lab, session)["payment_status"] == "paid"


@pytest.mark.parametrize(
    ("iban", "paid", "event"),
    [
        ("AT611904300234573201", "paid", "checkout.session.async_payment_succeeded"),
        ("AT861904300235473202", "unpaid", "checkout.session.async_payment_failed"),
    ],
    ids=["paid", "not paid"],
)
def test_completed_is_not_yet_paid_when_an_account_is_debited(stripe_lab: Lab, iban: str, paid: str, event: str) -> None:
    session = stripe_lab.session(currency="eur", payment_method_types=["card", "sepa_debit"])
    with stripe_lab.web.stream("GET", session.url) as page:
        assert page.status_code == 200
    stripe_lab.web.post(session.url, data={"method": "sepa_debit", "iban": iban})
    completed = stripe_lab.v1.events.list({"type": "checkout.session.completed"}).data[0].data.object
    assert (completed.id, completed.status, completed.payment_status) == (session.id, "complete", "unpaid")
    until(lambda: stripe_lab.types(session.id) == ["checkout.session.completed", event])
    assert again(stripe_lab, session)["payment_status"] == paid


def test_an_expired_session_takes_no_payment_whoever_ended_it(stripe_lab: Lab) -> None:
    session = stripe_lab.session()
    paid_by(stripe_lab, session, number="4000000000000002")
    gone = looked_at(stripe_lab.v1.checkout.sessions.expire(session.id))
    assert (gone["status"], gone["url"]) == ("expired", None)
    assert stripe_lab.v1.payment_intents.retrieve(gone["payment_intent"]).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_lab.v1.checkout.sessions.expire(session.id)
    assert refused.value.code == "checkout_session_not_open"
    assert stripe_lab.web.post(session.url, data=CARD).headers["location"] == f"/stripe/pay/{session.id}"
    assert "Payment expired" in stripe_lab.web.get(session.url).text
    left = stripe_lab.session()
    stripe_lab.clock.move(days=1, minutes=1)
    assert again(stripe_lab, left)["status"] == "expired"
    assert stripe_lab.types(left.id) == ["checkout.session.expired"]


def test_a_session_only_to_keep_a_card_takes_nothing(stripe_lab: Lab) -> None:
    customer = stripe_lab.customer()
    session = stripe_lab.session(mode="setup", line_items=None, customer=customer.id, currency="usd")
    assert "Save a payment method" in stripe_lab.web.get(session.url).text
    stripe_lab.play(session.id, card="4000002500003155")
    done = again(stripe_lab, session, "setup_intent.payment_method")
    assert (done["status"], done["payment_status"]) == ("complete", "no_payment_required")
    method = done["setup_intent"]["payment_method"]
    assert method["customer"] == customer.id
    assert stripe_lab.intent(payment_method=method["id"], customer=customer.id, off_session=True).status == "succeeded"


def test_the_page_speaks_the_language_that_is_asked_for(stripe_lab: Lab) -> None:
    session = stripe_lab.session(locale="auto")
    assert "Kartla ödeme" in stripe_lab.web.get(session.url, headers={"accept-language": "tr-TR,en"}).text
    assert "Card payment" in stripe_lab.web.get(session.url, headers={"accept-language": "de"}).text
    assert "Kartla ödeme" in stripe_lab.web.get(f"{session.url}?lang=tr").text


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"mode": None}, "mode"),
        ({"success_url": None}, "success_url"),
        ({"success_url": "https://shop.example/done"}, "success_url"),
        ({"line_items": None}, "line_items"),
        ({"line_items": [{"price": "price_none", "quantity": 1}]}, "line_items[0][price]"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price]"),
        ({"expires_at": 1}, "expires_at"),
        ({"customer_email": "ada"}, "customer_email"),
        ({"customer": "cus_none"}, "customer"),
        ({"locale": "xx"}, "locale"),
        ({"payment_method_types": ["gold"]}, "payment_method_types[0]"),
        ({"payment_intent_data": {"capture_method": "soon"}}, "payment_intent_data[capture_method]"),
        ({"payment_intent_data": {"colour": "red"}}, "payment_intent_data[colour]"),
        ({"colour": "red"}, "colour"),
        ({"amount": 0}, "line_items"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_with_a_session_is_refused_by_its_name(stripe_lab: Lab, changes: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_lab.session(**changes)
    assert refused.value.param == param


def test_pages_of_nothing_and_receipts(stripe_lab: Lab) -> None:
    assert stripe_lab.web.get("/stripe/pay/cs_test_none").status_code == 404
    assert "No such payment" in stripe_lab.web.get("/stripe/pay/cs_test_none").text
    charge = stripe_lab.v1.charges.retrieve(stripe_lab.intent().latest_charge)
    stripe_lab.v1.refunds.create({"charge": charge.id, "amount": 500})
    page = stripe_lab.web.get(charge.receipt_url).text
    assert "$20.00" in page
    assert "$5.00" in page
