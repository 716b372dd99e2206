"""Tickets and storage over two instances at once: no seat is sold twice, no free one refused, no money taken for nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from concurrency.many import Ask, Many, statuses
from tenancy_fixtures import TestTenant
from vezne import bookings, catalog
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id

PRICE, FUNDS = 700, 10_000_000
SEATS, BUYERS = 3, 12
ROUNDS = 8
DAY = datetime(2031, 5, 1, tzinfo=UTC)


class Hall:
    """What is for sale, and who wants it."""

    def __init__(self, many: Many, db: Database, tenant: TestTenant) -> None:
        self.many, self.db, self.tenant = many, db, tenant
        self.wallets: dict[str, str] = {}
        self.item: UUID | None = None

    async def open(self, buyers: int) -> None:
        """Buyers with money, and one price."""
        for _ in range(buyers):
            wallet = await self.many.wallet(FUNDS)
            self.wallets[(await self.many.shown(wallet))["customer_id"]] = wallet
        async with self.db.transaction(self.tenant.principal) as tx:
            self.item = (await catalog.create_item(tx, catalog.NewItem(name="Seat", prices={"TRY": PRICE}))).id

    async def event(self, capacity: int) -> UUID:
        """Seats for sale."""
        async with self.db.transaction(self.tenant.principal) as tx:
            made = await bookings.create_resource(tx, kind="event", name="Concert", capacity=capacity, item_id=self.item)
        return made.id

    async def pool(self, units: int) -> UUID:
        """Storage units for rent."""
        async with self.db.transaction(self.tenant.principal) as tx:
            made = await bookings.create_resource(tx, kind="storage", name="Depot", item_id=self.item)
            await bookings.add_units(tx, made.id, [f"Unit {number}" for number in range(units)])
        return made.id

    def order(self, customer: str, resource: UUID, key: str | None = None, **line: object) -> Ask:
        """Ask for it, to be paid from the wallet at once."""
        asked = {"kind": "booking", "resource_id": public_id("rsc", resource), **line}
        body = {"customer_id": customer, "currency": "TRY", "lines": [asked], "tenders": [{"kind": "wallet"}]}
        return "POST", "/v1/orders", body, key

    async def spent(self) -> int:
        """What all buyers have paid."""
        shown = [await self.many.shown(wallet) for wallet in self.wallets.values()]
        assert all(wallet["held_minor"] == 0 for wallet in shown)
        return sum(FUNDS - wallet["balance_minor"] for wallet in shown)

    async def booked(self, resource: UUID) -> tuple[int, int]:
        """Seats taken, and tickets that are valid."""
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            taken = (await bookings.resource(tx, resource)).taken
            tickets = await tx.fetchval(
                "SELECT count(*) FROM tickets WHERE tenant_id = $1 AND resource_id = $2 AND status = 'valid'",
                tx.tenant_id,
                resource,
            )
        return taken, tickets


@pytest.fixture
def hall(many: Many, db: Database, tenant: TestTenant) -> Hall:
    return Hall(many, db, tenant)


async def test_the_last_seats_are_sold_once_each_and_the_rest_are_told_so(hall: Hall) -> None:
    many = hall.many
    many.figures.promise("sold", "sold out")
    await hall.open(BUYERS)
    for _ in many.rounds(ROUNDS):
        event = await hall.event(SEATS)
        answers = await many.at_once(*[hall.order(customer, event) for customer in hall.wallets])
        assert statuses(answers) == {201: SEATS, 409: BUYERS - SEATS}
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"sold_out"}
        assert {answer.json()["order"]["status"] for answer in answers if answer.status_code == 201} == {"fulfilled"}
        assert await hall.booked(event) == (SEATS, SEATS)
        many.figures["sold"] += SEATS
        many.figures["sold out"] += BUYERS - SEATS
    assert await hall.spent() == many.figures["sold"] * PRICE


async def test_baskets_of_several_seats_fill_the_hall_and_never_more(hall: Hall) -> None:
    many = hall.many
    many.figures.promise("sold", "sold out")
    await hall.open(BUYERS)
    for _ in many.rounds(ROUNDS):
        event = await hall.event(10)
        wanted = {customer: many.random.randint(1, 4) for customer in hall.wallets}
        answers = await many.at_once(*[hall.order(customer, event, quantity=count) for customer, count in wanted.items()])
        got = [count for count, answer in zip(wanted.values(), answers, strict=True) if answer.status_code == 201]
        refused = [count for count, answer in zip(wanted.values(), answers, strict=True) if answer.status_code != 201]
        assert await hall.booked(event) == (sum(got), sum(got))
        assert all(count > 10 - sum(got) for count in refused)  # nobody was refused what is still free
        many.figures["sold"] += sum(got)
        many.figures["sold out"] += len(refused)
    assert await hall.spent() == many.figures["sold"] * PRICE


async def test_the_last_unit_goes_to_one_of_those_whose_days_overlap(hall: Hall) -> None:
    many = hall.many
    many.figures.promise("rented", "none free")
    await hall.open(8)
    for _ in many.rounds(ROUNDS):
        depot = await hall.pool(1)
        asks = [
            hall.order(
                customer,
                depot,
                starts_at=(DAY + timedelta(days=number % 3)).isoformat(),
                ends_at=(DAY + timedelta(days=5)).isoformat(),
            )
            for number, customer in enumerate(hall.wallets)
        ]
        answers = await many.at_once(*asks)
        assert statuses(answers) == {201: 1, 409: 7}
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"no_unit_free"}
        many.figures["rented"] += 1
        many.figures["none free"] += 7
    assert await hall.spent() == many.figures["rented"] * PRICE


async def test_no_free_unit_is_refused_while_others_are_being_rented(hall: Hall) -> None:
    many = hall.many
    await hall.open(8)
    for _ in many.rounds(ROUNDS):
        depot = await hall.pool(8)
        stay: dict[str, Any] = {"starts_at": DAY.isoformat(), "ends_at": (DAY + timedelta(days=2)).isoformat()}
        answers = await many.at_once(*[hall.order(customer, depot, **stay) for customer in hall.wallets])
        assert statuses(answers) == {201: 8}
        many.figures["rented"] += 8


async def test_one_click_too_many_buys_one_seat(hall: Hall) -> None:
    many = hall.many
    many.figures.promise("replayed")
    await hall.open(2)
    for number in many.rounds(ROUNDS):
        event = await hall.event(5)
        asks = [hall.order(customer, event, key=f"{number}-{customer}") for customer in hall.wallets for _ in range(4)]
        answers = await many.at_once(*asks)
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_key_in_flight", "busy"}
        assert await hall.booked(event) == (2, 2)
        many.figures["replayed"] += sum("idempotency-replayed" in answer.headers for answer in answers)
    assert await hall.spent() == many.figures["rounds"] * 2 * PRICE
