"""Streaks: days, or weeks, in a row with an activity, and what reaching a length of them gives."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Tx
from vezne.rewards.models.rewards import Asked, Reward, Streak, StreakDay
from vezne.rewards.models.rules import Rule
from vezne.rewards.operations.granting import give
from vezne.rewards.operations.limiting import period_start
from vezne.rewards.operations.rules import rule_for
from vezne.rewards.queries import rewards as customers
from vezne.rewards.queries import streaks as queries
from vezne.rewards.refusals import ActivityUnknown, StreakDayAhead, StreakDayPassed


@dataclass(frozen=True, slots=True)
class Recorded:
    """A day with the activity, the streak it belongs to, and what it gave. `again`: it was recorded before."""

    streak: Streak
    day: StreakDay
    reward: Reward | None
    again: bool


async def record(tx: Tx, customer_id: UUID, activity: str, day: date | None = None) -> Recorded:
    """Record that a customer did it on a day of the tenant's zone (today), and reward the length that the streak has reached.

    Once a day, or week: again answers the first time. Days are recorded in order. Raises ActivityUnknown, StreakDayAhead,
    StreakDayPassed.
    """
    rule = await rule_for(tx, "streak", activity)
    if rule is None:
        raise ActivityUnknown(loc=("body", "activity"), activity=activity)
    today = tx.now.astimezone((await identity.settings_of(tx)).zone).date()
    if day is not None and day > today:
        raise StreakDayAhead(loc=("body", "day"), day=day.isoformat(), today=today.isoformat())
    starts_on = period_start(rule.every, day or today)
    await customers.lock_customers(tx, [customer_id])
    before = await queries.select_streak(tx, customer_id, activity, rule.every)
    known = await queries.select_day(tx, customer_id, activity, rule.every, starts_on)
    if before is not None and known is not None:
        reward = None if known.reward_id is None else await customers.select_reward(tx, known.reward_id)
        return Recorded(before, known, reward, again=True)
    if before is not None and starts_on < before.last_on:
        raise StreakDayPassed(loc=("body", "day"), day=starts_on.isoformat(), last=before.last_on.isoformat())
    streak = _grown(before, customer_id, rule, starts_on)
    await queries.upsert_streak(tx, streak)
    reward = await _reward(tx, rule, streak)
    made = StreakDay(starts_on, streak.length, None if reward is None else reward.id)
    await queries.insert_day(tx, streak, made)
    return Recorded(streak, made, reward, again=False)


async def streaks_of(tx: Tx, customer_id: UUID) -> list[tuple[Streak, bool]]:
    """A customer's streaks, and whether each can still grow: it was not broken since."""
    today = tx.now.astimezone((await identity.settings_of(tx)).zone).date()
    found = await queries.select_streaks(tx, customer_id)
    return [(each, _next(each.every, each.last_on) >= period_start(each.every, today)) for each in found]


def _grown(before: Streak | None, customer_id: UUID, rule: Rule, starts_on: date) -> Streak:
    goes_on = before is not None and _next(rule.every, before.last_on) == starts_on
    length = before.length + 1 if before is not None and goes_on else 1
    best = max(length, 0 if before is None else before.best)
    return Streak(customer_id, rule.activity, rule.every, length, best, starts_on)


def _next(every: str, starts_on: date) -> date:
    return starts_on + timedelta(days=7 if every == "week" else 1)


async def _reward(tx: Tx, rule: Rule, streak: Streak) -> Reward | None:
    coins = rule.bonus(streak.length)
    if not coins:
        return None
    asked = Asked(
        customer_id=streak.customer_id,
        type="streak",
        reference=f"{streak.activity}:{streak.every}:{streak.last_on.isoformat()}",
        rule=rule,
        asked_minor=coins,
        description=f"{streak.length} in a row",
    )
    (given,) = await give(tx, [asked], or_later=True)
    return given.reward
