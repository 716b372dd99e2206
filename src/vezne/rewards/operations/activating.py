"""Activation: granting pending rewards whose day has come, many at a time."""

from vezne.kernel.db import Tx
from vezne.rewards import events
from vezne.rewards.models.rewards import Reward
from vezne.rewards.operations.granting import TRY_AGAIN, credit, granted_fact
from vezne.rewards.queries import rewards as queries

BATCH = 500


async def activate_due(tx: Tx, limit: int = BATCH) -> tuple[int, int]:
    """Grant at most `limit` rewards that are due; how many were found, and how many coins went into wallets.

    One whose wallet takes nothing waits for another day and harms no other. Again: the next ones, in the end none.
    """
    found = await queries.select_due(tx, limit)
    if not found:
        return 0, 0
    owed = await queries.lock_customers(tx, [reward.customer_id for reward in found])
    due = await queries.lock_pending(tx, [reward.id for reward in found])
    answers = await credit(tx, due, owed)
    granted = [answer for answer in answers if isinstance(answer, Reward)]
    if granted:
        await queries.mark_granted(tx, granted)
        await tx.publish(*[granted_fact(reward) for reward in granted])
    refused = [(reward, answer) for reward, answer in zip(due, answers, strict=True) if not isinstance(answer, Reward)]
    if refused:
        due_at = tx.now + TRY_AGAIN
        await queries.mark_postponed(tx, [reward.id for reward, _ in refused], due_at)
        await tx.publish(
            *[
                events.RewardPostponed(reward_id=reward.id, customer_id=reward.customer_id, reason=refusal.code(), due_at=due_at)
                for reward, refusal in refused
            ]
        )
    return len(found), sum(reward.credited_minor for reward in granted)
