"""CM3: subscribing and going on, period after period."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from memberships_fixtures import BEGIN, DAY, Club
from vezne import identity, memberships
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id
from vezne.kernel.money import Money


async def test_a_membership_begins_when_its_first_period_is_paid_and_not_when_it_was_asked_for(club: Club) -> None:
    plan = await club.plan()
    async with club.db.transaction(club.principal) as tx:
        made, first = await memberships.start(tx, await club.customer(), plan.id, "TRY")
    assert (made.status, first.status, first.amount_minor, first.reason) == ("incomplete", "open", 3_000, "first")
    await club.at(BEGIN + timedelta(hours=2))
    await club.pay(first)
    seen = await club.seen(made.id)
    assert (seen.status, seen.period_start, seen.anchor_at) == ("active", BEGIN + timedelta(hours=2), BEGIN + timedelta(hours=2))
    assert seen.period_end == datetime(2027, 2, 28, 11, 0, tzinfo=UTC)
    assert seen.paid_until == seen.renews_at == seen.period_end


async def test_paid_twice_by_one_order_is_paid_once_and_by_another_is_refused(club: Club) -> None:
    plan = await club.plan(credits_per_period=10)
    who = await club.customer()
    async with club.db.transaction(club.principal) as tx:
        made, first = await memberships.start(tx, who, plan.id, "TRY")
        order = new_id()
        await memberships.period_paid(tx, first.id, order)
        await memberships.period_paid(tx, first.id, order)
        with pytest.raises(memberships.PeriodPaidOtherwise):
            await memberships.period_paid(tx, first.id, new_id())
    assert await club.credits(who) == 10
    assert len(await club.events("membership.started")) == 1
    assert (await club.seen(made.id)).status == "active"


async def test_a_month_that_lacks_the_day_ends_on_its_last_and_the_next_has_the_day_again(club: Club) -> None:
    made = await club.begin(await club.plan())
    for expected in (date(2027, 3, 31), date(2027, 4, 30), date(2027, 5, 31)):
        await club.at((await club.seen(made.id)).period_end)
        (period,) = await club.renew()
        assert period.ends_at.date() == expected
        assert (period.reason, period.amount_minor) == ("renewal", 3_000)


async def test_one_live_membership_of_a_family_at_most_pay004(club: Club) -> None:
    plan, dearer = await club.plan(), await club.plan(9_000, level=1)
    made = await club.begin(plan)
    async with club.db.transaction(club.principal) as tx:
        with pytest.raises(memberships.AlreadySubscribed) as refused:
            await memberships.start(tx, made.customer_id, dearer.id, "TRY")
    assert refused.value.documented_code == "PAY004"
    assert "active" in refused.value.detail
    await club.begin(await club.plan(family="parking"), made.customer_id)


async def test_cm7_fifty_subscribe_at_once_and_one_does(club: Club) -> None:
    plan, who = await club.plan(), await club.customer()

    async def subscribe() -> str:
        try:
            async with club.db.transaction(club.principal) as tx:
                await memberships.start(tx, who, plan.id, "TRY")
        except Refusal as refusal:
            return refusal.documented_code or refusal.code()
        return "subscribed"

    answers = await asyncio.gather(*(subscribe() for _ in range(50)))
    assert sorted(set(answers)) == ["PAY004", "subscribed"]
    assert answers.count("subscribed") == 1


async def test_a_worker_down_for_three_days_catches_each_period_up_once_and_the_oldest_first(club: Club) -> None:
    plan = await club.plan(100, interval="day", credits_per_period=5)
    first, second = await club.begin(plan), await club.begin(plan)
    await club.later(3 * DAY + timedelta(hours=1))
    opened = await club.renew()
    assert [period.number for period in opened] == [2, 2, 3, 3, 4, 4]
    assert [period.starts_at for period in opened] == sorted(period.starts_at for period in opened)
    assert await club.renew() == []
    for each in (first, second):
        seen = await club.seen(each.id)
        assert seen.status == "active"
        assert seen.period_end == BEGIN + 4 * DAY
        assert await club.credits(each.customer_id) == 15  # all of them live until the running day is over


async def test_a_period_is_opened_once_however_many_workers_look(club: Club) -> None:
    made = await club.begin(await club.plan())
    await club.at(made.period_end)

    async def look() -> int:
        return len(await club.open())

    assert sum(await asyncio.gather(*(look() for _ in range(8)))) == 1
    assert await club.open() == []
    assert [period.status for period in await club.periods(made.id)] == ["paid", "open"]


async def test_a_new_price_is_for_new_memberships_and_the_running_ones_keep_theirs(club: Club) -> None:
    plan = await club.plan(3_000)
    made = await club.begin(plan)
    async with club.db.transaction(club.principal) as tx:
        await memberships.set_price(tx, plan.id, Money(5_000, "TRY"))
    await club.at(made.period_end)
    (period,) = await club.renew()
    assert period.amount_minor == 3_000
    assert (await club.begin(plan)).price_minor == 5_000


@pytest.mark.parametrize(("currency", "price"), [("JPY", 980), ("KWD", 12_345)])
async def test_currencies_without_minor_units_and_with_three(club: Club, currency: str, price: int) -> None:
    made = await club.begin(await club.plan(price, currency), currency=currency)
    await club.at(made.period_end)
    (period,) = await club.renew()
    assert (period.amount_minor, period.currency) == (price, currency)


async def test_a_trial_costs_nothing_and_the_calendar_counts_from_its_end(club: Club) -> None:
    plan = await club.plan(trial_days=14, trial_credits=3, credits_per_period=20)
    made = await club.begin(plan)
    assert (made.status, made.period_end, made.trial_ends_at) == ("trialing", BEGIN + 14 * DAY, BEGIN + 14 * DAY)
    assert await club.credits(made.customer_id) == 3
    await club.at(made.period_end)
    (period,) = await club.renew()
    assert (period.amount_minor, period.starts_at, period.ends_at) == (3_000, BEGIN + 14 * DAY, BEGIN + 42 * DAY)
    assert (await club.seen(made.id)).status == "active"
    assert await club.credits(made.customer_id) == 20


async def test_a_family_is_tried_once(club: Club) -> None:
    plan = await club.plan(trial_days=14)
    made = await club.begin(plan)
    async with club.db.transaction(club.principal) as tx:
        await memberships.cancel(tx, made.id, at_period_end=False, reason="not_used")
    again = await club.begin(plan, made.customer_id)
    assert (again.status, again.trial_ends_at) == ("active", None)


async def test_the_zone_of_the_tenant_decides_where_a_day_ends(club: Club) -> None:
    async with club.db.transaction(club.principal) as tx:
        await identity.change_tenant(tx, settings={"time_zone": "America/New_York"})
    await club.at(datetime(2027, 2, 14, 7, 30, tzinfo=UTC))  # 02:30 in New York
    made = await club.begin(await club.plan())
    assert made.period_end == datetime(2027, 3, 14, 7, 30, tzinfo=UTC)  # 02:30 does not exist on that day: 03:30
    await club.at(made.period_end)
    (period,) = await club.renew()
    assert period.ends_at == datetime(2027, 4, 14, 6, 30, tzinfo=UTC)  # 02:30 again, in summer time
