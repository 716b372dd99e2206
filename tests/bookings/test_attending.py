"""Requests and invitations; and that nobody goes to what has a price before it is paid."""

from uuid import UUID

import pytest

from bookings_fixtures import Office
from vezne import bookings
from vezne.bookings import Attendee, Resource, refusals


async def ask(office: Office, event: Resource, customer: UUID, by: str) -> Attendee:
    """Somebody is invited or requests."""
    async with office.tx() as tx:
        return await {"invite": bookings.invite, "request": bookings.request}[by](tx, event.id, customer)


async def answer(office: Office, who: Attendee, by: str) -> Attendee:
    """What is said to that."""
    acts = {
        "accept": bookings.accept,
        "approve": bookings.approve,
        "decline": bookings.decline,
        "confirm": bookings.confirm_attendance,
    }
    async with office.tx() as tx:
        return await acts[by](tx, who.id)


@pytest.mark.parametrize(("admission", "by", "yes"), [("invite", "invite", "accept"), ("request", "request", "approve")])
async def test_before_the_order_is_paid_nobody_goes_has_a_ticket_or_confirms(
    office: Office, admission: str, by: str, yes: str
) -> None:
    """ET9"""
    event = await office.event(5, item_id=await office.item(), admission=admission)
    person = await office.person()
    with pytest.raises(bookings.AdmissionNeeded):
        await office.hold(event, customer=person)
    who = await ask(office, event, person, by)
    with pytest.raises(bookings.AdmissionNeeded):
        await office.hold(event, customer=person)
    accepted = await answer(office, who, yes)
    assert accepted == await answer(office, who, yes)
    assert (accepted.status, accepted.seats) == ("accepted", 0)
    claim = await office.hold(event, 2, customer=person)
    with pytest.raises(bookings.PaymentRequired):
        await answer(office, who, "confirm")
    async with office.tx() as tx:
        assert await bookings.tickets_of(tx, [claim.id]) == []
        assert await bookings.attendance_page(tx, event.id, limit=5) == []
    assert (await office.resource(event)).going_count == 0
    await office.consume(claim)
    going = await answer(office, who, "confirm")
    assert (going.status, going.seats) == ("going", 2)
    async with office.tx() as tx:
        records = await bookings.attendance_page(tx, event.id, limit=5)
    assert [record.status for record in records] == ["confirmed", "confirmed"]
    assert (await office.resource(event)).going_count == 2


async def test_what_has_a_price_is_not_booked_by_registering(office: Office) -> None:
    event = await office.event(5, item_id=await office.item())
    with pytest.raises(bookings.PaymentRequired):
        async with office.tx() as tx:
            await bookings.register(tx, event.id, await office.person())


async def test_what_is_free_is_booked_at_once(office: Office) -> None:
    event = await office.event(3, admission="invite")
    who = await ask(office, event, await office.person(), "invite")
    assert (await answer(office, who, "accept")).status == "going"
    other = await ask(office, event, await office.person(), "invite")
    assert (await answer(office, other, "decline")).status == "declined"
    assert (await office.resource(event)).going_count == 1
    assert (await answer(office, who, "confirm")).seats == 1
    open_event = await office.event(3)
    async with office.tx() as tx:
        claim, tickets = await bookings.register(tx, open_event.id, other.customer_id, 2)
    assert (claim.status, len(tickets)) == ("consumed", 2)


async def test_an_invitation_meets_a_request(office: Office) -> None:
    event = await office.event(5, item_id=await office.item(), admission="request")
    first, second = await office.person(), await office.person()
    await ask(office, event, first, "request")
    assert (await ask(office, event, first, "invite")).status == "accepted"
    await ask(office, event, second, "invite")
    assert (await ask(office, event, second, "request")).status == "accepted"
    assert await office.events("attendee.accepted") == 2
    with pytest.raises(refusals.AlreadyInvolved):
        await ask(office, event, second, "request")


async def test_only_the_host_asks_where_it_is_by_invitation(office: Office) -> None:
    event, person = await office.event(5, admission="invite"), await office.person()
    with pytest.raises(bookings.AdmissionNeeded):
        await ask(office, event, person, "request")


async def test_answers_fit_the_question(office: Office) -> None:
    event = await office.event(5, item_id=await office.item(), admission="request")
    asked = await ask(office, event, await office.person(), "request")
    invited = await ask(office, event, await office.person(), "invite")
    for who, act in ((asked, "accept"), (invited, "approve")):
        with pytest.raises(refusals.AttendeeNotAt):
            await answer(office, who, act)
    declined = await answer(office, asked, "decline")
    assert declined == await answer(office, asked, "decline")
    with pytest.raises(refusals.AlreadyInvolved):
        await ask(office, event, asked.customer_id, "request")
    assert (await ask(office, event, asked.customer_id, "invite")).status == "invited"
    await answer(office, invited, "accept")
    await office.consume(await office.hold(event, customer=invited.customer_id))
    with pytest.raises(refusals.AttendeeNotAt):
        await answer(office, invited, "decline")


async def test_who_gave_the_ticket_back_does_not_go(office: Office) -> None:
    event, person = await office.event(5), await office.person()
    claim, other = await office.hold(event, 2, customer=person), await office.hold(event, customer=person)
    await office.consume(claim)
    await office.consume(other)
    await office.cancel(claim)
    async with office.tx() as tx:
        (who,) = await bookings.attendees_page(tx, event.id, limit=5)
    assert (who.status, who.seats) == ("going", 1)
    await office.cancel(other)
    with pytest.raises(refusals.AttendeeNotAt):
        await answer(office, who, "confirm")
