"""Tenants for the tests: each test has its own, and when it ends their books must balance."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import httpx2
import pytest_asyncio
from fastapi import FastAPI

from vezne import identity
from vezne.app.audit import audit_tenant
from vezne.app.http import create_app
from vezne.app.reactions import REACTIONS
from vezne.kernel.db import Database
from vezne.kernel.principal import Principal
from vezne.kernel.settings import Settings


@dataclass(frozen=True)
class TestTenant:
    """A tenant of one test's own."""

    __test__ = False

    tenant_id: int
    principal: Principal
    secret_key: str
    publishable_key: str

    @property
    def headers(self) -> dict[str, str]:
        """What a request of this tenant carries."""
        return {"Authorization": f"Bearer {self.secret_key}"}


TenantMaker = Callable[..., Awaitable[TestTenant]]


@pytest_asyncio.fixture
async def db(pool: asyncpg.Pool) -> Database:
    """The database with the house's reactions."""
    return Database(pool, REACTIONS)


@pytest_asyncio.fixture
async def make_tenant(db: Database) -> AsyncIterator[TenantMaker]:
    """Makes tenants; when the test has ended, the books of each must balance."""
    made: list[TestTenant] = []

    async def make(*, livemode: bool = False, **settings: object) -> TestTenant:
        slug = f"t{uuid4().hex[:20]}"
        chosen = identity.TenantSettings.model_validate(settings)
        tenant = await identity.create_tenant(db, slug=slug, name="Kampüs", livemode=livemode, settings=chosen)
        principal = Principal.system(tenant.tenant_id, "test", livemode=livemode)
        async with db.transaction(principal) as tx:
            _, secret = await identity.create_key(tx, kind="secret", name="test")
            _, publishable = await identity.create_key(tx, kind="publishable", name="test")
        made.append(TestTenant(tenant.tenant_id, principal, secret.text, publishable.text))
        return made[-1]

    yield make
    for tenant in made:
        found = await audit_tenant(db, tenant.principal)
        assert not found, f"the books do not balance: {found}"


@pytest_asyncio.fixture
async def tenant(make_tenant: TenantMaker) -> TestTenant:
    """A test tenant of this test's own."""
    return await make_tenant()


@pytest_asyncio.fixture
async def other_tenant(make_tenant: TenantMaker) -> TestTenant:
    """Another one."""
    return await make_tenant()


@pytest_asyncio.fixture
async def app(db: Database) -> AsyncIterator[FastAPI]:
    """The whole service over the test's database, started."""
    made = create_app(Settings(), db=db)
    async with made.router.lifespan_context(made):
        yield made


@pytest_asyncio.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the service, without a key: pass `headers=tenant.headers`."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://vezne.test") as client:
        yield client
