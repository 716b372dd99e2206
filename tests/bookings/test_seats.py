"""Counted capacity: held, booked, given back, and never more of it than there is."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from bookings_fixtures import DAY, MINUTE, START, Office
from vezne import bookings
from vezne.bookings import Ask, refusals
from vezne.bookings.models import MAX_QUANTITY
from vezne.kernel.ids import new_id


async def test_seats_are_held_then_booked_with_a_ticket_each(office: Office) -> None:
    event = await office.event(10)
    claim = await office.hold(event, 3)
    held = await office.resource(event)
    assert (held.held, held.taken, held.left, held.going_count) == (3, 0, 7, 0)
    order_id = new_id()
    issued = await office.consume(claim, order_id)
    booked = await office.resource(event)
    assert (booked.held, booked.taken, booked.going_count) == (0, 3, 3)
    assert [(ticket.number, ticket.order_id) for ticket in issued] == [(number, order_id) for number in (1, 2, 3)]
    assert await office.consume(claim, order_id) == issued
    assert await office.events("ticket.issued") == 3
    assert await office.events("attendee.going") == 1


async def test_more_than_is_left_is_refused_with_what_is_left(office: Office) -> None:
    event = await office.event(3)
    await office.hold(event, 2)
    with pytest.raises(bookings.SoldOut) as refused:
        await office.hold(event, 2)
    assert refused.value.facts["left"] == 1
    assert refused.value.loc == ("body", "quantity")


async def test_a_released_hold_is_free_again_and_released_once(office: Office) -> None:
    event = await office.event(1)
    claim = await office.hold(event)
    await office.release(claim)
    await office.release(claim)
    assert (await office.claim(claim)).status == "released"
    await office.hold(event)
    assert await office.events("claim.released") == 1


async def test_a_lapsed_hold_makes_room_at_once_though_nobody_has_swept(office: Office) -> None:
    event = await office.event(2)
    claim = await office.hold(event, 2, minutes=15)
    await office.pass_time(15 * MINUTE)
    later = await office.hold(event, 2)
    assert (await office.claim(claim)).status == "lapsed"
    assert (await office.claim(later)).status == "held"


async def test_the_sweep_ends_what_is_due_and_nothing_else(office: Office) -> None:
    first, second = await office.event(5), await office.event(5)
    due = [await office.hold(event, minutes=10) for event in (first, first, second)]
    other = await office.hold(first, minutes=20)
    await office.pass_time(10 * MINUTE)
    assert await office.sweep() == 3
    assert await office.sweep() == 0
    assert {(await office.claim(claim)).status for claim in due} == {"lapsed"}
    assert (await office.claim(other)).status == "held"


async def test_a_hold_only_ever_lives_longer(office: Office) -> None:
    claim = await office.hold(await office.event(1), minutes=15)
    async with office.tx() as tx:
        longer = await bookings.extend(tx, claim.id, START + 30 * MINUTE)
        same = await bookings.extend(tx, claim.id, START + 20 * MINUTE)
    assert longer == same
    assert longer.expires_at == START + 30 * MINUTE
    await office.pass_time(29 * MINUTE)
    assert await office.sweep() == 0
    await office.release(claim)
    async with office.tx() as tx:
        assert (await bookings.extend(tx, claim.id, START + 90 * MINUTE)).expires_at is None
    assert await office.events("claim.extended") == 1


async def test_late_money_takes_the_same_seats_if_they_are_free(office: Office) -> None:
    event = await office.event(2)
    claim = await office.hold(event, 2)
    await office.pass_time(16 * MINUTE)
    await office.sweep()
    assert len(await office.consume(claim)) == 2
    assert (await office.resource(event)).taken == 2


async def test_late_money_is_told_when_the_seats_are_gone(office: Office) -> None:
    event = await office.event(2)
    claim = await office.hold(event, 2)
    await office.pass_time(16 * MINUTE)
    await office.hold(event)
    with pytest.raises(bookings.SoldOut) as refused:
        await office.consume(claim)
    assert refused.value.facts["left"] == 1
    assert (await office.claim(claim)).status == "lapsed"


async def test_late_money_for_what_is_over_is_told_so(office: Office) -> None:
    event = await office.event(2, starts_at=START, ends_at=START + MINUTE * 30)
    claim = await office.hold(event)
    await office.pass_time(31 * MINUTE)
    await office.sweep()
    with pytest.raises(bookings.SoldOut):
        await office.consume(claim)


async def test_a_booking_is_cancelled_in_part_by_number_or_by_ticket_and_then_whole(office: Office) -> None:
    event = await office.event(5)
    claim = await office.hold(event, 5)
    issued = await office.consume(claim)
    after = await office.cancel(claim, quantity=1)
    assert (after.status, after.live) == ("consumed", 4)
    after = await office.cancel(claim, ticket_ids=[issued[0].id, issued[1].id])
    again = await office.cancel(claim, ticket_ids=[issued[0].id])
    assert after.live == again.live == 2
    now = await office.resource(event)
    assert (now.taken, now.going_count) == (2, 2)
    whole = await office.cancel(claim)
    assert (whole.status, (await office.cancel(claim)).status) == ("cancelled", "cancelled")
    assert (await office.resource(event)).going_count == 0
    assert await office.events("attendee.cancelled") == 1
    assert await office.events("ticket.voided") == 5


async def test_a_cancelled_booking_is_booked_again_with_new_tickets(office: Office) -> None:
    event = await office.event(2)
    claim = await office.hold(event, 2)
    first = await office.consume(claim)
    await office.cancel(claim)
    second = await office.consume(claim)
    assert [ticket.number for ticket in second] == [3, 4]
    assert not {ticket.id for ticket in first} & {ticket.id for ticket in second}


async def test_a_cancelled_resource_lets_go_of_what_is_held_and_takes_nothing_more(office: Office) -> None:
    event = await office.event(5)
    held, booked = await office.hold(event, 2), await office.hold(event)
    await office.consume(booked)
    async with office.tx() as tx:
        await bookings.change_resource(tx, event.id, status="cancelled")
    assert (await office.claim(held)).status == "released"
    assert (await office.claim(booked)).status == "consumed"
    with pytest.raises(bookings.ResourceClosed):
        await office.hold(event)
    with pytest.raises(bookings.ResourceClosed):
        await office.consume(held)


async def test_a_capacity_never_falls_below_what_is_held_and_booked(office: Office) -> None:
    event = await office.event(5)
    await office.hold(event, 2)
    await office.consume(await office.hold(event, 2))
    async with office.tx() as tx:
        assert (await bookings.change_resource(tx, event.id, capacity=4)).left == 0
    with pytest.raises(refusals.CapacityBelowBooked):
        async with office.tx() as tx:
            await bookings.change_resource(tx, event.id, capacity=3)


async def test_the_schema_itself_sells_no_seat_twice(office: Office, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    event = await office.event(1)
    await office.hold(event)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE resources SET taken = taken + 1 WHERE id = $1", event.id)


async def test_of_two_at_the_last_seat_exactly_one_has_it(office: Office) -> None:
    for _ in range(10):
        event = await office.event(1)
        tried = await asyncio.gather(office.hold(event), office.hold(event), return_exceptions=True)
        assert sorted(type(each).__name__ for each in tried) == ["Claim", "SoldOut"]


async def test_many_at_few_seats_get_all_of_them_and_no_more(office: Office) -> None:
    event = await office.event(10)
    people = [await office.person() for _ in range(50)]
    tried = await asyncio.gather(*[office.hold(event, customer=person) for person in people], return_exceptions=True)
    assert sum(isinstance(each, bookings.Claim) for each in tried) == 10
    assert sum(isinstance(each, bookings.SoldOut) for each in tried) == 40
    assert (await office.resource(event)).held == 10


async def test_many_at_seats_that_have_just_lapsed_get_all_of_them(office: Office) -> None:
    event = await office.event(10)
    for _ in range(10):
        await office.hold(event)
    await office.pass_time(16 * MINUTE)
    people = [await office.person() for _ in range(30)]
    tried = await asyncio.gather(*[office.hold(event, customer=person) for person in people], return_exceptions=True)
    assert sum(isinstance(each, bookings.Claim) for each in tried) == 10
    assert sum(isinstance(each, bookings.SoldOut) for each in tried) == 20


async def test_a_claim_consumed_and_swept_at_once_is_one_or_the_other(office: Office) -> None:
    for _ in range(10):
        event = await office.event(1)
        claim = await office.hold(event, minutes=15)
        await office.pass_time(15 * MINUTE)
        tickets, _, again = await asyncio.gather(office.consume(claim), office.sweep(), office.consume(claim))
        assert tickets == again
        now = await office.resource(event)
        assert (now.held, now.taken) == (0, 1)


async def test_a_failure_anywhere_leaves_neither_booking_nor_ticket(office: Office) -> None:
    """CW6, ET8"""
    event = await office.event(5)
    claim = await office.hold(event, 2)

    async def pay() -> None:
        async with office.tx() as tx:
            await bookings.consume(tx, claim.id, order_id=None)
            raise RuntimeError("the debit failed")

    with pytest.raises(RuntimeError):
        await pay()
    now = await office.resource(event)
    assert (now.held, now.taken, now.going_count) == (2, 0, 0)
    assert await office.events("ticket.issued") == 0


async def test_a_meal_gives_tickets_and_no_list_of_guests(office: Office) -> None:
    meal = await office.event(3, kind="meal")
    assert len(await office.consume(await office.hold(meal, 2))) == 2
    now = await office.resource(meal)
    assert (now.taken, now.going_count) == (2, 0)
    with pytest.raises(refusals.NoAttendees):
        async with office.tx() as tx:
            await bookings.invite(tx, meal.id, await office.person())


async def test_bad_input_is_refused_by_name(office: Office) -> None:
    event, person = await office.event(5, ends_at=START + DAY), await office.person()
    for quantity in (0, -1, MAX_QUANTITY + 1, 2**70):
        with pytest.raises(bookings.QuantityOutOfRange) as odd:
            await office.hold(event, quantity, customer=person)
        assert odd.value.loc == ("body", "quantity")
    with pytest.raises(bookings.PeriodNotTaken):
        await office.hold(event, days=(0, 1), customer=person)
    for minutes in (0, -5, 60 * 24 * 61):
        with pytest.raises(bookings.HoldNotAhead):
            await office.hold(event, customer=person, minutes=minutes)
    async with office.tx() as tx:
        with pytest.raises(bookings.ResourceUnknown):
            await bookings.hold(tx, Ask(resource_id=uuid4(), customer_id=person, purpose="t"), until=START + MINUTE)
        with pytest.raises(bookings.ClaimUnknown):
            await bookings.consume(tx, uuid4(), order_id=None)
        with pytest.raises(bookings.ClaimUnknown):
            await bookings.extend(tx, uuid4(), START + MINUTE)
    await office.pass_time(DAY)
    with pytest.raises(bookings.ResourceOver):
        await office.hold(event, customer=person)


async def test_a_claim_that_one_order_has_booked_is_booked_by_no_other(office: Office) -> None:
    claim, order_id = await office.hold(await office.event(3)), new_id()
    issued = await office.consume(claim, order_id)
    with pytest.raises(bookings.ClaimTaken):
        await office.consume(claim, new_id())
    assert await office.consume(claim, order_id) == issued
