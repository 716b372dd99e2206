"""The SQL of reward rules, their versions, limits and the budget."""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.rewards.models.rules import Bonus, Budget, Rate, Rule, Tier

NOBODY = UUID(int=0)
"""Stands in a sum's key for all customers, or for all rules."""


class SumKey(NamedTuple):
    """What is summed: a rule (NOBODY: all) to a customer (NOBODY: all) in a period."""

    rule_id: UUID
    customer_id: UUID
    period: str
    starts_on: date


async def insert_rule(tx: Tx, rule: Rule) -> bool:
    """Write a new rule, whose first version follows; False when there is one for the same trigger and activity."""
    return bool(
        await tx.execute(
            """INSERT INTO reward_rules (tenant_id, id, trigger, activity, latest, created_at) VALUES ($1, $2, $3, $4, 1, $5)
               ON CONFLICT (tenant_id, trigger, activity) DO NOTHING""",
            tx.tenant_id,
            rule.id,
            rule.trigger,
            rule.activity,
            tx.now,
        )
    )


async def select_rule_id(tx: Tx, trigger: str, activity: str) -> UUID | None:
    """The rule for this trigger and activity."""
    sql = "SELECT id FROM reward_rules WHERE tenant_id = $1 AND trigger = $2 AND activity = $3"
    found: UUID | None = await tx.fetchval(sql, tx.tenant_id, trigger, activity)
    return found


async def number_next_version(tx: Tx, rule_id: UUID) -> int | None:
    """The number of the rule's next version, the rule locked; None when there is no such rule."""
    number: int | None = await tx.fetchval(
        "UPDATE reward_rules SET latest = latest + 1 WHERE tenant_id = $1 AND id = $2 RETURNING latest", tx.tenant_id, rule_id
    )
    return number


async def insert_version(tx: Tx, rule: Rule) -> None:
    """Write a version of a rule."""
    await tx.execute(
        """INSERT INTO reward_rule_versions (tenant_id, rule_id, version, name, active, tiers, default_tier, every, bonuses,
                                             rates, customer_day_minor, customer_week_minor, customer_total_minor, budget_minor,
                                             activation_days, life_days, valid_from, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)""",
        tx.tenant_id,
        rule.id,
        rule.version,
        rule.name,
        rule.active,
        _json([[tier.name, tier.amount_minor, tier.referee_minor] for tier in rule.tiers]),
        rule.default_tier,
        rule.every,
        _json([[bonus.length, bonus.amount_minor, bonus.repeats] for bonus in rule.bonuses]),
        _json({currency: [rate.per_minor, rate.amount_minor] for currency, rate in rule.rates.items()}),
        rule.customer_day_minor,
        rule.customer_week_minor,
        rule.customer_total_minor,
        rule.budget_minor,
        rule.activation_days,
        rule.life_days,
        rule.valid_from,
        tx.now,
    )


async def select_held(
    tx: Tx,
    *,
    at: datetime,
    rule_id: UUID | None = None,
    trigger: str | None = None,
    activity: str | None = None,
    before: UUID | None = None,
    limit: int = 1,
) -> list[Rule]:
    """Rules in the version that holds `at`, newest first."""
    rows = await tx.fetch(
        """SELECT version.*, reward_rules.trigger, reward_rules.activity FROM reward_rules
           CROSS JOIN LATERAL (
               SELECT * FROM reward_rule_versions
               WHERE tenant_id = $1 AND rule_id = reward_rules.id AND (valid_from <= $2 OR version = 1)
               ORDER BY version DESC LIMIT 1
           ) AS version
           WHERE reward_rules.tenant_id = $1 AND ($3::uuid IS NULL OR id = $3) AND ($4::text IS NULL OR trigger = $4)
             AND ($5::text IS NULL OR activity = $5) AND ($6::uuid IS NULL OR id < $6)
           ORDER BY id DESC LIMIT $7""",
        tx.tenant_id,
        at,
        rule_id,
        trigger,
        activity,
        before,
        limit,
    )
    return [_rule(row) for row in rows]


async def select_versions(tx: Tx, rule_id: UUID, *, before: int | None = None, limit: int) -> list[Rule]:
    """A rule's versions, newest first."""
    rows = await tx.fetch(
        """SELECT version.*, reward_rules.trigger, reward_rules.activity
           FROM reward_rule_versions AS version
           JOIN reward_rules ON reward_rules.tenant_id = version.tenant_id AND reward_rules.id = version.rule_id
           WHERE version.tenant_id = $1 AND version.rule_id = $2 AND ($3::integer IS NULL OR version.version < $3)
           ORDER BY version.version DESC LIMIT $4""",
        tx.tenant_id,
        rule_id,
        before,
        limit,
    )
    return [_rule(row) for row in rows]


async def insert_budget(tx: Tx, period: str, amount_minor: int | None) -> Budget | None:
    """The budget's next version; None when another transaction wrote it at the same moment."""
    row = await tx.fetchrow(
        """INSERT INTO coin_budgets (tenant_id, version, period, amount_minor, created_at)
           SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4 FROM coin_budgets WHERE tenant_id = $1
           ON CONFLICT (tenant_id, version) DO NOTHING RETURNING version, period, amount_minor, created_at""",
        tx.tenant_id,
        period,
        amount_minor,
        tx.now,
    )
    return None if row is None else Budget(*row)


async def select_budgets(tx: Tx, *, before: int | None = None, limit: int = 1) -> list[Budget]:
    """The budget's versions, newest first."""
    rows = await tx.fetch(
        """SELECT version, period, amount_minor, created_at FROM coin_budgets
           WHERE tenant_id = $1 AND ($2::integer IS NULL OR version < $2) ORDER BY version DESC LIMIT $3""",
        tx.tenant_id,
        before,
        limit,
    )
    return [Budget(*row) for row in rows]


async def lock_sum(tx: Tx, key: SumKey, limit_minor: int) -> int:
    """What was given under a limit, locked until the transaction ends."""
    await tx.execute(
        """INSERT INTO reward_sums (tenant_id, rule_id, customer_id, period, starts_on, given_minor, limit_minor)
           VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT DO NOTHING""",
        tx.tenant_id,
        *key,
        limit_minor,
    )
    given: int = await tx.fetchval(
        """SELECT given_minor FROM reward_sums
           WHERE tenant_id = $1 AND rule_id = $2 AND customer_id = $3 AND period = $4 AND starts_on = $5
           FOR NO KEY UPDATE""",
        tx.tenant_id,
        *key,
    )
    return given


async def add_to_sum(tx: Tx, key: SumKey, limit_minor: int, amount_minor: int) -> None:
    """Count a locked sum up; the table itself refuses to pass the limit."""
    await tx.execute(
        """UPDATE reward_sums SET given_minor = given_minor + $7, limit_minor = $6
           WHERE tenant_id = $1 AND rule_id = $2 AND customer_id = $3 AND period = $4 AND starts_on = $5""",
        tx.tenant_id,
        *key,
        limit_minor,
        amount_minor,
    )


def _rule(row: Record) -> Rule:
    tiers, bonuses, rates = (msgspec.json.decode(row[name]) for name in ("tiers", "bonuses", "rates"))
    facts: dict[str, Any] = {
        name: row[name]
        for name in (
            "version",
            "trigger",
            "activity",
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
            "valid_from",
        )
    }
    return Rule(
        id=row["rule_id"],
        tiers=tuple(Tier(*each) for each in tiers),
        bonuses=tuple(Bonus(*each) for each in bonuses),
        rates={currency: Rate(*each) for currency, each in rates.items()},
        **facts,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
