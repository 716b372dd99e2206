"""These tests stand in a shop: the whole service on a real port, both providers beside it, and a worker that is run by hand."""

import pytest_asyncio

from bad_luck.shop import Shop
from desk_fixtures import sandbox
from payu_fixtures import Counter, counter
from vezne import identity

__all__ = ["counter", "sandbox"]


@pytest_asyncio.fixture
async def shop(counter: Counter) -> Shop:
    """The shop, whose tenant keeps a tenth. PayU's webhooks go nowhere until the test says where."""
    async with counter.db.transaction(counter.principal) as tx:
        await identity.change_tenant(tx, settings={"commission_rate": 1_000})
    return Shop(counter.db, counter.tenant, counter.gateways, counter.sandbox, counter.http, counter.owner)
