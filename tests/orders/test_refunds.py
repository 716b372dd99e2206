"""Refunds: line by line, and back to each tender what it had paid; the sums always exact."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_fixtures import BoxOffice, by_coins, by_wallet, seats
from vezne import bookings, wallets
from vezne.kernel.ids import parse_id, public_id
from vezne.orders.models import Line, LineRefund, Seats, Tender, share_out, walk

COINS = {"accepts": ("money", "gift_card", "credits", "coins")}


def a_tender(number: int, kind: str, amount: int, units: int, refunded: int = 0) -> Tender:
    return Tender(
        id=UUID(int=number),
        order_id=UUID(int=0),
        number=number,
        kind=kind,  # type: ignore[arg-type]
        status="captured",
        amount_minor=amount,
        currency="TRY",
        refunded_minor=refunded,
        wallet_id=None,
        units=units,
        refunded_units=units * refunded // amount,
        hold_id=None,
        transaction_id=None,
    )


def a_line(number: int, amount: int, quantity: int = 1, **more: int) -> Line:
    return Line(
        id=UUID(int=number),
        order_id=UUID(int=0),
        number=number,
        kind="booking",
        details={},
        description="",
        amount_minor=amount,
        currency="TRY",
        applied_minor=amount,
        refunded_minor=more.get("refunded_minor", 0),
        quantity=quantity,
        refunded_quantity=more.get("refunded_quantity", 0),
    )


@pytest.mark.unit
@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=5), st.data())
def test_whatever_is_refunded_of_lines_goes_to_tenders_exactly(amounts: list[int], data: st.DataObject) -> None:
    total = sum(amounts)
    cuts = sorted(data.draw(st.lists(st.integers(1, total - 1), max_size=3, unique=True))) if total > 1 else []
    paid = [after - before for before, after in zip([0, *cuts], [*cuts, total], strict=True)]
    kinds = data.draw(st.permutations(["provider", "wallet", "wallet", "coins"]))[: len(paid)]
    tenders = walk([a_tender(number, kind, each, each) for number, (kind, each) in enumerate(zip(kinds, paid, strict=True), 1)])
    asked = [
        LineRefund(line=a_line(number, amount), amount_minor=data.draw(st.integers(0, amount)), seats=Seats())
        for number, amount in enumerate(amounts, 1)
    ]
    shares = share_out(asked, tenders)
    for each in asked:
        assert sum(part for refund, _, part in shares if refund is each) == each.amount_minor
    for tender in tenders:
        assert sum(part for _, to, part in shares if to is tender) <= tender.amount_minor
    full = [sum(part for _, to, part in shares if to is tender) == tender.amount_minor for tender in tenders]
    used = [any(to is tender for _, to, _ in shares) for tender in tenders]
    assert not any(later and not earlier for earlier, later in zip(full, used[1:], strict=False)), "one after the other"


@pytest.mark.unit
@given(st.integers(1, 200), st.integers(1, 500), st.lists(st.integers(1, 10_000), max_size=10))
def test_coins_come_back_whole_and_in_the_end_all_of_them(coins: int, value: int, steps: list[int]) -> None:
    amount, refunded, back = coins * value, 0, 0
    for step in [*steps, amount]:
        part = min(step, amount - refunded)
        units = a_tender(1, "coins", amount, coins, refunded).units_back(part)
        refunded, back = refunded + part, back + units
        assert units >= 0
        assert back == refunded // value
    assert back == coins


@pytest.mark.unit
@given(st.integers(0, 100_000), st.integers(1, 50), st.data())
def test_seats_given_back_one_group_after_the_other_are_the_whole_price(amount: int, quantity: int, data: st.DataObject) -> None:
    refunded, gone = 0, 0
    while gone < quantity:
        count = data.draw(st.integers(1, quantity - gone))
        price = a_line(1, amount, quantity, refunded_minor=refunded, refunded_quantity=gone).price_of_seats(count)
        assert abs(price * quantity - amount * count) < 2 * quantity
        refunded, gone = refunded + price, gone + count
    assert refunded == amount


async def three_seats(office: BoxOffice, price: int = 2_525) -> tuple[dict[str, object], wallets.Wallet, wallets.Wallet, UUID]:
    """Three seats, paid by card, wallet and coins."""
    host, customer = await office.payee(), await office.customer()
    event = await office.event(price, item={**COINS, "payee_id": host})
    wallet, coins = await office.wallet(customer, 3_000), await office.wallet(customer, 100, "coins", "COIN")
    placed = await office.order(customer, [seats(event, 3)], tenders=[by_coins(coins, 21), by_wallet(wallet, 1_001)])
    await office.settle(placed)
    return placed, wallet, coins, host


async def test_a_refund_walks_provider_then_wallet_then_coins_and_claws_the_commission_back(office: BoxOffice) -> None:
    placed, wallet, coins, host = await three_seats(office)
    by_card = 7_575 - 1_050 - 1_001
    assert await office.owed(host) == 7_575 - 758
    for amount, at_card, in_wallet, in_coins in (
        (by_card - 1, by_card - 1, 1_999, 79),
        (2, by_card, 2_000, 79),
        (1_025, by_card, 3_000, 79),
        (26, by_card, 3_000, 80),
        (1_024 - 26, by_card, 3_000, 99),
    ):
        answer = await office.refund(placed, {"amount_minor": amount})
        assert answer.status_code == 201, answer.text
        await office.work("payments.refund_at_provider")
        assert await office.held("clearing:simulated") == at_card - by_card
        assert ((await office.balance(wallet))[0], (await office.balance(coins))[0]) == (in_wallet, in_coins)
    assert (await office.refund(placed)).status_code == 201
    order = await office.seen(placed)
    assert (order["status"], (await office.balance(coins))[0]) == ("refunded", 100)
    assert (await office.owed(host), await office.held("fees"), await office.held("unapplied")) == (0, 0, 0)
    assert await office.held("coin_redemption") == await office.held("coins_redeemed", "COIN") == 0
    assert (await office.refund(placed)).json()["code"] == "order_not_refundable"


async def test_named_seats_are_refunded_at_their_price_and_their_tickets_are_void(office: BoxOffice) -> None:
    placed, *_ = await three_seats(office)
    line = placed["order"]["lines"][0]["id"]  # type: ignore[index]
    first, *_ = await office.tickets(placed)
    answer = await office.refund(placed, {"lines": [{"line_id": line, "ticket_ids": [public_id("tkt", first.id)]}]})
    assert (answer.status_code, answer.json()["amount_minor"]) == (201, 2_525), answer.text
    again = await office.refund(placed, {"lines": [{"line_id": line, "ticket_ids": [public_id("tkt", first.id)]}]})
    assert (again.status_code, again.json()["code"]) == (409, "seats_given_up")
    statuses = [ticket.status for ticket in await office.tickets(placed)]
    assert (statuses.count("void"), statuses.count("valid")) == (1, 2)
    two = await office.refund(placed, {"lines": [{"line_id": line, "quantity": 2}]})
    assert (two.status_code, two.json()["amount_minor"]) == (201, 5_050)
    await office.work("payments.refund_at_provider")
    seen = (await office.seen(placed))["lines"][0]
    assert ((await office.seen(placed))["status"], seen["refunded_quantity"]) == ("refunded", 3)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount_minor": 7_576}, 409, "order_refund_too_large"),
        ({"lines": [{"quantity": 4}]}, 409, "line_refund_too_large"),
        ({"lines": [{"amount_minor": 7_576}]}, 409, "line_refund_too_large"),
        ({"lines": [{"quantity": 1, "amount_minor": 1}]}, 422, "refund_unclear"),
        ({"lines": [{}], "amount_minor": 1}, 422, "refund_unclear"),
        ({"lines": [{}, {}]}, 422, "refund_unclear"),
        ({"lines": [{"line_id": "oli_01h455vb4pex5vsknk084sn02q"}]}, 404, "unknown_order_line"),
        ({"lines": [{"quantity": 0}]}, 422, "invalid"),
    ],
)
async def test_a_refund_that_makes_no_sense_is_refused_and_leaves_nothing(
    office: BoxOffice, body: dict[str, object], status: int, code: str
) -> None:
    placed, wallet, *_ = await three_seats(office)
    line = placed["order"]["lines"][0]["id"]  # type: ignore[index]
    asked = body | ({"lines": [{"line_id": line, **each} for each in body["lines"]]} if "lines" in body else {})  # type: ignore[attr-defined]
    answer = await office.refund(placed, asked)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ((await office.seen(placed))["refunded_minor"], (await office.balance(wallet))[0]) == (0, 1_999)


async def test_two_refunds_at_once_never_give_back_more_than_came(office: BoxOffice) -> None:
    placed, wallet, coins, _ = await three_seats(office)
    answers = await asyncio.gather(*[office.refund(placed, {"amount_minor": 4_000}) for _ in range(5)])
    assert [answer.status_code for answer in answers].count(201) == 1
    await office.work("payments.refund_at_provider")
    rest = await asyncio.gather(*[office.refund(placed) for _ in range(5)])
    assert [answer.status_code for answer in rest].count(201) == 1
    await office.work("payments.refund_at_provider")
    assert ((await office.balance(wallet))[0], (await office.balance(coins))[0]) == (3_000, 100)
    assert await office.held("unapplied") == 0


async def test_a_providers_refusal_puts_its_part_back_and_leaves_the_wallets_alone(office: BoxOffice) -> None:
    placed, wallet, _, host = await three_seats(office)
    earned, by_card = await office.owed(host), 7_575 - 1_050 - 1_001
    await office.sandbox.arm(refunds={"fail": True})
    assert (await office.refund(placed, {"amount_minor": by_card + 1_000})).status_code == 201
    assert (await office.balance(wallet))[0] == 2_999
    await office.work("payments.refund_at_provider")
    order = await office.seen(placed)
    assert (order["status"], order["refunded_minor"]) == ("fulfilled", 1_000)
    assert (await office.balance(wallet))[0] == 2_999
    assert await office.owed(host) == earned - 900
    assert [refund["status"] for refund in (await office.get(f"/v1/orders/{order['id']}/refunds"))["data"]] == ["failed"]


async def test_seats_given_back_for_a_refund_that_failed_are_booked_again(office: BoxOffice) -> None:
    event = await office.event(2_500, 2)
    placed = await office.order(await office.customer(), [seats(event, 2)])
    await office.settle(placed)
    await office.sandbox.arm(refunds={"fail": True})
    assert (await office.refund(placed)).status_code == 201
    assert (await office.resource(event)).taken == 0
    await office.work("payments.refund_at_provider")
    assert ((await office.seen(placed))["status"], (await office.resource(event)).taken) == ("fulfilled", 2)


async def test_seats_that_were_sold_meanwhile_leave_the_order_owing_for_a_person(office: BoxOffice) -> None:
    event = await office.event(2_500, 2)
    placed = await office.order(await office.customer(), [seats(event, 2)])
    await office.settle(placed)
    await office.sandbox.arm(refunds={"fail": True})
    assert (await office.refund(placed)).status_code == 201
    other = await office.order(await office.customer(), [seats(event)])
    await office.settle(other)
    await office.work("payments.refund_at_provider")
    order = await office.seen(placed)
    assert (order["status"], order["last_error"], order["refunded_minor"]) == ("paid", "sold_out", 0)
    await office.sandbox.arm()
    assert (await office.refund(placed)).status_code == 201
    await office.work("payments.refund_at_provider")
    assert (await office.seen(placed))["status"] == "refunded"


async def test_of_seats_lost_by_a_refund_that_failed_the_money_is_refunded_without_taking_others(office: BoxOffice) -> None:
    event = await office.event(2_500, 5)
    placed = await office.order(await office.customer(), [seats(event, 3)])
    await office.settle(placed)
    line = placed["order"]["lines"][0]["id"]
    await office.sandbox.arm(refunds={"fail": True})
    assert (await office.refund(placed, {"lines": [{"line_id": line, "quantity": 1}]})).status_code == 201
    await office.work("payments.refund_at_provider")
    order = await office.seen(placed)
    assert (order["status"], order["last_error"], (await office.resource(event)).taken) == ("paid", "seats_given_up", 2)
    given = await office.post(f"/v1/orders/{order['id']}/fulfilments")
    assert (given.json()["status"], given.json()["last_error"]) == ("paid", "seats_given_up")
    await office.sandbox.arm()
    assert (await office.refund(placed, {"lines": [{"line_id": line, "quantity": 1}]})).status_code == 201
    await office.work("payments.refund_at_provider")
    assert ((await office.resource(event)).taken, await office.held("unapplied")) == (2, 0)
    assert (await office.post(f"/v1/orders/{order['id']}/fulfilments")).json()["status"] == "fulfilled"


async def test_a_ticket_that_was_used_is_not_refunded(office: BoxOffice) -> None:
    placed, wallet, *_ = await three_seats(office)
    async with office.db.transaction(office.principal) as tx:
        first, *_ = await bookings.tickets_of(tx, [parse_id("clm", placed["order"]["lines"][0]["details"]["claim_id"])])  # type: ignore[index]
        await tx.execute("UPDATE tickets SET checked_in_at = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, first.id, tx.now)
    answer = await office.refund(placed)
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket_used")
    assert (await office.balance(wallet))[0] == 1_999
    async with office.db.transaction(office.principal) as tx:
        await tx.execute("UPDATE tickets SET checked_in_at = NULL WHERE tenant_id = $1 AND id = $2", tx.tenant_id, first.id)


async def test_a_preview_shows_what_the_refund_then_does_and_leaves_nothing(office: BoxOffice) -> None:
    placed, wallet, *_ = await three_seats(office)
    path = f"/v1/orders/{placed['order']['id']}"  # type: ignore[index]
    line = placed["order"]["lines"][0]["id"]  # type: ignore[index]
    asked = {"lines": [{"line_id": line, "quantity": 3}]}
    before = await office.seen(placed)
    facts = await office.events("wallet.refunded")
    answer = await office.post(f"{path}/refund-previews", asked)
    assert answer.status_code == 200, answer.text
    preview = answer.json()
    assert await office.seen(placed) == before
    assert await office.events("wallet.refunded") == facts
    assert await office.work("payments.refund_at_provider") == 0
    assert (preview["amount_minor"], preview["fee_minor"], preview["payee_minor"]) == (7_575, 758, 7_575 - 758)
    assert {share["tender_kind"] for share in preview["shares"]} == {"provider", "wallet", "coins"}
    sums: dict[str, int] = {}
    for posting in preview["postings"]:
        sums[posting["currency"]] = sums.get(posting["currency"], 0) + posting["amount_minor"]
    assert set(sums.values()) == {0}
    done = await office.refund(placed, asked)
    told = [{name: share[name] for name in ("line_id", "tender_id", "amount_minor")} for share in preview["shares"]]
    assert done.json()["shares"] == told
    assert (await office.balance(wallet))[0] == 3_000


async def test_a_refund_asked_of_the_payment_itself_still_works(office: BoxOffice) -> None:
    placed, wallet, *_ = await three_seats(office)
    answer = await office.post(f"/v1/payments/{placed['payment']['id']}/refunds", {"amount_minor": 5_000})  # type: ignore[index]
    assert answer.status_code == 201, answer.text
    await office.work("payments.refund_at_provider")
    order = await office.seen(placed)
    assert (order["refunded_minor"], order["tenders"][-1]["refunded_minor"]) == (5_000, 5_000)
    assert (await office.balance(wallet))[0] == 1_999
