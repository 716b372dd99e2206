"""What the fault suite stands on: seeded chance, short rounds in `make test` and long ones in `make soak`."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import httpx2
import pytest
import pytest_asyncio

from checkout_fixtures import till
from desk_fixtures import sandbox, serving
from faults.clients import Client
from faults.proxy import FaultProxy, postgres_at, proxy_to
from faults.rounds import Rounds
from figures_fixtures import Figures
from tenancy_fixtures import TestTenant
from vezne.app.http import create_app
from vezne.kernel.settings import Settings

__all__ = ["sandbox", "till"]

SOAK_MINUTES = float(os.environ.get("VEZNE_SOAK_MINUTES", "0"))
SEED = int(os.environ.get("VEZNE_FAULT_SEED", "2"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here belongs to the fault suite."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def random() -> Random:
    """Chance that repeats itself; VEZNE_FAULT_SEED chooses another."""
    return Random(SEED)


@pytest.fixture
def rounds() -> Rounds:
    """The rounds of a test."""
    return Rounds(SOAK_MINUTES * 60)


@pytest_asyncio.fixture
async def proxy(dsn: str) -> AsyncIterator[FaultProxy]:
    """A proxy before PostgreSQL."""
    connect, _ = postgres_at(dsn)
    async with proxy_to(connect) as made:
        yield made


@pytest_asyncio.fixture
async def service(dsn: str, proxy: FaultProxy) -> AsyncIterator[str]:
    """The whole service on a real port; it reaches PostgreSQL through the proxy."""
    _, through = postgres_at(dsn)
    app = create_app(Settings(), dsn=through(proxy.port))
    async with app.router.lifespan_context(app), serving(app) as url:
        yield url
        proxy.calm()


@pytest_asyncio.fixture
async def client(service: str, tenant: TestTenant, figures: Figures, random: Random) -> AsyncIterator[Client]:
    """A client of the service that never gives up."""
    async with httpx2.AsyncClient(base_url=service, trust_env=False, timeout=15) as http:
        yield Client(http, tenant.headers, figures, random)
