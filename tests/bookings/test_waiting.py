"""The waiting list: seats that come free are held for the first in line, and for the next when they are not taken."""

import asyncio
from uuid import UUID

import pytest

from bookings_fixtures import MINUTE, Office
from vezne import bookings
from vezne.bookings import Resource, Waiting, refusals


async def join(office: Office, event: Resource, quantity: int = 1, customer: UUID | None = None) -> Waiting:
    """Somebody waits."""
    person = customer or await office.person()
    async with office.tx() as tx:
        return await bookings.join(tx, event.id, person, quantity)


async def leave(office: Office, place: Waiting) -> Waiting:
    """Somebody waits no longer."""
    async with office.tx() as tx:
        return await bookings.leave(tx, place.id)


async def place_now(office: Office, place: Waiting) -> Waiting:
    """The place as it is."""
    async with office.tx() as tx:
        return await bookings.waiting_place(tx, place.id)


async def test_a_seat_that_lapses_is_offered_to_the_first_in_line_and_then_to_the_next(office: Office) -> None:
    event = await office.event(1, waiting_list=True, hold_seconds=600)
    await office.hold(event, minutes=15)
    first, second = await join(office, event), await join(office, event)
    await office.pass_time(15 * MINUTE)
    await office.sweep()
    offered = await place_now(office, first)
    assert offered.status == "offered"
    assert (await place_now(office, second)).status == "waiting"
    with pytest.raises(bookings.SoldOut):
        await office.hold(event)
    await office.pass_time(10 * MINUTE)
    await office.sweep()
    assert (await place_now(office, first)).status == "lapsed"
    assert (await place_now(office, second)).status == "offered"
    assert await office.events("waiting.offered") == 2
    assert await office.events("waiting.lapsed") == 1


async def test_the_one_who_was_offered_a_seat_books_it(office: Office) -> None:
    event = await office.event(1, waiting_list=True)
    booked = await office.hold(event)
    await office.consume(booked)
    place = await join(office, event)
    await office.cancel(booked)
    claim = await office.hold(event, customer=place.customer_id)
    assert claim.id == (await place_now(office, place)).claim_id
    with pytest.raises(bookings.SoldOut):
        await office.hold(event, customer=place.customer_id)
    with pytest.raises(refusals.WaitingOver):
        await leave(office, place)
    await office.consume(claim)
    assert (await place_now(office, place)).status == "taken"


async def test_who_takes_fewer_seats_than_offered_leaves_the_rest_to_the_next(office: Office) -> None:
    event = await office.event(3, waiting_list=True)
    booked = await office.hold(event, 3)
    first, second = await join(office, event, 3), await join(office, event, 2)
    await office.release(booked)
    with pytest.raises(bookings.SoldOut):
        await office.hold(event, 4, customer=first.customer_id)
    assert (await office.hold(event, 1, customer=first.customer_id)).quantity == 1
    assert (await place_now(office, second)).status == "offered"
    assert (await office.resource(event)).left == 0


async def test_who_wants_more_than_came_free_waits_on_and_keeps_the_place(office: Office) -> None:
    event = await office.event(2, waiting_list=True)
    one, other = await office.hold(event), await office.hold(event)
    pair, single = await join(office, event, 2), await join(office, event)
    await office.release(one)
    assert (await place_now(office, pair)).status == "waiting"
    assert (await place_now(office, single)).status == "offered"
    await leave(office, single)
    await office.release(other)
    assert (await place_now(office, pair)).status == "offered"


async def test_leaving_gives_the_offer_to_the_next(office: Office) -> None:
    event = await office.event(1, waiting_list=True)
    booked = await office.hold(event)
    first, second, third = await join(office, event), await join(office, event), await join(office, event)
    assert (await leave(office, second)).status == "left"
    await office.release(booked)
    assert (await leave(office, first)).status == "left"
    assert (await leave(office, first)).status == "left"
    assert (await place_now(office, third)).status == "offered"


async def test_more_capacity_is_offered_and_a_cancelled_resource_ends_the_line(office: Office) -> None:
    event = await office.event(1, waiting_list=True)
    await office.hold(event)
    first, second = await join(office, event), await join(office, event)
    async with office.tx() as tx:
        await bookings.change_resource(tx, event.id, capacity=2)
    assert (await place_now(office, first)).status == "offered"
    async with office.tx() as tx:
        await bookings.change_resource(tx, event.id, status="cancelled")
    assert {(await place_now(office, place)).status for place in (first, second)} == {"left"}


async def test_a_place_is_refused_where_there_are_seats_or_no_list_and_given_once(office: Office) -> None:
    event = await office.event(2, waiting_list=True)
    with pytest.raises(refusals.SeatsLeft):
        await join(office, event)
    await office.hold(event, 2)
    place = await join(office, event)
    with pytest.raises(refusals.AlreadyWaiting):
        await join(office, event, customer=place.customer_id)
    with pytest.raises(bookings.QuantityOutOfRange):
        await join(office, event, 3)
    with pytest.raises(refusals.NoWaitingList):
        await join(office, await office.event(0))
    await office.pass_time(16 * MINUTE)
    with pytest.raises(refusals.SeatsLeft):
        await join(office, event)


async def test_seats_given_back_while_people_join_are_offered_to_somebody(office: Office) -> None:
    for _ in range(8):
        event = await office.event(1, waiting_list=True)
        booked = await office.hold(event)
        people = [await office.person() for _ in range(3)]
        tried = await asyncio.gather(
            office.release(booked), *[join(office, event, customer=person) for person in people], return_exceptions=True
        )
        joined = [each for each in tried[1:] if isinstance(each, Waiting)]
        statuses = [(await place_now(office, place)).status for place in joined]
        left = (await office.resource(event)).left
        assert statuses.count("offered") == (1 if joined else 0)
        assert left == (0 if joined else 1)
