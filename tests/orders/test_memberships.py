"""CM3: memberships as orders: the first period at the checkout, money that comes too late or twice, and a provider that bills."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from desk_fixtures import DECLINED, GOOD
from orders_fixtures import BoxOffice
from subscribing_fixtures import NAME, Billed, Biller
from vezne import identity, memberships, payments, wallets
from vezne.kernel import clock
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.jobs import JobCall
from vezne.orders import jobs

NOW = datetime(2032, 1, 31, 10, tzinfo=UTC)
PRICE = 3_000


@dataclass
class Studio:
    """A box office that sells two plans."""

    office: BoxOffice
    small: memberships.Plan
    large: memberships.Plan

    async def subscribe(self, customer: UUID, plan: memberships.Plan | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask for a membership."""
        body = {"customer_id": public_id("cus", customer), "plan_id": public_id("pln", (plan or self.small).id), **more}
        answer = await self.office.post("/v1/memberships", body)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def seen(self, told: dict[str, Any]) -> memberships.Membership:
        """The membership as it is now."""
        async with self.office.db.transaction(self.office.principal, read_only=True) as tx:
            return await memberships.membership(tx, parse_id("mbs", told["membership"]["id"]))

    async def at(self, moment: datetime) -> None:
        """It is then."""
        async with self.office.db.transaction(self.office.principal) as tx:
            await clock.hold(tx, moment)

    async def money(self, customer: UUID) -> int:
        """What the customer's wallet has."""
        async with self.office.db.transaction(self.office.principal) as tx:
            wallet = await wallets.wallet_of(tx, customer, "money", "TRY")
        return (await self.office.balance(wallet))[0]

    async def renew(self) -> None:
        """The worker's turn."""
        await jobs.renew_due(self.office.db, JobCall("orders.renew_due", self.office.tenant.tenant_id))
        await self.office.work("payments.charge")


def billing(studio: Studio) -> Billed:
    """The studio with a provider that bills by itself."""
    biller, known = Biller(), studio.office.gateways.providers
    assert isinstance(known, dict)
    known[NAME] = biller
    return Billed(studio.office, biller, studio.office.gateways)


@pytest_asyncio.fixture
async def studio(office: BoxOffice) -> Studio:
    """A studio on the last day of a January."""
    async with office.db.transaction(office.principal) as tx:
        await clock.hold(tx, NOW)
        await identity.change_tenant(tx, settings={"commission_rate": 0, "other_providers": [NAME]})
    async with office.db.transaction(office.principal) as tx:
        small, large = [
            await memberships.create_plan(
                tx,
                memberships.NewPlan(name=name, interval="month", prices={"TRY": price}, level=level, credits_per_period=credits_),
            )
            for name, price, level, credits_ in (("Small", PRICE, 0, 10), ("Large", 3 * PRICE, 1, 30))
        ]
    return Studio(office, small, large)


async def test_paid_by_card_it_runs_and_that_card_is_charged_for_the_next_period(studio: Studio) -> None:
    customer = await studio.office.customer()
    told = await studio.subscribe(customer)
    await studio.office.settle(told["ordered"])
    assert (await studio.seen(told)).status == "active"
    assert await studio.office.held("revenue") == PRICE
    async with studio.office.db.transaction(studio.office.principal, read_only=True) as tx:
        (method,) = await payments.methods_of(tx, customer)
    assert method.is_default
    await studio.at(NOW + timedelta(days=29))  # the leap day: February ends on the 29th
    await studio.renew()
    seen = await studio.seen(told)
    assert (seen.status, seen.period_number, seen.period_start) == ("active", 2, NOW + timedelta(days=29))
    assert await studio.office.held("revenue") == 2 * PRICE


async def test_a_decline_at_the_checkout_ends_nothing_and_the_next_card_begins_it(studio: Studio) -> None:
    told = await studio.subscribe(await studio.office.customer())
    await studio.office.settle(told["ordered"], DECLINED)
    assert (await studio.seen(told)).status == "incomplete"
    await studio.office.settle(told["ordered"], GOOD)
    assert (await studio.seen(told)).status == "active"


async def test_money_for_one_that_was_given_up_goes_to_the_wallet_and_brings_nothing_back(studio: Studio) -> None:
    customer = await studio.office.customer()
    told = await studio.subscribe(customer)
    payment_id = parse_id("pay", told["ordered"]["payment"]["id"])
    ref = await studio.office.start(payment_id)
    await studio.office.owner.execute(  # the provider's answer to our cancelling is lost, so that the page stays open there
        "UPDATE payment_attempts SET status = 'cancelled' WHERE tenant_id = $1 AND provider_ref = $2",
        studio.office.tenant.tenant_id,
        ref,
    )
    await studio.at(NOW + timedelta(hours=2))
    await payments.expire_due(studio.office.db, studio.office.gateways, studio.office.principal)
    assert (await studio.seen(told)).status == "ended"
    again = await studio.subscribe(customer, studio.large)
    await studio.office.settle(again["ordered"])
    await studio.office.sandbox.play(ref, GOOD)
    late = {"id": f"sim_evt_{ref}", "type": "payment.succeeded", "data": {"id": ref}}
    assert (await studio.office.tell(late)).status_code == 200
    await studio.office.work("payments.act_on_webhook")
    assert (await studio.seen(told)).status == "ended"
    assert (await studio.seen(again)).status == "active"
    assert await studio.money(customer) == PRICE
    assert await studio.office.held("revenue") == 3 * PRICE


async def test_a_period_that_two_orders_pay_is_paid_once_and_the_other_money_comes_back(studio: Studio) -> None:
    customer = await studio.office.customer()
    told = await studio.subscribe(customer)
    await studio.office.settle(told["ordered"])
    async with studio.office.db.transaction(studio.office.principal, read_only=True) as tx:
        (method,) = await payments.methods_of(tx, customer)
    await payments.forget_method(studio.office.db, studio.office.gateways, studio.office.principal, method.id)
    await studio.at(NOW + timedelta(days=29))
    await studio.renew()
    waiting = (await studio.seen(told)).period_id
    line = {"kind": "membership", "period_id": public_id("mpd", waiting)}
    one, two = [await studio.office.order(customer, [line]) for _ in range(2)]
    await studio.office.settle(one)
    await studio.office.settle(two)
    assert (await studio.seen(told)).status == "active"
    assert await studio.money(customer) == PRICE
    assert await studio.office.held("revenue") == 2 * PRICE


async def test_an_upgrade_is_paid_at_the_checkout_and_its_refund_takes_its_credits(studio: Studio) -> None:
    customer = await studio.office.customer()
    told = await studio.subscribe(customer)
    await studio.office.settle(told["ordered"])
    await studio.at(NOW + timedelta(days=14, hours=12))  # the middle of 29 days
    path = f"/v1/memberships/{told['membership']['id']}/changes"
    answer = await studio.office.post(path, {"plan_id": public_id("pln", studio.large.id)})
    changed = answer.json()
    assert (answer.status_code, changed["membership"]["plan_id"]) == (201, public_id("pln", studio.small.id))
    assert changed["ordered"]["order"]["total_minor"] == PRICE
    await studio.office.settle(changed["ordered"])
    assert (await studio.seen(told)).plan_id == studio.large.id
    async with studio.office.db.transaction(studio.office.principal, read_only=True) as tx:
        newest = (await memberships.periods_page(tx, (await studio.seen(told)).id))[0]
    assert (newest.reason, newest.credits_granted) == ("change", 10)
    refunded = await studio.office.refund(changed["ordered"], {"amount_minor": PRICE // 2})
    assert refunded.status_code == 201
    async with studio.office.db.transaction(studio.office.principal, read_only=True) as tx:
        assert (await memberships.period(tx, newest.id)).credits_taken == 5


async def test_a_stored_card_is_charged_at_once_without_a_page(studio: Studio) -> None:
    customer = await studio.office.customer()
    told = await studio.subscribe(customer)
    await studio.office.settle(told["ordered"])
    async with studio.office.db.transaction(studio.office.principal, read_only=True) as tx:
        (method,) = await payments.methods_of(tx, customer)
    body = {"plan_id": public_id("pln", studio.large.id), "when": "now", "method_id": public_id("mtd", method.id)}
    await studio.at(NOW + timedelta(days=1))
    answer = await studio.office.post(f"/v1/memberships/{told['membership']['id']}/changes", body)
    assert answer.status_code == 201, answer.text
    await studio.office.work("payments.charge")
    assert (await studio.seen(told)).plan_id == studio.large.id
    strangers = await studio.office.post(
        "/v1/memberships",
        {
            "customer_id": public_id("cus", await studio.office.customer()),
            "plan_id": public_id("pln", studio.small.id),
            "method_id": public_id("mtd", method.id),
        },
    )
    assert (strangers.status_code, strangers.json()["code"]) == (404, "method_unknown")


async def test_cm3_what_a_provider_bills_is_agreed_to_on_its_page_and_each_bill_is_an_order(studio: Studio) -> None:
    billed, customer = billing(studio), await studio.office.customer()
    body: dict[str, Any] = {"billing": "provider", "provider": NAME, "return_url": "https://shop.example/back"}
    told = await studio.subscribe(customer, **body)
    made = await studio.seen(told)
    assert (told["ordered"], told["membership"]["status"], made.provider) == (None, "incomplete", NAME)
    assert made.subscription_id is not None
    assert told["redirect_url"].endswith(public_id("sub", made.subscription_id))
    assert (await studio.subscribe(customer, **body))["redirect_url"] == told["redirect_url"]
    ref = billed.biller.agree(public_id("sub", made.subscription_id))
    await billed.tell(subscription=ref)  # nobody knows that name yet: it waits
    await billed.act()
    await billed.look(made.subscription_id)
    for _ in range(2):
        await billed.tell(subscription=ref)
        await billed.act()
    assert (await studio.seen(told)).status == "active"
    (order,) = (await studio.office.get("/v1/orders", customer_id=public_id("cus", customer)))["data"]
    assert (order["status"], order["total_minor"], order["lines"][0]["kind"]) == ("fulfilled", PRICE, "membership")
    assert (await studio.office.held("revenue"), await studio.office.held("unapplied")) == (PRICE, 0)
    refunded = await studio.office.post(f"/v1/orders/{order['id']}/refunds", {})
    assert refunded.status_code == 201, refunded.text
    assert (await studio.seen(told)).cancel_reason == "refunded"


@pytest.mark.parametrize("again", [False, True])
async def test_a_provider_that_is_away_leaves_it_incomplete_and_the_same_key_asks_again(studio: Studio, again: bool) -> None:  # noqa: FBT001
    billed, customer = billing(studio), await studio.office.customer()
    body = {
        "customer_id": public_id("cus", customer),
        "plan_id": public_id("pln", studio.small.id),
        "billing": "provider",
        "provider": NAME,
        "return_url": "https://shop.example/back",
    }
    key = {"Idempotency-Key": f"away-{again}"}
    billed.biller.away = True
    first = await studio.office.post("/v1/memberships", body, **key)
    assert first.status_code == 503
    billed.biller.away = False
    second = await studio.office.post("/v1/memberships", body, **(key if again else {"Idempotency-Key": "another"}))
    assert second.status_code == 201, second.text
    assert second.json()["redirect_url"]
    assert len((await studio.office.get("/v1/subscriptions"))["data"]) == 1
