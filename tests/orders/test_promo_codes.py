"""CM4 in orders: discounts of lines, shares of payees, uses that live and die with their order, bonus credits."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from orders_fixtures import BoxOffice, seats
from promos_fixtures import Booth
from vezne import catalog, identity, orders, payments, promos, wallets
from vezne.kernel import clock
from vezne.kernel.ids import new_id, parse_id, public_id
from vezne.kernel.money import Money

UNIT = "CREDIT"


@pytest.fixture
def booth(office: BoxOffice) -> Booth:
    """Where the box office's codes are given out."""
    return Booth(office.db, office.tenant)


async def uses(office: BoxOffice, code: promos.Code) -> list[str]:
    async with office.db.transaction(office.principal, read_only=True) as tx:
        return [each.status for each in await promos.redemptions(tx, limit=100, code_id=code.id)]


async def rule(office: BoxOffice, **terms: Any) -> UUID | None:  # noqa: ANN401 - the terms
    async with office.db.transaction(office.principal) as tx:
        return (await catalog.create_fee_rule(tx, catalog.FeeTerms(name="x", **terms))).id


async def pack(office: BoxOffice, units: int = 100, price: int = 10_000) -> dict[str, Any]:
    """A line of a pack of credits."""
    async with office.db.transaction(office.principal) as tx:
        made = await catalog.create_pack(tx, catalog.NewPack(name="Credits", units=units, item={"prices": {"TRY": price}}))
    return {"kind": "credit_pack", "item_id": public_id("itm", made.item.id)}


async def credits_of(office: BoxOffice, customer: UUID) -> int:
    async with office.db.transaction(office.principal) as tx:
        wallet = await wallets.wallet_of(tx, customer, "credits", UNIT)
        return (await wallets.holdings(tx, [wallet]))[wallet.id].balance


async def test_cm4_a_code_lessens_what_is_paid_and_is_redeemed_with_it(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("SAVE20", percentage=2_000)
    host = await office.payee()
    event = await office.event(2_500, item={"payee_id": host})
    placed = await office.order(await office.customer(), [seats(event, 2)], promo_codes=["save-20"])
    order = placed["order"]
    assert (order["total_minor"], order["discount_minor"], placed["payment"]["amount_minor"]) == (4_000, 1_000, 4_000)
    assert order["lines"][0]["discount_minor"] == 1_000
    assert order["promo_codes"] == [
        {
            "code": "SAVE20",
            "promotion_id": public_id("prm", code.promotion_id),
            "kind": "percentage",
            "status": "reserved",
            "discount_minor": 1_000,
            "bonus_credits": 0,
            "trial_days": 0,
            "lines": [{"number": 1, "discount_minor": 1_000}],
        }
    ]
    await office.settle(placed)
    seen = await office.seen(placed)
    assert (seen["status"], seen["promo_codes"][0]["status"]) == ("fulfilled", "redeemed")
    snapshot = seen["lines"][0]["snapshot"]
    assert (snapshot["discount_minor"], snapshot["total_minor"], snapshot["base_price_per_seat_minor"]) == (1_000, 4_000, 2_500)
    assert await office.owed(host) == 3_600  # the payee bears it: nine tenths of what is left


async def test_a_discount_that_the_platform_bears_leaves_the_payee_its_share(office: BoxOffice, booth: Booth) -> None:
    await booth.give("HALF", percentage=5_000)
    host = await office.payee()
    terms = {"payee_id": host, "fee_rule_id": await rule(office, percentage=1_000, discount_borne_by="platform")}
    event = await office.event(10_000, item=terms)
    placed = await office.order(await office.customer(), [seats(event)], promo_codes=["HALF"])
    await office.settle(placed)
    assert (placed["order"]["total_minor"], await office.owed(host), await office.held("fees")) == (5_000, 9_000, -4_000)


async def test_a_line_the_platform_pays_for_whole_settles_and_is_given_back_seat_by_seat(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("ALL", percentage=10_000)
    host = await office.payee()
    terms = {"payee_id": host, "fee_rule_id": await rule(office, percentage=1_000, discount_borne_by="platform")}
    event = await office.event(1_001, item=terms)
    placed = await office.order(await office.customer(), [seats(event, 3)], promo_codes=["ALL"])
    order = placed["order"]
    assert (order["status"], order["total_minor"], placed["payment"]) == ("fulfilled", 0, None)
    assert await uses(office, code) == ["redeemed"]
    assert (await office.owed(host), await office.held("fees")) == (2_703, -2_703)  # 3003 less its tenth
    line_id = order["lines"][0]["id"]
    answer = await office.refund(placed, {"lines": [{"line_id": line_id, "quantity": 1}]})
    assert answer.status_code == 201, answer.text
    assert (await office.owed(host), await office.held("fees")) == (1_802, -1_802)
    assert (await office.refund(placed)).status_code == 201
    assert (await office.owed(host), await office.held("fees")) == (0, 0)
    assert (await office.seen(placed))["status"] == "refunded"
    assert await uses(office, code) == ["redeemed"]  # a refund gives no use back


async def test_a_buyers_fee_is_not_discounted(office: BoxOffice, booth: Booth) -> None:
    await booth.give("TENTH")
    event = await office.event(10_000, item={"fee_rule_id": await rule(office, percentage=1_000, fee_borne_by="buyer")})
    placed = await office.order(await office.customer(), [seats(event)], promo_codes=["TENTH"])
    assert (placed["order"]["discount_minor"], placed["order"]["total_minor"]) == (1_000, 9_900)  # 9000 and its tenth


async def test_two_codes_on_several_lines_add_up_and_a_seat_goes_back_at_what_was_paid(office: BoxOffice, booth: Booth) -> None:
    await booth.give("FIVE", "fixed", amount_minor={"TRY": 500}, stackable=True)
    await booth.give("TENTH", stackable=True)
    host = await office.payee()
    first, second = await office.event(3_333, item={"payee_id": host}), await office.event(1_000)
    placed = await office.order(await office.customer(), [seats(first, 3), seats(second, 2)], promo_codes=["TENTH", "FIVE"])
    order = placed["order"]
    assert order["discount_minor"] == 500 + 1_150  # a tenth of 11499, rounded half up
    assert sum(line["amount_minor"] for line in order["lines"]) == order["total_minor"] == 11_999 - 1_650
    await office.settle(placed)
    line = order["lines"][0]
    preview = await office.post(f"/v1/orders/{order['id']}/refund-previews", {"lines": [{"line_id": line["id"], "quantity": 1}]})
    assert preview.status_code in {200, 201}, preview.text
    assert preview.json()["amount_minor"] == line["amount_minor"] // 3
    for _ in range(3):
        assert (await office.refund(placed, {"lines": [{"line_id": line["id"], "quantity": 1}]})).status_code == 201
    assert (await office.seen(placed))["refunded_minor"] == line["amount_minor"]
    assert await office.owed(host) == 0


async def test_a_top_up_is_not_discounted(office: BoxOffice, booth: Booth) -> None:
    await booth.give("TENTH")
    line = {"kind": "top_up", "amount_minor": 5_000, "currency": "TRY"}
    answer = await office.ask(await office.customer(), [line], promo_codes=["TENTH"])
    body = answer.json()
    assert (answer.status_code, body["code"], body["errors"][0]["type"]) == (422, "PAY003", "wrong_product")


async def test_cm7_a_refused_code_places_nothing(office: BoxOffice, booth: Booth) -> None:
    await booth.give("BIG", minimum_minor={"TRY": 5_001})
    event = await office.event(2_500)
    customer = await office.customer()
    for code, reason in (("NOSUCH", "unknown"), ("BIG", "below_minimum")):
        answer = await office.ask(customer, [seats(event, 2)], promo_codes=[code])
        body = answer.json()
        assert (answer.status_code, body["code"], body["errors"][0]["type"]) == (422, "PAY003", reason)
        assert body["errors"][0]["loc"] == ["body", "promo_codes", 0]
    assert (await office.resource(event)).held == 0
    assert (await office.get("/v1/orders"))["data"] == []


@pytest.mark.parametrize("end", ["cancel", "decline", "expire"])
async def test_cm4_an_order_that_ends_unpaid_sets_its_use_free(office: BoxOffice, booth: Booth, end: str) -> None:
    code = await booth.give("ONE", max_uses=1)
    event = await office.event(2_500)
    placed = await office.order(await office.customer(), [seats(event)], promo_codes=["ONE"])
    if end == "decline":
        await office.settle(placed, "4000000000000002")
        assert await uses(office, code) == ["reserved"]  # another card may be tried
    if end == "expire":
        async with office.db.transaction(office.principal) as tx:
            await clock.hold(tx, tx.now + timedelta(hours=1))
        await payments.expire_due(office.db, office.gateways, office.principal)
        assert (await office.seen(placed))["status"] == "expired"
    else:
        assert (await office.post(f"/v1/orders/{placed['order']['id']}/cancellations")).status_code == 201
    assert await uses(office, code) == ["released"]
    await office.settle(await office.order(await office.customer(), [seats(event)], promo_codes=["ONE"]))
    assert sorted(await uses(office, code)) == ["redeemed", "released"]


async def _late(office: BoxOffice, event: Any) -> dict[str, Any]:  # noqa: ANN401 - a resource
    """An order with the code ONE whose money comes after it was cancelled."""
    customer = await office.customer()
    placed = await office.order(customer, [seats(event)], promo_codes=["ONE"])
    ref = await office.start(parse_id("pay", placed["payment"]["id"]))
    await office.post(f"/v1/orders/{placed['order']['id']}/cancellations")
    return {**placed, "ref": ref, "customer": customer}


async def test_late_money_redeems_a_code_that_is_still_free(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("ONE", max_uses=1)
    placed = await _late(office, await office.event(2_500))
    await office.sandbox.play(placed["ref"])
    await office.finalise(parse_id("pay", placed["payment"]["id"]))
    seen = await office.seen(placed)
    assert (seen["status"], await uses(office, code)) == ("fulfilled", ["redeemed"])


async def test_late_money_for_a_price_that_is_gone_goes_the_way_of_late_money(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("ONE", max_uses=1)
    event = await office.event(2_500)
    placed = await _late(office, event)
    await office.settle(await office.order(await office.customer(), [seats(event)], promo_codes=["ONE"]))
    await office.sandbox.play(placed["ref"])
    await office.finalise(parse_id("pay", placed["payment"]["id"]))
    seen = await office.seen(placed)
    assert (seen["status"], seen["last_error"]) == ("cancelled", "promo_invalid")
    assert sorted(await uses(office, code)) == ["redeemed", "released"]
    async with office.db.transaction(office.principal) as tx:
        wallet = await wallets.wallet_of(tx, placed["customer"], "money", "TRY")
        assert (await wallets.holdings(tx, [wallet]))[wallet.id].balance == 2_250


async def test_cm4_the_last_use_ordered_by_fifty_at_once_goes_to_one_and_nobody_else_holds_anything(
    office: BoxOffice, booth: Booth
) -> None:
    code = await booth.give("LAST", max_uses=1)
    event = await office.event(2_500, capacity=100)
    who = [await office.customer() for _ in range(50)]
    answers = await asyncio.gather(*[office.ask(each, [seats(event)], promo_codes=["LAST"]) for each in who])
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 49
    assert {answer.json()["errors"][0]["type"] for answer in answers if answer.status_code == 422} == {"exhausted"}
    assert ((await office.resource(event)).held, await uses(office, code)) == (1, ["reserved"])
    assert len((await office.get("/v1/orders", limit=100))["data"]) == 1


async def test_cm4_fifty_aliases_at_once_order_with_it_once(office: BoxOffice, booth: Booth) -> None:
    await booth.give("EACH", max_uses_per_customer=1)
    event = await office.event(2_500, capacity=100)
    who = [await booth.customer(email=f"A.da+{number}@googlemail.com") for number in range(50)]
    answers = await asyncio.gather(*[office.ask(each, [seats(event)], promo_codes=["EACH"]) for each in who])
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 49
    assert {answer.json()["errors"][0]["type"] for answer in answers if answer.status_code == 422} == {"customer_exhausted"}
    assert (await office.resource(event)).held == 1


async def test_a_first_purchase_is_made_once(office: BoxOffice, booth: Booth) -> None:
    await booth.give("WELCOME", first_purchase_only=True)
    await booth.give("HELLO", first_purchase_only=True)
    event, customer = await office.event(2_500), await office.customer()
    await office.settle(await office.order(customer, [seats(event)], promo_codes=["WELCOME"]))
    answer = await office.ask(customer, [seats(event)], promo_codes=["HELLO"])
    assert answer.json()["errors"][0]["type"] == "not_eligible"


async def test_a_pack_of_credits_at_a_discount_grants_all_its_credits(office: BoxOffice, booth: Booth) -> None:
    await booth.give("TENTH", line_kinds=("credit_pack",))
    customer = await office.customer()
    placed = await office.order(customer, [await pack(office)], promo_codes=["TENTH"])
    await office.settle(placed)
    assert (placed["order"]["total_minor"], await credits_of(office, customer)) == (9_000, 100)
    assert (await office.refund(placed, {"amount_minor": 4_500})).status_code == 201
    assert await credits_of(office, customer) == 50


async def test_cm4_bonus_credits_come_on_top_and_go_back_in_proportion(office: BoxOffice, booth: Booth) -> None:
    await booth.give("MORE", "bonus_credits", percentage=2_500)
    customer = await office.customer()
    placed = await office.order(customer, [await pack(office)], promo_codes=["MORE"])
    assert (placed["order"]["total_minor"], placed["order"]["promo_codes"][0]["bonus_credits"]) == (10_000, 25)
    assert await credits_of(office, customer) == 0
    await office.settle(placed)
    assert await credits_of(office, customer) == 125
    async with office.db.transaction(office.principal) as tx:
        wallet = await wallets.wallet_of(tx, customer, "credits", UNIT)
        rows = await tx.fetch("SELECT type, remaining_minor FROM lots WHERE wallet_id = $1 ORDER BY type", wallet.id)
    assert [tuple(row) for row in rows] == [("promotional", 25), ("purchased", 100)]
    assert (await office.refund(placed, {"amount_minor": 5_000})).status_code == 201
    assert await credits_of(office, customer) == 50 + 13  # 12 of 25 came back
    assert (await office.refund(placed)).status_code == 201
    assert await credits_of(office, customer) == 0


async def test_a_bonus_that_was_spent_is_missing_and_stops_no_refund(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("MORE", "bonus_credits", bonus_units=40)
    host = await office.payee()
    event, customer = await office.event(10_000, item={"payee_id": host}), await office.customer()
    placed = await office.order(customer, [seats(event)], promo_codes=["MORE"])
    await office.settle(placed)
    async with office.db.transaction(office.principal) as tx:
        wallet = await wallets.wallet_of(tx, customer, "credits", UNIT)
        await wallets.debit(tx, wallets.Debit(wallet_id=wallet.id, amount=Money(30, UNIT)))
    assert (await office.refund(placed)).status_code == 201
    async with office.db.transaction(office.principal) as tx:
        (use,) = await promos.redemptions(tx, limit=1, code_id=code.id)
    assert (use.bonus_taken, use.bonus_missing, await credits_of(office, customer)) == (10, 30, 0)


async def test_a_quote_keeps_its_codes_and_places_them(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("SAVE20", percentage=2_000)
    event = await office.event(2_500)
    wanted = {
        "customer_id": public_id("cus", await office.customer()),
        "lines": [seats(event, 2)],
        "promo_codes": ["SAVE20"],
    }
    quoted = (await office.post("/v1/quotes", wanted)).json()
    assert (quoted["price_minor"], quoted["discount_minor"], quoted["total_minor"]) == (5_000, 1_000, 4_000)
    assert (quoted["promo_codes"][0]["status"], await uses(office, code)) == (None, [])
    for _ in range(2):
        placed = (await office.post("/v1/orders", {"quote": quoted["quote"]})).json()
        assert placed["order"]["total_minor"] == 4_000
    assert await uses(office, code) == ["reserved"]
    beside = await office.post("/v1/orders", {"quote": quoted["quote"], "promo_codes": ["SAVE20"]})
    assert beside.json()["code"] == "quote_stands_alone"


async def test_a_quote_whose_code_was_ended_places_nothing(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("SAVE20", percentage=2_000)
    event = await office.event(2_500)
    wanted = {"customer_id": public_id("cus", await office.customer()), "lines": [seats(event)], "promo_codes": ["SAVE20"]}
    quoted = (await office.post("/v1/quotes", wanted)).json()
    async with office.db.transaction(office.principal) as tx:
        await promos.change_code(tx, code.id, active=False)
    answer = await office.post("/v1/orders", {"quote": quoted["quote"]})
    assert (answer.json()["code"], answer.json()["errors"][0]["type"]) == ("PAY003", "inactive")


async def test_cm13_validate_says_what_a_code_would_do_and_keeps_nothing(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("SAVE20", percentage=2_000)
    event = await office.event(2_500)
    asked = {"customer_id": public_id("cus", await office.customer()), "lines": [seats(event, 2)], "promo_codes": ["save20"]}
    answer = await office.post("/v1/promo-codes/validate", asked)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["valid"], found["price_minor"], found["discount_minor"], found["total_minor"]) == (True, 5_000, 1_000, 4_000)
    assert found["promo_codes"][0]["lines"] == [{"number": 1, "discount_minor": 1_000}]
    assert (await uses(office, code), (await office.resource(event)).held) == ([], 0)
    refused = await office.post("/v1/promo-codes/validate", {**asked, "promo_codes": ["SAVE21"]})
    assert (refused.status_code, refused.json()["code"], refused.json()["errors"][0]["type"]) == (422, "PAY003", "unknown")


async def test_cm13_apply_answers_a_signed_quote_also_of_a_quote(office: BoxOffice, booth: Booth) -> None:
    code = await booth.give("SAVE20", percentage=2_000)
    event = await office.event(2_500)
    asked = {"customer_id": public_id("cus", await office.customer()), "lines": [seats(event, 2)]}
    plain = (await office.post("/v1/quotes", asked)).json()
    by_basket = await office.post("/v1/promo-codes/apply", {**asked, "promo_codes": ["SAVE20"]})
    by_quote = await office.post("/v1/promo-codes/apply", {"quote": plain["quote"], "promo_codes": ["SAVE20"]})
    for answer in (by_basket, by_quote):
        assert (answer.status_code, answer.json()["total_minor"]) == (201, 4_000), answer.text
    both = await office.post("/v1/promo-codes/apply", {**asked, "quote": plain["quote"], "promo_codes": ["SAVE20"]})
    assert both.json()["code"] == "basket_or_quote"
    assert await uses(office, code) == []
    placed = (await office.post("/v1/orders", {"quote": by_quote.json()["quote"]})).json()
    assert (placed["order"]["total_minor"], await uses(office, code)) == (4_000, ["reserved"])


async def alerts(office: BoxOffice) -> list[identity.Alert]:
    async with office.db.transaction(office.principal, read_only=True) as tx:
        return await identity.alerts(tx)


async def test_cm11_whoever_guesses_codes_is_told_to_wait_and_staff_are_told_of_them(office: BoxOffice, booth: Booth) -> None:
    await booth.give("RIGHT")
    event, guesser = await office.event(2_500), await office.customer()
    asked = {"customer_id": public_id("cus", guesser), "lines": [seats(event)]}
    statuses = [
        (await office.post("/v1/promo-codes/validate", {**asked, "promo_codes": [f"WRONG{number}"]})).status_code
        for number in range(11)
    ]
    assert statuses == [422] * 10 + [429]
    (alert,) = await alerts(office)
    assert (alert.rule, alert.customer_id, alert.status) == ("promo_guessing", guesser, "open")
    assert alert.facts == {"count": 10, "threshold": 10, "within_seconds": 60}
    answer = await office.post("/v1/promo-codes/validate", {**asked, "promo_codes": ["RIGHT"]})
    assert (answer.status_code, answer.json()["code"]) == (429, "promo_guessing")
    assert answer.headers["retry-after"] == "60"
    async with office.db.transaction(office.principal) as tx:
        await identity.decide_alert(tx, alert.id, "dismissed")
    assert (await office.post("/v1/promo-codes/validate", {**asked, "promo_codes": ["RIGHT"]})).status_code == 429
    assert len(await alerts(office)) == 1  # what was decided about just now


async def test_cm11_guessing_for_nobody_known_is_refused_and_alerts_nobody(office: BoxOffice) -> None:
    asked = {"customer_id": public_id("cus", new_id()), "lines": [seats(await office.event(2_500))]}
    statuses = [
        (await office.post("/v1/promo-codes/validate", {**asked, "promo_codes": [f"WRONG{number}"]})).status_code
        for number in range(11)
    ]
    assert statuses[-1] in {404, 429}
    assert await alerts(office) == []


async def test_the_audit_names_a_line_that_was_lessened_otherwise_than_its_codes_say(office: BoxOffice, booth: Booth) -> None:
    await booth.give("TENTH")
    placed = await office.order(await office.customer(), [seats(await office.event(2_500))], promo_codes=["TENTH"])
    line_id = parse_id("oli", placed["order"]["lines"][0]["id"])
    change = "UPDATE order_lines SET discount_minor = $2 WHERE id = $1"
    try:
        await office.owner.execute(change, line_id, 251)
        async with office.db.transaction(office.principal) as tx:
            checks = {finding.check for finding in await orders.audit(tx)}
        assert checks == {"line's amount is its price less its discount", "order's promo codes stand as it does"}
    finally:
        await office.owner.execute(change, line_id, 250)
