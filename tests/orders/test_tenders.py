"""Several means that pay one order: stored value is held until the rest is paid, then all is captured, or all released, once."""

import asyncio

import pytest

from desk_fixtures import DECLINED, MINUTE
from orders_fixtures import BoxOffice, by_coins, by_wallet, seats
from vezne import bookings, catalog, identity, payments, wallets
from vezne.kernel import clock
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money

COINS = {"accepts": ("money", "gift_card", "credits", "coins")}


async def test_wallet_coins_and_card_pay_one_order_together(office: BoxOffice) -> None:
    event, customer = await office.event(2_525, item=COINS), await office.customer()
    wallet, coins = await office.wallet(customer, 1_000), await office.wallet(customer, 100, "coins", "COIN")
    placed = await office.order(customer, [seats(event)], tenders=[by_wallet(wallet, 700), by_coins(coins, 20)])
    assert placed["payment"]["amount_minor"] == 2_525 - 700 - 1_000
    assert (await office.balance(wallet), await office.balance(coins)) == ((1_000, 700), (100, 20))
    await office.settle(placed)
    order = await office.seen(placed)
    assert (order["status"], [tender["status"] for tender in order["tenders"]]) == ("fulfilled", ["captured"] * 3)
    assert (await office.balance(wallet), await office.balance(coins)) == ((300, 0), (80, 0))
    assert (await office.held("coins_redeemed", "COIN"), await office.held("coin_redemption")) == (20, -1_000)
    assert await office.held("unapplied") == 0


async def test_coins_alone_pay_in_the_very_request(office: BoxOffice) -> None:
    event, customer = await office.event(2_500, item=COINS), await office.customer()
    coins = await office.wallet(customer, 60, "coins", "COIN")
    placed = await office.order(customer, [seats(event)], tenders=[by_coins(coins)])
    assert (placed["order"]["status"], placed["payment"]) == ("fulfilled", None)
    assert await office.balance(coins) == (10, 0)


async def test_an_item_in_credits_is_paid_with_credits_and_with_nothing_else(office: BoxOffice) -> None:
    customer = await office.customer()
    async with office.db.transaction(office.principal) as tx:
        item = await catalog.create_item(tx, catalog.NewItem(name="Class", prices={"CREDIT": 2}))
        meal = await bookings.create_resource(tx, kind="meal", name="Yoga", item_id=item.id, capacity=5)
    yoga_credits = await office.wallet(customer, 3, "credits", "CREDIT")
    bare = await office.ask(customer, [seats(meal)], currency="CREDIT")
    assert (bare.status_code, bare.json()["code"]) == (422, "rest_unpayable")
    placed = await office.order(customer, [seats(meal)], currency="CREDIT", tenders=[{"kind": "wallet"}])
    assert placed["order"]["status"] == "fulfilled"
    assert await office.balance(yoga_credits) == (1, 0)
    assert (await office.refund(placed)).json()["status"] == "succeeded"
    assert await office.balance(yoga_credits) == (3, 0)


@pytest.mark.parametrize("end", ["cancelled", "expired"])
async def test_what_was_held_is_free_again_once_when_the_rest_is_not_paid(office: BoxOffice, end: str) -> None:
    event, customer = await office.event(2_500, item=COINS), await office.customer()
    wallet, coins = await office.wallet(customer, 1_000), await office.wallet(customer, 10, "coins", "COIN")
    placed = await office.order(customer, [seats(event)], tenders=[by_wallet(wallet, 1_000), by_coins(coins, 10)])
    if end == "cancelled":
        for _ in range(2):
            assert (await office.post(f"/v1/orders/{placed['order']['id']}/cancellations")).status_code == 201
    else:
        async with office.db.transaction(office.principal) as tx:
            await clock.hold(tx, tx.now + 31 * MINUTE)
        async with office.db.transaction(office.principal) as tx:
            await wallets.expire_holds(tx)
        await payments.expire_due(office.db, office.gateways, office.principal)
    order = await office.seen(placed)
    assert (order["status"], {tender["status"] for tender in order["tenders"]}) == (end, {"released"})
    assert (await office.balance(wallet), await office.balance(coins)) == ((1_000, 0), (10, 0))


async def test_a_payment_declined_for_good_gives_all_free(office: BoxOffice) -> None:
    event, customer = await office.event(2_500, 1), await office.customer()
    wallet = await office.wallet(customer, 1_000)
    placed = await office.order(customer, [seats(event)], tenders=[by_wallet(wallet, 1_000)])
    for _ in range(10):
        assert (await office.balance(wallet)) == (1_000, 1_000)
        await office.settle(placed, DECLINED)
    assert (await office.seen(placed))["status"] == "failed"
    assert (await office.balance(wallet)) == (1_000, 0)
    assert (await office.resource(event)).held == 0


async def test_a_hold_lives_as_long_as_its_order_may_be_paid(office: BoxOffice) -> None:
    event, customer = await office.event(2_500, hold_seconds=60), await office.customer()
    wallet = await office.wallet(customer, 1_000)
    placed = await office.order(customer, [seats(event)], tenders=[by_wallet(wallet, 1_000)])
    payment_id = parse_id("pay", placed["payment"]["id"])
    await office.start(payment_id)
    async with office.db.transaction(office.principal, read_only=True) as tx:
        held = await wallets.hold_of(tx, parse_id("hld", placed["order"]["tenders"][0]["hold_id"]))
    assert held.expires_at > (await office.payment(payment_id)).expires_at


async def test_two_orders_at_once_do_not_spend_the_same_money(office: BoxOffice) -> None:
    event, customer = await office.event(1_000), await office.customer()
    wallet = await office.wallet(customer, 2_500)
    answers = await asyncio.gather(*[office.ask(customer, [seats(event)], tenders=[by_wallet(wallet)]) for _ in range(6)])
    assert [answer.status_code for answer in answers].count(201) == 2
    assert await office.balance(wallet) == (500, 0)
    assert (await office.resource(event)).taken == 2


@pytest.mark.parametrize(
    ("tenders", "status", "code"),
    [
        ([{"kind": "wallet", "amount_minor": 3_000}], 422, "tender_too_large"),
        ([{"kind": "wallet", "amount_minor": 0}], 422, "invalid"),
        ([{"kind": "wallet", "amount_minor": 1}, {"kind": "wallet", "amount_minor": 1}], 422, "tender_twice"),
        ([{"kind": "provider"}, {"kind": "provider"}], 422, "tender_twice"),
        ([{"kind": "wallet", "wallet_id": "wal_01h455vb4pex5vsknk084sn02q"}], 404, "wallet_missing"),
        ([{"kind": "cheque"}], 422, "invalid"),
        ([{"kind": "coins"}], 422, "invalid"),
        ([{"kind": "wallet", "amount_minor": 2_500}], 409, "insufficient_funds"),
    ],
)
async def test_tenders_that_make_no_sense_are_refused_and_leave_nothing(
    office: BoxOffice, tenders: list[dict[str, object]], status: int, code: str
) -> None:
    event, customer = await office.event(2_500), await office.customer()
    await office.wallet(customer, 100)
    answer = await office.ask(customer, [seats(event)], tenders=tenders)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await office.resource(event)).held == 0
    assert (await office.get("/v1/orders"))["data"] == (await office.get("/v1/payments"))["data"] == []


async def test_a_kind_that_an_item_does_not_accept_is_refused_by_name(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    coins = await office.wallet(customer, 100, "coins", "COIN")
    wallet = await office.wallet(customer, 100)
    refused = await office.ask(customer, [seats(event)], tenders=[by_coins(coins, 2)])
    assert (refused.status_code, refused.json()["code"]) == (422, "tender_not_accepted")
    assert refused.json()["errors"][0]["loc"] == ["body", "tenders", 0, "kind"]
    top_up = {"kind": "top_up", "amount_minor": 100, "currency": "TRY"}
    refused = await office.ask(customer, [top_up], tenders=[by_wallet(wallet)])
    assert refused.json()["code"] == "tender_not_accepted"
    wrong = await office.ask(customer, [seats(event)], tenders=[by_wallet(coins)])
    assert (wrong.status_code, wrong.json()["code"]) == (422, "tender_of_other_kind")


async def test_coins_whose_value_was_not_set_pay_nothing(office: BoxOffice) -> None:
    event, customer = await office.event(2_500, item=COINS), await office.customer()
    coins = await office.wallet(customer, 100, "coins", "COIN")
    async with office.db.transaction(office.principal) as tx:
        await identity.change_tenant(tx, settings={"coin_value_minor": None})
    refused = await office.ask(customer, [seats(event)], tenders=[by_coins(coins, 2)])
    assert (refused.status_code, refused.json()["code"]) == (422, "coins_pay_nothing")


async def test_a_hold_that_was_taken_away_is_made_good_by_the_wallet_or_the_money_goes_where_it_is_due(office: BoxOffice) -> None:
    """The hold is released behind the order's back; once the money is still there, once it was spent."""
    event, customer = await office.event(2_500), await office.customer()
    wallet = await office.wallet(customer, 1_000)
    for spent, status in ((0, "fulfilled"), (1, "failed")):
        if spent:
            await office.wallet(customer, 1_000)
        placed = await office.order(customer, [seats(event)], tenders=[by_wallet(wallet, 1_000)])
        async with office.db.transaction(office.principal) as tx:
            await wallets.release(tx, parse_id("hld", placed["order"]["tenders"][0]["hold_id"]))
            if spent:
                await wallets.debit(tx, wallets.Debit(wallet_id=wallet.id, amount=Money(1, "TRY")))
        if not spent:
            await office.settle(placed)
            assert (await office.seen(placed))["status"] == status
            continue
        # The audit would see the missing hold; it is judged when the order has ended.
        await office.settle(placed)
        order = await office.seen(placed)
        assert (order["status"], order["last_error"]) == (status, "insufficient_funds")
        assert await office.balance(wallet) == (999 + 1_500, 0)
        assert (await office.resource(event)).held == 0


async def test_tender_wallets_of_others_are_not_found(office: BoxOffice) -> None:
    event, stranger = await office.event(2_500), await office.customer()
    wallet = await office.wallet(stranger, 5_000)
    answer = await office.ask(await office.customer(), [seats(event)], tenders=[by_wallet(wallet)])
    assert (answer.status_code, answer.json()["code"]) == (404, "wallet_missing")
    assert public_id("wal", wallet.id) in answer.json()["detail"]
