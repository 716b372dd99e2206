"""PostgreSQL goes away while requests run, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import httpx2
import pytest_asyncio

from desk_fixtures import serving
from faults.clients import Client
from faults.rounds import Rounds
from figures_fixtures import Figures
from vezne import identity
from vezne.app.audit import audit_tenant
from vezne.app.http import create_app
from vezne.app.reactions import REACTIONS
from vezne.kernel.db import Database, open_pool
from vezne.kernel.migrate import migrate
from vezne.kernel.postgres import EmbeddedPostgres
from vezne.kernel.principal import Principal
from vezne.kernel.settings import Settings


@pytest_asyncio.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server of this test's own, which may be stopped."""
    settings = {"shared_buffers": "32MB", "max_wal_size": "128MB"}
    async with EmbeddedPostgres(tmp_path / "postgres", settings=settings, sync=False) as made:
        await migrate(made.dsn)
        yield made


async def test_requests_during_a_restart_are_told_to_wait_and_none_is_lost(
    postgres: EmbeddedPostgres, figures: Figures, random: Random, rounds: Rounds
) -> None:
    figures.promise("answered 503", "retries", "PostgreSQL restarted")
    app = create_app(Settings(), dsn=postgres.dsn)
    async with (
        app.router.lifespan_context(app),
        serving(app) as url,
        httpx2.AsyncClient(base_url=url, trust_env=False, timeout=15) as http,
    ):
        db = Database(await open_pool(postgres.dsn, size=2), REACTIONS)
        tenant = await identity.create_tenant(db, slug="restarts", name="Kampüs")
        principal = Principal.system(tenant.tenant_id, "test")
        async with db.transaction(principal) as tx:
            _, key = await identity.create_key(tx, name="test")
        headers = {"Authorization": f"Bearer {key.text}"}
        clients = [Client(http, headers, figures, Random(random.random())) for _ in range(3)]
        for client in clients:
            await client.open_wallets(2, 5_000)
        for _ in rounds.of(3):
            moving = [asyncio.create_task(several(client, 12)) for client in clients]
            await asyncio.sleep(0.1)
            await postgres.stop()
            away = await http.get("/v1/wallets", headers=headers)
            assert (away.status_code, away.headers["retry-after"]) == (503, "1")
            assert away.json()["code"] == "database_unavailable"
            assert (await http.get("/readyz")).status_code == 503
            assert (await http.get("/healthz")).status_code == 200
            await postgres.start()
            figures["PostgreSQL restarted"] += 1
            await asyncio.gather(*moving)
        for client in clients:
            await client.check()
        assert not await audit_tenant(db, principal)
        await db.pool.close()


async def several(client: Client, count: int) -> None:
    """So many moves, one after another."""
    for _ in range(count):
        await client.move_something()
        await asyncio.sleep(0.02)
