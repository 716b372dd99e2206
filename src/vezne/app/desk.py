"""The database from the command line: the running one, or the data folder's own for as long as a command takes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from vezne.app.cli_output import NotAvailable
from vezne.app.deployment import Deployment, postgres_folder
from vezne.app.gate import unfit
from vezne.app.processes import this_deployment
from vezne.app.reactions import REACTIONS
from vezne.kernel.db import Database, open_pool
from vezne.kernel.postgres import EmbeddedPostgres
from vezne.kernel.vault import Vault


@dataclass(frozen=True, slots=True)
class Desk:
    """A deployment with its database open."""

    deployment: Deployment
    db: Database


@asynccontextmanager
async def server(*, may_make: bool = False) -> AsyncIterator[Deployment]:
    """The deployment, its PostgreSQL running while the block does. With `may_make` an embedded one that is not there is made.

    Raises NotAvailable when there is none.
    """
    deployment = this_deployment()
    async with AsyncExitStack() as stack:
        if deployment.embedded and not await _reachable(deployment.dsn):
            folder = postgres_folder(deployment.folder)
            if not may_make and not (folder / "cluster").is_dir():
                raise NotAvailable(
                    f"There is no database in {deployment.folder}: start one with `vezne run`, or set DATABASE_URL."
                )
            await stack.enter_async_context(EmbeddedPostgres(folder))
        yield deployment


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """The deployment with its database open, in the service's role. Raises NotAvailable when it is absent or not migrated."""
    async with server() as deployment:
        reason = await unfit(deployment.dsn)
        if reason is not None:
            raise NotAvailable(f"{reason[0].upper()}{reason[1:]}. (`vezne migrate` brings a database to this version's schema.)")
        pool = await open_pool(deployment.dsn, size=4)
        try:
            yield Desk(deployment, Database(pool, REACTIONS, Vault.from_settings(deployment.settings)))
        finally:
            await pool.close()


async def _reachable(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, TimeoutError):
        return False
    except asyncpg.PostgresError:
        return True  # something answers; the next step tells what it lacks
    await connection.close()
    return True
