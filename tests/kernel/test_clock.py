"""Time comes from the transaction; a test tenant's may be held and moved, never back."""

from datetime import timedelta

import pytest
from tests.tenancy_fixtures import TenantMaker, TestTenant

from vezne.kernel import clock
from vezne.kernel.clock import ClockGoesBack, ClockOfLiveTenant, ClockRuns, real_now
from vezne.kernel.db import Database

DAY = timedelta(days=1)


async def test_an_unheld_clock_tells_real_time_once_for_a_whole_transaction(db: Database, tenant: TestTenant) -> None:
    before = real_now()
    async with db.transaction(tenant.principal) as tx:
        first = tx.now
        assert before <= first <= real_now()
        assert tx.now == first
        assert not await clock.is_held(tx)


async def test_a_held_clock_stands_in_every_later_transaction(db: Database, tenant: TestTenant) -> None:
    at = real_now() + DAY
    async with db.transaction(tenant.principal) as tx:
        assert await clock.hold(tx, at) == at
    for _ in range(2):
        async with db.transaction(tenant.principal) as tx:
            assert tx.now == at
            assert await clock.is_held(tx)


async def test_holding_again_at_the_same_instant_changes_nothing(db: Database, tenant: TestTenant) -> None:
    at = real_now() + DAY
    for _ in range(2):
        async with db.transaction(tenant.principal) as tx:
            assert await clock.hold(tx, at) == at


async def test_a_held_clock_advances_and_never_goes_back(db: Database, tenant: TestTenant) -> None:
    at = real_now() + DAY
    async with db.transaction(tenant.principal) as tx:
        await clock.hold(tx, at)
    async with db.transaction(tenant.principal) as tx:
        await clock.advance(tx, at + DAY)
    async with db.transaction(tenant.principal) as tx:
        assert tx.now == at + DAY
        for move in (clock.hold, clock.advance):
            with pytest.raises(ClockGoesBack):
                await move(tx, at)


async def test_a_running_clock_is_held_before_it_is_advanced(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        with pytest.raises(ClockRuns):
            await clock.advance(tx, real_now() + DAY)


async def test_a_clock_ahead_of_real_time_is_not_let_go(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        await clock.hold(tx, real_now() + DAY)
    async with db.transaction(tenant.principal) as tx:
        with pytest.raises(ClockGoesBack):
            await clock.release(tx)


async def test_a_clock_behind_real_time_is_let_go(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        held = await clock.hold(tx, tx.now)
    async with db.transaction(tenant.principal) as tx:
        assert tx.now == held
        assert await clock.release(tx) > held
    async with db.transaction(tenant.principal) as tx:
        assert tx.now > held


async def test_a_live_tenant_lives_in_real_time(db: Database, make_tenant: TenantMaker) -> None:
    live = await make_tenant(livemode=True)
    async with db.transaction(live.principal) as tx:
        with pytest.raises(ClockOfLiveTenant):
            await clock.hold(tx, real_now() + DAY)
