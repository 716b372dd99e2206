"""Seats and storage bought by card, told of in every order there is: booked once, settled once, and nobody's money lies about."""

from collections.abc import Awaitable, Callable

import pytest

from bad_luck.shop import SEAT, TOTAL, Shop, Visit, all_at_once
from orders_fixtures import seats
from vezne.kernel.ids import public_id


async def webhook_then_redirect(visit: Visit) -> None:
    await visit.webhook()
    await visit.come_back()


async def redirect_then_webhook(visit: Visit) -> None:
    await visit.come_back()
    await visit.webhook()


async def redirect_alone(visit: Visit) -> None:
    await visit.come_back()


async def webhook_alone(visit: Visit) -> None:
    await visit.webhook()


async def nothing_is_told(visit: Visit) -> None:
    await visit.poll()


Told = Callable[[Visit], Awaitable[None]]
BY_WEBHOOK: list[Told] = [webhook_then_redirect, redirect_then_webhook, webhook_alone, all_at_once]
ORDERS: list[Told] = [*BY_WEBHOOK, redirect_alone, nothing_is_told]


@pytest.mark.parametrize("provider", ["simulated", "payu"])
@pytest.mark.parametrize("told", ORDERS)
async def test_seats_and_storage_are_booked_and_settled_once(shop: Shop, provider: str, told: Told) -> None:
    if told in BY_WEBHOOK:
        await shop.told()
    else:
        await shop.sandbox.arm(webhooks={"drop_first": 100})
    host = await shop.payee()
    event = await shop.event(SEAT, 2, currency="INR", item={"payee_id": host})
    depot = await shop.depot(payee_id=host)
    visit = await shop.visit([seats(event, 2), await shop.stay(depot)], provider)
    await visit.pay()
    await told(visit)
    order = await shop.seen(visit.placed)
    assert (order["status"], order["last_error"]) == ("fulfilled", None)
    assert len(await shop.tickets(visit.placed)) == 2
    assert ((booked := await shop.resource(event)).held, booked.taken, booked.going_count) == (0, 2, 2)
    assert await shop.events("claim.consumed") == 2
    assert await shop.events("settlement.made") == 2
    assert await shop.held("unapplied", "INR") == 0
    assert await shop.held(f"clearing:{provider}", "INR") == -TOTAL
    assert await shop.held("fees", "INR") == TOTAL // 10
    units = (await shop.get(f"/v1/resources/{public_id('rsc', depot.id)}/units"))["data"]
    assert [unit["status"] for unit in units] == ["occupied"]


async def test_what_is_paid_in_two_tabs_buys_once_and_the_second_money_waits_to_be_given_back(shop: Shop) -> None:
    """One tab stands at PayU, who cannot be told to stop; the other goes to another provider. Both pay."""
    event = await shop.event(SEAT, 2, currency="INR")
    first = await shop.visit([seats(event, 2)], "payu")
    second = Visit(shop, first.placed, "simulated")
    await second.enter()
    await second.pay()
    await second.come_back()
    await first.pay()
    page = await first.come_back()
    assert page.status_code == 200
    await shop.work("payments.poll", "payments.act_on_webhook")
    assert (await shop.seen(first.placed))["status"] == "fulfilled"
    assert len(await shop.tickets(first.placed)) == 2
    assert (await shop.resource(event)).taken == 2
    assert (await shop.payment(first.payment_id)).flag == "paid_twice"
    (found,) = (await shop.get("/v1/unmatched-money", status="waiting"))["data"]
    assert (found["reason"], found["amount_minor"]) == ("paid_twice", 2 * SEAT)
    answer = await shop.post(f"/v1/unmatched-money/{found['id']}/resolutions", {"action": "refund"})
    assert answer.status_code == 201, answer.text
    await shop.give_back()
    assert [refund["paise"] for refund in await shop.refunds(first.ref)] == [2 * SEAT]
    assert (await shop.seen(first.placed))["refunded_minor"] == 0


async def test_who_closes_the_browser_at_the_bank_without_paying_keeps_nothing_but_time(shop: Shop) -> None:
    """The seats are kept while the attempt may still be paid, and not a moment after the payment is given up."""
    event = await shop.event(SEAT, 1, currency="INR")
    visit = await shop.visit([seats(event)], "payu")
    refused = await shop.ask(await shop.customer(), [seats(event)], currency="INR")
    assert (refused.status_code, refused.json()["code"]) == (409, "sold_out")
    done = await shop.act(visit.ref, act="abandon")
    assert (await shop.post_back(done)).status_code == 303
    assert (await shop.payment(visit.payment_id)).status == "requires_payment"
    gone = await shop.post(f"/v1/orders/{visit.placed['order']['id']}/cancellations")
    assert gone.status_code == 201, gone.text
    again = await shop.visit([seats(event)], "payu")
    await again.pay()
    await again.come_back()
    assert (await shop.seen(again.placed))["status"] == "fulfilled"
    assert (await shop.seen(visit.placed))["status"] == "cancelled"
