"""The audit of memberships finds what is wrong: each check is shown a row that breaks it."""

from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from memberships_fixtures import BEGIN, Club
from tenancy_fixtures import TestTenant
from vezne import identity, memberships
from vezne.kernel.db import Database
from vezne.kernel.principal import Principal

BREAKS = {
    "periods follow each other": [
        "UPDATE membership_periods SET starts_at = starts_at + interval '1 hour' WHERE tenant_id = $1 AND number = 2"
    ],
    "the running period is known": ["UPDATE memberships SET period_number = 1 WHERE tenant_id = $1"],
    "what is paid for is paid until then": [
        "UPDATE memberships SET paid_until = paid_until + interval '1 hour' WHERE tenant_id = $1"
    ],
    "a membership that we bill goes on": ["UPDATE memberships SET renews_at = NULL WHERE tenant_id = $1"],
    "what is over waits for nothing": [
        "UPDATE memberships SET status = 'ended', ended_at = created_at, renews_at = NULL WHERE tenant_id = $1",
        "UPDATE membership_periods SET status = 'open', paid_at = NULL WHERE tenant_id = $1 AND number = 2",
    ],
    "credits of a period are given once": [
        "UPDATE membership_periods SET credits_granted = credits_granted + 1 WHERE tenant_id = $1 AND number = 1"
    ],
}


@pytest_asyncio.fixture
async def kept(db: Database) -> Club:
    """A club with one membership in its second period, whose books nobody looks at when the test is over."""
    chosen = identity.TenantSettings(time_zone="Europe/Istanbul")
    made = await identity.create_tenant(db, slug=f"a{uuid4().hex[:20]}", name="Kampüs", settings=chosen)
    principal = Principal.system(made.tenant_id, "test")
    club = Club(db, TestTenant(made.tenant_id, principal, "", ""))
    await club.at(BEGIN)
    membership = await club.begin(await club.plan(credits_per_period=5))
    await club.at(membership.period_end)
    await club.renew()
    return club


async def test_sound_books_have_no_findings(kept: Club) -> None:
    async with kept.db.transaction(kept.principal, read_only=True) as tx:
        assert await memberships.audit(tx) == []


@pytest.mark.parametrize("check", BREAKS)
async def test_what_is_broken_is_found(kept: Club, owner: "asyncpg.Connection[asyncpg.Record]", check: str) -> None:
    for statement in BREAKS[check]:
        await owner.execute(statement, kept.tenant.tenant_id)
    async with kept.db.transaction(kept.principal, read_only=True) as tx:
        assert check in {finding.check for finding in await memberships.audit(tx)}
