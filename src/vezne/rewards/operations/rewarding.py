"""Rewards for completed courses, for bringing somebody along, and for what was bought."""

from typing import Any
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.rewards.models.rewards import Asked, Given, Purchase
from vezne.rewards.models.rules import Rule, Tier
from vezne.rewards.operations.granting import give
from vezne.rewards.operations.rules import rule_for, rule_or_default
from vezne.rewards.queries import referrals
from vezne.rewards.queries import rewards as queries
from vezne.rewards.refusals import ReferredAlready, ReferredEachOther, RewardReused, SelfReferral


async def reward_completion(
    tx: Tx,
    customer_id: UUID,
    reference: str,
    *,
    tier: str | None = None,
    override_minor: int | None = None,
    cause: str | None = None,
    description: str = "",
) -> Given:
    """Reward a completed course by its tier; once for the customer and `reference`.

    `cause` names what paid the course: when that is refunded, the reward is taken back. Raises TierUnknown, RewardReused.
    """
    rule = await rule_or_default(tx, "course_completion")
    asked = _asked(rule, rule.tier(tier).amount_minor, override_minor)
    (given,) = await give(
        tx,
        [
            Asked(
                customer_id=customer_id,
                type="course_completion",
                reference=reference,
                rule=rule,
                asked_minor=asked,
                tier=tier,
                override_minor=override_minor,
                cause=cause,
                description=description,
            )
        ],
    )
    return given


async def reward_referral(
    tx: Tx,
    referrer_id: UUID,
    reference: str,
    *,
    referee_id: UUID | None = None,
    tier: str | None = None,
    override_minor: int | None = None,
    cause: str | None = None,
    description: str = "",
) -> tuple[Given, Given | None]:
    """Reward who brought somebody along, and, where the rule says so, whoever came; once for the referrer and `reference`.

    A customer is referred by one other customer, once. Raises SelfReferral, ReferredAlready, ReferredEachOther, TierUnknown,
    RewardReused.
    """
    rule = await rule_or_default(tx, "referral")
    found = rule.tier(tier)
    if referee_id is not None:
        await _bring(tx, referrer_id, referee_id, reference)
    told: dict[str, Any] = {"reference": reference, "rule": rule, "tier": tier, "cause": cause, "description": description}
    asked = [
        Asked(
            customer_id=referrer_id,
            type="referral",
            asked_minor=_asked(rule, found.amount_minor, override_minor),
            override_minor=override_minor,
            **told,
        )
    ]
    if referee_id is not None and await _welcomed(tx, referee_id, reference, rule, found):
        asked.append(Asked(customer_id=referee_id, type="referee", asked_minor=_asked(rule, found.referee_minor, None), **told))
    given = await give(tx, asked)
    return given[0], given[1] if len(given) > 1 else None


async def reward_purchase(tx: Tx, purchase: Purchase) -> Given | None:
    """Reward what was spent on an order, by the rule for purchases; None where there is none, or it gives nothing. Again: once.

    A wallet that takes nothing keeps no order from being fulfilled: the reward is pending then.
    """
    rule = await rule_for(tx, "purchase")
    coins = 0 if rule is None else rule.coins_for(purchase.spent)
    if rule is None or not coins:
        return None
    asked = Asked(
        customer_id=purchase.customer_id,
        type="purchase",
        reference=purchase.reference,
        rule=rule,
        asked_minor=coins,
        cause=purchase.reference,
    )
    (given,) = await give(tx, [asked], or_later=True)
    return given


def _asked(rule: Rule, by_rule: int, override_minor: int | None) -> int:
    if override_minor is not None:
        return override_minor
    return by_rule if rule.active else 0


async def _bring(tx: Tx, referrer_id: UUID, referee_id: UUID, reference: str) -> None:
    """Keep who brought whom; again: no change."""
    if referrer_id == referee_id:
        raise SelfReferral(loc=("body", "referred_student_id"))
    await queries.lock_customers(tx, [referrer_id, referee_id])
    brought = await referrals.select_referral(tx, referee_id)
    if brought is None:
        given = await queries.select_by_key(tx, [(referrer_id, "referral", reference)])
        if given:
            raise RewardReused(
                loc=("body", "reference_id"),
                type="referral",
                reference=reference,
                was="another customer, or none, brought",
                asked=f"bringing {public_id('cus', referee_id)}",
            )
        back = await referrals.select_referral(tx, referrer_id)
        if back is not None and back.referrer_id == referee_id:
            raise ReferredEachOther(loc=("body", "referred_student_id"), referee_id=public_id("cus", referee_id))
        await referrals.insert_referral(tx, referrals.Referral(referee_id, referrer_id, reference))
    elif (brought.referrer_id, brought.reference) != (referrer_id, reference):
        raise ReferredAlready(
            loc=("body", "referred_student_id"),
            referrer_id=public_id("cus", brought.referrer_id),
            reference=brought.reference,
        )


async def _welcomed(tx: Tx, referee_id: UUID, reference: str, rule: Rule, tier: Tier) -> bool:
    """Whether whoever was brought gets something, or got it the first time."""
    if rule.active and tier.referee_minor:
        return True
    return bool(await queries.select_by_key(tx, [(referee_id, "referee", reference)]))
