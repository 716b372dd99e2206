"""Seats and storage, bought: priced by the catalogue, held while they are being paid, settled with who sells them."""

import asyncio

import pytest

from desk_fixtures import DECLINED, MINUTE
from orders_fixtures import BoxOffice, by_wallet, seats
from vezne import bookings, catalog, payments
from vezne.kernel import clock
from vezne.kernel.ids import parse_id, public_id


async def test_seats_paid_by_card_are_held_then_booked_and_settled_with_their_host(office: BoxOffice) -> None:
    host = await office.payee()
    event = await office.event(2_500, item={"payee_id": host})
    placed = await office.order(await office.customer(), [seats(event, 2)])
    assert (placed["order"]["status"], placed["order"]["total_minor"]) == ("pending", 5_000)
    assert ((held := await office.resource(event)).held, held.taken) == (2, 0)
    await office.settle(placed)
    order = await office.seen(placed)
    assert order["status"] == "fulfilled"
    assert ((booked := await office.resource(event)).held, booked.taken, booked.going_count) == (0, 2, 2)
    assert len(await office.tickets(placed)) == 2
    assert await office.owed(host) == 4_500
    assert (await office.held("fees"), await office.held("unapplied")) == (500, 0)
    snapshot = order["lines"][0]["snapshot"]
    assert {name: snapshot[name] for name in ("seats_count", "base_price_per_seat_minor", "platform_fee_percentage")} == {
        "seats_count": 2,
        "base_price_per_seat_minor": 2_500,
        "platform_fee_percentage": 1_000,
    }
    assert (snapshot["platform_fee_amount_minor"], snapshot["host_earning_per_seat_minor"]) == (500, 2_250)


async def test_cw6_a_wallet_pays_and_books_in_the_very_request(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    wallet = await office.wallet(customer, 6_000)
    placed = await office.order(customer, [seats(event, 2)], tenders=[by_wallet(wallet)])
    assert (placed["order"]["status"], placed["payment"], placed["checkout_url"]) == ("fulfilled", None, None)
    assert await office.balance(wallet) == (1_000, 0)
    assert len(await office.tickets(placed)) == 2
    assert placed["order"]["tenders"][0]["transaction_id"] is not None


@pytest.mark.parametrize(("money", "capacity", "code"), [(4_999, 10, "insufficient_funds"), (6_000, 1, "sold_out")])
async def test_cw6_a_failure_anywhere_leaves_neither_claim_nor_debit(
    office: BoxOffice, money: int, capacity: int, code: str
) -> None:
    event, customer = await office.event(2_500, capacity), await office.customer()
    wallet = await office.wallet(customer, money)
    answer = await office.ask(customer, [seats(event, 2)], tenders=[by_wallet(wallet)])
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert await office.balance(wallet) == (money, 0)
    assert ((left := await office.resource(event)).held, left.taken) == (0, 0)
    assert (await office.get("/v1/orders"))["data"] == []
    assert await office.events("order.placed") == 0


@pytest.mark.parametrize("price", [0, None])
async def test_what_costs_nothing_is_booked_at_once(office: BoxOffice, price: int | None) -> None:
    event = await office.event(price)
    placed = await office.order(await office.customer(), [seats(event, 3)])
    assert (placed["order"]["status"], placed["order"]["total_minor"], placed["payment"]) == ("fulfilled", 0, None)
    assert (await office.resource(event)).going_count == 3
    assert (await office.refund(placed)).status_code == 201
    assert (await office.seen(placed))["status"] == "refunded"
    assert (await office.resource(event)).taken == 0


async def test_cw7_no_price_is_taken_from_the_client(office: BoxOffice) -> None:
    event = await office.event(2_500)
    answer = await office.ask(await office.customer(), [seats(event, 1, amount_minor=1)])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_storage_is_priced_by_days_and_held_by_unit(office: BoxOffice) -> None:
    async with office.db.transaction(office.principal) as tx:
        item = await catalog.create_item(tx, catalog.NewItem(name="Storage", per="day", prices={"TRY": 300}))
        pool = await bookings.create_resource(tx, kind="storage", name="Depo", item_id=item.id)
        await bookings.add_units(tx, pool.id, ["A1"])
        day = tx.now.date()
    days = {
        "checkin_date": str(day.replace(year=day.year + 1, month=3, day=1)),
        "checkout_date": str(day.replace(year=day.year + 1, month=3, day=5)),
    }
    placed = await office.order(await office.customer(), [seats(pool, 1, **days)])
    assert placed["order"]["total_minor"] == 1_200
    other = await office.ask(await office.customer(), [seats(pool, 1, **days)])
    assert (other.status_code, other.json()["code"]) == (409, "no_unit_free")
    await office.settle(placed)
    assert (await office.seen(placed))["status"] == "fulfilled"


async def test_a_decline_keeps_seats_and_price_for_the_next_attempt(office: BoxOffice) -> None:
    event = await office.event(2_500, 1)
    placed = await office.order(await office.customer(), [seats(event)])
    await office.settle(placed, DECLINED)
    assert (await office.seen(placed))["status"] == "pending"
    assert (await office.resource(event)).held == 1
    await office.settle(placed)
    order = await office.seen(placed)
    assert order["status"] == "fulfilled"
    first, second = order["attempts"]
    assert (first["is_final"], second["is_final"], second["parent_id"]) == (False, True, first["id"])


async def test_only_a_live_attempt_makes_a_hold_last(office: BoxOffice) -> None:
    event = await office.event(2_500, 1, hold_seconds=60)
    placed = await office.order(await office.customer(), [seats(event)])
    claim_id = parse_id("clm", placed["order"]["lines"][0]["details"]["claim_id"])

    async def lives_until() -> object:
        async with office.db.transaction(office.principal, read_only=True) as tx:
            return (await bookings.claim(tx, claim_id)).expires_at

    before = await lives_until()
    payment = await office.payment(parse_id("pay", placed["payment"]["id"]))
    assert payment.expires_at == before
    await office.start(payment.id)
    extended = await office.payment(payment.id)
    assert extended.expires_at - payment.created_at >= 15 * MINUTE
    assert await lives_until() == extended.expires_at


async def test_an_order_that_is_given_up_or_expires_gives_its_seats_free_once(office: BoxOffice) -> None:
    event = await office.event(2_500, 2, hold_seconds=60)
    first = await office.order(await office.customer(), [seats(event)])
    second = await office.order(await office.customer(), [seats(event)])
    for _ in range(2):
        assert (await office.post(f"/v1/orders/{first['order']['id']}/cancellations")).status_code == 201
    assert (await office.resource(event)).held == 1
    async with office.db.transaction(office.principal) as tx:
        await clock.hold(tx, tx.now + 2 * MINUTE)
    await payments.expire_due(office.db, office.gateways, office.principal)
    assert (await office.seen(second))["status"] == "expired"
    assert (await office.resource(event)).held == 0


async def test_many_buyers_of_the_last_seats_get_no_more_than_there_are(office: BoxOffice) -> None:
    event = await office.event(2_500, 5)
    customers = [await office.customer() for _ in range(12)]
    wallets = [await office.wallet(customer, 2_500) for customer in customers]
    answers = await asyncio.gather(
        *[
            office.ask(customer, [seats(event)], tenders=[by_wallet(wallet)])
            for customer, wallet in zip(customers, wallets, strict=True)
        ]
    )
    codes = [answer.status_code for answer in answers]
    assert codes.count(201) == 5, [answer.text for answer in answers]
    assert sum([(await office.balance(wallet))[0] for wallet in wallets]) == 7 * 2_500
    assert (await office.resource(event)).taken == 5


async def test_a_claim_that_is_held_is_ordered_as_it_is_and_once(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    async with office.db.transaction(office.principal) as tx:
        ask = bookings.Ask(resource_id=event.id, customer_id=customer, purpose="desk", quantity=3)
        claim = await bookings.hold(tx, ask, until=tx.now + 5 * MINUTE)
    line = {"kind": "booking", "claim_id": public_id("clm", claim.id)}
    placed = await office.order(customer, [line])
    assert placed["order"]["total_minor"] == 7_500
    again = await office.ask(customer, [line])
    assert (again.status_code, again.json()["code"]) == (409, "claim_ordered")
    foreign = await office.ask(await office.customer(), [line])
    assert (foreign.status_code, foreign.json()["code"]) == (404, "claim_unknown")
    await office.settle(placed)
    assert len(await office.tickets(placed)) == 3
    assert (await office.resource(event)).held == 0
    over = await office.ask(customer, [line])
    assert (over.status_code, over.json()["code"]) == (409, "claim_not_held")
