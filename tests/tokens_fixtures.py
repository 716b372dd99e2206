"""Two customers of a tenant, and tokens of theirs."""

from uuid import UUID

import httpx2
import pytest_asyncio

from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id


@pytest_asyncio.fixture
async def customer_id(db: Database, tenant: TestTenant) -> UUID:
    """A customer of the tenant."""
    async with db.transaction(tenant.principal) as tx:
        return (await identity.create_customer(tx, reference="ayse")).id


@pytest_asyncio.fixture
async def stranger_id(db: Database, tenant: TestTenant) -> UUID:
    """Another customer of the same tenant."""
    async with db.transaction(tenant.principal) as tx:
        return (await identity.create_customer(tx, reference="bora")).id


async def ask(http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID, **fields: object) -> httpx2.Response:
    return await http.post(f"/v1/customers/{public_id('cus', customer_id)}/tokens", json=fields, headers=tenant.headers)


async def token(http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID) -> dict[str, str]:
    answer = await ask(http, tenant, customer_id)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}
