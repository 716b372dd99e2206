"""A test tenant's clock can be held and moved, never back; a live tenant lives in real time."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tenancy_fixtures import TenantMaker, TestTenant
from vezne.kernel import clock
from vezne.kernel.clock import ClockGoesBack, ClockOfLiveTenant, ClockRuns, ClockTooFar, Moment
from vezne.kernel.db import Database
from vezne.kernel.principal import Principal

ADAPT_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
DAY = timedelta(days=1)


async def now(db: Database, principal: Principal) -> datetime:
    async with db.transaction(principal, read_only=True) as tx:
        return tx.now


async def test_time_is_real_until_it_is_held(db: Database, tenant: TestTenant) -> None:
    before = clock.real_now()
    assert before <= await now(db, tenant.principal) <= clock.real_now()
    async with db.transaction(tenant.principal) as tx:
        assert not await clock.is_held(tx)


async def test_a_held_clock_is_every_later_transactions_time(db: Database, tenant: TestTenant, other_tenant: TestTenant) -> None:
    tomorrow = clock.real_now() + DAY
    async with db.transaction(tenant.principal) as tx:
        assert await clock.hold(tx, tomorrow) == tomorrow
    assert await now(db, tenant.principal) == await now(db, tenant.principal) == tomorrow
    assert await now(db, other_tenant.principal) < tomorrow
    async with db.transaction(tenant.principal) as tx:
        assert await clock.is_held(tx)
        assert await clock.advance(tx, tomorrow + DAY) == tomorrow + DAY
    assert await now(db, tenant.principal) == tomorrow + DAY


async def test_holding_it_where_it_stands_changes_nothing(db: Database, tenant: TestTenant) -> None:
    tomorrow = clock.real_now() + DAY
    for _ in range(2):
        async with db.transaction(tenant.principal) as tx:
            await clock.hold(tx, tomorrow)
    assert await now(db, tenant.principal) == tomorrow


async def test_it_never_goes_back(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        with pytest.raises(ClockGoesBack):
            await clock.hold(tx, tx.now - timedelta(microseconds=1))
        await clock.hold(tx, tx.now + DAY)
    held = await now(db, tenant.principal)
    async with db.transaction(tenant.principal) as tx:
        with pytest.raises(ClockGoesBack):
            await clock.advance(tx, held - timedelta(microseconds=1))
        with pytest.raises(ClockGoesBack):
            await clock.release(tx)
    assert await now(db, tenant.principal) == held


async def test_two_that_move_it_at_once_leave_it_at_the_later(db: Database, tenant: TestTenant) -> None:
    start = clock.real_now() + DAY

    async def hold(days: int) -> None:
        async with db.transaction(tenant.principal) as tx:
            await clock.hold(tx, start + days * DAY)

    await asyncio.gather(*(hold(days) for days in (3, 1, 2)), return_exceptions=True)
    assert await now(db, tenant.principal) == start + 3 * DAY


async def test_only_a_held_clock_is_advanced(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        with pytest.raises(ClockRuns):
            await clock.advance(tx, tx.now + DAY)


async def test_a_clock_that_real_time_has_reached_runs_again(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(milliseconds=200))
    await asyncio.sleep(0.25)
    async with db.transaction(tenant.principal) as tx:
        await clock.release(tx)
    assert await now(db, tenant.principal) > clock.real_now() - timedelta(seconds=10)
    async with db.transaction(tenant.principal) as tx:
        assert not await clock.is_held(tx)


async def test_it_stands_no_further_ahead_than_dates_can_be_reckoned_with(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        with pytest.raises(ClockTooFar):
            await clock.hold(tx, datetime(9999, 12, 31, tzinfo=UTC))


async def test_a_live_tenants_clock_is_real(db: Database, make_tenant: TenantMaker) -> None:
    live = await make_tenant(livemode=True)
    async with db.transaction(live.principal) as tx:
        with pytest.raises(ClockOfLiveTenant):
            await clock.hold(tx, tx.now + DAY)
        with pytest.raises(ClockOfLiveTenant):
            await clock.release(tx)


@pytest.mark.unit
@given(st.datetimes(datetime(1900, 1, 2), datetime(2299, 12, 30)), st.integers(-23 * 60, 23 * 60))  # noqa: DTZ001 - made aware below
def test_a_time_is_read_as_the_same_instant_in_utc(local: datetime, minutes: int) -> None:
    written = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    read = ADAPT_MOMENT.validate_python(written.isoformat())
    assert read == written
    assert read.tzinfo == UTC


@pytest.mark.unit
@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-02-30T12:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
        "tomorrow",
        "",
        "1763694476",
        1763694476,
        1763694476.5,
        None,
        True,
    ],
)
def test_what_is_no_instant_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        ADAPT_MOMENT.validate_python(value)
