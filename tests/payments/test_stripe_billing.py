"""Subscriptions that Stripe bills, whole: agreed to on its page, renewed on its test clocks, heard of by webhooks (CM3, CM5)."""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from stripe_fixtures import Till
from vezne import payments
from vezne.kernel.events import Reactions
from vezne.kernel.money import Money
from vezne.payments import queries_methods
from vezne.payments.providers.base import PlanTerms
from vezne.payments.tenant_texts import tenant_text

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
PLAN = PlanTerms(reference="pln_small/TRY/9900", name="Small", amount=Money(9_900, "TRY"), interval="month")
LARGE = PlanTerms(reference="pln_large/TRY/29900", name="Large", amount=Money(29_900, "TRY"), interval="month")
PURPOSE = "mbs_1"


@dataclass
class Member:
    """A customer whose time at Stripe is a test clock's."""

    till: Till
    customer_id: UUID
    clock: str
    customer_ref: str

    async def subscribe(self) -> tuple[payments.Subscription, str]:
        """Ask for a subscription; it, and its page at Stripe."""
        made, url = await payments.subscribe(
            self.till.db,
            self.till.gateways,
            self.till.principal,
            customer_id=self.customer_id,
            purpose=PURPOSE,
            plan=PLAN,
            return_url="http://127.0.0.1:9/back",
            provider="stripe",
        )
        return made, url.rpartition("/")[2]

    async def subscribed(self) -> payments.Subscription:
        """A subscription that the customer has agreed to."""
        made, page = await self.subscribe()
        await self.till.act(page)
        return await self.look(made)

    async def look(self, made: payments.Subscription) -> payments.Subscription:
        """What the return page does."""
        return await payments.finalise_subscription(self.till.db, self.till.gateways, self.till.principal, made.id)

    async def advance(self, month: int, day: int, hour: int = 14) -> None:
        """Let time pass at Stripe."""
        path = f"/v1/test_helpers/test_clocks/{self.clock}"
        at = int(datetime(2026, month, day, hour, tzinfo=UTC).timestamp())
        await self.till.ask("POST", f"{path}/advance", frozen_time=str(at))
        async with asyncio.timeout(20):
            while (await self.till.ask("GET", path))["status"] != "ready":
                await asyncio.sleep(0.02)

    async def facts(self, type_: str) -> list[dict[str, Any]]:
        """What was told of a type, oldest first."""
        async with self.till.db.transaction(self.till.principal, read_only=True) as tx:
            rows = await tx.fetch(
                "SELECT payload FROM events WHERE tenant_id = $1 AND type = $2 ORDER BY id", tx.tenant_id, type_
            )
        return [json.loads(row["payload"]) for row in rows]


@pytest_asyncio.fixture
async def member(till: Till) -> Member:
    """A customer, known at Stripe. What is sold for the money is not of interest here, so nobody reacts."""
    till.db = replace(till.db, reactions=Reactions())
    clock = await till.ask("POST", "/v1/test_helpers/test_clocks", frozen_time=str(int(START.timestamp())))
    there = await till.ask("POST", "/v1/customers", email="ada@shop.example", test_clock=clock["id"])
    customer_id = await till.customer()
    async with till.db.transaction(till.principal) as tx:
        await queries_methods.upsert_customer(tx, "stripe", customer_id, there["id"])
    return Member(till, customer_id, clock["id"], there["id"])


async def test_webhooks_alone_bring_it_to_life_and_renew_it(member: Member) -> None:
    await member.till.told()
    _, page = await member.subscribe()
    await member.till.act(page)
    await member.till.heard("checkout.session.completed")
    await member.till.heard("invoice.paid")
    await member.till.work("payments.act_on_webhook")
    (moved,) = await member.facts("subscription.moved")
    assert (moved["purpose"], moved["status"]) == (PURPOSE, "active")
    await member.advance(2, 28)
    await member.till.heard("invoice.paid", 2)
    await member.till.work("payments.act_on_webhook")
    bills = await member.facts("invoice.paid")
    assert [(bill["reason"], bill["amount_minor"]) for bill in bills] == [("create", 9_900), ("cycle", 9_900)]
    assert await member.till.held("unapplied") == 19_800
    async with member.till.db.transaction(member.till.principal, read_only=True) as tx:
        (method,) = await payments.methods_of(tx, member.customer_id)
    assert (method.provider, method.last4) == ("stripe", "4242")


async def test_three_periods_at_once_are_each_taken_once_oldest_first(member: Member) -> None:
    """A worker that was down, and a clock moved across several renewals."""
    made = await member.subscribed()
    await member.advance(4, 30)
    await asyncio.gather(*(member.look(made) for _ in range(3)))
    bills = await member.facts("invoice.paid")
    assert [bill["period_end"][:10] for bill in bills] == ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
    assert await member.till.held("unapplied") == 4 * 9_900


async def test_news_twice_before_its_time_and_after_the_end_changes_nothing(member: Member) -> None:
    made, page = await member.subscribe()
    mine = {"tenant": tenant_text(member.till.tenant.tenant_id)}
    early = {
        "id": "in_none",
        "object": "invoice",
        "parent": {"subscription_details": {"subscription": "sub_none", "metadata": mine}},
    }
    event = {"id": "evt_early", "object": "event", "type": "invoice.paid", "data": {"object": early}}
    for _ in range(2):
        assert (await member.till.send(event)).status_code == 200
    await member.till.work("payments.act_on_webhook")
    assert await member.facts("invoice.paid") == []
    await member.till.act(page)
    live = await member.look(made)
    ended = await payments.cancel_subscription(
        member.till.db, member.till.gateways, member.till.principal, made.id, at_period_end=False
    )
    assert ended.status == "cancelled"
    thing = {"id": live.subscription_ref, "object": "subscription", "metadata": mine}
    for number, type_ in enumerate(("customer.subscription.created", "customer.subscription.updated") * 2):
        sent = {"id": f"evt_{number}", "object": "event", "type": type_, "data": {"object": thing}}
        assert (await member.till.send(sent)).status_code == 200
    await member.till.work("payments.act_on_webhook")
    assert (await member.look(made)).status == "cancelled"
    assert len(await member.facts("invoice.paid")) == 1


async def test_a_bill_that_fails_is_told_each_time_and_paid_at_last(member: Member) -> None:
    made = await member.subscribed()
    method = await member.till.ask("POST", "/v1/payment_methods/pm_card_chargeCustomerFail/attach", customer=member.customer_ref)
    here = f"/v1/subscriptions/{made.subscription_ref}"
    await member.till.ask("POST", here, default_payment_method=method["id"])
    await member.advance(2, 28)
    assert (await member.look(made)).status == "past_due"
    await member.advance(3, 4)
    await member.look(made)
    failures = await member.facts("invoice.failed")
    assert [(one["failure_code"], one["attempts"]) for one in failures] == [("generic_decline", 1), ("generic_decline", 2)]
    good = await member.till.ask("POST", "/v1/payment_methods/pm_card_visa/attach", customer=member.customer_ref)
    await member.till.ask("POST", here, default_payment_method=good["id"])
    await member.advance(3, 10)
    assert (await member.look(made)).status == "active"
    assert await member.till.held("unapplied") == 2 * 9_900


async def test_a_change_costs_its_preview_and_a_pause_and_an_end_are_told(member: Member) -> None:
    made = await member.subscribed()
    await member.advance(2, 14, 12)
    at = (member.till.db, member.till.gateways, member.till.principal, made.id)
    cost = await payments.preview_change(*at, LARGE)
    assert cost == Money(10_000, "TRY")
    changed = await payments.change_subscription(*at, LARGE, reference="change_1")
    assert changed.plan_reference == LARGE.reference
    assert await member.till.held("unapplied") == 9_900 + 10_000
    assert (await payments.pause_subscription(*at)).status == "paused"
    assert (await payments.resume_subscription(*at)).status == "active"
    assert (await payments.cancel_subscription(*at, at_period_end=True)).cancels_at_period_end
    await member.advance(2, 28)
    assert (await member.look(made)).status == "cancelled"


async def test_a_bill_is_refunded_like_any_payment(member: Member) -> None:
    await member.subscribed()
    (bill,) = await member.facts("invoice.paid")
    async with member.till.db.transaction(member.till.principal) as tx:
        payment = await payments.existing(tx, f"{PURPOSE}/{(await _ref(member))}")
        assert payment is not None
        await payments.refund(tx, payment.id, 900)
    await member.till.work("payments.refund_at_provider")
    assert bill["amount_minor"] == 9_900
    assert (await member.till.payment(payment.id)).refunded_minor == 900


async def _ref(member: Member) -> str:
    listed = await member.till.ask("GET", "/v1/invoices", customer=member.customer_ref)
    return str(listed["data"][0]["id"])


@pytest.mark.parametrize("payload", ["thin", "both"])
async def test_thin_events_do_as_well(member: Member, payload: str) -> None:
    await member.till.told(payload=payload)
    made, page = await member.subscribe()
    await member.till.act(page)
    await member.till.heard("v1.customer.subscription.updated")
    await member.till.heard("v1.invoice.paid")
    await member.till.work("payments.act_on_webhook")
    async with member.till.db.transaction(member.till.principal, read_only=True) as tx:
        assert (await payments.subscription(tx, made.id)).status == "active"
    assert len(await member.facts("invoice.paid")) == 1
