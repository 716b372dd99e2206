"""CC7: vouchers with inventory: the last one goes to one, nobody else loses a coin, and what is cancelled comes back."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rewards_fixtures import Academy, Json, codes, name
from vezne.kernel.ids import parse_id


async def mug(academy: Academy, stock: int = 5, **terms: object) -> str:
    """A voucher for a mug, for ten coins."""
    made = await academy.post("/v1/vouchers", {"name": "A mug", "price_minor": 10, "quantity": stock, **terms})
    return str(made["id"])


async def coded(academy: Academy, *texts: str, **terms: object) -> str:
    """A voucher that gives out codes."""
    made = await academy.post("/v1/vouchers", {"name": "A month free", "price_minor": 10, "inventory": "codes", **terms})
    if texts:
        await academy.post(f"/v1/vouchers/{made['id']}/stock", {"codes": list(texts)})
    return str(made["id"])


async def redeem(academy: Academy, who: str, voucher: str, *, status: int = 201, **more: object) -> Json:
    """A student wants it."""
    return await academy.post("/v1/coins/redemptions", {"student_id": who, "voucher_id": voucher, **more}, status=status)


async def left(academy: Academy, voucher: str) -> int:
    """How many can still be had."""
    return int((await academy.get(f"/v1/vouchers/{voucher}"))["left"])


async def test_a_voucher_costs_coins_and_its_stock_goes_down(academy: Academy) -> None:
    who, voucher = await academy.rich(25), await mug(academy)
    had = await redeem(academy, who, voucher)
    assert (had["amount_minor"], had["balance_minor"], had["redemption"]["status"]) == (-10, 15, "redeemed")
    assert had["redemption"]["code"] is None
    await redeem(academy, who, voucher)
    assert (await redeem(academy, who, voucher, status=409))["code"] == "insufficient_funds"
    assert (await left(academy, voucher), await academy.balance(who)) == (3, 5)
    listed = await academy.get("/v1/voucher-redemptions", voucher_id=voucher, limit=1)
    assert (len(listed["data"]), listed["has_more"]) == (1, True)


async def test_the_last_one_goes_to_one_of_fifty_and_nobody_else_loses_a_coin(academy: Academy) -> None:
    voucher = await coded(academy, "LAST-ONE")
    students = await asyncio.gather(*(academy.rich(10) for _ in range(50)))
    answers = await asyncio.gather(
        *(academy.send("/v1/coins/redemptions", {"student_id": who, "voucher_id": voucher}) for who in students)
    )
    assert codes(answers) == ["201"] + ["409 voucher_sold_out"] * 49
    (won,) = (answer.json() for answer in answers if answer.status_code == 201)
    assert won["redemption"]["code"] == "LAST-ONE"
    assert sorted(await asyncio.gather(*(academy.balance(who) for who in students))) == [0] + [10] * 49
    assert await academy.events("voucher.redeemed") == 1


async def test_every_code_goes_to_one_redemption(academy: Academy) -> None:
    texts = [f"CODE-{number}" for number in range(12)]
    voucher, who = await coded(academy, *texts), await academy.rich(1_000)
    answers = await asyncio.gather(
        *(academy.send("/v1/coins/redemptions", {"student_id": who, "voucher_id": voucher}) for _ in range(20))
    )
    given = [answer.json()["redemption"]["code"] for answer in answers if answer.status_code == 201]
    assert sorted(given) == sorted(texts)
    assert await academy.balance(who) == 1_000 - 120


async def test_a_redemption_happens_once_for_its_reference_also_fifty_at_once(academy: Academy) -> None:
    """CC4"""
    voucher, who = await mug(academy, 50), await academy.rich(1_000)
    body = {"student_id": who, "voucher_id": voucher, "reference_id": "order-7"}
    answers = await asyncio.gather(*(academy.send("/v1/coins/redemptions", body) for _ in range(50)))
    assert codes(answers) == ["201"] * 50
    assert len({answer.json()["redemption"]["id"] for answer in answers}) == 1
    other = await redeem(academy, who, await mug(academy), reference_id="order-7", status=409)
    assert (other["code"], other["errors"][0]["loc"]) == ("voucher_redemption_reused", ["body", "reference_id"])
    assert (await left(academy, voucher), await academy.balance(who)) == (49, 990)


async def test_codes_are_unreadable_at_rest_and_not_in_lists_nor_kept_answers(academy: Academy) -> None:
    voucher, who = await coded(academy, "TOP-SECRET-1"), await academy.rich(10)
    body = {"student_id": who, "voucher_id": voucher}
    first = await academy.send("/v1/coins/redemptions", body, key="k-1")
    again = await academy.send("/v1/coins/redemptions", body, key="k-1")
    assert (first.json()["redemption"]["code"], again.json()["redemption"]["code"]) == ("TOP-SECRET-1", None)
    redemption = first.json()["redemption"]["id"]
    assert (await academy.get(f"/v1/voucher-redemptions/{redemption}"))["code"] == "TOP-SECRET-1"
    assert [each["code"] for each in (await academy.get("/v1/voucher-redemptions"))["data"]] == [None]
    async with academy.db.transaction(academy.principal, read_only=True) as tx:
        for table, column in (("voucher_codes", "sealed_code"), ("idempotency_keys", "body"), ("voucher_codes", "digest")):
            rows = await tx.fetch(f"SELECT {column} AS kept FROM {table} WHERE tenant_id = $1", tx.tenant_id)
            assert rows
            assert not any(b"SECRET" in row["kept"] for row in rows)


async def test_a_code_counts_once_however_often_it_is_uploaded(academy: Academy) -> None:
    voucher = await coded(academy, "A", "B")
    more = await academy.post(f"/v1/vouchers/{voucher}/stock", {"codes": ["B", "C", " C ", "D"]})
    assert (more["added"], more["known"], more["left"]) == (2, 2, 4)
    uploads = [academy.post(f"/v1/vouchers/{voucher}/stock", {"codes": ["E", "F"]}) for _ in range(10)]
    assert sum(each["added"] for each in await asyncio.gather(*uploads)) == 2
    assert await left(academy, voucher) == 6


async def test_a_cancelled_redemption_gives_coins_back_to_their_lots_and_the_code_to_the_stock_once(academy: Academy) -> None:
    voucher, who = await coded(academy, "ONLY"), await academy.rich(10)
    wallet = f"/v1/wallets/{(await academy.coins(who))['wallet_id']}"
    lots = (await academy.get(wallet))["lots"]
    had = await redeem(academy, who, voucher)
    path = f"/v1/voucher-redemptions/{had['redemption']['id']}/cancellations"
    answers = await asyncio.gather(*(academy.send(path, {"reason": "changed their mind"}) for _ in range(10)))
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(201, "cancelled")}
    assert len({answer.json()["refund_transaction_id"] for answer in answers}) == 1
    assert ((await academy.get(wallet))["lots"], await left(academy, voucher)) == (lots, 1)
    assert (await academy.get(f"/v1/voucher-redemptions/{had['redemption']['id']}"))["code"] is None
    other = await academy.rich(10)
    assert (await redeem(academy, other, voucher))["redemption"]["code"] == "ONLY"


async def test_a_code_that_was_used_does_not_come_back_into_the_stock(academy: Academy) -> None:
    voucher, who = await coded(academy, "USED"), await academy.rich(10)
    had = await redeem(academy, who, voucher)
    path = f"/v1/voucher-redemptions/{had['redemption']['id']}/cancellations"
    await academy.post(path, {"reason": "goodwill", "restock": False})
    assert (await left(academy, voucher), await academy.balance(who)) == (0, 10)
    assert (await redeem(academy, who, voucher, status=409))["code"] == "voucher_sold_out"


async def test_a_customer_has_no_more_than_the_limit_also_at_once_and_cancelled_ones_do_not_count(academy: Academy) -> None:
    voucher, who = await mug(academy, 100, per_customer=3), await academy.rich(1_000)
    answers = await asyncio.gather(
        *(academy.send("/v1/coins/redemptions", {"student_id": who, "voucher_id": voucher}) for _ in range(20))
    )
    assert codes(answers) == ["201"] * 3 + ["409 voucher_limit_reached"] * 17
    one = next(answer.json()["redemption"]["id"] for answer in answers if answer.status_code == 201)
    await academy.post(f"/v1/voucher-redemptions/{one}/cancellations", {"reason": "too many"})
    await redeem(academy, who, voucher)
    await redeem(academy, await academy.rich(10), voucher)
    assert await left(academy, voucher) == 96


async def test_a_voucher_is_had_in_its_window_only_by_the_tenants_clock(academy: Academy) -> None:
    start, end = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC)
    voucher = await mug(academy, starts_at=start.isoformat(), ends_at=end.isoformat())
    who = await academy.rich(100)
    assert "it begins at" in (await redeem(academy, who, voucher, status=409))["detail"]
    await academy.at(start)
    await redeem(academy, who, voucher)
    await academy.at(end - timedelta(microseconds=1))
    await redeem(academy, who, voucher)
    await academy.at(end)
    assert (await redeem(academy, who, voucher, status=409))["code"] == "voucher_not_offered"
    answer = await academy.http.patch(
        f"/v1/vouchers/{voucher}", json={"ends_at": None, "active": False}, headers=academy.tenant.headers
    )
    assert (answer.json()["ends_at"], answer.json()["active"]) == (None, False)
    assert "withdrawn" in (await redeem(academy, who, voucher, status=409))["detail"]


async def test_a_new_price_leaves_what_was_redeemed_as_it_was(academy: Academy) -> None:
    voucher, who = await mug(academy), await academy.rich(100)
    had = await redeem(academy, who, voucher)
    await academy.http.patch(f"/v1/vouchers/{voucher}", json={"price_minor": 50}, headers=academy.tenant.headers)
    assert (await redeem(academy, who, voucher))["amount_minor"] == -50
    path = f"/v1/voucher-redemptions/{had['redemption']['id']}/cancellations"
    assert (await academy.post(path, {"reason": "back"}))["price_minor"] == 10
    assert await academy.balance(who) == 50


async def test_a_counted_stock_is_raised_and_lowered_but_not_below_what_was_redeemed(academy: Academy) -> None:
    voucher, who = await mug(academy, 1), await academy.rich(100)
    await redeem(academy, who, voucher)
    path = f"/v1/vouchers/{voucher}/stock"
    assert (await academy.post(path, {"quantity": 3}))["left"] == 3
    assert (await academy.post(path, {"quantity": -3}))["left"] == 0
    assert (await academy.post(path, {"quantity": -1}, status=409))["code"] == "stock_too_small"
    assert (await academy.post(path, {"codes": ["A"]}, status=422))["code"] == "codes_not_taken"
    assert (await academy.post(path, {}, status=422))["errors"][0]["loc"] == ["body", "quantity"]
    sealed = f"/v1/vouchers/{await coded(academy)}/stock"
    assert (await academy.post(sealed, {"quantity": 1}, status=422))["code"] == "codes_needed"
    for wrong in ([], [""], ["x" * 201], ["ok", 5]):
        assert (await academy.post(sealed, {"codes": wrong}, status=422))["errors"][0]["loc"][:2] == ["body", "codes"]


async def test_a_students_own_token_sees_the_catalogue_and_its_own_redemptions(academy: Academy) -> None:
    voucher, who, other = await coded(academy, "A", "B"), await academy.rich(10), await academy.rich(10)
    await mug(academy, active=False)
    foreign = (await redeem(academy, other, voucher))["redemption"]["id"]
    token = await academy.token(who)
    headers = {"Authorization": f"Bearer {token}"}
    seen = (await academy.http.get("/v1/vouchers", headers=headers)).json()["data"]
    assert [each["id"] for each in seen] == [voucher]
    had = await academy.send("/v1/coins/redemptions", {"voucher_id": voucher}, token=token)
    mine = had.json()["redemption"]
    own = (await academy.http.get("/v1/voucher-redemptions", headers=headers)).json()["data"]
    assert [each["id"] for each in own] == [mine["id"]]
    assert (await academy.http.get(f"/v1/voucher-redemptions/{mine['id']}", headers=headers)).json()["code"] == "B"
    hidden = await academy.http.get(f"/v1/voucher-redemptions/{foreign}", headers=headers)
    assert codes([hidden]) == ["404 voucher_redemption_unknown"]
    for path, body in (
        (f"/v1/voucher-redemptions/{mine['id']}/cancellations", {"reason": "free money"}),
        (f"/v1/vouchers/{voucher}/stock", {"codes": ["C"]}),
    ):
        assert codes([await academy.send(path, body, token=token)]) == ["403 permission_missing"]
    assert parse_id("rdm", mine["id"]) != parse_id("rdm", foreign)


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"price_minor": 0}, "price_minor"),
        ({"price_minor": -1}, "price_minor"),
        ({"price_minor": 2**53}, "price_minor"),
        ({"price_minor": "10"}, "price_minor"),
        ({"name": " "}, "name"),
        ({"quantity": -1}, "quantity"),
        ({"inventory": "endless"}, "inventory"),
        ({"inventory": "codes", "quantity": 3}, "quantity"),
        ({"per_customer": 0}, "per_customer"),
        ({"starts_at": "2027-03-02T00:00:00Z", "ends_at": "2027-03-02T00:00:00Z"}, "ends_at"),
        ({"ends_at": "soon"}, "ends_at"),
    ],
)
async def test_a_bad_voucher_is_refused_by_the_field(academy: Academy, change: dict[str, Any], at: str) -> None:
    refused = await academy.post("/v1/vouchers", {"name": "A mug", "price_minor": 10, **change}, status=422)
    assert refused["errors"][0]["loc"] == ["body", at]


async def test_a_redemption_says_what_it_spends_on(academy: Academy) -> None:
    voucher, who = await mug(academy), await academy.rich(100)
    for body, at in (
        ({}, "amount_minor"),
        ({"voucher_id": voucher, "amount_minor": 5}, "amount_minor"),
        ({"amount_minor": 5}, "reference_id"),
    ):
        refused = await academy.post("/v1/coins/redemptions", {"student_id": who, **body}, status=422)
        assert refused["errors"][0]["loc"] == ["body", at]
    missing = await redeem(academy, who, "vch_01h455vb4pex5vsknk084sn02q", reference_id=name(), status=404)
    assert missing["code"] == "voucher_unknown"
