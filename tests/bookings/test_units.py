"""Pools: a unit is somebody's for a period, found among those that are free, and never somebody else's meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from bookings_fixtures import DAY, MINUTE, START, Office
from vezne import bookings
from vezne.bookings import Ask, Resource, refusals


async def gaps(office: Office, pool: Resource) -> list[int]:
    """How many gaps each unit has."""
    async with office.tx() as tx:
        rows = await tx.fetch(
            "SELECT unit_id, count(*) AS gaps FROM unit_gaps WHERE tenant_id = $1 AND resource_id = $2 GROUP BY unit_id",
            tx.tenant_id,
            pool.id,
        )
    return sorted(row["gaps"] for row in rows)


async def unit(office: Office, unit_id: UUID | None) -> bookings.Unit:
    """A claim's unit."""
    assert unit_id is not None
    async with office.tx() as tx:
        return await bookings.unit(tx, unit_id)


async def test_periods_share_units_where_they_do_not_meet(office: Office) -> None:
    pool = await office.pool(2)
    first, second = await office.hold(pool, days=(1, 3)), await office.hold(pool, days=(2, 4))
    assert first.unit_id != second.unit_id
    with pytest.raises(bookings.NoUnitFree):
        await office.hold(pool, days=(2, 3))
    third = await office.hold(pool, days=(3, 4))
    assert third.unit_id == first.unit_id
    assert await office.consume(third) == []


async def test_free_time_is_one_gap_again_after_all_is_given_back(office: Office) -> None:
    pool = await office.pool(1)
    claims = [await office.hold(pool, days=days) for days in ((1, 2), (5, 6), (3, 4), (2, 3))]
    assert await gaps(office, pool) == [3]
    for claim in claims[:2]:
        await office.release(claim)
    booked = claims[2]
    await office.consume(booked)
    await office.cancel(booked)
    await office.release(claims[3])
    assert await gaps(office, pool) == [1]
    await office.hold(pool, days=(0, 300))


async def test_a_unit_is_occupied_while_something_booked_on_it_has_not_ended(office: Office) -> None:
    pool = await office.pool(1)
    claim, later = await office.hold(pool, days=(1, 3)), await office.hold(pool, days=(3, 5))
    assert (await unit(office, claim.unit_id)).status == "idle"
    await office.consume(claim)
    await office.consume(later)
    assert (await unit(office, claim.unit_id)).status == "occupied"
    await office.cancel(later)
    assert (await unit(office, claim.unit_id)).occupied_until == START + 3 * DAY
    await office.pass_time(3 * DAY)
    assert await office.sweep() == 1
    assert (await unit(office, claim.unit_id)).status == "idle"


async def test_a_unit_out_of_service_keeps_what_it_has_and_takes_nothing_new(office: Office) -> None:
    pool = await office.pool(1)
    claim = await office.hold(pool, days=(1, 3))
    assert claim.unit_id is not None
    async with office.tx() as tx:
        await bookings.change_unit(tx, claim.unit_id, in_service=False)
    with pytest.raises(bookings.NoUnitFree):
        await office.hold(pool, days=(5, 6))
    await office.consume(claim)
    assert (await unit(office, claim.unit_id)).status == "out_of_service"
    async with office.tx() as tx:
        back = await bookings.change_unit(tx, claim.unit_id, in_service=True)
        assert back == await bookings.change_unit(tx, claim.unit_id, in_service=True)
    assert back.status == "occupied"
    await office.hold(pool, days=(5, 6))


async def test_a_lapsed_hold_makes_room_at_once_though_nobody_has_swept(office: Office) -> None:
    pool = await office.pool(1)
    claim = await office.hold(pool, days=(1, 4))
    await office.pass_time(15 * MINUTE)
    later = await office.hold(pool, days=(2, 3))
    assert (await office.claim(claim)).status == "lapsed"
    with pytest.raises(bookings.NoUnitFree):
        await office.hold(pool, days=(1, 3))
    assert later.unit_id == claim.unit_id


async def test_late_money_takes_the_same_unit_or_another_or_is_told(office: Office) -> None:
    pool = await office.pool(2)
    claim = await office.hold(pool, days=(1, 3))
    await office.pass_time(20 * MINUTE)
    await office.sweep()
    others = [await office.hold(pool, days=(1, 3)), await office.hold(pool, days=(1, 3))]
    with pytest.raises(bookings.NoUnitFree):
        await office.consume(claim)
    another = next(other for other in others if other.unit_id != claim.unit_id)
    await office.release(another)
    await office.consume(claim)
    assert (await office.claim(claim)).unit_id == another.unit_id
    await office.cancel(claim)
    await office.consume(claim)
    assert (await office.claim(claim)).status == "consumed"


async def test_days_past_and_backwards_are_refused_by_name(office: Office) -> None:
    pool, person = await office.pool(1), await office.person()
    wrong = {
        (3, 1): (bookings.DatesBackwards, "ends_at"),
        (2, 2): (bookings.DatesBackwards, "ends_at"),
        (-2, 1): (bookings.DatesPast, "starts_at"),
        (1, 366 * 10 + 1): (bookings.DatesTooFar, "ends_at"),
    }
    for days, (refusal, field) in wrong.items():
        with pytest.raises(refusal) as refused:
            await office.hold(pool, days=days, customer=person)
        assert refused.value.loc == ("body", field)
        assert refused.value.status == 400
    async with office.tx() as tx:
        for given, missing in ((None, "starts_at"), (START, "ends_at")):
            ask = Ask(resource_id=pool.id, customer_id=person, purpose="test", starts_at=given)
            with pytest.raises(bookings.PeriodNeeded) as needed:
                await bookings.hold(tx, ask, until=START + MINUTE)
            assert needed.value.loc == ("body", missing)
        two = Ask(resource_id=pool.id, customer_id=person, purpose="t", quantity=2, starts_at=START, ends_at=START + DAY)
        with pytest.raises(bookings.QuantityOutOfRange):
            await bookings.hold(tx, two, until=START + MINUTE)


async def test_today_can_be_booked_though_its_midnight_is_past(office: Office) -> None:
    pool = await office.pool(1)
    async with office.tx() as tx:
        midnight = datetime(2031, 4, 30, 21, tzinfo=UTC)  # in Istanbul the first of May begins
        ask = Ask(resource_id=pool.id, customer_id=await office.person(), purpose="t", starts_at=midnight, ends_at=midnight + DAY)
        assert (await bookings.hold(tx, ask, until=START + MINUTE)).starts_at == midnight
        early = Ask(
            resource_id=pool.id, customer_id=ask.customer_id, purpose="t", starts_at=midnight - timedelta(seconds=1),
            ends_at=midnight,
        )  # fmt: skip
        with pytest.raises(bookings.DatesPast):
            await bookings.hold(tx, early, until=START + MINUTE)


async def test_names_in_a_pool_are_its_own(office: Office) -> None:
    pool = await office.pool(["A1", "A2"])
    async with office.tx() as tx:
        assert (await bookings.resource(tx, pool.id)).capacity == 2
        for names in (["A3", "A2"], ["A4", "A4"]):
            with pytest.raises(refusals.UnitNameTaken):
                async with tx.savepoint():
                    await bookings.add_units(tx, pool.id, names)
        assert (await bookings.resource(tx, pool.id)).capacity == 2
    event = await office.event(3)
    async with office.tx() as tx:
        with pytest.raises(refusals.UnitsOfPoolsOnly):
            await bookings.add_units(tx, event.id, ["A1"])


async def test_the_schema_itself_lets_no_unit_twice_at_once(office: Office, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    pool = await office.pool(1)
    claim = await office.hold(pool, days=(1, 3))
    with pytest.raises(asyncpg.ExclusionViolationError):
        await owner.execute(
            """INSERT INTO claims (tenant_id, id, resource_id, unit_id, starts_at, ends_at, quantity, customer_id, purpose,
                                   status, created_at)
               SELECT tenant_id, gen_random_uuid(), resource_id, unit_id, starts_at + interval '1 day', ends_at, 1, customer_id,
                      purpose, 'consumed', created_at FROM claims WHERE id = $1""",
            claim.id,
        )


async def test_of_two_at_the_last_unit_exactly_one_has_it(office: Office) -> None:
    """SR4"""
    for _ in range(10):
        pool = await office.pool(1)
        tried = await asyncio.gather(office.hold(pool, days=(1, 3)), office.hold(pool, days=(2, 4)), return_exceptions=True)
        assert sorted(type(each).__name__ for each in tried) == ["Claim", "NoUnitFree"]


async def test_fifty_at_once_have_all_ten_units_and_no_more(office: Office) -> None:
    pool = await office.pool(10)
    people = [await office.person() for _ in range(50)]
    tried = await asyncio.gather(*[office.hold(pool, days=(1, 3), customer=person) for person in people], return_exceptions=True)
    held = [each for each in tried if isinstance(each, bookings.Claim)]
    assert len({claim.unit_id for claim in held}) == len(held) == 10
    assert sum(isinstance(each, bookings.NoUnitFree) for each in tried) == 40


async def test_neighbours_held_and_given_back_at_once_leave_whole_gaps(office: Office) -> None:
    pool = await office.pool(1)
    for _ in range(10):
        early, late = await office.hold(pool, days=(1, 3)), await office.hold(pool, days=(5, 7))
        tried = await asyncio.gather(office.release(early), office.hold(pool, days=(3, 5)), office.release(late))
        middle = tried[1]
        assert await gaps(office, pool) == [2]
        await office.release(middle)
        assert await gaps(office, pool) == [1]


async def test_units_that_have_just_lapsed_are_refused_to_nobody(office: Office) -> None:
    pool = await office.pool(5)
    for _ in range(5):
        await office.hold(pool, days=(1, 3))
    await office.pass_time(16 * MINUTE)
    people = [await office.person() for _ in range(20)]
    tried = await asyncio.gather(*[office.hold(pool, days=(2, 4), customer=person) for person in people], return_exceptions=True)
    assert sum(isinstance(each, bookings.Claim) for each in tried) == 5
    assert sum(isinstance(each, bookings.NoUnitFree) for each in tried) == 15
