"""Reward rules and the budget over HTTP. Amounts are whole coins."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from vezne.kernel.clock import Moment
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.money import AmountMinor, Currency
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, page_of
from vezne.rewards.api.fields import Coins, CoinsOrNone, Name, RuleId, Word, WordOrNone
from vezne.rewards.models.rules import MOST_ROWS, Bonus, Budget, Every, Period, Rate, Rule, RuleTerms, Tier, Trigger
from vezne.rewards.operations import rules
from vezne.rewards.refusals import RuleExists, RuleMalformed, RuleUnknown

api = router("/v1", "Reward rules")

_NEWEST = 2**31 - 1


class RewardTierIn(RequestModel):
    """What a course, or a referral, of this tier gives."""

    name: Word
    amount_minor: CoinsOrNone
    referee_minor: CoinsOrNone = Field(0, description="for referrals: what whoever was referred gets")


class BonusIn(RequestModel):
    """What a streak gives when it has reached a length."""

    length: Annotated[int, Field(ge=1, le=36_500)]
    amount_minor: Coins
    repeats: bool = Field(True, description="at every multiple of the length; else once in a streak")


class RateIn(RequestModel):
    """So many coins for every whole step that was spent."""

    per_minor: AmountMinor
    amount_minor: Coins


class RewardRuleVersionIn(RequestModel):
    """A rule's next version, whole: what is not given has its usual value, not that of the version before."""

    name: Name
    active: bool = Field(True, description="false: from then on it gives nothing")
    tiers: list[RewardTierIn] = Field(default_factory=list, max_length=MOST_ROWS)
    default_tier: Word | None = Field(None, description="the tier of what names none")
    every: Every = Field("day", description="what a streak is counted in; weeks begin on Monday")
    bonuses: list[BonusIn] = Field(default_factory=list, max_length=MOST_ROWS)
    rates: dict[Currency, RateIn] = Field(default_factory=dict, max_length=MOST_ROWS, description="by currency")
    customer_day_minor: CoinsOrNone | None = Field(None, description="the most a customer gets by this rule in a day")
    customer_week_minor: CoinsOrNone | None = Field(None, description="… in a week, from Monday")
    customer_total_minor: CoinsOrNone | None = Field(None, description="… for ever")
    budget_minor: CoinsOrNone | None = Field(None, description="the most that all customers together get by this rule")
    activation_days: Annotated[int, Field(ge=0, le=365)] = Field(0, description="how long a reward is pending")
    life_days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        None, description="how long the coins live; default: as the tenant's settings say"
    )
    valid_from: Moment | None = Field(None, description="from when it holds; now, when it is not given")


class RewardRuleIn(RewardRuleVersionIn):
    """A rule: one for completed courses, one for referrals, one for purchases, and one for each activity with streaks."""

    trigger: Trigger
    activity: WordOrNone = Field("", description="for streaks: the activity that is counted")
    valid_from: None = Field(None, description="the first version holds at once")


class RewardTierOut(BaseModel):
    """What a tier gives."""

    name: str
    amount_minor: int
    referee_minor: int


class BonusOut(BaseModel):
    """What a streak gives at a length."""

    length: int
    amount_minor: int
    repeats: bool


class RateOut(BaseModel):
    """What spending gives."""

    per_minor: int
    amount_minor: int


class RewardRuleOut(BaseModel):
    """One version of a reward rule; versions are never changed."""

    id: RuleId
    version: int
    trigger: Trigger
    activity: str
    name: str
    active: bool
    tiers: list[RewardTierOut]
    default_tier: str | None
    every: Every
    bonuses: list[BonusOut]
    rates: dict[str, RateOut]
    customer_day_minor: int | None
    customer_week_minor: int | None
    customer_total_minor: int | None
    budget_minor: int | None
    activation_days: int
    life_days: int | None
    valid_from: datetime


class CoinBudgetIn(RequestModel):
    """What all rules together may give."""

    period: Period = Field("total", description="counted anew in each, in the tenant's zone")
    amount_minor: CoinsOrNone | None = Field(None, description="null: as much as they like")


class CoinBudgetOut(BaseModel):
    """A version of the budget; the newest holds."""

    version: int
    period: Period
    amount_minor: int | None
    created_at: datetime


@api.post(
    "/reward-rules",
    status_code=201,
    dependencies=[requires("rewards.manage")],
    responses=refusals(RuleMalformed, RuleExists),
)
async def post_reward_rule(body: RewardRuleIn, tx: TxDep) -> RewardRuleOut:
    """Make a rule; its first version holds at once. Needs `rewards.manage`."""
    return _rule(await rules.create_rule(tx, body.trigger, _terms(body), activity=body.activity))


@api.get("/reward-rules", dependencies=[requires("rewards.read")], responses=refusals(CursorUnknown))
async def get_reward_rules(page: PageQuery, tx: TxDep, trigger: Trigger | None = None) -> Page[RewardRuleOut]:
    """Rules in the version that holds now, newest rule first."""
    found = await rules.rules(tx, trigger=trigger, before=page.id_of("rul"), limit=page.limit + 1)
    return page_of(found, page, _rule, lambda rule: public_id("rul", _rule(rule).id))


@api.get("/reward-rules/{rule_id}", dependencies=[requires("rewards.read")], responses=refusals(RuleUnknown))
async def get_reward_rule(
    rule_id: RuleId, tx: TxDep, version: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None
) -> RewardRuleOut:
    """A rule in the version that holds now, or in the one asked for."""
    return _rule(await rules.rule(tx, rule_id, version))


@api.post(
    "/reward-rules/{rule_id}/versions",
    status_code=201,
    dependencies=[requires("rewards.manage")],
    responses=refusals(RuleUnknown, RuleMalformed),
)
async def post_reward_rule_version(rule_id: RuleId, body: RewardRuleVersionIn, tx: TxDep) -> RewardRuleOut:
    """Replace a rule from a time on. What was given before stays as it is. Needs `rewards.manage`."""
    return _rule(await rules.change_rule(tx, rule_id, _terms(body), valid_from=body.valid_from))


@api.get(
    "/reward-rules/{rule_id}/versions",
    dependencies=[requires("rewards.read")],
    responses=refusals(RuleUnknown, CursorUnknown),
)
async def get_reward_rule_versions(rule_id: RuleId, page: PageQuery, tx: TxDep) -> Page[RewardRuleOut]:
    """Every version of a rule, newest first, those to come too."""
    found = await rules.versions(tx, rule_id, before=_before(page.number()), limit=page.limit + 1)
    return page_of(found, page, _rule, lambda each: each.version)


@api.post("/coin-budgets", status_code=201, dependencies=[requires("rewards.manage")])
async def post_coin_budget(body: CoinBudgetIn, tx: TxDep) -> CoinBudgetOut:
    """Say how much all rules together may give, from now on. Needs `rewards.manage`."""
    return _budget(await rules.set_budget(tx, body.period, body.amount_minor))


@api.get("/coin-budgets", dependencies=[requires("rewards.read")], responses=refusals(CursorUnknown))
async def get_coin_budgets(page: PageQuery, tx: TxDep) -> Page[CoinBudgetOut]:
    """Every version of the budget, newest first: that one holds."""
    found = await rules.budgets(tx, before=_before(page.number()), limit=page.limit + 1)
    return page_of(found, page, _budget, lambda each: each.version)


def _before(number: int | None) -> int | None:
    return None if number is None else min(number, _NEWEST)


def _terms(body: RewardRuleVersionIn) -> RuleTerms:
    plain: dict[str, Any] = {
        name: getattr(body, name)
        for name in (
            "name",
            "active",
            "default_tier",
            "every",
            "customer_day_minor",
            "customer_week_minor",
            "customer_total_minor",
            "budget_minor",
            "activation_days",
            "life_days",
        )
    }
    return RuleTerms(
        tiers=tuple(Tier(tier.name, tier.amount_minor, tier.referee_minor) for tier in body.tiers),
        bonuses=tuple(Bonus(bonus.length, bonus.amount_minor, bonus.repeats) for bonus in body.bonuses),
        rates={currency: Rate(rate.per_minor, rate.amount_minor) for currency, rate in body.rates.items()},
        **plain,
    )


def _rule(rule: Rule) -> RewardRuleOut:
    facts = {name: getattr(rule, name) for name in RewardRuleOut.model_fields}
    tables = {
        "tiers": [
            RewardTierOut(name=each.name, amount_minor=each.amount_minor, referee_minor=each.referee_minor) for each in rule.tiers
        ],
        "bonuses": [BonusOut(length=each.length, amount_minor=each.amount_minor, repeats=each.repeats) for each in rule.bonuses],
        "rates": {
            currency: RateOut(per_minor=each.per_minor, amount_minor=each.amount_minor) for currency, each in rule.rates.items()
        },
    }
    return RewardRuleOut(**{**facts, **tables})


def _budget(budget: Budget) -> CoinBudgetOut:
    return CoinBudgetOut(
        version=budget.version, period=budget.period, amount_minor=budget.amount_minor, created_at=budget.created_at
    )
