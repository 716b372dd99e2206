"""Taking rewards back: staff do, and whatever a reward stood on does when it is refunded.

A pending reward is revoked and nothing was given. Of a granted one the coins go back where they came from: out of its own lot,
then out of the customer's others; what has been spent is owed, and taken off the next rewards.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from vezne import wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id, public_id
from vezne.rewards import events
from vezne.rewards.models.rewards import ClawBack, Purchase, Reward
from vezne.rewards.queries import rewards as queries
from vezne.rewards.queries import rules
from vezne.rewards.refusals import ClawBackBeyondReward, RewardEnded, RewardPendingWhole, RewardUnknown


async def take_back(
    tx: Tx, reward_id: UUID, amount_minor: int | None = None, *, reason: str, cause: str | None = None
) -> tuple[Reward, ClawBack | None]:
    """Take a reward back, or so much of it; a pending one is revoked. Once for a `cause`, where there is one: again the first.

    Raises RewardUnknown, RewardEnded, RewardPendingWhole, ClawBackBeyondReward, WalletFrozen, WalletClosed.
    """
    reward, owed = await _lock(tx, reward_id)
    if cause is not None:
        earlier = [each for each in await queries.select_claw_backs(tx, reward_id) if each.cause == cause]
        if earlier:
            return reward, earlier[0]
    shown = public_id("rwd", reward_id)
    if reward.status == "pending":
        if amount_minor not in {None, reward.amount_minor}:
            raise RewardPendingWhole(loc=("body", "amount_minor"), reward_id=shown)
        return await _revoke(tx, reward, reason), None
    if not reward.left_minor:
        raise RewardEnded(reward_id=shown, status=reward.status)
    asked = reward.left_minor if amount_minor is None else amount_minor
    if asked > reward.left_minor:
        raise ClawBackBeyondReward(
            loc=("body", "amount_minor"), reward_id=shown, left_minor=reward.left_minor, amount_minor=asked
        )
    return await _claw(tx, reward, asked, owed, reason=reason, cause=cause)


async def claw_back(tx: Tx, causes: Sequence[str], *, reason: str) -> list[Reward]:
    """Take back all rewards that stand on one of these causes: an order, a payment. Again: nothing is left to take.

    A wallet that gives nothing (it is frozen) keeps its coins, and its customer owes them.
    """
    found = await queries.select_of_causes(tx, causes)
    await queries.lock_customers(tx, [reward.customer_id for reward in found])
    taken = []
    for each in found:
        reward, owed = await _lock(tx, each.id)
        if reward.status == "pending":
            taken.append(await _revoke(tx, reward, reason))
        elif reward.left_minor:
            taken.append((await _claw(tx, reward, reward.left_minor, owed, reason=reason, cause=None, or_owe=True))[0])
    return taken


async def lower_purchase(tx: Tx, purchase: Purchase, *, reason: str) -> Reward | None:
    """Leave of a purchase's reward what its rule gives for what is still spent; None when there is none. Again: no change."""
    key: queries.Key = (purchase.customer_id, "purchase", purchase.reference)
    found = (await queries.select_by_key(tx, [key])).get(key)
    if found is None or found.rule_id is None:
        return None
    reward, owed = await _lock(tx, found.id)
    (rule,) = await rules.select_versions(tx, found.rule_id, before=reward.rule_version + 1, limit=1)
    keep = min(reward.amount_minor, rule.coins_for(purchase.spent))
    if reward.status == "pending" and keep < reward.amount_minor:
        return await _lower(tx, reward, keep, reason) if keep else await _revoke(tx, reward, reason)
    if reward.left_minor > keep:
        return (await _claw(tx, reward, reward.left_minor - keep, owed, reason=reason, cause=None, or_owe=True))[0]
    return reward


async def has_rewards(tx: Tx, causes: Sequence[str]) -> bool:
    """Whether a reward that is not over stands on one of these causes."""
    return bool(await queries.select_of_causes(tx, causes))


async def _lock(tx: Tx, reward_id: UUID) -> tuple[Reward, int]:
    """The reward and what its customer owes, both locked, the customer first."""
    seen = await queries.select_reward(tx, reward_id)
    if seen is None:
        raise RewardUnknown(reward_id=public_id("rwd", reward_id))
    owed = (await queries.lock_customers(tx, [seen.customer_id]))[seen.customer_id]
    reward = await queries.select_reward(tx, reward_id, lock=True)
    if reward is None:
        raise RuntimeError("a reward is never deleted")
    return reward, owed


async def _revoke(tx: Tx, reward: Reward, reason: str) -> Reward:
    await queries.mark_revoked(tx, reward.id)
    await tx.publish(
        events.RewardRevoked(
            reward_id=reward.id,
            customer_id=reward.customer_id,
            amount_minor=reward.amount_minor,
            currency=reward.currency,
            reason=reason,
        )
    )
    return replace(reward, status="revoked")


async def _lower(tx: Tx, reward: Reward, amount_minor: int, reason: str) -> Reward:
    await queries.mark_lowered(tx, reward.id, amount_minor)
    await tx.publish(
        events.RewardLowered(
            reward_id=reward.id,
            customer_id=reward.customer_id,
            amount_minor=amount_minor,
            currency=reward.currency,
            reason=reason,
        )
    )
    return replace(reward, amount_minor=amount_minor)


async def _claw(
    tx: Tx, reward: Reward, asked: int, owed: int, *, reason: str, cause: str | None, or_owe: bool = False
) -> tuple[Reward, ClawBack]:
    made_id = new_id()
    known = cause or str(made_id)
    revoked = await _take(tx, reward, asked, known, reason, or_owe=or_owe)
    done = None if revoked is None else revoked.transaction
    taken = 0 if revoked is None else revoked.taken_minor
    made = ClawBack(
        id=made_id,
        reward_id=reward.id,
        customer_id=reward.customer_id,
        cause=known,
        amount_minor=asked,
        taken_minor=taken,
        missing_minor=asked - taken,
        transaction_id=None if done is None else done.id,
        reason=reason,
        actor=tx.principal.actor,
        created_at=tx.now,
    )
    clawed = reward.clawed_minor + asked
    after = replace(reward, clawed_minor=clawed, status="clawed_back" if clawed == reward.amount_minor else reward.status)
    await queries.insert_claw_back(tx, made)
    await queries.mark_clawed(tx, after)
    if made.missing_minor:
        await queries.update_owed(tx, {reward.customer_id: owed + made.missing_minor})
    await tx.publish(
        events.RewardClawedBack(
            reward_id=reward.id,
            customer_id=reward.customer_id,
            amount_minor=asked,
            missing_minor=made.missing_minor,
            currency=reward.currency,
            cause=known,
        )
    )
    return after, made


async def _take(tx: Tx, reward: Reward, asked: int, cause: str, reason: str, *, or_owe: bool) -> wallets.Revoked | None:
    """Take so much out of the customer's wallet, as far as it is there; None: nothing can be, or ever was put in."""
    if reward.transaction_id is None:
        return None
    about = wallets.Reference("claw_back", reward.reference)
    try:
        async with tx.savepoint():
            return await wallets.revoke(
                tx, reward.transaction_id, asked, cause=cause, reference=about, description=reason, beyond_lot=True
            )
    except Refusal:
        if not or_owe:
            raise
        return None
