"""The product's own database on the bench's server: migrated, empty, and opened in the service's role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bench.session import Session
from vezne import identity
from vezne.app.reactions import REACTIONS
from vezne.kernel import clock
from vezne.kernel.db import Database, open_pool
from vezne.kernel.migrate import migrate
from vezne.kernel.principal import Principal

TENANT = 1
_PATIENCE = timedelta(minutes=10)
PRINCIPAL = Principal.system(TENANT, "bench")


@dataclass(frozen=True, slots=True)
class Product:
    """An open product database: `database` for what the service does, `owner_dsn` for what only its owner may."""

    database: Database
    owner_dsn: str

    async def gather_statistics(self) -> None:
        """As the function of this name does."""
        await gather_statistics(self.owner_dsn)


async def gather_statistics(owner_dsn: str) -> None:
    """What autovacuum does within a minute or two of a living database, at once: the planner knows the tables' sizes."""
    owner = await asyncpg.connect(owner_dsn)
    try:
        await owner.execute("VACUUM (ANALYZE)")
    finally:
        await owner.close()


async def open_tenant(product: Product, slug: str, now: datetime) -> Principal:
    """A test tenant whose clock is held at `now`."""
    tenant = await identity.create_tenant(product.database, slug=slug, name=slug)
    principal = Principal.system(tenant.tenant_id, "bench")
    await move_clock(product, principal, now)
    return principal


async def move_clock(product: Product, principal: Principal, to: datetime) -> None:
    """Hold a tenant's clock at another time."""
    async with product.database.transaction(principal) as tx:
        await clock.hold(tx, to)


@asynccontextmanager
async def open_product(session: Session, *, connections: int = 4) -> AsyncIterator[Product]:
    """A product database made anew; closed, and left to the server's own end, when the bench is done."""
    server = await session.server()
    dsn = await server.recreate("bench_vezne")
    await migrate(dsn)
    pool = await open_pool(dsn, size=connections, statement_timeout=_PATIENCE)  # the audit of a million lots takes its time
    try:
        yield Product(Database(pool, REACTIONS), dsn)
    finally:
        await pool.close()
