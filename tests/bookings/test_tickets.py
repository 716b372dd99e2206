"""Tickets: a signed code that anybody can verify offline, passed on, and good for one entry."""

import asyncio
import base64
from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bookings_fixtures import DAY, MINUTE, START, Office
from tenancy_fixtures import TenantMaker
from vezne import bookings
from vezne.bookings import CheckedIn, Resource, Ticket, refusals
from vezne.bookings.codes import public_keys, read_code
from vezne.kernel.clock import hold as hold_clock
from vezne.kernel.vault import Vault

Issued = tuple[Resource, Ticket]


@pytest.fixture
async def issued(office: Office) -> Issued:
    """A ticket for an event that ends in a day."""
    event = await office.event(5, starts_at=START, ends_at=START + DAY)
    return event, (await office.consume(await office.hold(event)))[0]


async def code_of(office: Office, ticket: Ticket) -> str:
    """The ticket's code."""
    async with office.tx() as tx:
        return await bookings.ticket_code(tx, await bookings.ticket(tx, ticket.id))


async def scan(office: Office, code: str, nonce: str = "scanner-1", resource: Resource | None = None) -> CheckedIn:
    """Somebody at the door."""
    async with office.tx() as tx:
        return await bookings.check_in(tx, code, nonce, resource_id=None if resource is None else resource.id)


async def test_a_code_is_verified_offline_with_the_public_keys_and_names_no_person(office: Office, issued: Issued) -> None:
    event, ticket = issued
    code = await code_of(office, ticket)
    assert code == await code_of(office, ticket)
    (key,) = public_keys(office.db.vault)["keys"]
    assert key["kid"] == jwt.get_unverified_header(code)["kid"]
    said = jwt.decode(code, jwt.PyJWK(key).key, ["EdDSA"], options={"verify_nbf": False, "verify_exp": False})
    assert set(said) == {"ten", "sub", "rsc", "ver", "nbf", "exp"}
    assert said["exp"] == int((START + DAY).timestamp())
    assert len(code) < 420
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(code, Ed25519PrivateKey.generate().public_key(), ["EdDSA"])
    assert read_code(office.db.vault, code).resource_id == event.id


async def test_codes_of_a_former_master_key_still_open_the_door(office: Office, issued: Issued) -> None:
    code = await code_of(office, issued[1])
    former = office.db.vault
    office.db.vault = Vault((*Vault().masters, *former.masters))
    assert await code_of(office, issued[1]) != code
    assert (await scan(office, code)).ticket.id == issued[1].id
    assert len(public_keys(office.db.vault)["keys"]) == 2
    office.db.vault = Vault()
    with pytest.raises(refusals.CodeNotOurs):
        await scan(office, code, "scanner-2")


async def test_the_first_scan_lets_in_and_the_second_says_when_that_was(office: Office, issued: Issued) -> None:
    event, ticket = issued
    code = await code_of(office, ticket)
    done = await scan(office, code, resource=event)
    assert done.ticket.checked_in_at == START
    await office.pass_time(5 * MINUTE)
    assert await scan(office, code, resource=event) == done
    with pytest.raises(refusals.AlreadyCheckedIn) as refused:
        await scan(office, code, "scanner-2")
    assert START.isoformat() in refused.value.detail
    assert await office.events("ticket.checked_in") == 1
    async with office.tx() as tx:
        (record,) = await bookings.attendance_page(tx, event.id, limit=5)
    assert (record.status, record.attended_at) == ("attended", START)


async def test_a_nonce_is_one_scan_of_one_ticket(office: Office, issued: Issued) -> None:
    event, ticket = issued
    other = (await office.consume(await office.hold(event)))[0]
    await scan(office, await code_of(office, ticket))
    with pytest.raises(refusals.NonceUsed):
        await scan(office, await code_of(office, other))


async def test_scanned_twice_at_once_it_lets_in_once(office: Office) -> None:
    event = await office.event(10)
    for ticket in await office.consume(await office.hold(event, 10)):
        code = await code_of(office, ticket)
        tried = await asyncio.gather(
            *[scan(office, code, f"nonce-{ticket.number}-{n}") for n in range(3)], return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in tried) == ["AlreadyCheckedIn", "AlreadyCheckedIn", "CheckedIn"]


async def test_another_door_another_tenant_and_a_tampered_code_are_refused(
    office: Office, issued: Issued, make_tenant: TenantMaker
) -> None:
    _, ticket = issued
    code = await code_of(office, ticket)
    with pytest.raises(refusals.TicketElsewhere):
        await scan(office, code, resource=await office.event(5))
    stranger = Office(office.db, await make_tenant())
    with pytest.raises(refusals.TicketUnknown):
        await scan(stranger, code)
    head, body, signature = code.split(".")
    forged = base64.urlsafe_b64encode(base64.urlsafe_b64decode(body + "==").replace(b'"ver":1', b'"ver":2')).decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    for bad in (f"{head}.{forged.rstrip('=')}.{signature}", code[:-6] + "AAAAAA", f"{none}.{body}.", "", "a.b.c", "\u202e" * 9):
        with pytest.raises(refusals.CodeNotOurs):
            await scan(office, bad)


async def test_a_ticket_is_not_good_after_the_end(office: Office, issued: Issued) -> None:
    code = await code_of(office, issued[1])
    await office.pass_time(DAY)
    with pytest.raises(refusals.TicketOver):
        await scan(office, code)


async def test_a_ticket_passed_on_has_a_new_code_and_the_old_one_is_void(office: Office, issued: Issued) -> None:
    event, ticket = issued
    old, friend = await code_of(office, ticket), await office.person()
    async with office.tx() as tx:
        passed = await bookings.transfer_ticket(tx, ticket.id, friend)
        assert passed == replace(ticket, customer_id=friend, version=2)
        assert await bookings.transfer_ticket(tx, ticket.id, friend) == passed
    with pytest.raises(refusals.TicketSuperseded):
        await scan(office, old)
    assert (await scan(office, await code_of(office, ticket))).ticket.customer_id == friend
    with pytest.raises(refusals.TicketUsed):
        async with office.tx() as tx:
            await bookings.transfer_ticket(tx, ticket.id, await office.person())
    async with office.tx() as tx:
        people = {each.customer_id: each.status for each in await bookings.attendees_page(tx, event.id, limit=5)}
    assert people == {ticket.customer_id: "cancelled", friend: "going"}
    assert (await office.resource(event)).going_count == 1


async def test_a_cancelled_ticket_is_void_and_has_no_code(office: Office) -> None:
    event = await office.event(2)
    claim = await office.hold(event, 2)
    first, second = await office.consume(claim)
    code = await code_of(office, first)
    await office.cancel(claim, ticket_ids=[first.id])
    with pytest.raises(refusals.TicketVoid):
        await scan(office, code)
    with pytest.raises(refusals.TicketVoid):
        await code_of(office, first)
    with pytest.raises(refusals.TicketVoid):
        async with office.tx() as tx:
            await bookings.transfer_ticket(tx, first.id, await office.person())
    await scan(office, await code_of(office, second))


async def test_a_used_ticket_is_not_given_back(office: Office) -> None:
    event = await office.event(3)
    claim = await office.hold(event, 3)
    first, *_ = await office.consume(claim)
    await scan(office, await code_of(office, first))
    for what in ({}, {"ticket_ids": [first.id]}, {"quantity": 3}):
        with pytest.raises(refusals.TicketUsed):
            await office.cancel(claim, **what)
    assert (await office.cancel(claim, quantity=2)).live == 1
    other = (await office.consume(await office.hold(event)))[0]
    with pytest.raises(refusals.TicketsNotOfClaim):
        await office.cancel(claim, ticket_ids=[other.id])


async def test_a_ticket_passed_on_and_scanned_at_once_is_one_or_the_other(office: Office) -> None:
    event = await office.event(10)
    for ticket in await office.consume(await office.hold(event, 10)):
        code, friend = await code_of(office, ticket), await office.person()

        async def give(ticket: Ticket = ticket, friend: object = friend) -> Ticket:
            async with office.tx() as tx:
                return await bookings.transfer_ticket(tx, ticket.id, friend)  # type: ignore[arg-type]

        tried = await asyncio.gather(scan(office, code, f"n-{ticket.id}"), give(), return_exceptions=True)
        assert sum(isinstance(each, Exception) for each in tried) == 1


async def test_the_clock_that_counts_is_the_tenants(office: Office) -> None:
    event = await office.event(1, ends_at=START + 400 * DAY)
    ticket = (await office.consume(await office.hold(event)))[0]
    code = await code_of(office, ticket)
    async with office.tx() as tx:
        await hold_clock(tx, START + 399 * DAY)
    assert (await scan(office, code)).check_in.checked_in_at == START + 399 * DAY
