"""CC7: coins for what is spent, by the rule for purchases, lowered and taken back as orders are refunded."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest_asyncio

from orders_fixtures import BoxOffice, by_coins, by_wallet, seats
from vezne import identity, rewards
from vezne.app import rewarding
from vezne.kernel import clock
from vezne.kernel.jobs import JobCall
from vezne.rewards import jobs


class Club:
    """A box office whose customers get coins for what they spend."""

    def __init__(self, office: BoxOffice) -> None:
        self.office = office

    async def rule(self, **terms: Any) -> None:  # noqa: ANN401
        """A coin for every whole 10.00."""
        told = {"name": "club", "rates": {"TRY": rewards.Rate(per_minor=1_000, amount_minor=1)}, **terms}
        async with self.office.db.transaction(self.office.principal) as tx:
            await rewards.create_rule(tx, "purchase", rewards.RuleTerms(**told))

    async def work(self) -> int:
        """Do the jobs that orders left for coins."""
        done = {rewarding.REWARD: rewarding.reward_purchase, rewarding.TAKE_BACK: rewarding.take_back}
        calls = await self.office._take(tuple(done), timedelta())
        for call in calls:
            await done[call.name](self.office.db, call)
            await done[call.name](self.office.db, call)  # a job may run again
        return len(calls)

    async def coins(self, customer: UUID) -> rewards.Coins:
        """What a customer has."""
        async with self.office.db.transaction(self.office.principal, read_only=True) as tx:
            return await rewards.coins_of(tx, await identity.customer(tx, customer))


@pytest_asyncio.fixture
async def club(office: BoxOffice) -> Club:
    """The club."""
    return Club(office)


async def test_what_is_spent_is_rewarded_and_taken_back_in_proportion(club: Club) -> None:
    await club.rule()
    customer = await club.office.customer()
    wallet = await club.office.wallet(customer, 100_000)
    event = await club.office.event(2_500)
    placed = await club.office.order(customer, [seats(event, 3)], tenders=[by_wallet(wallet)])
    assert await club.work() == 1
    assert (await club.coins(customer)).balance_minor == 7
    line = placed["order"]["lines"][0]["id"]
    assert (await club.office.refund(placed, {"lines": [{"line_id": line, "quantity": 1}]})).status_code < 300
    await club.work()
    assert (await club.coins(customer)).balance_minor == 5
    assert (await club.office.refund(placed)).status_code < 300
    await club.work()
    assert (await club.coins(customer)).balance_minor == 0


async def test_without_a_rule_an_order_leaves_no_job(club: Club) -> None:
    customer = await club.office.customer()
    wallet = await club.office.wallet(customer, 10_000)
    await club.office.order(customer, [seats(await club.office.event(2_500))], tenders=[by_wallet(wallet)])
    assert await club.work() == 0


async def test_what_coins_paid_earns_no_coins(club: Club) -> None:
    await club.rule()
    customer = await club.office.customer()
    money, coins = await club.office.wallet(customer, 10_000), await club.office.wallet(customer, 30, "coins", "COIN")
    event = await club.office.event(2_500, item={"accepts": ("money", "coins")})
    await club.office.order(customer, [seats(event)], tenders=[by_coins(coins, 20), by_wallet(money)])
    await club.work()
    assert (await club.coins(customer)).balance_minor == 10 + 1  # 15.00 of 25.00 was money


async def test_a_pending_reward_is_lowered_by_what_is_refunded(club: Club) -> None:
    await club.rule(activation_days=14)
    customer = await club.office.customer()
    wallet = await club.office.wallet(customer, 10_000)
    placed = await club.office.order(customer, [seats(await club.office.event(2_500), 2)], tenders=[by_wallet(wallet)])
    await club.work()
    assert (await club.coins(customer)).pending_minor == 5
    line = placed["order"]["lines"][0]["id"]
    await club.office.refund(placed, {"lines": [{"line_id": line, "quantity": 1}]})
    await club.work()
    assert (await club.coins(customer)).pending_minor == 2
    async with club.office.db.transaction(club.office.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(days=15))
    await jobs.activate_due(club.office.db, JobCall("rewards.activate_due", club.office.tenant.tenant_id))
    assert (await club.coins(customer)).balance_minor == 2


async def test_an_order_refunded_before_its_reward_was_made_earns_nothing(club: Club) -> None:
    await club.rule()
    customer = await club.office.customer()
    wallet = await club.office.wallet(customer, 10_000)
    placed = await club.office.order(customer, [seats(await club.office.event(2_500))], tenders=[by_wallet(wallet)])
    await club.office.refund(placed)
    await club.work()
    assert (await club.coins(customer)).wallet is None


async def test_a_completion_that_stands_on_an_order_goes_with_it(club: Club) -> None:
    customer = await club.office.customer()
    wallet = await club.office.wallet(customer, 10_000)
    placed = await club.office.order(customer, [seats(await club.office.event(2_500), 2)], tenders=[by_wallet(wallet)])
    async with club.office.db.transaction(club.office.principal) as tx:
        await rewards.reward_completion(tx, customer, "course-1", cause=placed["order"]["id"])
    line = placed["order"]["lines"][0]["id"]
    await club.office.refund(placed, {"lines": [{"line_id": line, "quantity": 1}]})
    await club.work()
    assert (await club.coins(customer)).balance_minor == 100
    await club.office.refund(placed)
    await club.work()
    assert (await club.coins(customer)).balance_minor == 0
