"""The SQL of plans and their prices."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.memberships.models import Plan, PlanPrice


async def insert_plan(tx: Tx, plan: Plan) -> None:
    """Write a new plan, without its prices."""
    await tx.execute(
        """INSERT INTO plans (tenant_id, id, billing_interval, interval_count, family, created_at, name, description, trial_days,
                              trial_credits, credits_per_period, credit_rollover, rollover_cap, level, active, metadata)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)""",
        tx.tenant_id,
        plan.id,
        plan.interval,
        plan.interval_count,
        plan.family,
        plan.created_at,
        *_columns(plan),
    )


async def update_plan(tx: Tx, plan: Plan) -> None:
    """Write a plan's details."""
    await tx.execute(
        """UPDATE plans SET name = $3, description = $4, trial_days = $5, trial_credits = $6, credits_per_period = $7,
                            credit_rollover = $8, rollover_cap = $9, level = $10, active = $11, metadata = $12
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        plan.id,
        *_columns(plan),
    )


def _columns(plan: Plan) -> tuple[object, ...]:
    return (
        plan.name,
        plan.description,
        plan.trial_days,
        plan.trial_credits,
        plan.credits_per_period,
        plan.credit_rollover,
        plan.rollover_cap,
        plan.level,
        plan.active,
        msgspec.json.encode(plan.metadata).decode(),
    )


async def lock_plan(tx: Tx, plan_id: UUID) -> bool:
    """Hold a plan until the transaction ends; False when there is none."""
    sql = "SELECT 1 FROM plans WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
    return await tx.fetchval(sql, tx.tenant_id, plan_id) is not None


async def select_plans_by_id(tx: Tx, plan_ids: Sequence[UUID]) -> dict[UUID, Plan]:
    """These plans with their present prices."""
    rows = await tx.fetch("SELECT * FROM plans WHERE tenant_id = $1 AND id = ANY ($2::uuid[])", tx.tenant_id, plan_ids)
    return {plan.id: plan for plan in await _priced(tx, rows)}


async def select_plans(
    tx: Tx, *, family: str | None, active: bool | None, currency: str | None, before: UUID | None, limit: int
) -> list[Plan]:
    """Plans with their present prices, newest first; only those that have a price in `currency`, where it is given."""
    rows = await tx.fetch(
        """SELECT * FROM plans
           WHERE tenant_id = $1 AND ($2::text IS NULL OR family = $2) AND ($3::boolean IS NULL OR active = $3)
             AND ($4::uuid IS NULL OR id < $4)
             AND ($5::text IS NULL OR (
                 SELECT prices.amount_minor FROM plan_prices AS prices
                 WHERE prices.tenant_id = plans.tenant_id AND prices.plan_id = plans.id AND prices.currency = $5
                 ORDER BY prices.number DESC LIMIT 1) IS NOT NULL)
           ORDER BY id DESC LIMIT $6""",
        tx.tenant_id,
        family,
        active,
        before,
        currency,
        limit,
    )
    return await _priced(tx, rows)


async def insert_prices(tx: Tx, plan_id: UUID, prices: Mapping[str, int | None]) -> None:
    """Add prices to a plan that is locked or new."""
    await tx.execute(
        """INSERT INTO plan_prices (tenant_id, plan_id, number, currency, amount_minor, set_at)
           SELECT $1, $2, known.number + priced.place, priced.currency, priced.amount_minor, $5
           FROM (SELECT coalesce(max(number), 0) AS number FROM plan_prices WHERE tenant_id = $1 AND plan_id = $2) AS known,
                unnest($3::text[], $4::bigint[]) WITH ORDINALITY AS priced (currency, amount_minor, place)""",
        tx.tenant_id,
        plan_id,
        list(prices),
        list(prices.values()),
        tx.now,
    )


async def select_price_history(tx: Tx, plan_id: UUID, *, currency: str | None, before: int | None, limit: int) -> list[PlanPrice]:
    """What a plan has cost, newest first."""
    rows = await tx.fetch(
        """SELECT number, currency, amount_minor, set_at FROM plan_prices
           WHERE tenant_id = $1 AND plan_id = $2 AND ($3::text IS NULL OR currency = $3) AND ($4::bigint IS NULL OR number < $4)
           ORDER BY number DESC LIMIT $5""",
        tx.tenant_id,
        plan_id,
        currency,
        before,
        limit,
    )
    return [PlanPrice(*row) for row in rows]


async def _priced(tx: Tx, rows: Sequence[Record]) -> list[Plan]:
    prices: dict[UUID, dict[str, int]] = {row["id"]: {} for row in rows}
    found = await tx.fetch(
        """SELECT DISTINCT ON (plan_id, currency) plan_id, currency, amount_minor FROM plan_prices
           WHERE tenant_id = $1 AND plan_id = ANY ($2::uuid[]) ORDER BY plan_id, currency, number DESC""",
        tx.tenant_id,
        list(prices),
    )
    for plan_id, currency, amount_minor in found:
        if amount_minor is not None:
            prices[plan_id][currency] = amount_minor
    return [_plan(row, prices[row["id"]]) for row in rows]


def _plan(row: Record, prices: Mapping[str, int]) -> Plan:
    return Plan(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        interval=row["billing_interval"],
        interval_count=row["interval_count"],
        prices=prices,
        trial_days=row["trial_days"],
        trial_credits=row["trial_credits"],
        credits_per_period=row["credits_per_period"],
        credit_rollover=row["credit_rollover"],
        rollover_cap=row["rollover_cap"],
        family=row["family"],
        level=row["level"],
        active=row["active"],
        metadata=msgspec.json.decode(row["metadata"]),
        created_at=row["created_at"],
    )
