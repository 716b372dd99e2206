"""Readiness: whether requests can be served, and what they are told while they cannot.

A service process starts without its database. Until the database answers, is safe and has this code's schema, every request
but the checks' is answered 503 with Retry-After; then the gate opens, by itself, and stays open: a database that goes away
later is told request by request.
"""

import asyncio
from pathlib import Path

import asyncpg
import structlog

import vezne
from vezne.kernel.postgres import ServerUnsafe, check_durability

UNREACHABLE, NOT_MIGRATED = "the database cannot be reached", "the database is not migrated"
PAUSE = 0.1
LONGEST_PAUSE = 0.5
WORTH_TELLING_AFTER = 5.0
_log = structlog.get_logger("vezne.gate")


class Gate:
    """Open once the database is fit to serve from; `reason` says what is missing until then."""

    def __init__(self) -> None:
        self.reason: str | None = "starting"

    @property
    def is_open(self) -> bool:
        """Whether requests are let through."""
        return self.reason is None

    def open(self) -> None:
        """Let requests through."""
        self.reason = None

    async def watch(self, dsn: str) -> None:
        """Try the database until it is fit, then open."""
        pause, begun, told = PAUSE, asyncio.get_running_loop().time(), ""
        while not self.is_open:
            reason = await unfit(dsn)
            if reason is None:
                self.open()
                return
            if reason != told and asyncio.get_running_loop().time() - begun > WORTH_TELLING_AFTER:
                told = reason
                _log.warning("not_ready", reason=reason)
            self.reason = reason
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)


async def unfit(dsn: str) -> str | None:
    """Why the database cannot be served from; None when it can."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return UNREACHABLE
    try:
        await check_durability(connection)
        revision = await schema_revision(connection)
    except ServerUnsafe as unsafe:
        return str(unsafe)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return UNREACHABLE
    finally:
        await connection.close(timeout=5)
    return None if is_current(revision) else NOT_MIGRATED


async def schema_revision(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    """The last migration applied; None when none was. (`kernel.migrate` tells it too, at the price of loading Alembic.)"""
    if await connection.fetchval("SELECT to_regclass('public.alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM public.alembic_version")
    return revision


def is_current(revision: str | None) -> bool:
    """Whether the schema is this code's or newer: during a rolling update the old code serves on."""
    return revision is not None and revision >= newest_revision()


def newest_revision() -> str:
    """The last migration this code brings."""
    package = Path(vezne.__file__).parent
    places = (package / "migrations", package.parents[1] / "migrations")
    folder = next(place for place in places if place.is_dir())
    return max(file.stem for file in (folder / "versions").glob("*.sql"))
