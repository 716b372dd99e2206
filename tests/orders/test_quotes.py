"""Quotes: what an order would come to, signed, good for some minutes and for one order."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from desk_fixtures import MINUTE
from orders_fixtures import BoxOffice, by_coins, by_wallet, seats
from tenancy_fixtures import TestTenant
from vezne import catalog
from vezne.kernel import clock
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money

COINS = {"accepts": ("money", "coins")}


async def quoted(office: BoxOffice, customer: UUID, lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await office.post("/v1/quotes", {"customer_id": public_id("cus", customer), "lines": lines, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def by_account(postings: list[dict[str, Any]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for posting in postings:
        name = posting["account"].split(":")[0] if posting["account"].startswith(("wallet:", "payee:")) else posting["account"]
        sums[f"{name} {posting['currency']}"] = sums.get(f"{name} {posting['currency']}", 0) + posting["amount_minor"]
    return {name: amount for name, amount in sums.items() if amount}


async def test_a_quote_shows_price_fee_seats_and_the_exact_postings_and_leaves_nothing(office: BoxOffice) -> None:
    event, customer = await office.event(2_500, item=COINS), await office.customer()
    wallet, coins = await office.wallet(customer, 1_000), await office.wallet(customer, 10, "coins", "COIN")
    events = await office.events("order.placed")
    quote = await quoted(office, customer, [seats(event, 2)], tenders=[by_wallet(wallet, 1_000), by_coins(coins, 10)])
    assert (quote["price_minor"], quote["discount_minor"], quote["fee_minor"], quote["total_minor"]) == (5_000, 0, 0, 5_000)
    assert quote["lines"][0]["seats"] == 2
    assert [tender["amount_minor"] for tender in quote["tenders"]] == [1_000, 500, 3_500]
    assert by_account(quote["postings"]) == {
        "clearing:simulated TRY": -3_500,
        "wallet TRY": -1_000,
        "wallet COIN": -10,
        "coins_redeemed COIN": 10,
        "coin_redemption TRY": -500,
        "payee TRY": 4_500,
        "fees TRY": 500,
    }
    assert (await office.balance(wallet), await office.balance(coins)) == ((1_000, 0), (10, 0))
    assert ((left := await office.resource(event)).held, left.taken) == (0, 0)
    assert (await office.get("/v1/orders"))["data"] == (await office.get("/v1/payments"))["data"] == []
    assert await office.events("order.placed") == events
    assert await office.work() == 0


async def test_what_was_quoted_is_what_is_posted(office: BoxOffice) -> None:
    event, customer = await office.event(2_525, item=COINS), await office.customer()
    wallet = await office.wallet(customer, 1_000)
    quote = await quoted(office, customer, [seats(event)], tenders=[by_wallet(wallet, 999)])
    placed = (await office.post("/v1/orders", {"quote": quote["quote"]})).json()
    assert placed["order"]["total_minor"] == quote["total_minor"]
    await office.settle(placed)
    told = by_account(quote["postings"])
    assert (await office.held("fees"), await office.held("clearing:simulated")) == (
        told["fees TRY"],
        told["clearing:simulated TRY"],
    )
    assert (await office.balance(wallet))[0] == 1


async def test_a_quote_places_one_order_however_often_it_is_sent(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    quote = await quoted(office, customer, [seats(event)])
    answers = await asyncio.gather(*[office.post("/v1/orders", {"quote": quote["quote"]}) for _ in range(6)])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["order"]["id"] for answer in answers}) == 1
    assert [answer.json()["payment"]["client_secret"] is None for answer in answers].count(False) == 1
    assert (await office.resource(event)).held == 1


async def test_a_quote_lapses_by_the_tenants_clock_but_the_order_it_placed_stays_its_answer(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    used, late = [await quoted(office, customer, [seats(event)]) for _ in range(2)]
    placed = (await office.post("/v1/orders", {"quote": used["quote"]})).json()
    async with office.db.transaction(office.principal) as tx:
        await clock.hold(tx, tx.now + 11 * MINUTE)
    refused = await office.post("/v1/orders", {"quote": late["quote"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "quote_lapsed")
    again = await office.post("/v1/orders", {"quote": used["quote"]})
    assert (again.status_code, again.json()["order"]["id"]) == (201, placed["order"]["id"])


async def test_a_price_that_changed_meanwhile_is_told_and_nothing_is_ordered(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    quote = await quoted(office, customer, [seats(event, 2)])
    async with office.db.transaction(office.principal) as tx:
        assert event.item_id is not None
        await catalog.set_price(tx, event.item_id, Money(2_501, "TRY"))
    refused = await office.post("/v1/orders", {"quote": quote["quote"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    assert (await office.get("/v1/orders"))["data"] == []


async def test_seats_that_were_sold_meanwhile_are_not_had_by_a_quote(office: BoxOffice) -> None:
    event = await office.event(2_500, 1)
    quote = await quoted(office, await office.customer(), [seats(event)])
    await office.order(await office.customer(), [seats(event)])
    refused = await office.post("/v1/orders", {"quote": quote["quote"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "sold_out")


async def test_a_quote_that_was_changed_or_is_another_tenants_is_refused(office: BoxOffice, other_tenant: TestTenant) -> None:
    event = await office.event(2_500)
    quote = (await quoted(office, await office.customer(), [seats(event)]))["quote"]
    head, body, signature = quote.split(".")
    for text in (f"{head}.{body}.{signature[::-1]}", f"{head}.{body[:-4]}AAAA.{signature}", "", "x", f"{head}.{body}."):
        refused = await office.post("/v1/orders", {"quote": text})
        assert (refused.status_code, refused.json()["code"]) == (422, "quote_invalid"), text
    foreign = await office.http.post("/v1/orders", json={"quote": quote}, headers=other_tenant.headers)
    assert (foreign.status_code, foreign.json()["code"]) == (422, "quote_invalid")


@pytest.mark.parametrize("beside", ["customer_id", "lines", "tenders", "currency"])
async def test_nothing_is_said_beside_a_quote(office: BoxOffice, beside: str) -> None:
    event, customer = await office.event(2_500), await office.customer()
    quote = await quoted(office, customer, [seats(event)])
    more = {
        "customer_id": public_id("cus", customer),
        "lines": [seats(event)],
        "tenders": [{"kind": "provider"}],
        "currency": "TRY",
    }
    refused = await office.post("/v1/orders", {"quote": quote["quote"], beside: more[beside]})
    assert (refused.status_code, refused.json()["code"]) == (422, "quote_stands_alone")
    assert refused.json()["errors"][0]["loc"] == ["body", beside]


async def test_what_could_not_be_paid_or_given_is_not_quoted(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    wallet = await office.wallet(customer, 100)
    body = {"customer_id": public_id("cus", customer), "lines": [seats(event)], "tenders": [by_wallet(wallet)]}
    refused = await office.post("/v1/quotes", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_funds")
    assert refused.json()["errors"][0]["loc"] == ["body", "tenders", 0]
