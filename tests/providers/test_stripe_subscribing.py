"""The adapter's subscriptions against the sandbox: agreed to on a page, renewed by test clocks, changed, paused, ended (CM3)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from desk_fixtures import Sandbox
from providers.played_stripe import POOR, Stripe, act, ask
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.payments.providers.base import (
    Grade,
    Payer,
    PlanTerms,
    ProviderRefused,
    ProviderSubscription,
    RefundGrade,
    SubscribeRequest,
    Subscribing,
    SubscriptionGrade,
    WebhookNotice,
)
from vezne.payments.providers.stripe import StripeProvider
from vezne.payments.tenant_texts import tenant_text

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
SMALL = PlanTerms(reference="pln_small/TRY/10000", name="Small", amount=Money(10_000, "TRY"), interval="month")
LARGE = PlanTerms(reference="pln_large/TRY/30000", name="Large", amount=Money(30_000, "TRY"), interval="month")
ATTACHES_THEN_FAILS = "pm_card_chargeCustomerFail"


@dataclass
class Member:
    """A customer of Stripe's on a test clock, and the adapter."""

    sandbox: Sandbox
    provider: StripeProvider
    clock: str
    customer: str

    def request(
        self, plan: PlanTerms = SMALL, reference: str | None = None, trial_until: datetime | None = None
    ) -> SubscribeRequest:
        """A wish to subscribe."""
        return SubscribeRequest(
            reference=reference or public_id("sub", new_id()),
            plan=plan,
            return_url="http://127.0.0.1:9/back",
            webhook_url="http://127.0.0.1:9/hook",
            tenant_id=7,
            customer_ref=self.customer,
            trial_until=trial_until,
        )

    async def subscribed(self, plan: PlanTerms = SMALL, trial_until: datetime | None = None) -> ProviderSubscription:
        """A subscription that the customer has agreed to."""
        request = self.request(plan, trial_until=trial_until)
        page = await self.provider.subscribe(request)
        await act(self.sandbox, page.provider_ref)
        found = await self.provider.find_subscription(page.provider_ref)
        assert found is not None
        assert found.reference == request.reference
        return found

    async def advance(self, to: datetime) -> None:
        """Let time pass at Stripe."""
        path = f"/v1/test_helpers/test_clocks/{self.clock}"
        await ask(self.sandbox, "POST", f"{path}/advance", frozen_time=str(int(to.timestamp())))
        async with asyncio.timeout(20):
            while (await ask(self.sandbox, "GET", path))["status"] != "ready":
                await asyncio.sleep(0.02)

    async def pays_by(self, card: str, subscription: str) -> None:
        """Another card from now on."""
        method = await ask(self.sandbox, "POST", f"/v1/payment_methods/{card}/attach", customer=self.customer)
        await ask(self.sandbox, "POST", f"/v1/subscriptions/{subscription}", default_payment_method=method["id"])


@pytest_asyncio.fixture
async def member(sandbox: Sandbox) -> AsyncIterator[Member]:
    """Somebody who may subscribe."""
    provider = Stripe(sandbox).provider
    assert isinstance(provider, StripeProvider)
    start = str(int(START.timestamp()))
    clock = await ask(sandbox, "POST", "/v1/test_helpers/test_clocks", frozen_time=start)
    customer = await ask(sandbox, "POST", "/v1/customers", email="ada@shop.example", test_clock=clock["id"])
    yield Member(sandbox, provider, clock["id"], customer["id"])
    await provider.aclose()


def at(month: int, day: int, hour: int = 12) -> datetime:
    """An instant of the year."""
    return datetime(2026, month, day, hour, tzinfo=UTC)


async def test_a_customer_agrees_on_a_page_and_is_billed(member: Member) -> None:
    assert isinstance(member.provider, Subscribing)
    request = member.request()
    page = await member.provider.subscribe(request)
    assert await member.provider.subscribe(request) == page
    assert await member.provider.find_subscription(page.provider_ref) is None
    assert await member.provider.find_subscription(request.reference) is None
    with pytest.raises(ProviderRefused, match="not_a_subscription"):
        await member.provider.fetch_subscription(page.provider_ref)
    await act(member.sandbox, page.provider_ref, card=POOR)
    assert await member.provider.find_subscription(page.provider_ref) is None
    await act(member.sandbox, page.provider_ref)
    found = await member.provider.find_subscription(request.reference)
    assert found is not None
    assert found == await member.provider.fetch_subscription(page.provider_ref)
    assert (found.grade, found.plan_reference) == (SubscriptionGrade.ACTIVE, SMALL.reference)
    assert (found.period_start, found.period_end) == (START, at(2, 28))
    assert found.method is not None
    assert (found.method.last4, found.customer_ref) == ("4242", member.customer)
    (bill,) = found.invoices
    assert (bill.status, bill.reason, bill.total, bill.paid) == ("paid", "create", SMALL.amount, SMALL.amount)
    assert (bill.period_start, bill.period_end) == (START, at(2, 28))
    assert await member.provider.fetch_subscription(bill.invoice_ref) == found


async def test_the_payment_of_a_bill_is_looked_up_and_given_back_like_any_other(member: Member) -> None:
    (bill,) = (await member.subscribed()).invoices
    assert bill.payment_ref is not None
    seen = await member.provider.fetch(bill.payment_ref)
    assert (seen.grade, seen.captured, seen.provider_ref) == (Grade.CAPTURED, SMALL.amount, bill.payment_ref)
    refund = await member.provider.refund(Stripe(member.sandbox).refund(bill.payment_ref, 4_000))
    assert refund.grade is RefundGrade.SUCCEEDED
    assert (await member.provider.fetch(bill.payment_ref)).refunded == Money(4_000, "TRY")


async def test_every_period_of_a_clock_moved_far_has_its_bill_oldest_first(member: Member) -> None:
    made = await member.subscribed()
    await member.advance(at(4, 30, 14))
    seen = await member.provider.fetch_subscription(made.subscription_ref)
    ends = [at(2, 28), at(3, 31), at(4, 30), at(5, 31)]
    assert [bill.period_end for bill in seen.invoices] == ends
    assert [bill.reason for bill in seen.invoices] == ["create", "cycle", "cycle", "cycle"]
    assert {bill.status for bill in seen.invoices} == {"paid"}
    assert len({bill.payment_ref for bill in seen.invoices}) == 4
    assert (seen.period_start, seen.period_end) == (ends[2], ends[3])


async def test_a_bill_that_could_not_be_collected_says_why_and_how_often(member: Member) -> None:
    made = await member.subscribed()
    await member.pays_by(ATTACHES_THEN_FAILS, made.subscription_ref)
    await member.advance(at(2, 28, 14))
    seen = await member.provider.fetch_subscription(made.subscription_ref)
    last = seen.invoices[-1]
    assert (seen.grade, last.status, last.failure_code, last.attempts) == (
        SubscriptionGrade.PAST_DUE,
        "open",
        "generic_decline",
        1,
    )
    assert (last.paid.minor, last.payment_ref is not None) == (0, True)
    await member.advance(at(3, 4))
    assert (await member.provider.fetch_subscription(made.subscription_ref)).invoices[-1].attempts == 2
    await member.pays_by("pm_card_visa", made.subscription_ref)
    await member.advance(at(3, 10))
    seen = await member.provider.fetch_subscription(made.subscription_ref)
    last = seen.invoices[-1]
    assert (seen.grade, last.status, last.failure_code) == (SubscriptionGrade.ACTIVE, "paid", None)


async def test_a_bank_that_wants_its_customer_is_seen(member: Member) -> None:
    made = await member.subscribed()
    await member.pays_by("pm_card_authenticationRequired", made.subscription_ref)
    await member.advance(at(2, 28, 14))
    last = (await member.provider.fetch_subscription(made.subscription_ref)).invoices[-1]
    assert last.failure_code == "authentication_required"


async def test_a_change_costs_what_its_preview_said(member: Member) -> None:
    made = await member.subscribed()
    await member.advance(at(2, 14))
    cost = await member.provider.preview_change(made.subscription_ref, LARGE)
    assert cost == Money(10_000, "TRY")
    assert len((await member.provider.fetch_subscription(made.subscription_ref)).invoices) == 1
    for _ in range(2):
        seen = await member.provider.change_subscription(made.subscription_ref, LARGE, "chg_1")
        assert (seen.plan_reference, seen.period_end) == (LARGE.reference, at(2, 28))
        assert [(bill.reason, bill.paid) for bill in seen.invoices] == [("create", SMALL.amount), ("update", cost)]
    assert await member.provider.preview_change(made.subscription_ref, SMALL) == Money(-10_000, "TRY")
    back = await member.provider.change_subscription(made.subscription_ref, SMALL, "chg_2")
    assert (back.invoices[-1].total, back.invoices[-1].paid) == (Money(-10_000, "TRY"), Money(0, "TRY"))


async def test_a_change_that_is_not_paid_changes_nothing(member: Member) -> None:
    made = await member.subscribed()
    await member.pays_by(ATTACHES_THEN_FAILS, made.subscription_ref)
    with pytest.raises(ProviderRefused, match="generic_decline"):
        await member.provider.change_subscription(made.subscription_ref, LARGE, "chg_1")
    seen = await member.provider.fetch_subscription(made.subscription_ref)
    assert (seen.plan_reference, len(seen.invoices)) == (SMALL.reference, 1)


async def test_a_paused_one_bills_nothing_until_it_is_resumed(member: Member) -> None:
    made = await member.subscribed()
    for _ in range(2):
        assert (await member.provider.pause_subscription(made.subscription_ref)).grade is SubscriptionGrade.PAUSED
    await member.advance(at(2, 28, 14))
    assert (await member.provider.fetch_subscription(made.subscription_ref)).invoices[-1].status == "void"
    for _ in range(2):
        assert (await member.provider.resume_subscription(made.subscription_ref)).grade is SubscriptionGrade.ACTIVE
    await member.advance(at(3, 31, 14))
    assert (await member.provider.fetch_subscription(made.subscription_ref)).invoices[-1].status == "paid"


async def test_it_ends_with_its_period_unless_it_is_resumed_before(member: Member) -> None:
    made = await member.subscribed()
    for _ in range(2):
        seen = await member.provider.cancel_subscription(made.subscription_ref, at_period_end=True)
        assert (seen.grade, seen.cancels_at_period_end) == (SubscriptionGrade.ACTIVE, True)
    assert not (await member.provider.resume_subscription(made.subscription_ref)).cancels_at_period_end
    await member.provider.cancel_subscription(made.subscription_ref, at_period_end=True)
    await member.advance(at(2, 28, 14))
    seen = await member.provider.fetch_subscription(made.subscription_ref)
    assert (seen.grade, seen.ended_at, len(seen.invoices)) == (SubscriptionGrade.CANCELLED, at(2, 28), 1)


async def test_it_ends_at_once(member: Member) -> None:
    made = await member.subscribed()
    for _ in range(2):
        seen = await member.provider.cancel_subscription(made.subscription_ref, at_period_end=False)
        assert (seen.grade, seen.ended_at) == (SubscriptionGrade.CANCELLED, START)
    with pytest.raises(ProviderRefused):
        await member.provider.pause_subscription(made.subscription_ref)


async def test_a_trial_costs_nothing_until_it_is_over(member: Member) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)  # noqa: TID251 - the adapter asks for a time that is to come
    request = member.request(trial_until=until)
    page = await member.provider.subscribe(
        SubscribeRequest(
            **{**{n: getattr(request, n) for n in request.__slots__}, "customer_ref": None, "payer": Payer(email="a@b.example")}
        )
    )
    await act(member.sandbox, page.provider_ref)
    seen = await member.provider.find_subscription(page.provider_ref)
    assert seen is not None
    assert (seen.grade, seen.trial_until, seen.invoices[0].total.minor) == (SubscriptionGrade.TRIALING, until, 0)
    assert (seen.invoices[0].status, seen.invoices[0].payment_ref) == ("paid", None)


async def test_a_page_that_is_over_is_followed_by_another(member: Member) -> None:
    request = member.request()
    first = await member.provider.subscribe(request)
    await ask(member.sandbox, "POST", f"/v1/checkout/sessions/{first.provider_ref}/expire")
    second = await member.provider.subscribe(request)
    assert second.provider_ref != first.provider_ref
    assert await member.provider.subscribe(request) == second


async def test_whose_a_subscription_is_stands_on_it(member: Member) -> None:
    made = await member.subscribed()
    for ref in (made.subscription_ref, made.invoices[0].invoice_ref):
        notice = WebhookNotice(event_id="e", type="t", provider_ref=None, subscription_ref=ref)
        assert await member.provider.whose(notice) == tenant_text(7)
    strange = WebhookNotice(event_id="e", type="t", provider_ref=None, subscription_ref="sub_none")
    assert await member.provider.whose(strange) is None


async def test_what_was_never_made_is_not_found(member: Member) -> None:
    for reference in (public_id("sub", new_id()), "nothing", ""):
        assert await member.provider.find_subscription(reference) is None
    for ref in ("sub_none", "in_none", "cs_none", "", "../x", "a b"):
        with pytest.raises(ProviderRefused):
            await member.provider.fetch_subscription(ref)
