"""Renewals: periods of memberships as orders, paid by the wallet, else by the stored card, tried again as dunning says."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest_asyncio

from desk_fixtures import DECLINED, GOOD
from orders_fixtures import BoxOffice
from subscribing_fixtures import PLAN, Billed
from vezne import memberships, orders, payments, wallets
from vezne.kernel import clock
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.money import Money
from vezne.orders import jobs

PRICE, CREDITS = 3_000, 40
T = TypeVar("T")


@dataclass
class Gym:
    """A box office that sells a membership, with its clock in hand."""

    office: BoxOffice
    plan_id: UUID
    now: datetime = datetime(2031, 1, 31, 10, tzinfo=UTC)
    members: list[UUID] = field(default_factory=list)

    async def do(self, act: Callable[[Tx], Awaitable[T]]) -> T:
        """One transaction of the tenant's."""
        async with self.office.db.transaction(self.office.principal) as tx:
            return await act(tx)

    async def at(self, moment: datetime) -> None:
        """It is then."""
        self.now = moment
        await self.do(lambda tx: clock.hold(tx, moment))

    async def member(self, *, card: str | None = None, wallet: int = 0) -> tuple[UUID, UUID]:
        """A customer who has paid the first period, with a card that was kept and so much in the wallet."""
        customer = await self.office.customer()

        async def join(tx: Tx) -> UUID:
            membership, first = await memberships.start(tx, customer, self.plan_id, "TRY")
            await memberships.period_paid(tx, first.id, None)
            return membership.id

        membership_id = await self.do(join)
        if wallet:
            await self.office.wallet(customer, wallet)
        if card:
            await self.keep(customer, card)
        return customer, membership_id

    async def keep(self, customer: UUID, card: str) -> None:
        """The customer pays something with a card that is kept, and which the provider will treat as `card` from then on."""

        async def ask(tx: Tx) -> payments.Payment:
            made, _ = await payments.create(
                tx, Money(100, "TRY"), "card", expires_after=timedelta(minutes=30), customer_id=customer, save_method=True
            )
            return made

        asked = await self.do(ask)
        await self.office.sandbox.play(await self.office.start(asked.id), GOOD)
        await self.office.finalise(asked.id)
        (method,) = await self.do(lambda tx: payments.methods_of(tx, customer))
        if card != GOOD:
            url = f"/simulated/v1/methods/{method.method_ref}/play"
            (await self.office.sandbox.client.post(url, json={"card": card})).raise_for_status()

    async def sweep(self) -> None:
        """What the worker does when its turn has come."""
        call = JobCall("sweep", self.office.tenant.tenant_id)
        await jobs.renew_due(self.office.db, call)
        await jobs.retry_due(self.office.db, call)
        await self.office.work("payments.charge")

    async def membership(self, membership_id: UUID) -> memberships.Membership:
        """As it is."""
        return await self.do(lambda tx: memberships.membership(tx, membership_id))

    async def periods(self, membership_id: UUID) -> list[memberships.Period]:
        """All of it, the oldest first."""
        return (await self.do(lambda tx: memberships.periods_page(tx, membership_id, limit=100)))[::-1]

    async def orders(self, customer: UUID) -> list[orders.Order]:
        """The customer's, the oldest first."""
        return (await self.do(lambda tx: orders.orders_page(tx, limit=100, customer_id=customer)))[::-1]

    async def holds(self, customer: UUID, kind: wallets.KindName = "money", currency: str = "TRY") -> int:
        """What a wallet holds."""

        async def look(tx: Tx) -> int:
            wallet = await wallets.wallet_of(tx, customer, kind, currency)
            return (await wallets.holdings(tx, [wallet]))[wallet.id].available

        return await self.do(look)


@pytest_asyncio.fixture
async def gym(office: BoxOffice) -> Gym:
    """A gym on the last day of January."""

    async def open_plan(tx: Tx) -> UUID:
        new = memberships.NewPlan(name="Gold", interval="month", prices={"TRY": PRICE}, credits_per_period=CREDITS)
        return (await memberships.create_plan(tx, new)).id

    made = Gym(office, await _do(office, open_plan))
    await made.at(made.now)
    return made


async def _do(office: BoxOffice, act: Callable[[Tx], Awaitable[T]]) -> T:
    async with office.db.transaction(office.principal) as tx:
        return await act(tx)


def day(month: int, of: int, hour: int = 11) -> datetime:
    """A time of that year."""
    return datetime(2031, month, of, hour, tzinfo=UTC)


async def test_cm3_the_wallet_pays_a_period_when_it_covers_all_of_it(gym: Gym) -> None:
    customer, membership_id = await gym.member(wallet=PRICE + 500)
    await gym.at(day(2, 28))
    await gym.sweep()
    await gym.sweep()
    (order,) = await gym.orders(customer)
    assert (order.status, order.total_minor, order.payment_id) == ("fulfilled", PRICE, None)
    assert await gym.holds(customer) == 500
    first, second = await gym.periods(membership_id)
    assert (second.status, second.order_id, second.ends_at) == ("paid", order.id, day(3, 31, 10))
    assert second.starts_at == first.ends_at == day(2, 28, 10)
    assert await gym.holds(customer, "credits", "CREDIT") == CREDITS
    assert await gym.office.held("revenue") == PRICE


async def test_many_are_paid_in_one_go_and_who_cannot_pay_harms_nobody(gym: Gym) -> None:
    rich = [await gym.member(wallet=PRICE) for _ in range(5)]
    poor, poors_membership = await gym.member(wallet=PRICE - 1)
    await gym.at(day(2, 28))
    await gym.sweep()
    for customer, membership_id in rich:
        assert (await gym.membership(membership_id)).status == "active"
        assert [order.status for order in await gym.orders(customer)] == ["fulfilled"]
    late = await gym.membership(poors_membership)
    assert late.status == "past_due"
    assert [order.status for order in await gym.orders(poor)] == ["pending"]
    assert await gym.holds(poor) == PRICE - 1


async def test_a_closed_wallet_of_credits_is_told_to_dunning_and_harms_no_other(gym: Gym) -> None:
    good, _ = await gym.member(wallet=PRICE)
    bad, bads_membership = await gym.member(wallet=PRICE)

    async def freeze(tx: Tx) -> None:
        wallet = await wallets.wallet_of(tx, bad, "credits", "CREDIT")
        await wallets.freeze(tx, wallet.id, refuse_credits=True)

    await gym.do(freeze)
    await gym.at(day(2, 28))
    await gym.sweep()
    assert [order.status for order in await gym.orders(good)] == ["fulfilled"]
    assert await gym.holds(bad) == PRICE
    assert (await gym.membership(bads_membership)).status == "past_due"
    assert (await gym.periods(bads_membership))[-1].last_failure_code == "wallet_frozen"


async def test_cm3_the_stored_card_pays_what_the_wallet_does_not_cover(gym: Gym) -> None:
    customer, membership_id = await gym.member(card=GOOD, wallet=PRICE - 1)
    await gym.at(day(2, 28))
    await gym.sweep()
    (order,) = await gym.orders(customer)
    assert (order.status, order.payment_id is not None) == ("fulfilled", True)
    assert await gym.holds(customer) == PRICE - 1
    assert (await gym.membership(membership_id)).paid_until == day(3, 31, 10)
    assert await gym.holds(customer, "credits", "CREDIT") == 2 * CREDITS - CREDITS


async def test_a_declined_card_is_tried_again_by_the_table_and_then_given_up(gym: Gym) -> None:
    customer, membership_id = await gym.member(card=DECLINED)
    await gym.at(day(2, 28))
    await gym.sweep()
    tries = 1
    while (next_try := (await gym.periods(membership_id))[-1].next_try_at) is not None:
        assert (await gym.membership(membership_id)).status == "past_due"
        await gym.at(next_try)
        await gym.sweep()
        tries += 1
    assert tries == len(memberships.DUNNING["soft"]) + 1
    assert (await gym.membership(membership_id)).status == "cancelled"
    assert [order.status for order in await gym.orders(customer)] == ["cancelled"]
    (order,) = await gym.orders(customer)
    assert order.payment_id is not None
    assert len(await gym.office.attempts(order.payment_id)) == tries


async def test_money_in_the_wallet_pays_what_the_card_was_declined_for(gym: Gym) -> None:
    customer, membership_id = await gym.member(card=DECLINED)
    await gym.at(day(2, 28))
    await gym.sweep()
    await gym.office.wallet(customer, PRICE)
    next_try = (await gym.periods(membership_id))[-1].next_try_at
    assert next_try is not None
    await gym.at(next_try)
    await gym.sweep()
    assert [order.status for order in await gym.orders(customer)] == ["cancelled", "fulfilled"]
    assert (await gym.membership(membership_id)).status == "active"
    assert await gym.holds(customer) == 0


async def test_without_a_card_the_order_waits_and_the_customer_pays_it_at_the_checkout(gym: Gym) -> None:
    customer, membership_id = await gym.member()
    await gym.at(day(2, 28))
    await gym.sweep()
    (order,) = await gym.orders(customer)
    period = (await gym.periods(membership_id))[-1]
    assert (order.status, period.last_failure_code) == ("pending", "no_method")
    assert order.payment_id is not None
    await gym.office.sandbox.play(await gym.office.start(order.payment_id), GOOD)
    await gym.office.finalise(order.payment_id)
    assert (await gym.membership(membership_id)).status == "active"
    assert [order.status for order in await gym.orders(customer)] == ["fulfilled"]
    await gym.at(day(3, 31))
    await gym.sweep()
    assert [order.status for order in await gym.orders(customer)] == ["fulfilled", "fulfilled"], "that card was kept"


async def test_a_worker_that_was_away_catches_up_each_period_once_the_oldest_first(gym: Gym) -> None:
    customer, membership_id = await gym.member(wallet=10 * PRICE)
    await gym.at(day(6, 2))
    await gym.sweep()
    await gym.sweep()
    periods = await gym.periods(membership_id)
    assert [period.starts_at.date().isoformat() for period in periods] == [
        "2031-01-31", "2031-02-28", "2031-03-31", "2031-04-30", "2031-05-31",
    ]  # fmt: skip
    assert [period.status for period in periods] == ["paid"] * 5
    paid = [order.id for order in await gym.orders(customer)]
    assert [period.order_id for period in periods[1:]] == paid
    assert await gym.holds(customer) == 6 * PRICE


async def test_sweeps_at_once_renew_each_membership_once(gym: Gym) -> None:
    members = [await gym.member(wallet=2 * PRICE) for _ in range(6)]
    await gym.at(day(2, 28))
    call = JobCall("sweep", gym.office.tenant.tenant_id)
    await asyncio.gather(*(jobs.renew_due(gym.office.db, call) for _ in range(4)))
    for customer, _ in members:
        assert await gym.holds(customer) == PRICE


async def test_a_renewal_is_refunded_like_any_order(gym: Gym) -> None:
    customer, membership_id = await gym.member(wallet=PRICE)
    await gym.at(day(2, 28))
    await gym.sweep()
    (order,) = await gym.orders(customer)
    answer = await gym.office.post(f"/v1/orders/{public_id('ord', order.id)}/refunds", {"amount_minor": PRICE // 2})
    assert answer.status_code == 201, answer.text
    assert await gym.holds(customer) == PRICE // 2
    assert await gym.holds(customer, "credits", "CREDIT") == CREDITS // 2
    assert (await gym.membership(membership_id)).status == "active"


async def test_nobody_pays_another_customers_period(gym: Gym) -> None:
    _, membership_id = await gym.member()
    await gym.at(day(2, 28))
    await gym.sweep()
    period = (await gym.periods(membership_id))[-1]
    line: dict[str, Any] = {"kind": "membership", "period_id": public_id("mpd", period.id)}
    answer = await gym.office.ask(await gym.office.customer(), [line])
    assert (answer.status_code, answer.json()["code"]) == (404, "period_unknown")


async def test_what_a_provider_collects_for_no_membership_waits_for_a_person(office: BoxOffice) -> None:
    quiet = Billed.at(office)
    billed = Billed(office, quiet.biller, quiet.gateways)
    made, _ = await billed.subscribe(purpose="a plan of another house")
    billed.biller.agree(made.reference)
    await billed.look(made.id)
    (money,) = (await office.get("/v1/unmatched-money"))["data"]
    assert (money["reason"], money["amount_minor"], money["status"]) == ("no_order", PLAN.amount.minor, "waiting")
