"""CM3: pausing, resuming, and leaving."""

from datetime import timedelta

import pytest

from memberships_fixtures import BEGIN, DAY, Club
from vezne import memberships
from vezne.kernel.jobs import JobCall
from vezne.memberships.jobs import watch

HALF = timedelta(days=14)


async def tick(club: Club) -> None:
    """What the clock does beside renewals."""
    await watch(club.db, JobCall("memberships.watch", club.tenant.tenant_id))


async def test_what_a_pause_leaves_of_a_paid_period_comes_after_it_and_then_the_calendar_goes_on(club: Club) -> None:
    made = await club.begin(await club.plan(2_800))
    await club.later(HALF)
    paused = await club.pause(made)
    assert (paused.status, paused.renews_at, paused.rest_seconds, paused.rest_minor) == ("paused", None, 14 * 86_400, 1_400)
    await club.later(100 * DAY)
    assert await club.open() == []
    resumed = await club.resume(made)
    now = BEGIN + HALF + 100 * DAY
    assert (resumed.status, resumed.period_start, resumed.period_end, resumed.anchor_at) == (
        "active",
        now,
        now + HALF,
        now + HALF,
    )
    await club.at(now + HALF)
    (period,) = await club.renew()
    assert (period.reason, period.amount_minor, period.starts_at) == ("renewal", 2_800, now + HALF)
    assert [each.amount_minor for each in await club.periods(made.id)] == [2_800, 0, 2_800]


async def test_what_was_paused_is_worth_what_was_left_when_the_plan_is_changed(club: Club) -> None:
    made = await club.begin(await club.plan(2_800))
    await club.later(HALF)
    await club.pause(made)
    await club.later(DAY)
    await club.resume(made)
    await club.later(HALF / 2)
    change = await club.preview(made, await club.plan(5_600, level=1))
    assert change.now is not None
    assert change.now.unused_minor == 700


async def test_a_pause_at_the_end_of_the_period_begins_there_and_ends_by_itself_with_a_new_period(club: Club) -> None:
    made = await club.begin(await club.plan(3_000))
    until = made.period_end + 10 * DAY
    planned = await club.pause(made, at_period_end=True, until=until)
    assert (planned.status, planned.pause_at_period_end) == ("active", True)
    await club.at(made.period_end + DAY)
    assert await club.open() == []
    seen = await club.seen(made.id)
    assert (seen.status, seen.paused_at, seen.paused_until) == ("paused", made.period_end, until)
    await tick(club)
    assert (await club.seen(made.id)).status == "paused"
    await club.at(until + DAY)
    await tick(club)
    (period,) = await club.renew()
    assert (period.reason, period.amount_minor, period.starts_at) == ("resume", 3_000, until + DAY)
    assert (await club.seen(made.id)).anchor_at == until + DAY


async def test_a_planned_pause_can_be_dropped_and_a_pause_gets_another_end(club: Club) -> None:
    made = await club.begin(await club.plan())
    await club.pause(made, at_period_end=True, until=made.period_end + DAY)
    dropped = await club.resume(made)
    assert (dropped.pause_at_period_end, dropped.paused_until, dropped.status) == (False, None, "active")
    await club.pause(made)
    assert (await club.pause(made, until=BEGIN + 9 * DAY)).paused_until == BEGIN + 9 * DAY


@pytest.mark.parametrize("days", [-1, 0, 800])
async def test_a_pause_ends_after_it_begins_and_within_two_years(club: Club, days: int) -> None:
    made = await club.begin(await club.plan())
    with pytest.raises(memberships.PauseEndsBeforeItBegins) as refused:
        await club.pause(made, until=BEGIN + days * DAY)
    assert refused.value.loc == ("body", "until")


async def test_a_trial_and_a_renewal_that_waits_are_not_paused(club: Club) -> None:
    trial = await club.begin(await club.plan(trial_days=7))
    with pytest.raises(memberships.MembershipNotReady):
        await club.pause(trial)
    made = await club.begin(await club.plan(family="b"))
    await club.at(made.period_end)
    await club.open()
    with pytest.raises(memberships.RenewalUnderWay):
        await club.pause(made)


async def test_cancelled_it_runs_until_what_is_paid_for_is_over_and_can_be_kept_until_then(club: Club) -> None:
    made = await club.begin(await club.plan())
    left = await club.cancel(made, reason="too_expensive", comment="for me")
    assert (left.status, left.cancel_at_period_end, left.cancel_reason) == ("active", True, "too_expensive")
    assert left.is_usable(made.period_end - DAY, 7)
    assert not left.is_usable(made.period_end, 7)  # nothing is to come: no days of grace
    async with club.db.transaction(club.principal) as tx:
        kept = await memberships.undo_cancel(tx, made.id)
    assert (kept.cancel_at_period_end, kept.cancel_reason) == (False, None)
    await club.cancel(made, reason="not_used")
    await club.at(made.period_end + DAY)
    assert await club.open() == []
    ended = await club.seen(made.id)
    assert (ended.status, ended.ended_at) == ("ended", made.period_end)
    async with club.db.transaction(club.principal) as tx:
        with pytest.raises(memberships.MembershipOver):
            await memberships.undo_cancel(tx, made.id)
        said = await memberships.departures_of(tx, made.id)
        counted = await memberships.reasons_of_leaving(tx, BEGIN, tx.now)
    assert [(each.reason, each.comment) for each in said] == [("not_used", ""), ("too_expensive", "for me")]
    assert dict(counted) == {"not_used": 1, "too_expensive": 1}
    await club.begin(await club.plan(), made.customer_id)  # the place is free again


async def test_cancelled_at_once_it_is_over_and_what_waits_is_wanted_no_longer(club: Club) -> None:
    made = await club.begin(await club.plan())
    await club.at(made.period_end)
    (waiting,) = await club.open()
    over = await club.cancel(made)  # at the period's end: what is paid for is over already
    assert (over.status, over.ended_at) == ("cancelled", made.period_end)
    assert await club.cancel(made) == over
    with pytest.raises(memberships.PeriodOver):
        await club.pay(waiting)
    assert await club.fail(waiting) is None


async def test_never_paid_for_it_is_over_when_its_order_is_and_money_that_comes_later_is_refused(club: Club) -> None:
    plan, who = await club.plan(), await club.customer()
    async with club.db.transaction(club.principal) as tx:
        made, first = await memberships.start(tx, who, plan.id, "TRY")
        await memberships.abandon(tx, first.id)
        await memberships.abandon(tx, first.id)
    assert (await club.seen(made.id)).status == "ended"
    with pytest.raises(memberships.PeriodOver):
        await club.pay(first)
    await club.begin(plan, who)


async def test_three_days_before_its_end_a_trial_is_announced_once(club: Club) -> None:
    made = await club.begin(await club.plan(trial_days=14))
    short = await club.begin(await club.plan(trial_days=3))
    leaving = await club.begin(await club.plan(trial_days=14))
    await club.cancel(leaving)
    await club.at(BEGIN + 11 * DAY - timedelta(seconds=1))
    await tick(club)
    assert await club.events("membership.trial_ending") == []
    await club.at(BEGIN + 11 * DAY)
    await tick(club)
    await tick(club)
    (told,) = await club.events("membership.trial_ending")
    assert told["amount_minor"] == 3_000
    assert (await club.seen(made.id)).trial_notice_at is None
    assert (await club.seen(short.id)).trial_notice_at is None
