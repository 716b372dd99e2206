"""Limits: what a rule and the budget leave of a reward, counted under a lock of each sum."""

from datetime import date, timedelta
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Tx
from vezne.rewards.models.rewards import Asked
from vezne.rewards.models.rules import Period, Rule
from vezne.rewards.queries import rules as queries
from vezne.rewards.queries.rules import NOBODY, SumKey

_EVER = date(1970, 1, 1)


async def within_limits(tx: Tx, asked: Asked) -> int:
    """What the limits leave of what is asked for, counted as given. The customer is locked.

    What is revoked or taken back later still counts: who buys and gives back again and again is rewarded no further.
    """
    if not asked.asked_minor:
        return 0
    limits = await _limits(tx, asked.rule, asked.customer_id)
    room = asked.asked_minor
    for key, most in limits:
        room = min(room, most - await queries.lock_sum(tx, key, most))
    if room <= 0:
        return 0
    for key, most in limits:
        await queries.add_to_sum(tx, key, most, room)
    return room


async def _limits(tx: Tx, rule: Rule, customer_id: UUID) -> list[tuple[SumKey, int]]:
    """The sums to keep to, in the order of locking: the customer's, the rule's, the tenant's."""
    today = tx.now.astimezone((await identity.settings_of(tx)).zone).date()
    limits: list[tuple[SumKey, int]] = []
    if rule.id is not None:
        of_customer: tuple[tuple[Period, int | None], ...] = (
            ("day", rule.customer_day_minor),
            ("week", rule.customer_week_minor),
            ("total", rule.customer_total_minor),
        )
        limits += [
            (SumKey(rule.id, customer_id, period, period_start(period, today)), most)
            for period, most in of_customer
            if most is not None
        ]
        if rule.budget_minor is not None:
            limits.append((SumKey(rule.id, NOBODY, "total", _EVER), rule.budget_minor))
    for budget in await queries.select_budgets(tx):
        if budget.amount_minor is not None:
            key = SumKey(NOBODY, NOBODY, budget.period, period_start(budget.period, today))
            limits.append((key, budget.amount_minor))
    return limits


def period_start(period: Period, day: date) -> date:
    """The first day of the period that a day lies in; weeks begin on Monday."""
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "year":
            return day.replace(month=1, day=1)
        case "total":
            return _EVER
