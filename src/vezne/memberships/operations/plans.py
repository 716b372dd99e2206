"""Plans: making, changing, pricing and withdrawing them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money, exponent
from vezne.memberships.events import PlanChanged, PlanCreated, PlanPriced
from vezne.memberships.models import NewPlan, Plan, PlanPrice, refuse_malformed_plan
from vezne.memberships.queries import plans as queries
from vezne.memberships.refusals import PlanUnknown


async def create_plan(tx: Tx, new: NewPlan) -> Plan:
    """Offer a plan. Raises PlanMalformed, CurrencyUnknown."""
    refuse_malformed_plan(new)
    said = {each.name: getattr(new, each.name) for each in fields(NewPlan)}
    plan = Plan(**said, id=new_id(), active=True, created_at=tx.now)
    await queries.insert_plan(tx, plan)
    await tx.publish(PlanCreated(plan_id=plan.id, family=plan.family))
    if plan.prices:
        await queries.insert_prices(tx, plan.id, plan.prices)
        await tx.publish(*[PlanPriced(plan_id=plan.id, currency=each, amount_minor=minor) for each, minor in plan.prices.items()])
    return plan


async def plan(tx: Tx, plan_id: UUID) -> Plan:
    """One plan with its present prices. Raises PlanUnknown."""
    return (await plans_by_id(tx, [plan_id]))[plan_id]


async def plans_by_id(tx: Tx, plan_ids: Sequence[UUID]) -> dict[UUID, Plan]:
    """These plans with their present prices. Raises PlanUnknown for the first that is not there."""
    wanted = list(dict.fromkeys(plan_ids))
    found = await queries.select_plans_by_id(tx, wanted)
    for plan_id in wanted:
        if plan_id not in found:
            raise PlanUnknown(plan_id=public_id("pln", plan_id))
    return found


async def plans(
    tx: Tx,
    *,
    family: str | None = None,
    active: bool | None = None,
    currency: str | None = None,
    before: UUID | None = None,
    limit: int = 20,
) -> list[Plan]:
    """Plans, newest first; of a family, only offered or only withdrawn ones, only those with a price in a currency."""
    return await queries.select_plans(tx, family=family, active=active, currency=currency, before=before, limit=limit)


async def change_plan(tx: Tx, plan_id: UUID, **changes: Any) -> Plan:  # noqa: ANN401 - a plan's own fields, checked below
    """Change those details that are given; interval and family never change, and prices are changed by `set_price`.

    Memberships that run keep their price; what they get of credits follows the plan from their next period on. The same again
    changes nothing. Raises PlanUnknown, PlanMalformed.
    """
    before = await _locked(tx, plan_id)
    after = replace(before, **changes)
    changed = sorted(name for name in changes if getattr(before, name) != getattr(after, name))
    if not changed:
        return before
    refuse_malformed_plan(after)
    await queries.update_plan(tx, after)
    await tx.publish(PlanChanged(plan_id=plan_id, changed=changed))
    return after


async def archive_plan(tx: Tx, plan_id: UUID) -> Plan:
    """Offer a plan no longer; who has it keeps it. Again: nothing more. Raises PlanUnknown."""
    return await change_plan(tx, plan_id, active=False)


async def set_price(tx: Tx, plan_id: UUID, amount: Money) -> Plan:
    """Let new memberships cost `amount` a period; 0 is free. Those that run keep theirs, and the former price its place in the
    history. The same price again changes nothing. Raises PlanUnknown, PlanMalformed.
    """
    return await _price(tx, plan_id, amount.currency, amount.minor)


async def withdraw_price(tx: Tx, plan_id: UUID, currency: str) -> Plan:
    """Offer the plan in this currency no longer. Again, or where it had no price: nothing. Raises PlanUnknown."""
    return await _price(tx, plan_id, currency, None)


async def price_history(
    tx: Tx, plan_id: UUID, *, currency: str | None = None, before: int | None = None, limit: int = 20
) -> list[PlanPrice]:
    """What a plan has cost, newest first. Raises PlanUnknown."""
    await plan(tx, plan_id)
    return await queries.select_price_history(tx, plan_id, currency=currency, before=before, limit=limit)


async def _price(tx: Tx, plan_id: UUID, currency: str, minor: int | None) -> Plan:
    before = await _locked(tx, plan_id)
    exponent(currency)
    if before.prices.get(currency) == minor:
        return before
    prices: Mapping[str, int | None] = {**before.prices, currency: minor}
    after = replace(before, prices={each: amount for each, amount in prices.items() if amount is not None})
    refuse_malformed_plan(after)
    await queries.insert_prices(tx, plan_id, {currency: minor})
    await tx.publish(PlanPriced(plan_id=plan_id, currency=currency, amount_minor=minor))
    return after


async def _locked(tx: Tx, plan_id: UUID) -> Plan:
    if not await queries.lock_plan(tx, plan_id):
        raise PlanUnknown(plan_id=public_id("pln", plan_id))
    return await plan(tx, plan_id)
