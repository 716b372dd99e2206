"""The time, which a test tenant may hold and move.

All times in Vezne come from `tx.now`. A live tenant lives in real time. A test tenant's clock can be held at an instant
and advanced, so that an expiry or a renewal can be seen today; it never goes back, because its ledger cannot.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vezne.kernel.errors import Conflict, Forbidden

if TYPE_CHECKING:
    from vezne.kernel.db import Tx


class ClockOfLiveTenant(Forbidden):
    """A live tenant's clock cannot be held."""


class ClockGoesBack(Conflict):
    """The tenant's clock stands at {now}; it cannot go back to {asked}."""


class ClockRuns(Conflict):
    """The tenant's clock is not held: hold it before you advance it."""


def real_now() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


async def hold(tx: "Tx", at: datetime) -> datetime:
    """Hold the tenant's clock at `at` from now on, or move a held one forward to it. Again with the same instant: no change.

    Raises ClockOfLiveTenant, ClockGoesBack.
    """
    if tx.principal.livemode:
        raise ClockOfLiveTenant
    if at < tx.now:
        raise ClockGoesBack(now=tx.now.isoformat(), asked=at.isoformat())
    await tx.execute(
        """INSERT INTO clocks (tenant_id, held_at) VALUES ($1, $2)
           ON CONFLICT (tenant_id) DO UPDATE SET held_at = greatest(clocks.held_at, excluded.held_at)""",
        tx.tenant_id,
        at,
    )
    return at


async def advance(tx: "Tx", to: datetime) -> datetime:
    """Move a held clock forward to `to`. Raises ClockRuns when it is not held, ClockGoesBack."""
    if await tx.fetchval("SELECT held_at FROM clocks WHERE tenant_id = $1 FOR UPDATE", tx.tenant_id) is None:
        raise ClockRuns
    return await hold(tx, to)


async def release(tx: "Tx") -> datetime:
    """Let the tenant's clock run again in real time. Refused with ClockGoesBack while it stands ahead of real time."""
    now = real_now()
    if tx.now > now:
        raise ClockGoesBack(now=tx.now.isoformat(), asked=now.isoformat())
    await tx.execute("DELETE FROM clocks WHERE tenant_id = $1", tx.tenant_id)
    return now


async def is_held(tx: "Tx") -> bool:
    """Whether the tenant's clock is held."""
    return await tx.fetchval("SELECT held_at FROM clocks WHERE tenant_id = $1", tx.tenant_id) is not None
