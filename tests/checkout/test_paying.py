"""Paying over HTTP: what is pressed twice, reloaded, raced or unreachable still charges once (CW4)."""

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from checkout_fixtures import Till
from vezne import checkout
from vezne.checkout.operations import paying
from vezne.payments.providers.simulated import SimulatedProvider

GOOD, POOR, STOLEN, LATE = "4242424242424242", "4000000000009995", "4000000000009979", "4000000000000077"


async def test_the_return_asks_the_provider_and_leads_to_a_page_that_may_be_reloaded(till: Till) -> None:
    bill = await till.bill(return_url="https://shop.example/paid?a=1")
    await till.pay_at_bank(bill, GOOD)
    for _ in range(3):
        back = await till.page(bill, "/return?payment=sim_pay_forged")
        assert (back.status_code, back.headers["location"]) == (303, f"/checkout/{bill.token}")
    page = await till.page(bill)
    assert "Paid. Thank you!" in page.text
    assert 'href="https://shop.example/paid?a=1"' in page.text
    assert await till.balance(bill) == 10_000


async def test_coming_back_without_having_paid_proves_nothing(till: Till) -> None:
    bill = await till.bill()
    await till.http.post(f"/checkout/{bill.token}/attempts")
    back = await till.page(bill, "/return")
    assert back.headers["location"] == f"/checkout/{bill.token}?returned=1"
    assert "Checking your payment" in (await till.http.get(back.headers["location"])).text
    assert await till.balance(bill) == 0


async def test_two_clicks_at_once_are_one_attempt(till: Till) -> None:
    bill = await till.bill()
    answers = await asyncio.gather(*(till.http.post(f"/checkout/{bill.token}/attempts") for _ in range(4)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    attempts = await till.attempts(bill.payment_id)
    assert len(attempts) == 1
    assert len(await till.sandbox.payments(attempts[0].reference)) == 1


async def test_return_webhook_and_reload_at_once_credit_once(till: Till) -> None:
    bill = await till.bill()
    await till.pay_at_bank(bill, GOOD)
    await till.until_told((await till.attempts(bill.payment_id))[0].provider_ref or "")
    await asyncio.gather(*(till.page(bill, "/return") for _ in range(4)), till.work("payments.act_on_webhook"))
    assert await till.balance(bill) == 10_000
    assert await till.events("payment.succeeded") == 1


async def test_the_webhook_alone_credits_when_the_browser_never_returns(till: Till) -> None:
    bill = await till.bill()
    await till.pay_at_bank(bill, GOOD)
    await till.until_told((await till.attempts(bill.payment_id))[0].provider_ref or "")
    await till.work("payments.act_on_webhook")
    assert await till.balance(bill) == 10_000
    assert "Paid. Thank you!" in (await till.page(bill)).text


async def test_a_decline_says_why_and_the_next_try_costs_the_same(till: Till) -> None:
    bill = await till.bill(12_345)
    await till.pay_at_bank(bill, POOR)
    await till.page(bill, "/return")
    page = await till.page(bill)
    assert "There is not enough money on this card" in page.text
    assert "TRY\N{NO-BREAK SPACE}123.45" in page.text
    await till.pay_at_bank(bill, GOOD)
    await till.page(bill, "/return")
    first, second = await till.attempts(bill.payment_id)
    assert second.parent_id == first.id
    assert await till.balance(bill) == 12_345


async def test_who_holds_a_stolen_card_is_not_told_that_it_is_known(till: Till) -> None:
    bill = await till.bill()
    await till.pay_at_bank(bill, STOLEN)
    await till.page(bill, "/return")
    page = (await till.page(bill)).text
    assert "declined" in page
    assert "stolen" not in page.lower()


async def test_too_many_tries_in_a_minute_wait_and_say_so(till: Till) -> None:
    bill = await till.bill()
    answers = [await till.http.post(f"/checkout/{bill.token}/attempts") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [303] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "60"
    assert "Please wait a minute" in answers[-1].text


async def test_after_ten_declines_the_link_is_closed(till: Till) -> None:
    bill = await till.bill()
    for _ in range(10):
        there = await paying.pay(
            till.db, till.gateways, till.principal, bill.token, return_url="http://127.0.0.1:9/", locale="en"
        )
        await till.sandbox.play(urlsplit(there or "").path.rpartition("/")[2], POOR)
        await till.finalise(bill.payment_id)
    page = (await till.page(bill)).text
    assert "The payment did not go through" in page
    assert 'action="' not in page


async def test_a_provider_out_of_reach_is_a_503_that_may_be_tried_again(till: Till) -> None:
    bill = await till.bill()
    await till.sandbox.arm(api={"error_500_after": "create", "times": 3})
    away = await till.http.post(f"/checkout/{bill.token}/attempts?lang=tr")
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert "ulaşılamıyor" in away.text
    reloaded = await till.http.get(f"/checkout/{bill.token}/attempts?lang=en")
    assert reloaded.headers["location"] == f"/checkout/{bill.token}?lang=en"
    await till.pay_at_bank(bill, GOOD)
    await till.page(bill, "/return")
    attempts = await till.attempts(bill.payment_id)
    assert len(attempts) == 1
    assert len(await till.sandbox.payments(attempts[0].reference)) == 1
    assert await till.balance(bill) == 10_000


async def test_coming_back_while_the_provider_is_away_shows_what_is_known(till: Till) -> None:
    bill = await till.bill()
    await till.pay_at_bank(bill, GOOD)
    nowhere = SimulatedProvider(base_url="http://127.0.0.1:9", api_key="sim_sk_test_x", webhook_secret="whsec_c2VjcmV0c2VjcmV0")
    away = replace(till.gateways, providers={"simulated": nowhere})
    view = await paying.come_back(till.db, away, till.principal, bill.token)
    assert view.state is checkout.State.UNDER_WAY
    await away.aclose()
    assert (await till.page(bill, "/return")).headers["location"] == f"/checkout/{bill.token}"
    assert await till.balance(bill) == 10_000


async def test_a_delayed_payment_is_waited_for_with_and_without_a_script(till: Till) -> None:
    bill = await till.bill()
    await till.pay_at_bank(bill, LATE)
    await till.page(bill, "/return")
    page = (await till.page(bill)).text
    assert "Your bank is confirming the payment" in page
    assert f'<noscript><meta http-equiv="refresh" content="4; url=/checkout/{bill.token}/return">' in page
    answer = await till.http.post(f"/checkout/{bill.token}/cancellations")
    assert answer.status_code == 303
    await asyncio.sleep(2)
    await till.page(bill, "/return")
    assert "Paid. Thank you!" in (await till.page(bill)).text
    assert await till.balance(bill) == 10_000


async def test_cancelling_is_asked_once_more_and_then_ends_the_order(till: Till) -> None:
    bill = await till.bill()
    await till.http.post(f"/checkout/{bill.token}/attempts")
    assert "Cancel this order?" in (await till.page(bill, "/cancel")).text
    for _ in range(2):
        assert (await till.http.post(f"/checkout/{bill.token}/cancellations")).status_code == 303
    assert "This order was cancelled" in (await till.page(bill)).text
    assert (await till.get(f"/v1/orders/{bill.order}"))["status"] == "cancelled"
    assert (await till.page(bill, "/cancel")).headers["location"] == f"/checkout/{bill.token}"


async def test_the_status_changes_when_the_page_has_something_else_to_show(till: Till) -> None:
    bill = await till.bill()
    marks = [(await till.page(bill, "/status")).json()]
    for card in (POOR, POOR, GOOD):
        await till.pay_at_bank(bill, card)
        await till.page(bill, "/return")
        marks.append((await till.page(bill, "/status")).json())
    assert [mark["state"] for mark in marks] == ["open", "declined", "declined", "paid"]
    assert len({mark["mark"] for mark in marks}) == 4


@pytest.mark.parametrize("wish", ["tr-TR,tr;q=0.9", "de", "en"])
async def test_the_page_speaks_the_visitors_language(till: Till, wish: str) -> None:
    page = await till.page(await till.bill(), **{"Accept-Language": wish})
    expected = "tr" if wish.startswith("tr") else "en"
    assert page.headers["content-language"] == expected
    assert ("₺100,00" in page.text) == (expected == "tr")


async def test_a_payment_under_review_asks_not_to_pay_again(till: Till) -> None:
    bill = await till.bill()
    await till.http.post(f"/checkout/{bill.token}/attempts")
    flag = "UPDATE payments SET flag = $3 WHERE tenant_id = $1 AND id = $2"
    await till.owner.execute(flag, till.tenant.tenant_id, bill.payment_id, "amount_mismatch")
    page = (await till.page(bill)).text
    assert "Please do not pay again" in page
    assert "http-equiv" not in page
    assert (await till.http.post(f"/checkout/{bill.token}/attempts")).headers["location"] == f"/checkout/{bill.token}"
    await till.owner.execute(flag, till.tenant.tenant_id, bill.payment_id, None)


async def test_a_refund_appears_on_the_receipt(till: Till) -> None:
    bill = await till.bill()
    await till.pay_at_bank(bill, GOOD)
    await till.page(bill, "/return")
    answer = await till.post(f"/v1/orders/{bill.order}/refunds", {"amount_minor": 2_500})
    assert answer.status_code == 201
    await till.work("payments.refund_at_provider", "payments.act_on_webhook")
    page = (await till.page(bill)).text
    assert "Refunded" in page
    assert "TRY\N{NO-BREAK SPACE}25.00" in page
