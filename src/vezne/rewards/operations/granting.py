"""Granting: a reward is written once for its customer, type and reference, and its coins go into the customer's wallet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from vezne import identity, wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.events import Event
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.rewards import events
from vezne.rewards.models.rewards import Asked, Given, Reward
from vezne.rewards.operations.limiting import within_limits
from vezne.rewards.queries import rewards as queries
from vezne.rewards.refusals import RewardReused

CONTRA = "coin_rewards"
"""The house account that coins given as rewards come out of, and go back to."""
TRY_AGAIN = timedelta(days=1)
"""How long a reward waits whose wallet took nothing: it is frozen, closed or full."""


async def give(tx: Tx, asked: Sequence[Asked], *, or_later: bool = False) -> list[Given]:
    """Give rewards, each once for its customer, type and reference; again answers as it stands now.

    What the limits leave is credited, or waits as pending for the rule's activation delay. A wallet that takes nothing raises its
    refusal; with `or_later` the reward is pending instead. Raises RewardReused when the first one was asked for otherwise.
    """
    owed = await queries.lock_customers(tx, [each.customer_id for each in asked])
    known = await queries.select_by_key(tx, [_key(each) for each in asked])
    fresh: dict[queries.Key, Reward] = {}
    for each in asked:
        if _key(each) in known:
            _refuse_other(each, known[_key(each)])
        else:
            fresh[_key(each)] = await _new(tx, each)
    made = {key: reward for key, reward in fresh.items() if reward.status != "granted"}
    now = [key for key, reward in fresh.items() if reward.status == "granted"]
    answers = await credit(tx, [fresh[key] for key in now], owed)
    for key, answer in zip(now, answers, strict=True):
        if isinstance(answer, Reward):
            made[key] = answer
        elif or_later:
            made[key] = replace(fresh[key], status="pending", due_at=tx.now + TRY_AGAIN, granted_at=None)
        else:
            raise answer
    if made:
        await queries.insert_rewards(tx, list(made.values()))
        await tx.publish(*[_fact(reward) for reward in made.values()])
    return [Given(made[_key(each)]) if _key(each) in made else Given(known[_key(each)], again=True) for each in asked]


async def credit(tx: Tx, rewards: Sequence[Reward], owed: Mapping[UUID, int]) -> list[Reward | Refusal]:
    """Credit rewards to their customers, who are locked and owe so much, all in one move; each as it is then, or its refusal.

    What a customer owes is taken off first. Nothing is written of the rewards themselves.
    """
    debts = {reward.customer_id: owed[reward.customer_id] for reward in rewards}
    before = dict(debts)
    keys = [wallets.WalletKey(reward.customer_id, "coins", reward.currency) for reward in rewards]
    found = await wallets.wallets_of(tx, keys)
    credits_, offs = [], []
    for reward, key in zip(rewards, keys, strict=True):
        off = min(debts[reward.customer_id], reward.amount_minor)
        debts[reward.customer_id] -= off
        offs.append(off)
        if reward.amount_minor > off:
            credits_.append(_credit(tx, reward, found[key], reward.amount_minor - off))
    moved = iter(await wallets.move(tx, credits_) if credits_ else [])
    answers: list[Reward | Refusal] = []
    for reward, off in zip(rewards, offs, strict=True):
        granted = replace(reward, status="granted", set_off_minor=off, granted_at=tx.now)
        outcome = next(moved) if reward.amount_minor > off else None
        if isinstance(outcome, wallets.Moved):
            answers.append(replace(granted, transaction_id=outcome.transaction.id))
        elif outcome is None:
            answers.append(granted)
        else:
            debts[reward.customer_id] += off
            answers.append(outcome.error)
    if debts != before:
        await queries.update_owed(tx, debts)
    return answers


def _key(asked: Asked) -> queries.Key:
    return asked.customer_id, asked.type, asked.reference


async def _new(tx: Tx, asked: Asked) -> Reward:
    amount = await within_limits(tx, asked)
    due_at = tx.now + timedelta(days=asked.rule.activation_days) if amount and asked.rule.activation_days else None
    capped = asked.asked_minor > 0 and not amount
    return Reward(
        id=new_id(),
        customer_id=asked.customer_id,
        type=asked.type,
        reference=asked.reference,
        rule_id=asked.rule.id,
        rule_version=asked.rule.version,
        tier=asked.tier,
        override_minor=asked.override_minor,
        asked_minor=asked.asked_minor,
        amount_minor=amount,
        currency=(await identity.settings_of(tx)).coin_unit,
        status="capped" if capped else "pending" if due_at is not None else "granted",
        set_off_minor=0,
        clawed_minor=0,
        cause=asked.cause,
        life_days=asked.rule.life_days,
        description=asked.description,
        transaction_id=None,
        due_at=due_at,
        granted_at=None,
        created_at=tx.now,
    )


def _refuse_other(asked: Asked, was: Reward) -> None:
    """A reference stands for one reward: another tier or amount under it is a mistake, and not a second reward."""
    if (asked.tier, asked.override_minor) != (was.tier, was.override_minor):
        raise RewardReused(
            loc=("body", "reference_id"),
            type=asked.type,
            reference=asked.reference,
            was=_wish(was.tier, was.override_minor),
            asked=_wish(asked.tier, asked.override_minor),
        )


def _wish(tier: str | None, override_minor: int | None) -> str:
    if override_minor is not None:
        return f"{override_minor} coins"
    return "what the rule says" if tier is None else f"what the rule says of tier {tier}"


def _credit(tx: Tx, reward: Reward, wallet: wallets.Wallet, amount_minor: int) -> wallets.Credit:
    shown = public_id("rwd", reward.id)
    expires_at = None if reward.life_days is None else tx.now + timedelta(days=reward.life_days)
    return wallets.Credit(
        wallet_id=wallet.id,
        amount=Money(amount_minor, reward.currency),
        lot=wallets.LotSpec("promotional", shown, expires_at),
        reference=wallets.Reference(reward.type, reward.reference),
        once=True,
        cause=f"reward:{shown}",
        description=reward.description,
        contra=CONTRA,
    )


def _fact(reward: Reward) -> Event:
    about: dict[str, Any] = {"reward_id": reward.id, "customer_id": reward.customer_id, "currency": reward.currency}
    told = {**about, "trigger": reward.type, "reference": reward.reference}
    if reward.status == "capped":
        return events.RewardCapped(**told, asked_minor=reward.asked_minor)
    if reward.due_at is not None and reward.status == "pending":
        return events.RewardPending(**told, amount_minor=reward.amount_minor, due_at=reward.due_at)
    return granted_fact(reward)


def granted_fact(reward: Reward) -> events.RewardGranted:
    """What is told of a reward that was granted."""
    return events.RewardGranted(
        reward_id=reward.id,
        customer_id=reward.customer_id,
        trigger=reward.type,
        reference=reward.reference,
        amount_minor=reward.amount_minor,
        set_off_minor=reward.set_off_minor,
        currency=reward.currency,
        transaction_id=reward.transaction_id,
    )
