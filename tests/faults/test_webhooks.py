"""Webhooks duplicated, shuffled, late, forged, stale and lost, over many payments: each is credited exactly once."""

import asyncio
from random import Random

import pytest

from checkout_fixtures import Bill, Till
from desk_fixtures import DECLINED, DELAYED, GOOD
from faults.rounds import Rounds
from figures_fixtures import Figures

FAULTS: dict[str, dict[str, object]] = {
    "duplicate": {"duplicate": 3},
    "reorder": {"reorder": 60},
    "delay_ms": {"delay_ms": 120},
    "forge": {"forge": True},
    "stale": {"stale": True},
    "drop_first": {"drop_first": 2},
    "everything": {"duplicate": 0.6, "reorder": 40, "delay_ms": 30, "forge": True, "stale": True, "drop_first": 1},
}
PATIENCE = 40


async def settled(till: Till, bill: Bill, card: str) -> None:
    """Wait until a payment has come to its end."""
    wanted = {"requires_payment", "failed"} if card == DECLINED else {"succeeded"}
    async with asyncio.timeout(PATIENCE):
        while (payment := await till.payment(bill.payment_id)).status not in wanted or (
            card == DECLINED and payment.last_error is None
        ):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_payment_is_credited_exactly_once(
    fault: str, till: Till, figures: Figures, random: Random, rounds: Rounds
) -> None:
    armed = FAULTS[fault]
    figures.promise("payments credited", *(f"webhooks {name}" for name in armed))
    paid = 0
    async with till.worker():
        for number in rounds.of(1):
            await till.sandbox.arm(seed=random.getrandbits(32), webhooks=armed)
            bills = [(await till.bill(random.randint(100, 9_000)), card) for card in (GOOD, GOOD, DELAYED, GOOD, DECLINED)]
            await asyncio.gather(*(till.pay_at_bank(bill, card) for bill, card in bills))
            await asyncio.gather(*(settled(till, bill, card) for bill, card in bills))
            for name in armed:
                await until_fired(till, f"webhooks.{name}")
            await asyncio.sleep(0.3)  # whatever still comes must change nothing
            await till.work()
            for bill, card in bills:
                amount = (await till.payment(bill.payment_id)).amount_minor
                assert await till.balance(bill) == (0 if card == DECLINED else amount)
                figures["payments credited"] += card != DECLINED
            paid += len([card for _, card in bills if card != DECLINED])
            for name in armed:
                figures[f"webhooks {name}"] += await till.sandbox.fired(f"webhooks.{name}")
            figures["rounds"] = number + 1
    assert await till.events("payment.succeeded") == paid
    for hook in await till.webhooks():
        figures[f"webhooks {hook['outcome']}"] += 1


async def until_fired(till: Till, name: str) -> None:
    """Wait for a fault that was armed to happen."""
    async with asyncio.timeout(PATIENCE):
        while not await till.sandbox.fired(name):
            await asyncio.sleep(0.05)
