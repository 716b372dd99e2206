"""The demo's card page (SR10): a form that works without script, in two languages, under a strict content policy."""

import re
from datetime import timedelta

import pytest

from magicpay_desk_fixtures import PAGE, Storage, order_id, storage
from vezne import payments
from vezne.kernel.ids import parse_id
from vezne.orders import OrderStatus
from vezne.payments.providers.magicpay_sessions import CARDS

__all__ = ["storage"]

GOOD = {"number": "4242 4242 4242 4242", "expiry": "08/40", "cvc": "123"}


async def test_a_browser_gets_the_page_and_a_program_the_session(storage: Storage) -> None:
    session = await storage.session(order_id(await storage.reserved()))
    page = await storage.page(session)
    assert (page.status_code, page.headers["content-language"]) == (200, "tr")  # the guest's own language
    assert "150,00" in page.text
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert 'style="' not in page.text
    seen = await storage.seen(session)
    assert (seen["status"], seen["payment_status"], seen["session_id"]) == ("open", "pending", session["session_id"])
    assert (seen["amount_minor"], seen["currency"], seen["mode"]) == (15_000, "TRY", "demo")


@pytest.mark.parametrize("lang", ["en", "tr"])
async def test_the_page_speaks_the_language_that_is_asked_for(storage: Storage, lang: str) -> None:
    session = await storage.session(order_id(await storage.reserved()))
    page = await storage.page(session, lang=lang)
    assert f'<html lang="{lang}">' in page.text
    assert {"en": "Card number", "tr": "Kart numarası"}[lang] in page.text


async def test_a_good_card_pays_and_leads_back_to_whoever_sent_the_guest(storage: Storage) -> None:
    placed = await storage.reserved()
    session = await storage.session(order_id(placed))
    answer = await storage.submit(session, **GOOD)
    assert answer.status_code == 303
    assert answer.headers["location"] == (await storage.seen(session))["return_url"]
    assert (await storage.order(placed)).status is OrderStatus.FULFILLED
    again = await storage.submit(session, **{**GOOD, "number": "4000000000000002"})
    assert (again.status_code, again.headers["location"]) == (303, answer.headers["location"])
    assert (await storage.seen(session))["status"] == "paid"
    page = await storage.page(session, lang="en")
    assert "The payment is complete" in page.text
    assert "4242" in page.text
    assert "<input" not in page.text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({**GOOD, "number": ""}, "Enter the card number."),
        ({**GOOD, "number": "4111 1111 1111 1111"}, "This demo takes its test cards only."),
        ({**GOOD, "expiry": "13/40"}, "Enter the expiry date as month and year"),
        ({**GOOD, "expiry": "01/20"}, "This expiry date is in the past."),
        ({**GOOD, "cvc": "12"}, "Enter the three or four digits of the security code."),
    ],
)
async def test_a_mistake_is_told_beside_its_field_and_nothing_is_paid(
    storage: Storage, fields: dict[str, str], message: str
) -> None:
    session = await storage.session(order_id(await storage.reserved()))
    page = await storage.submit(session, **fields)
    assert page.status_code == 422
    assert page.text.count(message) == 2  # in the summary and at the field
    assert page.text.count('aria-invalid="true"') == 1
    assert "4111" not in page.text  # what may be somebody's real card is not shown again
    assert (await storage.seen(session))["status"] == "open"


async def test_every_mistake_is_told_at_once(storage: Storage) -> None:
    session = await storage.session(order_id(await storage.reserved()))
    page = await storage.submit(session)
    assert page.text.count('aria-invalid="true"') == 3


@pytest.mark.parametrize(("card", "code"), [(card, each.failure_code) for card, each in CARDS.items() if each.failure_code])
async def test_a_declined_card_fails_the_attempt_and_says_why(storage: Storage, card: str, code: str) -> None:
    placed = await storage.reserved()
    session = await storage.session(order_id(placed))
    assert (await storage.submit(session, **{**GOOD, "number": card})).status_code == 303
    seen = await storage.seen(session)
    assert (seen["status"], seen["payment_status"], seen["failure_code"]) == ("failed", "failed", code)
    (attempt,) = await storage.attempts(placed)
    assert (attempt.status, attempt.failure_code) == (payments.AttemptStatus.FAILED, code)


async def test_delayed_money_comes_by_the_tenants_clock(storage: Storage) -> None:
    placed = await storage.reserved()
    session = await storage.session(order_id(placed))
    await storage.submit(session, **{**GOOD, "number": "4000000000000077"})
    assert (await storage.seen(session))["payment_status"] == "processing"
    await storage.pass_time(timedelta(seconds=10))
    payment_id = parse_id("pay", session["payment_id"])
    done = await payments.finalise(storage.db, storage.gateways, storage.tenant.principal, payment_id)
    assert done.status is payments.PaymentStatus.SUCCEEDED


@pytest.mark.parametrize(("amount", "status"), [(400_002, "failed"), (400_077, "processing"), (409_995, "failed")])
async def test_some_amounts_have_an_outcome_of_their_own(storage: Storage, amount: int, status: str) -> None:
    session = await storage.session(order_id(await storage.reserved(price=amount)))
    await storage.submit(session, **GOOD)
    assert (await storage.seen(session))["status"] == status


async def test_who_turns_back_closes_the_session_and_may_pay_again(storage: Storage) -> None:
    placed = await storage.reserved()
    session = await storage.session(order_id(placed))
    answer = await storage.submit(session, leave="1")
    assert answer.status_code == 303
    assert (await storage.seen(session))["status"] == "cancelled"
    assert "This payment was cancelled" in (await storage.page(session, lang="en")).text
    refused = await storage.post(f"/demo/{session['session_id']}/complete", {"result": "success"})
    assert (refused.status_code, refused.json()["code"]) == (409, "magic_pay_session_decided")
    second = await storage.session(order_id(placed))
    assert second["session_id"] != session["session_id"]


async def test_test_cards_are_listed_and_filled_in_by_a_link(storage: Storage) -> None:
    session = await storage.session(order_id(await storage.reserved()))
    page = await storage.page(session, lang="en")
    assert len(re.findall(r"card=\d{16}", page.text)) == len(CARDS)
    filled = await storage.page(session, lang="en", card="4000000000000002")
    assert 'value="4000 0000 0000 0002"' in filled.text
    assert 'value="4111' not in (await storage.page(session, card="4111111111111111")).text


async def test_bytes_that_are_no_form_are_told_as_missing_fields(storage: Storage) -> None:
    session = await storage.session(order_id(await storage.reserved()))
    answer = await storage.http.post(session["checkout_url"], content=b"\xff\xfe=%", headers=PAGE)
    assert answer.status_code == 422
    assert (await storage.seen(session))["status"] == "open"


async def test_a_payment_whose_time_is_over_takes_no_card(storage: Storage) -> None:
    placed = await storage.reserved()
    session = await storage.session(order_id(placed))
    await storage.pass_time(timedelta(days=1))
    assert "The time to pay is over" in (await storage.page(session, lang="en")).text
    await storage.submit(session, **GOOD)
    assert (await storage.seen(session))["status"] == "open"
