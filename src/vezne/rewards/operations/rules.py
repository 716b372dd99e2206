"""Reward rules and the budget: versions that are never changed."""

from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Busy, Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.settings import Settings
from vezne.rewards.events import RuleChanged, RuleCreated, TenantCoinsBudgeted
from vezne.rewards.models.rules import Budget, Period, Rule, RuleTerms, Tier, Trigger, refuse_malformed_terms
from vezne.rewards.queries import rules as queries
from vezne.rewards.refusals import RuleExists, RuleMalformed, RuleUnknown


async def create_rule(tx: Tx, trigger: Trigger, terms: RuleTerms, *, activity: str = "") -> Rule:
    """Make a rule, whose first version holds from now on. Raises RuleMalformed, RuleExists."""
    if (trigger == "streak") != bool(activity):
        raise RuleMalformed(loc=("body", "activity"), field="activity", reason="is named by rules for streaks, and by no other")
    rule = _version(new_id(), 1, trigger, activity, terms, tx.now)
    if not await queries.insert_rule(tx, rule):
        there = await queries.select_rule_id(tx, trigger, activity)
        raise RuleExists(rule_id="" if there is None else public_id("rul", there))
    await queries.insert_version(tx, rule)
    await tx.publish(RuleCreated(rule_id=_id(rule), trigger=trigger, activity=activity))
    return rule


async def change_rule(tx: Tx, rule_id: UUID, terms: RuleTerms, *, valid_from: datetime | None = None) -> Rule:
    """Give a rule a new version, which replaces the older ones from `valid_from` (now) on; what was given stays.

    Each call makes another version; two at once come one after the other. Raises RuleUnknown, RuleMalformed.
    """
    if valid_from is not None and valid_from < tx.now:
        raise RuleMalformed(loc=("body", "valid_from"), field="valid_from", reason="does not lie in the past")
    number = await queries.number_next_version(tx, rule_id)
    if number is None:
        raise _missing(rule_id)
    before = (await queries.select_versions(tx, rule_id, limit=1))[0]
    rule = _version(rule_id, number, before.trigger, before.activity, terms, valid_from or tx.now)
    await queries.insert_version(tx, rule)
    await tx.publish(RuleChanged(rule_id=rule_id, version=number, active=rule.active, valid_from=rule.valid_from))
    return rule


async def rule(tx: Tx, rule_id: UUID, version: int | None = None) -> Rule:
    """A rule in the version that holds now, or in the one named. Raises RuleUnknown."""
    if version is None:
        found = await queries.select_held(tx, at=tx.now, rule_id=rule_id)
    else:
        newest = await queries.select_versions(tx, rule_id, before=version + 1, limit=1)
        found = [each for each in newest if each.version == version]
    if not found:
        raise _missing(rule_id)
    return found[0]


async def rules(tx: Tx, *, trigger: str | None = None, before: UUID | None = None, limit: int = 20) -> list[Rule]:
    """Rules in the version that holds now, newest rule first."""
    return await queries.select_held(tx, at=tx.now, trigger=trigger, before=before, limit=limit)


async def versions(tx: Tx, rule_id: UUID, *, before: int | None = None, limit: int = 20) -> list[Rule]:
    """Every version of a rule, newest first, those to come too. Raises RuleUnknown."""
    await rule(tx, rule_id)
    return await queries.select_versions(tx, rule_id, before=before, limit=limit)


async def rule_for(tx: Tx, trigger: Trigger, activity: str = "") -> Rule | None:
    """The tenant's own rule that holds now."""
    found = await queries.select_held(tx, at=tx.now, trigger=trigger, activity=activity)
    return found[0] if found else None


async def rule_or_default(tx: Tx, trigger: Trigger) -> Rule:
    """The rule for completed courses or for referrals; without one, what the deployment's settings say."""
    found = await rule_for(tx, trigger)
    if found is not None:
        return found
    tiers = (Tier("default", _deployment()[trigger]),)
    return Rule(id=None, version=0, trigger=trigger, name=trigger, tiers=tiers, default_tier="default", valid_from=tx.now)


async def set_budget(tx: Tx, period: Period, amount_minor: int | None) -> Budget:
    """Say how much all rules together may give in a period from now on; None: as much as they like. Raises Busy."""
    made = await queries.insert_budget(tx, period, amount_minor)
    if made is None:
        raise Busy(retry_after=1)
    tenant = await identity.tenant_of(tx)
    await tx.publish(TenantCoinsBudgeted(tenant_id=tenant.id, version=made.version, period=period, amount_minor=amount_minor))
    return made


async def budgets(tx: Tx, *, before: int | None = None, limit: int = 20) -> list[Budget]:
    """The budget's versions, newest first: that one holds."""
    return await queries.select_budgets(tx, before=before, limit=limit)


@cache
def _deployment() -> dict[str, int]:
    """COIN_REWARD_COURSE_COMPLETION and COIN_REWARD_REFERRAL."""
    settings = Settings()
    return {"course_completion": settings.coin_reward_course_completion, "referral": settings.coin_reward_referral}


def _version(rule_id: UUID, number: int, trigger: Trigger, activity: str, terms: RuleTerms, valid_from: datetime) -> Rule:
    refuse_malformed_terms(trigger, terms)
    facts: dict[str, Any] = {each.name: getattr(terms, each.name) for each in fields(RuleTerms)}
    return Rule(id=rule_id, version=number, trigger=trigger, activity=activity, valid_from=valid_from, **facts)


def _id(made: Rule) -> UUID:
    if made.id is None:
        raise ValueError("what the deployment's settings say is no rule of the tenant's")
    return made.id


def _missing(rule_id: UUID) -> RuleUnknown:
    return RuleUnknown(rule_id=public_id("rul", rule_id))
