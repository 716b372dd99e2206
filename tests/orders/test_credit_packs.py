"""CM2: packs of credits are bought, granted once by whoever says that they are paid, and refunded as far as they are unspent."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from desk_fixtures import MINUTE
from orders_fixtures import BoxOffice, by_wallet
from vezne import catalog, identity, orders, wallets
from vezne.catalog import NewPack, PackTier
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money
from vezne.orders.lines.credit_pack import CreditsSpent
from vezne.orders.operations import refunding

Json = dict[str, Any]


async def pack(office: BoxOffice, prices: dict[str, int] | None = None, **terms: Any) -> str:  # noqa: ANN401
    """A pack; without more 50 credits for 45.00 TRY."""
    asked = {"units": 50, **terms} if terms.get("manner", "fixed") == "fixed" else terms
    async with office.db.transaction(office.principal) as tx:
        made = await catalog.create_pack(tx, NewPack(name="Credits", item={"prices": prices or {"TRY": 4_500}}, **asked))
    return public_id("itm", made.item.id)


async def buy(office: BoxOffice, item: str, customer: UUID | None = None, **more: Any) -> Json:  # noqa: ANN401
    """Place the purchase of a pack."""
    buyer = public_id("cus", customer or await office.customer())
    answer = await office.post(f"/v1/credit-packs/{item}/purchases", {"customer_id": buyer, **more})
    assert answer.status_code == 201, answer.text
    placed: Json = answer.json()
    return placed


async def bought(office: BoxOffice, item: str, customer: UUID | None = None, **more: Any) -> Json:  # noqa: ANN401
    """Buy a pack and pay it with a card."""
    placed = await buy(office, item, customer, **more)
    await office.settle(placed)
    return placed


async def wallet(office: BoxOffice, placed: Json) -> wallets.Wallet:
    async with office.db.transaction(office.principal, read_only=True) as tx:
        return await wallets.wallet(tx, parse_id("wal", placed["order"]["lines"][0]["details"]["wallet_id"]))


async def credits_of(office: BoxOffice, placed: Json) -> int:
    return (await office.balance(await wallet(office, placed)))[0]


async def spend(office: BoxOffice, placed: Json, units: int) -> None:
    from_ = await wallet(office, placed)
    async with office.db.transaction(office.principal) as tx:
        await wallets.debit(tx, wallets.Debit(wallet_id=from_.id, amount=Money(units, from_.currency)))


async def history(office: BoxOffice, placed: Json) -> list[wallets.WalletTransaction]:
    seen = await wallet(office, placed)
    async with office.db.transaction(office.principal, read_only=True) as tx:
        return (await wallets.history(tx, seen, limit=50))[0]


def line_of(placed: Json) -> str:
    line: str = placed["order"]["lines"][0]["id"]
    return line


async def test_cm2_a_pack_is_bought_and_granted_as_a_lot_of_its_own(office: BoxOffice) -> None:
    placed = await buy(office, await pack(office, bonus_units=5, life_days=90))
    assert placed["checkout_url"]
    assert placed["payment"]["client_secret"]
    assert (placed["payment"]["amount_minor"], placed["order"]["status"]) == (4_500, "pending")
    assert await credits_of(office, placed) == 0
    await office.settle(placed)
    order = await office.seen(placed)
    assert (order["status"], order["lines"][0]["applied_minor"], order["lines"][0]["quantity"]) == ("fulfilled", 4_500, 50)
    assert await credits_of(office, placed) == 55
    (grant,) = await history(office, placed)
    assert (grant.credit_type, grant.lot, grant.reference) == (
        "CREDIT_PURCHASE",
        "purchased",
        wallets.Reference("order", order["id"]),
    )
    attempt = (await office.attempts(parse_id("pay", placed["payment"]["id"])))[-1]
    assert grant.metadata == {
        "pack_id": order["lines"][0]["details"]["item_id"],
        "order_id": order["id"],
        "amount_minor": "4500",
        "currency": "TRY",
        "payment_id": placed["payment"]["id"],
        "provider_payment_id": attempt.provider_ref,
    }
    assert (await office.held("revenue"), await office.held("unapplied")) == (4_500, 0)


async def test_cm2_however_often_the_webhook_comes_a_pack_is_granted_once(office: BoxOffice) -> None:
    placed = await buy(office, await pack(office))
    payment_id = parse_id("pay", placed["payment"]["id"])
    await office.sandbox.play(await office.start(payment_id))
    await asyncio.gather(*[office.finalise(payment_id) for _ in range(6)])
    answer = await office.post(f"/v1/orders/{placed['order']['id']}/fulfilments")
    assert answer.status_code == 201
    assert await credits_of(office, placed) == 50
    assert len(await history(office, placed)) == 1


@pytest.mark.parametrize(("currency", "price"), [("JPY", 500), ("KWD", 1_375), ("TRY", 4_500)])
async def test_a_pack_costs_the_same_in_currencies_without_minor_units_and_with_three(
    office: BoxOffice, currency: str, price: int
) -> None:
    placed = await bought(office, await pack(office, {"JPY": 500, "KWD": 1_375, "TRY": 4_500}), currency=currency)
    assert placed["payment"] | {"id": "", "client_secret": ""} == {
        "id": "",
        "client_secret": "",
        "status": "requires_payment",
        "amount_minor": price,
        "currency": currency,
    }
    body = {"lines": [{"line_id": line_of(placed), "quantity": 49}]}
    assert (await office.refund(placed, body)).status_code == 201
    await office.work()
    assert await credits_of(office, placed) == 1
    assert (await office.refund(placed)).status_code == 201
    await office.work()
    assert (await office.seen(placed))["status"] == "refunded"
    assert (await credits_of(office, placed), await office.held("revenue", currency)) == (0, 0)


async def test_a_chosen_amount_costs_what_its_tier_says(office: BoxOffice) -> None:
    tiers = (PackTier(10, {"JPY": 15}), PackTier(100, {"JPY": 13}))
    item = await pack(office, {"TRY": 1}, manner="tiered", tiers=tiers, per_units=10, min_units=10, max_units=5_000)
    assert (await buy(office, item, units=11, currency="JPY"))["payment"]["amount_minor"] == 16  # 16.5 yen
    assert (await buy(office, item, units=100, currency="JPY"))["payment"]["amount_minor"] == 130
    for asked, code in (({}, "units_needed"), ({"units": 9}, "units_not_offered"), ({"units": 5_001}, "units_not_offered")):
        body = {"customer_id": public_id("cus", await office.customer()), "currency": "JPY", **asked}
        answer = await office.post(f"/v1/credit-packs/{item}/purchases", body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["errors"][0]["loc"] == ["body", "units"]


@pytest.mark.parametrize("refunds", [[1] * 7, [3, 4], [7], [5, 1, 1]], ids=str)
async def test_units_refunded_one_by_one_give_back_the_whole_price_and_the_last_unit(
    office: BoxOffice, refunds: list[int]
) -> None:
    placed = await bought(office, await pack(office, {"TRY": 1_000}, units=7, bonus_units=2))
    left = 9
    for units in refunds:
        body = {"lines": [{"line_id": line_of(placed), "quantity": units}]}
        answer = await office.refund(placed, body)
        assert answer.status_code == 201, answer.text
        await office.work()
        after = await credits_of(office, placed)
        assert after < left
        left = after
    order = await office.seen(placed)
    assert (order["status"], order["refunded_minor"], left) == ("refunded", 1_000, 0)
    assert await office.held("revenue") == 0


async def test_of_a_half_spent_pack_the_unspent_part_can_be_refunded_and_no_more(office: BoxOffice) -> None:
    placed = await bought(office, await pack(office, bonus_units=10))  # 60 units for 45.00
    await spend(office, placed, 30)
    for path in ("refunds", "refund-previews"):
        answer = await office.post(f"/v1/orders/{placed['order']['id']}/{path}", {})
        assert (answer.status_code, answer.json()["code"]) == (409, "credits_spent")
        assert "30 of 60 units are left: 2250 TRY" in answer.json()["detail"]
    assert (await office.refund(placed, {"amount_minor": 2_251})).json()["code"] == "credits_spent"
    preview = await office.post(f"/v1/orders/{placed['order']['id']}/refund-previews", {"amount_minor": 2_250})
    moved = {(each["account"], each["currency"]): each["amount_minor"] for each in preview.json()["postings"]}
    assert (moved[f"wallet:{(await wallet(office, placed)).id}", "CREDIT"], moved["revenue", "TRY"]) == (-30, -2_250)
    assert await credits_of(office, placed) == 30
    assert (await office.refund(placed, {"amount_minor": 2_250})).status_code == 201
    await office.work()
    order = await office.seen(placed)
    assert (order["status"], order["refunded_minor"], await credits_of(office, placed)) == ("fulfilled", 2_250, 0)
    reversal, _, grant = await history(office, placed)
    assert (reversal.kind, reversal.credit_type, reversal.refunds, reversal.amount.minor) == (
        "reversal",
        "CREDIT_REFUND",
        grant.id,
        30,
    )
    assert (grant.status, grant.refunded_minor) == ("partially_refunded", 30)


async def test_only_the_packs_own_lot_is_taken_back_not_what_was_given_beside_it(office: BoxOffice) -> None:
    customer = await office.customer()
    placed = await bought(office, await pack(office), customer)
    await spend(office, placed, 50)
    await office.wallet(customer, 500, "credits", "CREDIT")
    answer = await office.refund(placed, {"amount_minor": 90})
    assert (answer.status_code, answer.json()["code"]) == (409, "credits_spent")
    assert "0 of 50 units are left: 0 TRY" in answer.json()["detail"]
    assert await credits_of(office, placed) == 500


async def test_credits_held_for_something_else_are_not_refunded(office: BoxOffice) -> None:
    placed = await bought(office, await pack(office))
    async with office.db.transaction(office.principal) as tx:
        held = await wallets.hold(tx, (await wallet(office, placed)).id, Money(20, "CREDIT"))
    assert (await office.refund(placed)).json()["code"] == "credits_spent"
    async with office.db.transaction(office.principal) as tx:
        await wallets.release(tx, held.id)
    assert (await office.refund(placed)).status_code == 201


async def test_a_refund_and_a_debit_at_once_never_take_the_same_credits(office: BoxOffice) -> None:
    placed = await bought(office, await pack(office))

    async def refund() -> bool:
        try:
            async with office.db.transaction(office.principal) as tx:
                await refunding.refund(tx, parse_id("ord", placed["order"]["id"]))
        except CreditsSpent:
            return False
        return True

    async def debit() -> bool:
        try:
            await spend(office, placed, 40)
        except wallets.InsufficientFunds:
            return False
        return True

    done = await asyncio.gather(refund(), debit())
    assert sorted(done) == [False, True]
    assert await credits_of(office, placed) == (0 if done[0] else 10)


async def test_credits_taken_back_for_a_refund_that_failed_are_granted_again(office: BoxOffice) -> None:
    placed = await bought(office, await pack(office, bonus_units=5))
    await office.sandbox.arm(refunds={"fail": True})
    assert (await office.refund(placed, {"amount_minor": 1_000})).status_code == 201
    assert await credits_of(office, placed) == 42  # 55 units of 35.00 / 45.00, rounded down
    await office.work(ahead=MINUTE)
    order = await office.seen(placed)
    assert (order["status"], order["refunded_minor"], await credits_of(office, placed)) == ("fulfilled", 0, 55)
    await office.sandbox.arm()
    assert (await office.refund(placed)).status_code == 201
    await office.work()
    assert ((await office.seen(placed))["status"], await credits_of(office, placed)) == ("refunded", 0)


async def test_cm7_a_purchase_beyond_the_largest_balance_is_refused_before_anything_is_paid(office: BoxOffice) -> None:
    async with office.db.transaction(office.principal) as tx:
        await identity.change_tenant(tx, settings={"max_credit_balance": 109})
    customer = await office.customer()
    item = await pack(office, bonus_units=5)
    await bought(office, item, customer)
    answer = await office.post(f"/v1/credit-packs/{item}/purchases", {"customer_id": public_id("cus", customer)})
    assert (answer.status_code, answer.json()["code"]) == (409, "PAY006")
    line = {"kind": "credit_pack", "item_id": item}
    assert (await office.ask(customer, [line])).json()["code"] == "PAY006"
    assert (await office.post("/v1/quotes", {"customer_id": public_id("cus", customer), "lines": [line]})).json()[
        "code"
    ] == "PAY006"


async def test_of_two_purchases_at_once_both_are_granted_even_above_the_limit_as_they_were_paid(office: BoxOffice) -> None:
    """CM6: money that was paid is always granted."""
    async with office.db.transaction(office.principal) as tx:
        await identity.change_tenant(tx, settings={"max_credit_balance": 60})
    customer, item = await office.customer(), await pack(office)
    placed = [await buy(office, item, customer) for _ in range(2)]
    await asyncio.gather(*[office.settle(each) for each in placed])
    assert [(await office.seen(each))["status"] for each in placed] == ["fulfilled", "fulfilled"]
    assert await credits_of(office, placed[0]) == 100


async def test_cm6_fewer_than_the_smallest_purchase_are_not_sold(office: BoxOffice) -> None:
    async with office.db.transaction(office.principal) as tx:
        await identity.change_tenant(tx, settings={"min_credit_purchase": 10})
    item = await pack(office, {"TRY": 100}, manner="chosen")
    body = {"customer_id": public_id("cus", await office.customer()), "units": 9}
    answer = await office.post(f"/v1/credit-packs/{item}/purchases", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "purchase_too_small")
    assert answer.json()["errors"][0]["loc"] == ["body", "units"]
    assert (await buy(office, item, units=10))["payment"]["amount_minor"] == 1_000
    coins = await pack(office, {"TRY": 100}, manner="chosen", wallet_kind="coins")
    assert (await buy(office, coins, units=1))["order"]["lines"][0]["details"]["unit"] == "COIN"


async def test_a_pack_paid_from_a_wallet_is_granted_at_once_and_refunded_into_it(office: BoxOffice) -> None:
    customer, item = await office.customer(), await pack(office)
    money = await office.wallet(customer, 5_000)
    placed = await buy(office, item, customer, tenders=[by_wallet(money)])
    assert (placed["order"]["status"], placed["payment"], placed["checkout_url"]) == ("fulfilled", None, None)
    assert (await credits_of(office, placed), await office.balance(money)) == (50, (500, 0))
    assert (await office.refund(placed)).status_code == 201
    assert (await credits_of(office, placed), await office.balance(money)) == (0, (5_000, 0))


async def test_a_pack_for_nothing_is_granted_and_taken_back(office: BoxOffice) -> None:
    placed = await buy(office, await pack(office, {"TRY": 0}))
    assert (placed["order"]["status"], await credits_of(office, placed)) == ("fulfilled", 50)
    body = {"lines": [{"line_id": line_of(placed), "quantity": 20}]}
    assert (await office.refund(placed, body)).status_code == 201
    assert await credits_of(office, placed) == 30
    await spend(office, placed, 1)
    assert (await office.refund(placed)).json()["code"] == "credits_spent"


async def test_packs_that_are_not_sold_or_not_there_are_refused(office: BoxOffice) -> None:
    item, seat = await pack(office), await office.event()
    customer = public_id("cus", await office.customer())
    closed = await office.wallet(parse_id("cus", customer), 0, "credits", "CREDIT")
    cases: list[tuple[str, Json, int, str]] = [
        (item, {"customer_id": customer, "currency": "USD"}, 409, "no_price_in"),
        (item, {"customer_id": customer, "units": 51}, 422, "units_not_offered"),
        (item, {}, 422, "customer_needed"),
        (public_id("itm", seat.item_id or seat.id), {"customer_id": customer}, 404, "pack_unknown"),
        (item, {"customer_id": customer, "provider": "magicpay"}, 422, "provider_not_offered"),
    ]
    for id_, body, status, code in cases:
        answer = await office.post(f"/v1/credit-packs/{id_}/purchases", body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    async with office.db.transaction(office.principal) as tx:
        await wallets.close(tx, closed.id)
    answer = await office.post(f"/v1/credit-packs/{item}/purchases", {"customer_id": customer})
    assert (answer.status_code, answer.json()["code"]) == (409, "wallet_shut")
    async with office.db.transaction(office.principal) as tx:
        await catalog.archive_item(tx, parse_id("itm", item))
    assert (await office.post(f"/v1/credit-packs/{item}/purchases", {"customer_id": customer})).json()["code"] == "not_on_sale"


async def test_a_quote_of_a_pack_can_be_had_at_its_price(office: BoxOffice) -> None:
    customer = public_id("cus", await office.customer())
    item = await pack(office, {"TRY": 90}, manner="chosen")
    asked = {"customer_id": customer, "lines": [{"kind": "credit_pack", "item_id": item, "units": 11}]}
    quote = (await office.post("/v1/quotes", asked)).json()
    assert quote["total_minor"] == 990
    placed = await office.post("/v1/orders", {"quote": quote["quote"]})
    assert placed.status_code == 201, placed.text
    assert placed.json()["order"]["total_minor"] == 990


async def test_an_order_fulfilled_twice_in_one_database_grants_once(office: BoxOffice) -> None:
    placed = await bought(office, await pack(office))
    for _ in range(2):
        async with office.db.transaction(office.principal) as tx:
            await orders.fulfil(tx, parse_id("ord", placed["order"]["id"]))
    assert await credits_of(office, placed) == 50


async def test_cm13_a_customers_token_buys_for_its_own_customer(office: BoxOffice) -> None:
    item, customer, other = await pack(office), await office.customer(), await office.customer()
    async with office.db.transaction(office.principal) as tx:
        given = await identity.give_token(tx, customer, life=5 * MINUTE)
    own = {"Authorization": f"Bearer {given.text}"}
    path = f"/v1/credit-packs/{item}/purchases"
    bought_ = await office.http.post(path, json={}, headers=own)
    assert bought_.status_code == 201, bought_.text
    assert bought_.json()["order"]["customer_id"] == public_id("cus", customer)
    assert bought_.json()["checkout_url"]
    for_other = await office.http.post(path, json={"customer_id": public_id("cus", other)}, headers=own)
    assert (for_other.status_code, for_other.json()["code"]) == (404, "customer_not_found")
