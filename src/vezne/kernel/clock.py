"""The time, which a test tenant may hold and move.

All times in Vezne come from `tx.now`. A live tenant lives in real time. A test tenant's clock can be held at an instant
and advanced, so that an expiry or a renewal can be seen today; it never goes back, because its ledger cannot.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from vezne.kernel.errors import Conflict, Forbidden, Invalid

if TYPE_CHECKING:
    from vezne.kernel.db import Tx


FURTHEST_YEARS = 100
"""How far ahead a clock may stand: what is reckoned from it must remain a date."""


class ClockOfLiveTenant(Forbidden):
    """A live tenant's clock cannot be held."""


class ClockGoesBack(Conflict):
    """The tenant's clock stands at {now}; it cannot go back to {asked}."""


class ClockTooFar(Invalid):
    """A clock is held at most {years} years ahead of real time."""


class ClockRuns(Conflict):
    """The tenant's clock is not held: hold it before you advance it."""


def _written(at: object) -> object:
    """Pydantic would also read seconds, or milliseconds, since 1970: a guess, and nothing here is guessed."""
    if isinstance(at, datetime) or (isinstance(at, str) and "T" in at.upper()):
        return at
    raise ValueError("a time is text such as 2026-03-01T12:00:00Z")


def _storable(at: datetime) -> datetime:
    if not _EARLIEST <= at < _LATEST:
        raise ValueError(f"a time is from {_EARLIEST.year} to {_LATEST.year - 1}")
    return at.astimezone(UTC)


_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written), AfterValidator(_storable)]
"""A time in a request, with its offset: within centuries that every step of reckoning and storing can hold."""


def real_now() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


async def hold(tx: "Tx", at: datetime) -> datetime:
    """Hold the tenant's clock at `at` from now on, or move a held one forward to it. Again with the same instant: no change.

    Raises ClockOfLiveTenant, ClockGoesBack, ClockTooFar.
    """
    if tx.principal.livemode:
        raise ClockOfLiveTenant
    if at > real_now() + timedelta(days=365 * FURTHEST_YEARS):
        raise ClockTooFar(years=FURTHEST_YEARS, loc=("body", "held_at"))
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
    """Let the tenant's clock run again in real time. Refused with ClockGoesBack while it stands ahead of real time.

    Raises ClockOfLiveTenant.
    """
    if tx.principal.livemode:
        raise ClockOfLiveTenant
    now = real_now()
    if tx.now > now:
        raise ClockGoesBack(now=tx.now.isoformat(), asked=now.isoformat())
    await tx.execute("DELETE FROM clocks WHERE tenant_id = $1", tx.tenant_id)
    return now


async def is_held(tx: "Tx") -> bool:
    """Whether the tenant's clock is held."""
    return await tx.fetchval("SELECT held_at FROM clocks WHERE tenant_id = $1", tx.tenant_id) is not None
