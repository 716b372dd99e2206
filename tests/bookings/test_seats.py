"""Counted capacity: held, booked, given back, and never more of it than there is."""

import pytest

from bookings_fixtures import Office
from vezne import bookings


async def test_seats_are_held_then_booked_with_a_ticket_each(office: Office) -> None:
    event = await office.event(10)
    claim = await office.hold(event, 3)
    held = await office.resource(event)
    assert (held.held, held.taken, held.left, held.going_count) == (3, 0, 7, 0)
    issued = await office.consume(claim)
    booked = await office.resource(event)
    assert (booked.held, booked.taken, booked.going_count) == (0, 3, 3)
    assert [ticket.number for ticket in issued] == [1, 2, 3]
    assert await office.consume(claim) == issued


async def test_more_than_is_left_is_refused_with_what_is_left(office: Office) -> None:
    event = await office.event(3)
    await office.hold(event, 2)
    with pytest.raises(bookings.SoldOut) as refused:
        await office.hold(event, 2)
    assert refused.value.facts["left"] == 1
    assert refused.value.loc == ("body", "quantity")


async def test_a_unit_is_held_and_another_one_for_the_next(office: Office) -> None:
    pool = await office.pool(2)
    first, second = await office.hold(pool, days=(1, 3)), await office.hold(pool, days=(2, 4))
    assert first.unit_id != second.unit_id
    with pytest.raises(bookings.NoUnitFree):
        await office.hold(pool, days=(2, 3))
    third = await office.hold(pool, days=(3, 4))
    assert third.unit_id == first.unit_id
    assert await office.consume(third) == []
    await office.release(first)
    await office.cancel(third)
    await office.hold(pool, days=(1, 4))
