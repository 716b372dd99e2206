"""The SQL of streaks."""

from datetime import date
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.rewards.models.rewards import Streak, StreakDay


async def select_streak(tx: Tx, customer_id: UUID, activity: str, every: str) -> Streak | None:
    """A customer's streak of an activity."""
    row = await tx.fetchrow(
        """SELECT customer_id, activity, every, length, best, last_on FROM streaks
           WHERE tenant_id = $1 AND customer_id = $2 AND activity = $3 AND every = $4""",
        tx.tenant_id,
        customer_id,
        activity,
        every,
    )
    return None if row is None else Streak(*row)


async def select_streaks(tx: Tx, customer_id: UUID) -> list[Streak]:
    """All streaks of a customer."""
    rows = await tx.fetch(
        """SELECT customer_id, activity, every, length, best, last_on FROM streaks
           WHERE tenant_id = $1 AND customer_id = $2 ORDER BY activity, every""",
        tx.tenant_id,
        customer_id,
    )
    return [Streak(*row) for row in rows]


async def upsert_streak(tx: Tx, streak: Streak) -> None:
    """Write how long a streak is; its customer is locked."""
    await tx.execute(
        """INSERT INTO streaks (tenant_id, customer_id, activity, every, length, best, last_on)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (tenant_id, customer_id, activity, every)
           DO UPDATE SET length = excluded.length, best = excluded.best, last_on = excluded.last_on""",
        tx.tenant_id,
        streak.customer_id,
        streak.activity,
        streak.every,
        streak.length,
        streak.best,
        streak.last_on,
    )


async def select_day(tx: Tx, customer_id: UUID, activity: str, every: str, starts_on: date) -> StreakDay | None:
    """A day, or the week that begins on it, with an activity."""
    row = await tx.fetchrow(
        """SELECT starts_on, length, reward_id FROM streak_days
           WHERE tenant_id = $1 AND customer_id = $2 AND activity = $3 AND every = $4 AND starts_on = $5""",
        tx.tenant_id,
        customer_id,
        activity,
        every,
        starts_on,
    )
    return None if row is None else StreakDay(*row)


async def insert_day(tx: Tx, streak: Streak, day: StreakDay) -> None:
    """Keep a day with an activity."""
    await tx.execute(
        """INSERT INTO streak_days (tenant_id, customer_id, activity, every, starts_on, length, reward_id, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        tx.tenant_id,
        streak.customer_id,
        streak.activity,
        streak.every,
        day.starts_on,
        day.length,
        day.reward_id,
        tx.now,
    )
