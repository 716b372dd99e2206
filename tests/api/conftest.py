"""What the tests of the whole API stand on."""

from typing import Any

import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI

from service_fixtures import Belongings, Caller
from tenancy_fixtures import TestTenant


@pytest.fixture
def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI of the whole service."""
    return app.openapi()


@pytest.fixture
def caller(http: httpx2.AsyncClient, tenant: TestTenant) -> Caller:
    """The tenant's application."""
    return Caller(http, tenant)


@pytest.fixture
def stranger(http: httpx2.AsyncClient, other_tenant: TestTenant) -> Caller:
    """Another tenant's application."""
    return Caller(http, other_tenant)


@pytest_asyncio.fixture
async def own(caller: Caller) -> Belongings:
    """One of everything, the tenant's."""
    return await caller.belongings()


@pytest_asyncio.fixture
async def foreign(stranger: Caller) -> Belongings:
    """One of everything, the other tenant's."""
    return await stranger.belongings()
