"""Redirect, webhook and poller tell of the same money at once, and it is refunded from several sides at once."""

import asyncio
import os
from collections import Counter
from uuid import UUID

from desk_fixtures import Desk
from figures_fixtures import Figures
from vezne import payments

ROUNDS = 200 if os.environ.get("VEZNE_SOAK_MINUTES") else 6
AT_ONCE = 5


async def paid_at_the_bank(desk: Desk) -> UUID:
    """A payment whose customer has paid; we may or may not have been told."""
    made = await desk.pay(9_000)
    await desk.sandbox.play(await desk.start(made.id))
    return made.id


async def test_money_told_of_from_all_sides_at_once_is_taken_once(desk: Desk, figures: Figures) -> None:
    figures.promise("payments", "finalised at once", "jobs")
    for _ in range(ROUNDS):
        ids = [await paid_at_the_bank(desk) for _ in range(AT_ONCE)]
        returns = [desk.finalise(id_) for id_ in ids for _ in range(3)]
        jobs, seen = await asyncio.gather(desk.work(), asyncio.gather(*returns))
        figures["jobs"] += jobs + await desk.work()
        figures["finalised at once"] += len(seen)
        figures["payments"] += len(ids)
        assert {payment.status for payment in seen} <= {"succeeded", "processing", "requires_action"}
        assert {(await desk.payment(id_)).status for id_ in ids} == {"succeeded"}
    assert await desk.events("payment.succeeded") == figures["payments"]
    assert await desk.held("unapplied") == 9_000 * figures["payments"]


async def test_of_refunds_at_once_no_more_is_given_back_than_was_paid(desk: Desk, figures: Figures) -> None:
    figures.promise("given back", "refused")

    async def refund(payment_id: UUID) -> bool:
        try:
            async with desk.db.transaction(desk.principal) as tx:
                await payments.refund(tx, payment_id, 4_000)
        except (payments.RefundTooLarge, payments.NotRefundable):
            return False
        return True

    for _ in range(ROUNDS):
        payment_id = await paid_at_the_bank(desk)
        await desk.finalise(payment_id)
        outcomes = Counter(await asyncio.gather(*(refund(payment_id) for _ in range(6))))
        assert outcomes == {True: 2, False: 4}
        await asyncio.gather(*(desk.work() for _ in range(3)))
        await desk.work()
        payment = await desk.payment(payment_id)
        assert (payment.refunding_minor, payment.refunded_minor) == (0, 8_000)
        figures["given back"] += outcomes[True]
        figures["refused"] += outcomes[False]
    assert await desk.events("refund.succeeded") == figures["given back"]
