"""CM3: changing plans, with exact integers."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memberships_fixtures import BEGIN, DAY, Club
from vezne import memberships
from vezne.kernel.money import Money
from vezne.memberships.proration import part_left

HALF = timedelta(days=14)  # the first period of the club's memberships is four weeks long


async def test_an_upgrade_costs_the_difference_for_what_is_left_and_keeps_the_end(club: Club) -> None:
    small, large = await club.plan(3_000, credits_per_period=10), await club.plan(9_001, level=1, credits_per_period=31)
    made = await club.begin(small)
    await club.later(HALF)
    change = await club.preview(made, large)
    assert change.upgrade
    assert change.now is not None
    assert (change.now.unused_minor, change.now.cost_minor, change.now.due_minor) == (1_500, 4_500, 3_000)
    assert change.now.ends_at == made.period_end
    period = await club.change(made, large)
    seen = await club.seen(made.id)
    assert (seen.plan_id, seen.price_minor, seen.status) == (large.id, 9_001, "active")
    assert (seen.period_start, seen.period_end, seen.anchor_at) == (BEGIN + HALF, made.period_end, made.anchor_at)
    assert (period.amount_minor, period.value_minor, period.reason) == (3_000, 4_500, "change")
    assert await club.credits(made.customer_id) == 10 + 10  # half of the 21 more, rounded down
    assert [each.ends_at for each in await club.periods(made.id)] == [BEGIN + HALF, made.period_end]
    await club.at(made.period_end)
    (renewed,) = await club.renew()
    assert (renewed.amount_minor, renewed.plan_id) == (9_001, large.id)


async def test_nothing_changes_until_the_difference_is_paid_and_another_wish_replaces_it(club: Club) -> None:
    small, large, larger = await club.plan(3_000), await club.plan(6_000, level=1), await club.plan(9_000, level=2)
    made = await club.begin(small)
    async with club.db.transaction(club.principal) as tx:
        first = await memberships.open_change(tx, made.id, large.id)
    async with club.db.transaction(club.principal) as tx:
        second = await memberships.open_change(tx, made.id, larger.id)
    assert (await club.seen(made.id)).plan_id == small.id
    async with club.db.transaction(club.principal) as tx:
        with pytest.raises(memberships.PeriodOver):
            await memberships.period_paid(tx, first.id, None)
    await club.pay(second)
    assert (await club.seen(made.id)).plan_id == larger.id


async def test_a_change_that_waits_is_void_when_the_period_is_over(club: Club) -> None:
    small, large = await club.plan(3_000), await club.plan(6_000, level=1)
    made = await club.begin(small)
    async with club.db.transaction(club.principal) as tx:
        change = await memberships.open_change(tx, made.id, large.id)
    await club.at(made.period_end)
    await club.renew()
    async with club.db.transaction(club.principal) as tx:
        with pytest.raises(memberships.PeriodOver):
            await memberships.period_paid(tx, change.id, None)
    assert (await club.seen(made.id)).plan_id == small.id


async def test_a_change_of_interval_begins_a_whole_new_period_now(club: Club) -> None:
    monthly, yearly = (
        await club.plan(3_000, credits_per_period=10),
        await club.plan(30_000, interval="year", credits_per_period=120),
    )
    made = await club.begin(monthly)
    await club.later(HALF)
    period = await club.change(made, yearly)
    seen = await club.seen(made.id)
    assert period.amount_minor == 30_000 - 1_500
    assert seen.anchor_at == seen.period_start == BEGIN + HALF
    assert seen.period_end == (BEGIN + HALF).replace(year=BEGIN.year + 1)
    assert await club.credits(made.customer_id) == 130


async def test_a_downgrade_is_for_the_end_of_the_period_and_now_it_is_refused(club: Club) -> None:
    small, large = await club.plan(3_000), await club.plan(9_000, level=1)
    made = await club.begin(large)
    assert not (await club.preview(made, small)).upgrade
    async with club.db.transaction(club.principal) as tx:
        with pytest.raises(memberships.ChangeCostsLess):
            await memberships.open_change(tx, made.id, small.id)
    planned = await club.change_later(made, small)
    assert (planned.plan_id, planned.next_plan_id) == (large.id, small.id)
    await club.at(made.period_end)
    (period,) = await club.renew()
    assert (period.plan_id, period.amount_minor) == (small.id, 3_000)
    assert (await club.seen(made.id)).next_plan_id is None
    assert len(await club.events("membership.changed")) == 1


async def test_the_price_of_the_next_plan_is_that_of_the_day_it_was_chosen_and_the_own_plan_undoes_it(club: Club) -> None:
    small, large = await club.plan(3_000), await club.plan(9_000, level=1)
    made = await club.begin(large)
    await club.change_later(made, small)
    async with club.db.transaction(club.principal) as tx:
        await memberships.set_price(tx, small.id, Money(5_000, "TRY"))
    await club.at(made.period_end)
    assert [each.amount_minor for each in await club.renew()] == [3_000]
    back = await club.change_later(made, large)
    assert back.next_plan_id == large.id
    kept = await club.change_later(made, small)
    assert (kept.next_plan_id, kept.next_price_minor) == (None, None)


async def test_during_a_trial_a_change_costs_nothing_and_the_trial_goes_on(club: Club) -> None:
    small, large = await club.plan(3_000, trial_days=14), await club.plan(9_000, level=1, trial_days=14)
    made = await club.begin(small)
    await club.later(2 * DAY)
    period = await club.change(made, large)
    seen = await club.seen(made.id)
    assert (period.amount_minor, seen.status, seen.period_end) == (0, "trialing", made.period_end)
    await club.at(seen.period_end)
    assert [each.amount_minor for each in await club.renew()] == [9_000]


async def test_plans_of_another_family_the_same_plan_and_periods_that_wait_are_refused(club: Club) -> None:
    small, other = await club.plan(3_000), await club.plan(3_000, family="parking")
    made = await club.begin(small)
    for plan, refusal in ((small, memberships.SamePlan), (other, memberships.OtherFamily)):
        with pytest.raises(refusal) as refused:
            await club.preview(made, plan)
        assert refused.value.loc == ("body", "plan_id")
    await club.at(made.period_end)
    await club.open()
    with pytest.raises(memberships.RenewalUnderWay):
        await club.preview(made, await club.plan(9_000, level=1))


async def test_what_was_refunded_of_a_period_is_not_set_off_again(club: Club) -> None:
    small, large = await club.plan(3_000), await club.plan(9_000, level=1)
    made = await club.begin(small)
    await club.refund((await club.periods(made.id))[0], 1_000)
    await club.later(HALF)
    change = await club.preview(made, large)
    assert change.now is not None
    assert change.now.unused_minor == 1_000


@pytest.mark.unit
@given(
    value=st.integers(0, 2**53 - 1),
    whole=st.integers(1, 400 * 86_400),
    gone=st.integers(0, 400 * 86_400),
    more=st.integers(0, 10**6),
)
def test_what_is_left_is_exact_falls_with_time_and_never_passes_what_it_was(value: int, whole: int, gone: int, more: int) -> None:
    ends = BEGIN + timedelta(seconds=whole)
    left = part_left(value, BEGIN, ends, BEGIN + timedelta(seconds=gone))
    assert 0 <= part_left(value, BEGIN, ends, BEGIN + timedelta(seconds=gone + more)) <= left <= value
    assert left == value * max(0, whole - gone) // whole
    assert part_left(value, BEGIN, ends, BEGIN) == value
