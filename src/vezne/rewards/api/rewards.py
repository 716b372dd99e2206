"""Rewards over HTTP: for completed courses, referrals, streaks; what became of them, and taking them back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import BackgroundTasks, Query
from pydantic import BaseModel, Field

from vezne import wallets
from vezne.identity import CustomerNotFound, seen_by
from vezne.kernel.db import Tx
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of
from vezne.rewards import refusals as says
from vezne.rewards.api.fields import (
    Cause,
    Coins,
    CustomerId,
    Description,
    Reason,
    ReferenceId,
    RewardId,
    RuleId,
    StudentId,
    TransactionId,
    Word,
)
from vezne.rewards.issued import count_coins
from vezne.rewards.models.rewards import ClawBack, Given, Reward, RewardStatus, RewardType
from vezne.rewards.operations import clawing_back, reading, rewarding

api = router("/v1/rewards", "Rewards")

_IN = (wallets.WalletMissing, says.CustomerNotNamed, CustomerNotFound)


class _RewardIn(RequestModel):
    """A reward: the customer by `student_id` or by `customer_id`."""

    student_id: StudentId | None = None
    customer_id: CustomerId | None = None
    reference_id: ReferenceId
    tier: Word | None = Field(None, description="which tier of the rule; default: the rule's default tier")
    amount_minor: Coins | None = Field(None, description="so much instead of what the rule says; needs `rewards.manage`")
    cause: Cause | None = None
    description: Description = ""


class CourseCompletionIn(_RewardIn):
    """A customer has completed a course."""


class ReferralIn(_RewardIn):
    """A customer has brought another one along."""

    referred_student_id: StudentId | None = Field(None, description="who came, by your own reference; each is referred once")
    referred_customer_id: CustomerId | None = Field(None, description="who came, by id")


class RewardOut(BaseModel):
    """A reward, in whole coins of `currency`. The tenant's limits may leave less of it than was asked for."""

    id: RewardId
    customer_id: CustomerId
    type: RewardType
    reference_id: str
    status: RewardStatus = Field(description="`pending` until `due_at`; `capped`: limits left nothing")
    currency: str
    asked_minor: int = Field(description="what the rule gives, or was asked for instead")
    amount_minor: int = Field(description="what the limits left of it")
    set_off_minor: int = Field(description="of that, what settled earlier rewards that had been spent when they were taken back")
    clawed_back_minor: int
    tier: str | None
    rule_id: RuleId | None = Field(description="null: by the deployment's settings")
    rule_version: int
    cause: str | None
    description: str
    transaction_id: TransactionId | None
    due_at: datetime | None
    granted_at: datetime | None
    created_at: datetime


class ReferralOut(RewardOut):
    """A referral's reward, and that of whoever came."""

    referee_reward: RewardOut | None


class ClawBackIn(RequestModel):
    """What is to be taken back of a reward."""

    amount_minor: Coins | None = Field(None, description="default: all that is left of it")
    reason: Reason
    reference_id: ReferenceId | None = Field(None, description="with it: once; the same again answers the first time")


class ClawBackOut(BaseModel):
    """What was taken back of a reward."""

    amount_minor: int
    taken_minor: int = Field(description="out of the wallet")
    missing_minor: int = Field(description="had been spent: taken off the customer's next rewards")
    transaction_id: TransactionId | None
    reason: str
    actor: str
    created_at: datetime


class RewardWithClawBacksOut(RewardOut):
    """A reward with what was taken back of it."""

    claw_backs: list[ClawBackOut]


class RewardFilters(PageParams):
    """Which rewards are asked for."""

    customer_id: CustomerId | None = None
    type: RewardType | None = None
    status: RewardStatus | None = None
    reference_id: str | None = Field(None, max_length=200)


@api.post(
    "/course-completions",
    status_code=201,
    dependencies=[requires("rewards.write")],
    responses=refusals(*_IN, says.TierUnknown, says.RewardReused),
)
async def post_course_completion(body: CourseCompletionIn, tx: TxDep, after: BackgroundTasks) -> RewardOut:
    """Reward a completed course, once for the customer and `reference_id`; again answers with the first reward."""
    _demand_override(tx, body)
    customer = await reading.named(tx, body.student_id, body.customer_id)
    given = await rewarding.reward_completion(
        tx,
        customer.id,
        body.reference_id,
        tier=body.tier,
        override_minor=body.amount_minor,
        cause=body.cause,
        description=body.description,
    )
    count_given(after, given)
    return shown(given.reward)


@api.post(
    "/referrals",
    status_code=201,
    dependencies=[requires("rewards.write")],
    responses=refusals(
        *_IN, says.TierUnknown, says.RewardReused, says.SelfReferral, says.ReferredAlready, says.ReferredEachOther
    ),
)
async def post_referral(body: ReferralIn, tx: TxDep, after: BackgroundTasks) -> ReferralOut:
    """Reward a referral, once for the referrer and `reference_id`; again answers with the first reward."""
    _demand_override(tx, body)
    referrer = await reading.named(tx, body.student_id, body.customer_id)
    referee = None
    if body.referred_student_id is not None or body.referred_customer_id is not None:
        referee = await reading.named(tx, body.referred_student_id, body.referred_customer_id, field="referred_student_id")
    given, welcome = await rewarding.reward_referral(
        tx,
        referrer.id,
        body.reference_id,
        referee_id=None if referee is None else referee.id,
        tier=body.tier,
        override_minor=body.amount_minor,
        cause=body.cause,
        description=body.description,
    )
    count_given(after, given, welcome)
    return ReferralOut(**shown(given.reward).model_dump(), referee_reward=None if welcome is None else shown(welcome.reward))


@api.get("", dependencies=[requires("rewards.read", own="own.read")], responses=refusals(CursorUnknown, CustomerNotFound))
async def list_rewards(tx: TxDep, asked: Annotated[RewardFilters, Query()]) -> Page[RewardOut]:
    """Rewards, newest first. A customer's token sees its own."""
    found = await reading.rewards_page(
        tx,
        customer_id=seen_by(tx, asked.customer_id),
        type_=asked.type,
        status=asked.status,
        reference=asked.reference_id,
        before=asked.id_of("rwd"),
        limit=asked.limit + 1,
    )
    return page_of(found, asked, shown, by_id("rwd"))


@api.get("/{reward_id}", dependencies=[requires("rewards.read", own="own.read")], responses=refusals(says.RewardUnknown))
async def get_reward(reward_id: RewardId, tx: TxDep) -> RewardWithClawBacksOut:
    """A reward, with what was taken back of it."""
    return _with_claw_backs(*await reading.reward(tx, reward_id))


@api.post(
    "/{reward_id}/claw-backs",
    status_code=201,
    dependencies=[requires("rewards.write")],
    responses=refusals(
        says.RewardUnknown, says.RewardEnded, says.RewardPendingWhole, says.ClawBackBeyondReward, wallets.WalletMissing
    ),
)
async def post_claw_back(reward_id: RewardId, body: ClawBackIn, tx: TxDep) -> RewardWithClawBacksOut:
    """Take a reward back, or part of it; a pending one is revoked. What had been spent is taken off the next rewards."""
    cause = None if body.reference_id is None else f"staff:{body.reference_id}"[:200]
    await clawing_back.take_back(tx, reward_id, body.amount_minor, reason=body.reason, cause=cause)
    return _with_claw_backs(*await reading.reward(tx, reward_id))


def shown(reward: Reward) -> RewardOut:
    """A reward as the API shows it."""
    facts = {name: getattr(reward, name) for name in RewardOut.model_fields if hasattr(reward, name)}
    return RewardOut(**facts, reference_id=reward.reference, clawed_back_minor=reward.clawed_minor)


def _with_claw_backs(reward: Reward, claw_backs: Sequence[ClawBack]) -> RewardWithClawBacksOut:
    told = [ClawBackOut(**{name: getattr(each, name) for name in ClawBackOut.model_fields}) for each in claw_backs]
    return RewardWithClawBacksOut(**shown(reward).model_dump(), claw_backs=told)


def count_given(after: BackgroundTasks, *given: Given | None) -> None:
    """Count coins that were issued, once they are."""
    for each in given:
        if each is not None and not each.again and each.reward.credited_minor:
            after.add_task(count_coins, each.reward.type, each.reward.credited_minor)


def _demand_override(tx: Tx, body: _RewardIn) -> None:
    if body.amount_minor is not None:
        tx.principal.demand("rewards.manage")
