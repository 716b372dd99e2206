"""The hosted pages as plain HTTP: forms, redirects, what is shown again and what never is."""

import re
from pathlib import Path

import httpx2
import pytest

from sandbox.merchant import Gateway, HeldClock, Open
from vezne.sandbox.pages import amount_text
from vezne.sandbox.texts import TEXTS, language_of

GOOD = {"number": "4242 4242 4242 4242", "expiry": "12/39", "cvc": "123"}
REAL_LOOKING = "4539578763621486"


async def send(gateway: Gateway, payment: dict[str, str], step: str = "", **fields: str) -> httpx2.Response:
    return await gateway.client.post(f"/simulated/pay/{payment['id']}{step}", data=fields or GOOD)


async def test_a_paid_card_leads_back_to_the_merchant_with_the_payment_named(gateway: Gateway) -> None:
    payment = await gateway.payment()
    form = await gateway.client.get(payment["redirect_url"])
    assert form.status_code == 200
    assert "script-src" not in form.headers["content-security-policy"]
    assert "<script" not in form.text
    paid = await send(gateway, payment)
    assert paid.status_code == 303
    assert paid.headers["location"] == f"{payment['return_url']}&payment={payment['id']}"
    assert (await gateway.get(f"/payments/{payment['id']}"))["status"] == "succeeded"


async def test_sent_twice_and_reloaded_a_payment_is_made_once(gateway: Gateway) -> None:
    payment = await gateway.payment()
    first, second = await send(gateway, payment), await send(gateway, payment)
    third = await send(gateway, payment, **{**GOOD, "number": "4000000000000002"})
    assert first.headers["location"] == second.headers["location"] == third.headers["location"]
    assert len((await gateway.get(f"/events?payment={payment['id']}"))["data"]) == 1
    for _ in range(2):
        page = await gateway.client.get(payment["redirect_url"])
        assert (page.status_code, "Payment complete" in page.text) == (200, True)


async def test_a_declined_card_is_told_and_the_way_back_is_shown(gateway: Gateway) -> None:
    payment = await gateway.payment()
    sent = await send(gateway, payment, **{**GOOD, "number": "4000000000009995"})
    page = await gateway.client.get(sent.headers["location"])
    assert "insufficient funds" in page.text
    assert f"payment={payment['id']}" in page.text
    assert (await gateway.get(f"/payments/{payment['id']}"))["failure_code"] == "insufficient_funds"


async def test_the_bank_is_asked_and_its_answer_counts_once(gateway: Gateway) -> None:
    payment = await gateway.payment()
    sent = await send(gateway, payment, **{**GOOD, "number": "4000002500003155"})
    assert sent.headers["location"].endswith("/3ds")
    page = await gateway.client.get(sent.headers["location"])
    assert "ending in 3155" in page.text
    assert (await gateway.client.get(payment["redirect_url"])).headers["location"].endswith("/3ds")
    assert (await send(gateway, payment, "/3ds", answer="maybe")).status_code == 400
    declined = await send(gateway, payment, "/3ds", answer="decline")
    assert "not approved at the bank" in (await gateway.client.get(declined.headers["location"])).text
    again = await send(gateway, payment, "/3ds", answer="approve")
    assert again.headers["location"] == declined.headers["location"]
    assert (await gateway.get(f"/payments/{payment['id']}"))["failure_code"] == "authentication_failed"


async def test_cancelling_leads_back_and_a_paid_payment_is_not_cancelled_by_it(gateway: Gateway) -> None:
    for card, status in ((None, "cancelled"), ("4000002500003155", "cancelled"), ("4242424242424242", "succeeded")):
        payment = await gateway.payment()
        if card:
            await send(gateway, payment, **{**GOOD, "number": card})
        left = await send(gateway, payment, "/cancel", x="")
        assert (left.status_code, left.headers["location"]) == (303, f"{payment['return_url']}&payment={payment['id']}")
        assert (await gateway.get(f"/payments/{payment['id']}"))["status"] == status


async def test_an_expired_payment_takes_no_card(open_gateway: Open) -> None:
    clock = HeldClock()
    gateway = await open_gateway(clock)
    payment = await gateway.payment()
    clock.move(minutes=30)
    sent = await send(gateway, payment)
    assert "Payment expired" in (await gateway.client.get(sent.headers["location"])).text
    assert (await gateway.get(f"/payments/{payment['id']}"))["card"] is None


async def test_mistakes_are_shown_together_each_tied_to_its_field(gateway: Gateway) -> None:
    payment = await gateway.payment()
    page = await send(gateway, payment, number="1234", expiry="13/30", cvc="12a")
    assert page.status_code == 422
    for field in ("number", "expiry", "cvc"):
        assert re.search(rf'aria-describedby="{field}-error {field}-hint" aria-invalid="true"', page.text)
        assert f'id="{field}-error"' in page.text
    assert page.text.count("autofocus") == 1
    assert "<title>Error: " in page.text
    assert (await gateway.get(f"/payments/{payment['id']}"))["status"] == "pending"


@pytest.mark.parametrize(
    ("expiry", "taken"),
    [("11/26", True), ("10/26", False), ("1/2027", True), ("0", False), ("12/1999", False), ("１/30", False)],
)
async def test_a_card_is_good_until_its_month_is_over(open_gateway: Open, expiry: str, *, taken: bool) -> None:
    clock = HeldClock()
    clock.now = clock.now.replace(year=2026, month=11, day=30, hour=23)
    gateway = await open_gateway(clock)
    assert ((await send(gateway, await gateway.payment(), **{**GOOD, "expiry": expiry})).status_code == 303) is taken


async def test_a_card_that_is_no_test_card_is_refused_and_found_nowhere(
    gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    payment = await gateway.payment()
    page = await send(gateway, payment, **{**GOOD, "number": REAL_LOOKING, "cvc": "987"})
    assert page.status_code == 422
    assert "This is not a test card" in page.text
    prefilled = await gateway.client.get(f"/simulated/pay/{payment['id']}?card={REAL_LOOKING}")
    played = await gateway.post(f"/payments/{payment['id']}/play", {"card": REAL_LOOKING})
    assert (played.status_code, played.json()["error"]["code"]) == (400, "unknown_card")
    own_log = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    for text in (page.text, prefilled.text, played.text, own_log):
        assert REAL_LOOKING not in text
    await send(gateway, payment)
    for file in tmp_path.iterdir():
        kept = file.read_bytes()
        assert REAL_LOOKING.encode() not in kept
        assert b"4242424242424242" not in kept
        assert REAL_LOOKING[-4:].encode() not in kept


async def test_a_test_card_can_be_filled_in_by_a_link(gateway: Gateway) -> None:
    payment = await gateway.payment()
    page = await gateway.client.get(f"/simulated/pay/{payment['id']}?card=4000000000000002")
    assert 'value="4000 0000 0000 0002"' in page.text


async def test_the_page_speaks_the_customers_language(gateway: Gateway) -> None:
    turkish = await gateway.payment(locale="tr-TR", amount_minor=1_000_050)
    page = await gateway.client.get(turkish["redirect_url"])
    assert 'lang="tr"' in page.text
    assert "₺10.000,50 öde" in page.text
    english = await gateway.client.get(f"{turkish['redirect_url']}?lang=en")
    assert "Pay TRY\N{NO-BREAK SPACE}10,000.50" in english.text
    unknown = await gateway.client.get(f"{turkish['redirect_url']}?lang=xx")
    assert 'lang="tr"' in unknown.text
    sent = await gateway.client.post(f"/simulated/pay/{turkish['id']}?lang=en", data={**GOOD, "number": "4000000000000002"})
    assert sent.headers["location"].endswith("?lang=en")


async def test_what_a_merchant_writes_is_text_and_not_markup(gateway: Gateway) -> None:
    payment = await gateway.payment(description="<img src=x onerror=alert(1)>", merchant_reference='"><b>x')
    page = await gateway.client.get(payment["redirect_url"])
    assert "<img" not in page.text
    assert "<b>x" not in page.text


async def test_unknown_payments_and_unreadable_forms_get_a_page(gateway: Gateway) -> None:
    page = await gateway.client.get("/simulated/pay/sim_pay_none?lang=tr")
    assert (page.status_code, "Böyle bir ödeme yok" in page.text) == (404, True)
    payment = await gateway.payment()
    path = f"/simulated/pay/{payment['id']}"
    for content, status in ((b"number=%ff%fe", 400), (b"a=1&" * 30, 400), (b"x" * 9000, 413), (b"", 422), (b"\xff", 400)):
        assert (await gateway.client.post(path, content=content)).status_code == status


@pytest.mark.unit
def test_every_sentence_exists_in_both_languages_with_the_same_places_to_fill() -> None:
    assert TEXTS["en"].keys() == TEXTS["tr"].keys()
    for key, english in TEXTS["en"].items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", TEXTS["tr"][key])), key


@pytest.mark.unit
def test_amounts_have_the_decimals_of_their_currency() -> None:
    assert amount_text(1_234_567, "TRY", "tr") == "₺12.345,67"
    assert amount_text(500, "JPY", "en") == "¥500"
    assert amount_text(1_234, "KWD", "en").endswith("KWD\N{NO-BREAK SPACE}1.234")
    assert [language_of(locale) for locale in ("tr", "tr_TR", "TR-tr", "de", "en-GB", "trx")] == [
        "tr",
        "tr",
        "tr",
        "en",
        "en",
        "en",
    ]
