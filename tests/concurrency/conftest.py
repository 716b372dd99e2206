"""Two instances of the service over one database, as two processes would be: nothing is shared but PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import httpx2
import pytest
import pytest_asyncio

from concurrency.many import Many
from desk_fixtures import desk, sandbox
from figures_fixtures import Figures
from tenancy_fixtures import TestTenant
from vezne.app.http import create_app
from vezne.app.reactions import REACTIONS
from vezne.kernel.db import Database, open_pool
from vezne.kernel.settings import Settings

__all__ = ["desk", "sandbox"]

INSTANCES = 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is about many at once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.concurrency)


@pytest_asyncio.fixture
async def many(dsn: str, tenant: TestTenant, figures: Figures) -> AsyncIterator[Many]:
    """Many clients of a tenant, over all instances."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(INSTANCES):
            pool = await stack.enter_async_context(await open_pool(dsn, size=8))
            app = create_app(Settings(), db=Database(pool, REACTIONS))
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            client = httpx2.AsyncClient(transport=transport, base_url="http://vezne.test", headers=tenant.headers)
            clients.append(await stack.enter_async_context(client))
        yield Many(clients, Random(2), figures)
