"""CM1, CM3: the credits of periods, what is carried over, and what a refund takes back."""

from datetime import timedelta

import pytest

from memberships_fixtures import BEGIN, DAY, Club
from vezne import identity, memberships, wallets
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money


async def lots(club: Club, made: memberships.Membership) -> list[tuple[int, str, str]]:
    """What is left of each lot, with its type and origin, the oldest first."""
    async with club.db.transaction(club.principal, read_only=True) as tx:
        rows = await tx.fetch(
            """SELECT lots.remaining_minor, lots.type, lots.origin FROM lots
               JOIN wallets ON wallets.tenant_id = lots.tenant_id AND wallets.id = lots.wallet_id
               WHERE lots.tenant_id = $1 AND wallets.customer_id = $2 ORDER BY lots.id""",
            tx.tenant_id,
            made.customer_id,
        )
    return [(row["remaining_minor"], row["type"], row["origin"]) for row in rows]


async def next_month(club: Club, made: memberships.Membership) -> None:
    """The period is over, and the next one paid."""
    await club.at((await club.seen(made.id)).period_end)
    await club.renew()


async def test_credits_are_a_lot_of_type_membership_that_lapses_with_its_period(club: Club) -> None:
    made = await club.begin(await club.plan(credits_per_period=10))
    assert await lots(club, made) == [(10, "membership", public_id("mbs", made.id))]
    await club.at(made.period_end - timedelta(seconds=1))
    assert await club.credits(made.customer_id) == 10
    await club.at(made.period_end)
    assert await club.credits(made.customer_id) == 0
    await club.renew()
    assert await club.credits(made.customer_id) == 10


async def test_kept_credits_live_on_for_as_long_as_credits_do(club: Club) -> None:
    made = await club.begin(await club.plan(credits_per_period=10, credit_rollover="keep"))
    await club.spend(made.customer_id, 3)
    await next_month(club, made)
    assert await club.credits(made.customer_id) == 17


async def test_of_capped_credits_no_more_than_the_cap_is_carried_over(club: Club) -> None:
    made = await club.begin(await club.plan(credits_per_period=10, credit_rollover="cap", rollover_cap=4))
    await club.spend(made.customer_id, 8)
    await next_month(club, made)
    assert await club.credits(made.customer_id) == 2 + 10  # two were left, which is below the cap
    await next_month(club, made)
    assert await club.credits(made.customer_id) == 4 + 10  # twelve were left, four of them stay
    for _ in range(3):
        await next_month(club, made)
    assert await club.credits(made.customer_id) == 14
    assert [period.credits_granted for period in await club.periods(made.id)] == [
        10,
        10,
        2,
        0,
        0,
        0,
    ]


async def test_a_cap_looks_at_the_membership_own_credits_and_not_at_what_was_bought(club: Club) -> None:
    made = await club.begin(await club.plan(credits_per_period=10, credit_rollover="cap", rollover_cap=0))
    async with club.db.transaction(club.principal) as tx:
        wallet = await wallets.wallet_of(tx, made.customer_id, "credits", "CREDIT")
        await wallets.credit(tx, wallets.Credit(wallet_id=wallet.id, amount=Money(50, "CREDIT")))
    await club.spend(made.customer_id, 10)  # the oldest first: the membership's
    await next_month(club, made)
    assert await club.credits(made.customer_id) == 50 + 10


async def test_a_limit_of_credits_does_not_hold_back_what_was_paid_for(club: Club) -> None:
    async with club.db.transaction(club.principal) as tx:
        await identity.change_tenant(tx, settings={"max_credit_balance": 5})
    made = await club.begin(await club.plan(credits_per_period=10))
    assert await club.credits(made.customer_id) == 10


async def test_a_plan_whose_credits_change_gives_them_from_the_next_period_on(club: Club) -> None:
    plan = await club.plan(credits_per_period=10)
    made = await club.begin(plan)
    async with club.db.transaction(club.principal) as tx:
        await memberships.change_plan(tx, plan.id, credits_per_period=25)
    assert await club.credits(made.customer_id) == 10
    await next_month(club, made)
    assert await club.credits(made.customer_id) == 25


async def test_many_periods_are_paid_with_one_move_and_each_wallet_has_its_own(club: Club) -> None:
    plan = await club.plan(credits_per_period=3)
    all_of_them = [await club.begin(plan) for _ in range(5)]
    await club.at(all_of_them[0].period_end)
    assert len(await club.renew()) == 5
    assert [await club.credits(made.customer_id) for made in all_of_them] == [3] * 5


@pytest.mark.parametrize(("back", "left"), [(1, 10), (1_000, 7), (1_500, 5), (2_999, 1), (3_000, 0)])
async def test_a_refund_takes_the_same_part_of_the_credits_back(club: Club, back: int, left: int) -> None:
    made = await club.begin(await club.plan(credits_per_period=10))
    (period,) = await club.periods(made.id)
    refunded = await club.refund(period, back)
    assert await club.credits(made.customer_id) == left
    assert (refunded.refunded_minor, refunded.credits_taken) == (back, 10 - left)


async def test_parts_of_a_refund_come_to_the_whole_and_what_was_spent_stays_spent(club: Club) -> None:
    made = await club.begin(await club.plan(credits_per_period=10))
    await club.spend(made.customer_id, 8)
    (period,) = await club.periods(made.id)
    for part in (1_000, 1_000, 1_000):
        period = await club.refund(period, part)
    assert (period.refunded_minor, period.credits_taken) == (3_000, 2)
    assert await club.credits(made.customer_id) == 0
    with pytest.raises(memberships.PeriodRefundTooLarge):
        await club.refund(period, 1)


async def test_a_running_period_that_is_refunded_whole_ends_the_membership_and_in_part_does_not(club: Club) -> None:
    made = await club.begin(await club.plan())
    (period,) = await club.periods(made.id)
    await club.refund(period, 2_999)
    assert (await club.seen(made.id)).status == "active"
    await club.refund(period, 1)
    over = await club.seen(made.id)
    assert (over.status, over.cancel_reason) == ("cancelled", "refunded")
    await club.at(made.period_end + DAY)
    assert await club.open() == []


async def test_an_older_period_that_is_refunded_whole_lets_the_membership_run(club: Club) -> None:
    made = await club.begin(await club.plan())
    (first,) = await club.periods(made.id)
    await next_month(club, made)
    await club.refund(first, 3_000)
    assert (await club.seen(made.id)).status == "active"


async def test_a_refund_that_fails_gives_the_credits_again(club: Club) -> None:
    made = await club.begin(await club.plan(credits_per_period=10))
    (period,) = await club.periods(made.id)
    await club.refund(period, 1_500, cause="ref_1/1")
    async with club.db.transaction(club.principal) as tx:
        await memberships.period_given_again(tx, period.id, 1_500, cause="ref_1/1/failed")
        back = await memberships.period(tx, period.id)
    assert (back.refunded_minor, back.credits_taken) == (0, 0)
    assert await club.credits(made.customer_id) == 10


async def test_a_membership_that_a_refund_has_ended_is_not_given_again_without_a_person(club: Club) -> None:
    made = await club.begin(await club.plan(credits_per_period=10))
    (period,) = await club.periods(made.id)
    await club.refund(period, 3_000)
    async with club.db.transaction(club.principal) as tx:
        with pytest.raises(memberships.MembershipOver):
            await memberships.period_given_again(tx, period.id, 3_000, cause="ref_1/1/failed")


async def test_credits_of_a_period_caught_up_late_live_until_the_running_one_is_over(club: Club) -> None:
    made = await club.begin(await club.plan(credits_per_period=10))
    await club.at(BEGIN + 100 * DAY)
    await club.renew()
    seen = await club.seen(made.id)
    assert await club.credits(made.customer_id) == 30
    await club.at(seen.period_end)
    assert await club.credits(made.customer_id) == 0
