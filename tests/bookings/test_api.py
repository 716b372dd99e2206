"""Bookings over HTTP, as a host's application and a scanner at the door use them."""

from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest

from bookings_fixtures import DAY, MINUTE, START, Office
from vezne import bookings, identity
from vezne.app.schedule import SCHEDULE
from vezne.bookings import refusals
from vezne.bookings.jobs import expire_due
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.principal import Principal


class Host:
    """A host's application."""

    def __init__(self, office: Office, http: httpx2.AsyncClient) -> None:
        self.office, self.http = office, http

    async def ask(self, method: str, path: str, expected: int, body: object = None, /, **params: str | int) -> dict[str, Any]:
        """A request and its answer, which has this status."""
        answer = await self.http.request(method, path, json=body, params=params, headers=self.office.tenant.headers)
        assert answer.status_code == expected, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def post(self, path: str, body: object = None, status: int = 201) -> dict[str, Any]:
        """POST."""
        return await self.ask("POST", path, status, body)

    async def get(self, path: str, expected: int = 200, /, **params: str | int) -> dict[str, Any]:
        """GET."""
        return await self.ask("GET", path, expected, None, **params)

    async def customer(self) -> str:
        """A new customer."""
        return public_id("cus", await self.office.person())


@pytest.fixture
def host(office: Office, http: httpx2.AsyncClient) -> Host:
    """The host of the office."""
    return Host(office, http)


async def test_an_event_from_opening_to_the_door(host: Host) -> None:
    """ET8"""
    asked = {"kind": "event", "name": "Konser", "capacity": 2, "ends_at": (START + DAY).isoformat(), "metadata": {"hall": "A"}}
    event = await host.post("/v1/resources", asked)
    assert (event["left"], event["manner"], event["metadata"]) == (2, "counted", {"hall": "A"})
    guest = await host.customer()
    booked = await host.post(f"/v1/resources/{event['id']}/registrations", {"customer_id": guest})
    (ticket,) = booked["tickets"]
    code = (await host.get(f"/v1/tickets/{ticket['id']}/code"))["code"]
    keys = (await host.http.get("/v1/ticket-keys")).json()["keys"]
    assert jwt.decode(code, jwt.PyJWK(keys[0]).key, ["EdDSA"], options={"verify_nbf": False})["sub"] == ticket["id"]
    entry = {"code": code, "nonce": "gate-1-0001", "resource_id": event["id"]}
    first = await host.post("/v1/check-ins", entry)
    assert first == await host.post("/v1/check-ins", entry)
    assert (first["resource_name"], first["ticket"]["customer_id"]) == ("Konser", guest)
    again = await host.post("/v1/check-ins", entry | {"nonce": "gate-2-0001"}, 409)
    assert again["code"] == "already_checked_in"
    assert START.isoformat() in again["detail"]
    assert [each["id"] for each in (await host.get("/v1/check-ins", resource_id=event["id"]))["data"]] == [first["id"]]
    (record,) = (await host.get(f"/v1/resources/{event['id']}/attendance"))["data"]
    assert (record["status"], record["ticket_id"]) == ("attended", ticket["id"])
    assert (await host.get(f"/v1/resources/{event['id']}"))["going_count"] == 1


async def test_a_ticket_is_drawn_as_svg_and_png(host: Host) -> None:
    event = await host.office.event(1)
    (ticket,) = await host.office.consume(await host.office.hold(event))
    path = f"/v1/tickets/{public_id('tkt', ticket.id)}/qr"
    svg = await host.http.get(path, headers=host.office.tenant.headers)
    png = await host.http.get(path, params={"format": "png", "scale": 2}, headers=host.office.tenant.headers)
    assert (svg.headers["content-type"], svg.content[:4] in {b"<?xm", b"<svg"}) == ("image/svg+xml", True)
    assert (png.headers["content-type"], png.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    wrong = await host.get(path, 422, format="gif")
    assert wrong["errors"][0]["loc"] == ["query", "format"]


async def test_a_pool_its_units_and_what_is_free_on_days_of_the_tenants_zone(host: Host) -> None:
    pool = await host.post("/v1/resources", {"kind": "storage", "name": "Depo"})
    units = (await host.post(f"/v1/resources/{pool['id']}/units", {"names": ["A1", "A2"]}))["data"]
    days = {"checkin_date": "2031-05-10", "checkout_date": "2031-05-12"}
    free = await host.get(f"/v1/resources/{pool['id']}/availability", **days)
    assert (free["free"], free["starts_at"], free["ends_at"]) == (2, "2031-05-09T21:00:00Z", "2031-05-11T21:00:00Z")
    held = await host.post("/v1/claims", {"resource_id": pool["id"], "customer_id": await host.customer(), **days})
    assert held["starts_at"] == free["starts_at"]
    assert held["expires_at"] == (START + 15 * MINUTE).isoformat().replace("+00:00", "Z")
    other = next(unit for unit in units if unit["id"] != held["unit_id"])
    await host.ask("PATCH", f"/v1/units/{other['id']}", 200, {"in_service": False})
    assert (await host.get(f"/v1/resources/{pool['id']}/availability", **days))["free"] == 0
    refused = await host.post("/v1/claims", {"resource_id": pool["id"], "customer_id": await host.customer(), **days}, 409)
    assert refused["code"] == "no_unit_free"
    backwards = {"checkin_date": "2031-05-12", "checkout_date": "2031-05-10"}
    wrong = await host.post("/v1/claims", {"resource_id": pool["id"], "customer_id": await host.customer(), **backwards}, 400)
    assert wrong["errors"][0]["loc"] == ["body", "checkout_date"]
    assert (await host.post(f"/v1/claims/{held['id']}/releases"))["status"] == "released"
    listed = await host.get(f"/v1/resources/{pool['id']}/units", status="out_of_service")
    assert [unit["id"] for unit in listed["data"]] == [other["id"]]


async def test_lists_come_in_pages(host: Host) -> None:
    event = await host.office.event(9)
    for _ in range(3):
        await host.office.consume(await host.office.hold(event, 2))
    for path, size in (("/v1/claims", 3), ("/v1/tickets", 6), (f"/v1/resources/{public_id('rsc', event.id)}/attendees", 3)):
        seen: list[str] = []
        page = await host.get(path, limit=2)
        while True:
            seen += [each["id"] for each in page["data"]]
            if not page["has_more"]:
                break
            page = await host.get(path, limit=2, after=page["next"])
        assert len(seen) == len(set(seen)) == size
        assert seen == sorted(seen, reverse=True)
        assert (await host.get(path, 422, after="bm9uc2Vuc2U"))["code"] == "cursor_unknown"


async def test_what_an_order_has_paid_is_not_given_back_by_hand(host: Host) -> None:
    event = await host.office.event(3)
    paid, free = await host.office.hold(event), await host.office.hold(event)
    await host.office.consume(paid, uuid4())
    await host.office.consume(free)
    refused = await host.post(f"/v1/claims/{public_id('clm', paid.id)}/cancellations", {}, 409)
    assert refused["code"] == "claim_of_order"
    assert (await host.post(f"/v1/claims/{public_id('clm', free.id)}/cancellations", {}))["status"] == "cancelled"


async def test_bad_bodies_name_their_field(host: Host) -> None:
    event = public_id("rsc", (await host.office.event(3)).id)
    guest = await host.customer()
    wrong: list[tuple[str, dict[str, object], str, int]] = [
        ("/v1/resources", {"kind": "yacht", "name": "x"}, "kind", 422),
        ("/v1/resources", {"kind": "event", "name": "x"}, "capacity", 422),
        ("/v1/resources", {"kind": "storage", "name": "x", "capacity": 3}, "capacity", 422),
        ("/v1/resources", {"kind": "event", "name": "x", "capacity": -1}, "capacity", 422),
        ("/v1/resources", {"kind": "storage", "name": "x", "waiting_list": True}, "waiting_list", 422),
        ("/v1/resources", {"kind": "event", "name": "  ", "capacity": 1}, "name", 422),
        (
            "/v1/resources",
            {"kind": "event", "name": "x", "capacity": 1, "starts_at": "2031-05-02T00:00:00Z", "ends_at": "2031-05-01T00:00:00Z"},
            "ends_at",
            422,
        ),
        ("/v1/claims", {"resource_id": event, "customer_id": guest, "quantity": 0}, "quantity", 422),
        ("/v1/claims", {"resource_id": event, "customer_id": guest, "quantity": 10**12}, "quantity", 422),
        ("/v1/claims", {"resource_id": event, "customer_id": guest, "quantity": "2"}, "quantity", 422),
        ("/v1/claims", {"resource_id": event, "customer_id": guest, "starts_at": "2031-05-02T00:00:00Z"}, "starts_at", 422),
        ("/v1/claims", {"resource_id": event, "customer_id": guest, "expires_at": "2031-04-01T00:00:00Z"}, "expires_at", 422),
        ("/v1/claims", {"resource_id": event, "customer_id": guest, "checkin_date": "2031-02-30"}, "checkin_date", 422),
        (f"/v1/resources/{event}/attendees", {"customer_id": guest, "by": "force"}, "by", 422),
        ("/v1/check-ins", {"code": "x" * 50, "nonce": "short"}, "nonce", 422),
        ("/v1/check-ins", {"code": "x" * 50, "nonce": "long-enough"}, "code", 422),
    ]
    for path, body, field, status in wrong:
        refused = await host.post(path, body, status)
        assert refused["errors"][0]["loc"] == ["body", field], (path, body, refused)
    nobody = public_id("cus", uuid4())
    missing = await host.post("/v1/claims", {"resource_id": event, "customer_id": nobody}, 404)
    assert missing["code"] == "customer_not_found"


async def test_a_partner_sees_and_books_its_own_alone(host: Host) -> None:
    office = host.office
    async with office.tx() as tx:
        mine, other = [(await identity.create_payee(tx, name=name))[0] for name in ("Ada", "Can")]
    own, foreign = await office.event(3, payee_id=mine.id), await office.event(3, payee_id=other.id)
    claims = [await office.hold(event) for event in (own, foreign)]
    tickets = [(await office.consume(claim))[0] for claim in claims]
    partner = Principal(office.tenant.tenant_id, "staff:ada", "staff", identity.ROLES["partner"], payee_id=mine.id)
    async with office.tx(partner) as tx:
        assert [each.id for each in await bookings.resources_page(tx, limit=9)] == [own.id]
        assert [each.id for each in await bookings.claims_page(tx, limit=9)] == [claims[0].id]
        assert [each.id for each in await bookings.tickets_page(tx, limit=9)] == [tickets[0].id]
        for refusal, look in (
            (bookings.ResourceUnknown, bookings.resource(tx, foreign.id)),
            (bookings.ClaimUnknown, bookings.claim(tx, claims[1].id)),
            (refusals.TicketUnknown, bookings.ticket(tx, tickets[1].id)),
            (bookings.ResourceUnknown, bookings.attendees_page(tx, foreign.id, limit=9)),
            (bookings.ResourceUnknown, bookings.waiting_page(tx, foreign.id, limit=9)),
            (bookings.ResourceUnknown, bookings.change_resource(tx, foreign.id, name="mine")),
        ):
            with pytest.raises(refusal):
                await look
        made = await bookings.create_resource(tx, kind="event", name="Yeni", capacity=1, payee_id=other.id)
        assert made.payee_id == mine.id


async def test_the_job_ends_what_is_due_and_says_so_once(office: Office, db: Database) -> None:
    events = [await office.event(2) for _ in range(3)]
    for event in events:
        await office.hold(event)
        await office.hold(event)
    await office.pass_time(15 * MINUTE)
    call = JobCall("bookings.expire_due", office.tenant.tenant_id)
    await expire_due(db, call)
    await expire_due(db, call)
    assert await office.events("claim.lapsed") == 6
    assert {(await office.resource(event)).left for event in events} == {2}


async def test_the_schedule_finds_the_tenant_that_has_something_due(office: Office, db: Database) -> None:
    sweep = next(each for each in SCHEDULE if each.job == "bookings.expire_due")

    async def due() -> bool:
        async with db.connection() as connection:
            tenants = "SELECT tenants.tenant_id FROM tenants LEFT JOIN clocks ON clocks.tenant_id = tenants.tenant_id WHERE "
            rows = await connection.fetch(tenants + sweep.due, START)
        return office.tenant.tenant_id in {row["tenant_id"] for row in rows}

    await office.hold(await office.event(1), minutes=10)
    assert not await due()
    await office.pass_time(10 * MINUTE)
    assert await due()
    await office.sweep()
    assert not await due()
    pool = await office.pool(1)
    await office.consume(await office.hold(pool, days=(1, 2)))
    assert not await due()
    await office.pass_time(3 * DAY)
    assert await due()
    await office.sweep()
    assert not await due()
