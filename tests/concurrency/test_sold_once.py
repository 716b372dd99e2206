"""A seat paid by card: told of from all sides at once, refunded from several sides, paid out twice. It happens once."""

import asyncio
import os
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest_asyncio

from desk_fixtures import Desk
from figures_fixtures import Figures
from vezne import bookings, catalog, identity, orders, payments, settlements
from vezne.kernel.errors import Refusal
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal

ROUNDS = int(os.environ.get("VEZNE_ROUNDS", "5"))
PRICE, FEE = 9_000, 900
SEATS = 2


class Box:
    """A box office that sells seats of a host's event by card."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.payee: UUID
        self.event: UUID

    async def open(self) -> None:
        """An event of a host's, its commission 10 %."""
        async with self.desk.db.transaction(self.desk.principal) as tx:
            await identity.change_tenant(tx, settings={"commission_rate": 1_000})
            made, _ = await identity.create_payee(
                tx, name="Host", country="TR", account_holder="Host", iban="TR330006100519786457841326"
            )
            self.payee = made.id
            item = await catalog.create_item(tx, catalog.NewItem(name="Seat", prices={"TRY": PRICE}, payee_id=made.id))
            event = await bookings.create_resource(tx, kind="event", name="Play", capacity=1_000_000, item_id=item.id)
            self.event = event.id

    async def place(self) -> orders.Placed:
        """Seats held for a new customer, to be paid by card."""
        customer = await self.desk.customer()
        async with self.desk.db.transaction(self.desk.principal) as tx:
            line = orders.BookingDetails(kind="booking", resource_id=self.event, quantity=SEATS)
            return await orders.place(tx, customer, [line], currency="TRY", expires_after=timedelta(minutes=20))

    async def paid_at_the_bank(self) -> orders.Placed:
        """An order whose customer has paid; we may or may not have been told."""
        placed = await self.place()
        assert placed.payment is not None
        await self.desk.sandbox.play(await self.desk.start(placed.payment.id))
        return placed

    async def sold(self) -> orders.Placed:
        """An order that is paid and fulfilled."""
        placed = await self.paid_at_the_bank()
        assert placed.payment is not None
        await self.desk.finalise(placed.payment.id)
        return placed

    async def count(self, table: str, status: str) -> int:
        """Rows of the tenant in a status."""
        return int(
            await self.desk.owner.fetchval(
                f"SELECT count(*) FROM {table} WHERE tenant_id = $1 AND status = $2", self.desk.tenant.tenant_id, status
            )
        )


@pytest_asyncio.fixture
async def box(desk: Desk) -> Box:
    made = Box(desk)
    await made.open()
    return made


async def test_redirect_webhook_and_poller_at_once_give_each_seat_once(box: Box, figures: Figures) -> None:
    figures.promise("orders", "finalised at once", "jobs")
    desk = box.desk
    for _ in range(ROUNDS):
        placed = [await box.paid_at_the_bank() for _ in range(4)]
        ids = [each.payment.id for each in placed if each.payment is not None]
        returns = [desk.finalise(id_) for id_ in ids for _ in range(3)]
        jobs, seen = await asyncio.gather(desk.work(ahead=timedelta(seconds=6)), asyncio.gather(*returns))
        figures["jobs"] += jobs + await desk.work()
        figures["finalised at once"] += len(seen)
        figures["orders"] += len(placed)
    assert await box.count("orders", "fulfilled") == figures["orders"]
    assert await box.count("tickets", "valid") == figures["orders"] * SEATS
    assert await desk.events("settlement.made") == figures["orders"]
    assert await desk.held("unapplied") == 0
    assert await desk.held("fees") == figures["orders"] * SEATS * FEE


async def test_of_refunds_at_once_no_more_goes_back_than_was_paid(box: Box, figures: Figures) -> None:
    figures.promise("given back", "refused")
    desk = box.desk

    async def refund(order: UUID, minor: int) -> bool:
        for _ in range(20):
            try:
                async with desk.db.transaction(desk.principal) as tx:
                    await orders.refund(tx, order, minor)
            except Refusal as refusal:
                if refusal.code() == "busy":
                    continue
                return False
            return True
        raise AssertionError("busy for ever")

    for _ in range(ROUNDS):
        placed = await box.sold()
        outcomes = Counter(await asyncio.gather(*(refund(placed.order.id, 8_000) for _ in range(5))))
        assert outcomes == {True: 2, False: 3}
        await asyncio.gather(*(desk.work() for _ in range(3)))
        await desk.work()
        figures["given back"] += outcomes[True]
        figures["refused"] += outcomes[False]
    assert await desk.events("refund.succeeded") == figures["given back"]
    assert await desk.held("clearing:simulated") == figures["given back"] * 8_000 - ROUNDS * SEATS * PRICE
    assert await desk.held("fees") == ROUNDS * SEATS * FEE - figures["given back"] * 800


async def test_a_payout_pressed_by_many_at_once_pays_each_order_once(box: Box, figures: Figures) -> None:
    figures.promise("payouts", "refused", "settlements")
    desk = box.desk

    async def ask(number: int) -> settlements.Payout | None:
        maker = Principal(desk.tenant.tenant_id, f"staff:{number}", "staff", frozenset({"*"}))
        try:
            async with desk.db.transaction(maker) as tx:
                return await settlements.request_payout(tx, box.payee, "TRY")
        except Refusal:
            return None

    for _ in range(ROUNDS):
        sold = [await box.sold() for _ in range(2)]
        made = [payout for payout in await asyncio.gather(*(ask(number) for number in range(6))) if payout is not None]
        assert sum(payout.amount_minor for payout in made) == len(sold) * SEATS * (PRICE - FEE)
        figures["payouts"] += len(made)
        figures["refused"] += 6 - len(made)
        figures["settlements"] += len(sold)


async def test_one_reservation_asked_for_by_many_at_once_has_one_payment(desk: Desk, figures: Figures) -> None:
    figures.promise("asked", "made")

    async def ask(reservation: str) -> tuple[UUID, bool]:
        async with desk.db.transaction(desk.principal) as tx:
            payment, made, _ = await payments.get_or_create(
                tx, Money(PRICE, "TRY"), reservation, reservation=reservation, expires_after=timedelta(minutes=20)
            )
        return payment.id, made

    for number in range(ROUNDS * 10):
        answers = await asyncio.gather(*(ask(f"reservation {number}") for _ in range(8)))
        assert len({payment_id for payment_id, _ in answers}) == 1
        assert sum(made for _, made in answers) == 1
        figures["asked"] += len(answers)
        figures["made"] += 1
