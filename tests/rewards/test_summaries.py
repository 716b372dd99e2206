"""CC7: each day of coins is added up from the ledger and agrees with its balances; who was down catches up, oldest first."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from rewards_fixtures import Academy, Json, name, student
from tenancy_fixtures import TenantMaker
from vezne import identity, wallets
from vezne.kernel.ids import parse_id
from vezne.kernel.money import Money
from vezne.rewards import jobs

MONDAY = datetime(2027, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)


async def summarise(academy: Academy) -> None:
    """What the worker does."""
    await jobs.summarise(academy.db, academy.call("rewards.summarise"))


async def days(academy: Academy, **asked: Any) -> list[Json]:  # noqa: ANN401 - whatever the list may be asked
    """The days there are, the newest first."""
    found: list[Json] = (await academy.get("/v1/coin-summaries", **asked))["data"]
    return found


async def a_day_of_everything(academy: Academy) -> str:
    """Coins come and go by every road."""
    who = student()
    given = await academy.complete(who, amount_minor=1_000)
    await academy.complete(who, amount_minor=100)
    await academy.adjust(who, 50)
    await academy.adjust(who, -20)
    await academy.post("/v1/coins/redemptions", {"student_id": who, "amount_minor": 30, "reference_id": name()})
    voucher = await academy.post("/v1/vouchers", {"name": "A mug", "price_minor": 7, "quantity": 5})
    had = await academy.post("/v1/coins/redemptions", {"student_id": who, "voucher_id": voucher["id"]})
    await academy.post(f"/v1/voucher-redemptions/{had['redemption']['id']}/cancellations", {"reason": "back"})
    await academy.post(f"/v1/rewards/{given['id']}/claw-backs", {"reason": "part", "amount_minor": 300})
    wallet = (await academy.coins(who))["wallet_id"]
    for verb, amount in (("credits", 11), ("debits", 5)):
        await academy.post(f"/v1/wallets/{wallet}/{verb}", {"amount_minor": amount, "currency": "COIN"})
    return who


async def test_a_day_is_added_up_by_what_happened_and_agrees_with_the_ledger(academy: Academy) -> None:
    await academy.at(MONDAY)
    who = await a_day_of_everything(academy)
    await academy.at(MONDAY + DAY)
    await summarise(academy)
    (day,) = await days(academy)
    told = {key: value for key, value in day.items() if isinstance(value, int) and value}
    assert told == {
        "granted": 2,
        "granted_minor": 1_100,
        "clawed_back": 1,
        "clawed_back_minor": 300,
        "adjusted_up": 1,
        "adjusted_up_minor": 50,
        "adjusted_down": 1,
        "adjusted_down_minor": 20,
        "redeemed": 2,
        "redeemed_minor": 37,
        "returned": 1,
        "returned_minor": 7,
        "other_in": 1,
        "other_in_minor": 11,
        "other_out": 1,
        "other_out_minor": 5,
        "balance_minor": await academy.balance(who),
    }
    assert (day["day"], day["currency"], day["difference_minor"]) == ("2027-03-01", "COIN", 0)


async def test_what_lapsed_is_counted_on_the_day_it_was_written_off(academy: Academy) -> None:
    await academy.at(MONDAY)
    await academy.courses(10, life_days=1)
    await academy.complete(student())
    await academy.at(MONDAY + DAY + timedelta(hours=1))
    async with academy.db.transaction(academy.principal) as tx:
        await wallets.expire_lots(tx)
    await academy.at(MONDAY + 2 * DAY)
    await summarise(academy)
    second, first = await days(academy)
    assert (first["granted_minor"], first["balance_minor"]) == (10, 10)
    assert (second["expired"], second["expired_minor"], second["opening_minor"], second["balance_minor"]) == (1, 10, 10, 0)


async def test_a_worker_down_for_three_days_catches_up_each_day_once_oldest_first(academy: Academy) -> None:
    for number in range(4):
        await academy.at(MONDAY + number * DAY)
        await academy.adjust(f"someone-{academy.tenant.tenant_id}", 10 + number)
    await academy.at(MONDAY + 4 * DAY)
    assert await academy.is_due("rewards.summarise")
    await asyncio.gather(*(summarise(academy) for _ in range(5)))
    found = await days(academy)
    assert [(each["day"], each["adjusted_up_minor"], each["opening_minor"], each["balance_minor"]) for each in found] == [
        ("2027-03-04", 13, 33, 46),
        ("2027-03-03", 12, 21, 33),
        ("2027-03-02", 11, 10, 21),
        ("2027-03-01", 10, 0, 10),
    ]
    async with academy.db.transaction(academy.principal, read_only=True) as tx:
        written = await tx.fetch("SELECT day FROM coin_summaries WHERE tenant_id = $1 ORDER BY ctid", tx.tenant_id)
    assert [row["day"] for row in written] == [date(2027, 3, 1) + number * DAY for number in range(4)]
    assert not await academy.is_due("rewards.summarise")


async def test_a_day_is_left_alone_until_all_that_began_in_it_has_ended(academy: Academy) -> None:
    await academy.at(MONDAY)
    await academy.adjust(student(), 10)
    midnight = datetime(2027, 3, 1, 21, tzinfo=UTC)  # in Istanbul
    await academy.at(midnight + timedelta(minutes=4, seconds=59))
    await summarise(academy)
    assert (await days(academy), await academy.is_due("rewards.summarise")) == ([], False)
    await academy.at(midnight + timedelta(minutes=5))
    assert await academy.is_due("rewards.summarise")
    await summarise(academy)
    assert [each["day"] for each in await days(academy)] == ["2027-03-01"]


async def test_days_without_anything_are_summarised_too(academy: Academy) -> None:
    await academy.at(MONDAY)
    await academy.adjust(student(), 10)
    await academy.at(MONDAY + 3 * DAY)
    await summarise(academy)
    assert [(each["adjusted_up"], each["balance_minor"]) for each in await days(academy)] == [(0, 10), (0, 10), (1, 10)]


async def test_days_have_the_length_they_have_in_the_tenants_zone(academy: Academy, make_tenant: TenantMaker) -> None:
    """23 hours, then 24, where clocks go forward."""
    there = Academy(academy.db, academy.http, await make_tenant(time_zone="Europe/Berlin"))
    zone = ZoneInfo("Europe/Berlin")
    moments = [
        datetime(2027, 3, 28, 0, 0, tzinfo=zone),
        datetime(2027, 3, 28, 23, 59, tzinfo=zone),
        datetime(2027, 3, 29, 0, 0, tzinfo=zone),
    ]
    who = student()
    for moment in moments:
        await there.at(moment.astimezone(UTC))
        await there.adjust(who, 1)
    await there.at(datetime(2027, 3, 30, 12, tzinfo=UTC))
    await summarise(there)
    told = [(each["day"], each["adjusted_up"], each["ends_at"]) for each in await days(there)]
    assert told == [
        ("2027-03-29", 1, "2027-03-29T22:00:00Z"),
        ("2027-03-28", 2, "2027-03-28T22:00:00Z"),
    ]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Midway", "UTC"])
async def test_a_tenant_that_moves_to_another_zone_misses_nothing_and_counts_nothing_twice(academy: Academy, zone: str) -> None:
    who = student()
    await academy.at(MONDAY)
    await academy.adjust(who, 1)
    await academy.at(MONDAY + DAY)
    await summarise(academy)
    async with academy.db.transaction(academy.principal) as tx:
        await identity.change_tenant(tx, settings={"time_zone": zone})
    for hours in range(6, 60, 6):
        await academy.at(MONDAY + DAY + timedelta(hours=hours))
        await academy.adjust(who, 1)
    await academy.at(MONDAY + 6 * DAY)
    await summarise(academy)
    found = await days(academy)
    assert sum(each["adjusted_up"] for each in found) == 10
    assert [each["day"] for each in found] == sorted({each["day"] for each in found}, reverse=True)
    assert found[0]["balance_minor"] == 10


async def test_coins_of_another_unit_have_lines_of_their_own_and_pages_split_between_them(academy: Academy) -> None:
    await academy.at(MONDAY)
    who = student()
    await academy.adjust(who, 10)
    async with academy.db.transaction(academy.principal) as tx:
        await identity.change_tenant(tx, settings={"coin_unit": "STAR"})
    await academy.adjust(who, 3)
    await academy.at(MONDAY + 2 * DAY)
    await summarise(academy)
    first = await academy.get("/v1/coin-summaries", limit=3)
    rest = await academy.get("/v1/coin-summaries", limit=3, after=first["next"])
    told = [(each["day"][-2:], each["currency"], each["balance_minor"]) for each in first["data"] + rest["data"]]
    assert told == [("02", "COIN", 10), ("02", "STAR", 3), ("01", "COIN", 10), ("01", "STAR", 3)]
    asked = {"from": "2027-03-02", "to": "2027-03-02", "currency": "STAR"}
    assert len(await days(academy, **asked)) == 1
    for bad in ({"from": "yesterday"}, {"after": "bm90LWEtZGF5"}, {"after": "MjAyNy0wMy0wMS8A"}):
        await academy.get("/v1/coin-summaries", expect=422, **bad)


async def test_a_tenant_without_coins_has_no_days(academy: Academy) -> None:
    await academy.post("/v1/customers", {"reference": student()})
    await summarise(academy)
    assert (await days(academy), await academy.is_due("rewards.summarise")) == ([], False)


async def test_summaries_are_never_changed_not_even_by_the_service(academy: Academy) -> None:
    await academy.at(MONDAY)
    await academy.adjust(student(), 10)
    await academy.at(MONDAY + DAY)
    await summarise(academy)
    for sql in ("UPDATE coin_summaries SET granted = 1 WHERE tenant_id = $1", "DELETE FROM coin_summaries WHERE tenant_id = $1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with academy.db.transaction(academy.principal) as tx:
                await tx.execute(sql, tx.tenant_id)


async def test_what_comes_too_late_for_its_day_shows_as_a_difference(academy: Academy, owner: asyncpg.Connection) -> None:
    """A posting dated into a summarised day: the sums and the ledger no longer agree, and the audit says so."""
    await academy.at(MONDAY)
    who = student()
    await academy.adjust(who, 10)
    await academy.at(MONDAY + DAY)
    await summarise(academy)
    wallet = parse_id("wal", (await academy.coins(who))["wallet_id"])
    tenant = academy.tenant.tenant_id
    await owner.execute("UPDATE clocks SET held_at = $2 WHERE tenant_id = $1", tenant, MONDAY + timedelta(hours=1))
    async with academy.db.transaction(academy.principal) as tx:
        await wallets.credit(tx, wallets.Credit(wallet_id=wallet, amount=Money(5, "COIN")))
    await academy.at(MONDAY + 2 * DAY)
    await summarise(academy)
    assert [each["difference_minor"] for each in await days(academy)] == [-5, 0]
    await owner.execute("DELETE FROM coin_summaries WHERE tenant_id = $1 AND day = '2027-03-02'", tenant)
