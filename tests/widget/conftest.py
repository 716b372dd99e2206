"""What the widget's tests stand on."""

import httpx2
import pytest_asyncio

from tenancy_fixtures import TenantMaker
from vezne.kernel.db import Database
from widget_fixtures import SITE, Depot


@pytest_asyncio.fixture
async def depot(db: Database, make_tenant: TenantMaker, http: httpx2.AsyncClient) -> Depot:
    """A tenant with a site of its own, paid through MagicPay's demo; it has no storage yet."""
    tenant = await make_tenant(
        widget_origins=[SITE],
        payment_provider="magicpay",
        consent_version="2026-03",
        privacy_url="https://otel.example/kvkk",
        terms_url="https://otel.example/terms",
    )
    return Depot(db, tenant, http)
