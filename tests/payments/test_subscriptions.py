"""Subscriptions that a provider bills by itself: each paid bill is taken once, however and whenever we hear of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from desk_fixtures import Desk
from subscribing_fixtures import BEGIN, BETTER, MONTH, NAME, PLAN, Billed, Biller
from vezne import payments
from vezne.kernel import clock
from vezne.kernel.ids import public_id
from vezne.payments.providers.base import ProviderRefused, ProviderSubscription, ProviderUnavailable, SubscriptionGrade


@pytest.fixture
def billed(desk: Desk) -> Billed:
    """A desk whose tenant is billed for by a provider."""
    return Billed.at(desk)


async def test_a_customer_is_sent_to_the_page_and_the_same_purpose_again_to_the_same(billed: Billed) -> None:
    customer_id = await billed.desk.customer()
    answers = await asyncio.gather(*[billed.subscribe(customer_id) for _ in range(5)])
    assert len({(made.id, page) for made, page in answers}) == 1
    (made, page) = await billed.subscribe(customer_id)
    assert (made.status, made.purpose, made.plan_reference) == ("incomplete", "mbs_1", PLAN.reference)
    assert page.endswith(made.reference)
    assert {(request.reference, request.customer_reference) for request in billed.biller.asked} == {
        (made.reference, public_id("cus", customer_id))
    }
    assert await billed.facts("subscription.moved") == []


async def test_cm3_once_the_customer_has_agreed_it_is_active_and_its_first_bill_is_a_payment(billed: Billed) -> None:
    found, ref = await billed.subscribed()
    assert (found.status, found.subscription_ref, found.period_end) == ("active", ref, BEGIN + MONTH)
    (moved,) = await billed.facts("subscription.moved")
    assert (moved["purpose"], moved["status"], moved["cancels_at_period_end"]) == ("mbs_1", "active", False)
    (paid,) = await billed.facts("invoice.paid")
    assert (paid["purpose"], paid["amount_minor"], paid["currency"], paid["reason"]) == ("mbs_1", 9_900, "TRY", "create")
    assert await billed.desk.held("unapplied") == 9_900
    assert await billed.desk.held(f"clearing:{NAME}") == -9_900
    assert await billed.desk.events("payment.succeeded") == 0
    async with billed.desk.db.transaction(billed.desk.principal, read_only=True) as tx:
        payment = await payments.existing(tx, f"mbs_1/{ref}_in_1")
        (method,) = await payments.methods_of(tx, found.customer_id)
    assert payment is not None
    assert (payment.status, payment.purpose, payment.provider) == ("succeeded", "mbs_1", NAME)
    assert (method.provider, method.last4) == (NAME, "4242")
    with pytest.raises(payments.SubscribedAlready):
        await billed.subscribe(found.customer_id)


async def test_a_bills_payment_is_refunded_as_any_other(billed: Billed) -> None:
    _, ref = await billed.subscribed()
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        payment = await payments.existing(tx, f"mbs_1/{ref}_in_1")
        assert payment is not None
        await payments.refund(tx, payment.id, 900)
    await billed.desk.work("payments.refund_at_provider")
    assert (await billed.desk.payment(payment.id)).refunded_minor == 900
    assert await billed.desk.held("unapplied") == 9_000
    await billed.tell(payment=f"bpay_{ref}_1")
    await billed.act()
    assert await billed.desk.held("unapplied") == 9_000


async def test_a_trial_bills_nothing_and_says_so(billed: Billed) -> None:
    made, _ = await billed.subscribe(trial_until=BEGIN + timedelta(days=14))
    billed.biller.agree(made.reference, trial_until=BEGIN + timedelta(days=14))
    assert (await billed.look(made.id)).status == "trialing"
    (paid,) = await billed.facts("invoice.paid")
    assert (paid["payment_id"], paid["amount_minor"]) == (None, 0)
    assert await billed.desk.held("unapplied") == 0


async def test_cm5_a_renewal_told_of_twice_and_looked_at_at_once_is_taken_once(billed: Billed) -> None:
    found, ref = await billed.subscribed()
    billed.biller.renew(ref)
    await billed.tell("bevt_renewed", subscription=ref)
    await billed.tell("bevt_renewed", subscription=ref)
    await billed.tell(subscription=ref)
    await asyncio.gather(billed.act(), *[billed.look(found.id) for _ in range(5)])
    assert len(await billed.facts("invoice.paid")) == 2
    assert await billed.desk.held("unapplied") == 19_800
    now = await billed.known(found.id)
    assert (now.period_start, now.period_end) == (BEGIN + MONTH, BEGIN + 2 * MONTH)
    await billed.tell("bevt_renewed", subscription=ref)
    assert await billed.act() == 0


async def test_a_webhook_quicker_than_our_own_page_finds_its_subscription_by_our_reference(billed: Billed) -> None:
    made, _ = await billed.subscribe()
    ref = billed.biller.agree(made.reference)
    await billed.tell(subscription=ref)
    await billed.act()
    assert (await billed.known(made.id)).status == "active"
    assert await billed.desk.held("unapplied") == 9_900


async def test_cm5_a_renewal_told_of_before_the_subscription_is_known_here_waits_for_it(billed: Billed) -> None:
    made, _ = await billed.subscribe()
    ref = billed.biller.agree(made.reference)
    billed.biller.renew(ref)
    billed.biller.put(replace(billed.biller.subscriptions[ref], reference=None))  # nothing tells whose it is yet
    await billed.tell(subscription=ref)
    await billed.tell(subscription="bsub_of_nobody")
    await billed.act()
    assert {hook["outcome"] for hook in await billed.desk.webhooks()} == {"unknown_payment"}
    assert await billed.desk.held("unapplied") == 0
    billed.biller.put(replace(billed.biller.subscriptions[ref], reference=made.reference))
    await billed.look(made.id)
    assert await billed.act() == 1  # the one that waited; nobody's waits on
    assert sorted(hook["outcome"] for hook in await billed.desk.webhooks()) == ["applied", "unknown_payment"]
    assert len(await billed.facts("invoice.paid")) == 2
    assert await billed.desk.held("unapplied") == 19_800


async def test_cm5_a_bill_paid_after_the_cancellation_is_taken_too(billed: Billed) -> None:
    found, ref = await billed.subscribed()
    ended = await payments.cancel_subscription(
        billed.desk.db, billed.gateways, billed.desk.principal, found.id, at_period_end=False
    )
    assert (ended.status, ended.look_at) == ("cancelled", None)
    billed.biller.bill(ref, 9_900)
    for _ in range(2):
        await billed.tell(subscription=ref)
    await billed.act()
    assert len(await billed.facts("invoice.paid")) == 2
    assert await billed.desk.held("unapplied") == 19_800
    assert [moved["status"] for moved in await billed.facts("subscription.moved")] == ["active", "cancelled"]
    assert (await payments.cancel_subscription(billed.desk.db, billed.gateways, billed.desk.principal, found.id)).id == ended.id


async def test_cm5_news_in_any_order_end_where_the_provider_is(billed: Billed) -> None:
    found, ref = await billed.subscribed()
    open_bill = billed.biller.bill(ref, 9_900, paid=False, failure_code="insufficient_funds", attempts=1)
    billed.biller.put(replace(billed.biller.subscriptions[ref], grade=SubscriptionGrade.PAST_DUE))
    await billed.look(found.id)
    assert (await billed.known(found.id)).status == "past_due"
    billed.biller.rebill(open_bill, attempts=2)
    for event in ("late", "early", "late"):  # the same failure, told of in the wrong order and twice
        await billed.tell(f"bevt_{event}", subscription=ref)
    await billed.act()
    billed.biller.rebill(open_bill, attempts=3, status="paid", paid=open_bill.total)
    billed.biller.put(replace(billed.biller.subscriptions[ref], grade=SubscriptionGrade.ACTIVE))
    await billed.look(found.id)
    billed.biller.rebill(open_bill, status="open")  # older news
    await billed.look(found.id)
    failed = await billed.facts("invoice.failed")
    assert [(each["attempts"], each["failure_code"]) for each in failed] == [(1, "insufficient_funds"), (2, "insufficient_funds")]
    assert len(await billed.facts("invoice.paid")) == 2
    assert await billed.desk.held("unapplied") == 19_800
    assert (await billed.known(found.id)).status == "active"


async def test_an_answer_to_an_older_question_moves_nothing_but_its_paid_bills_are_taken(billed: Billed) -> None:
    found, ref = await billed.subscribed()
    stale = billed.biller.renew(ref)
    before = billed.biller.subscriptions[ref]

    class Slow(Biller):
        """Answers, and meanwhile another question is asked and answered."""

        async def fetch_subscription(self, subscription_ref: str) -> ProviderSubscription:  # noqa: ARG002 - it knows one
            billed.biller.put(replace(before, cancels_at_period_end=True, invoices=before.invoices[:1]))
            await billed.look(found.id)
            return before

    slow = Slow()
    gateways = replace(billed.gateways, providers={NAME: slow})
    now = await payments.finalise_subscription(billed.desk.db, gateways, billed.desk.principal, found.id)
    assert now.cancels_at_period_end
    assert (await billed.known(found.id)).cancels_at_period_end
    assert [paid["amount_minor"] for paid in await billed.facts("invoice.paid")] == [9_900, stale.paid.minor]


async def test_a_paid_bill_whose_payment_cannot_be_named_is_taken_when_it_can(billed: Billed) -> None:
    found, ref = await billed.subscribed()
    bill = billed.biller.bill(ref, 9_900, payment_ref=None)
    await billed.look(found.id)
    assert len(await billed.facts("invoice.paid")) == 1
    billed.biller.rebill(bill, payment_ref="bpay_late")
    await billed.look(found.id)
    assert await billed.desk.held("unapplied") == 19_800


async def test_the_webhook_of_a_bills_payment_waits_for_the_bill(billed: Billed) -> None:
    found, ref = await billed.subscribed()
    billed.biller.renew(ref)
    await billed.tell(payment=f"bpay_{ref}_2")
    await billed.act()
    assert await billed.desk.held("unapplied") == 9_900
    await billed.look(found.id)
    await billed.act()
    assert [hook["outcome"] for hook in await billed.desk.webhooks()] == ["applied"]
    assert await billed.desk.held("unapplied") == 19_800


async def test_a_change_is_previewed_and_done_once(billed: Billed) -> None:
    found, _ = await billed.subscribed()
    where = (billed.desk.db, billed.gateways, billed.desk.principal, found.id)
    assert (await payments.preview_change(*where, BETTER)).minor == 5_000
    for _ in range(2):
        changed = await payments.change_subscription(*where, BETTER, reference="change-1")
        assert changed.plan_reference == BETTER.reference
    assert [paid["reason"] for paid in await billed.facts("invoice.paid")] == ["create", "update"]
    assert await billed.desk.held("unapplied") == 14_900
    assert [moved["plan_reference"] for moved in await billed.facts("subscription.moved")] == [PLAN.reference, BETTER.reference]


async def test_it_is_paused_resumed_and_ended_with_its_period(billed: Billed) -> None:
    found, _ = await billed.subscribed()
    where = (billed.desk.db, billed.gateways, billed.desk.principal, found.id)
    assert (await payments.pause_subscription(*where)).status == "paused"
    assert (await payments.cancel_subscription(*where)).cancels_at_period_end
    resumed = await payments.resume_subscription(*where)
    assert (resumed.status, resumed.cancels_at_period_end) == ("active", False)
    assert len(await billed.facts("subscription.moved")) == 4


async def test_what_nobody_agreed_to_yet_cannot_be_changed_and_is_ended_here(billed: Billed) -> None:
    made, _ = await billed.subscribe()
    where = (billed.desk.db, billed.gateways, billed.desk.principal, made.id)
    with pytest.raises(payments.SubscriptionNotLive):
        await payments.change_subscription(*where, BETTER, reference="change-1")
    assert (await payments.cancel_subscription(*where)).status == "cancelled"
    with pytest.raises(payments.SubscriptionNotLive):
        await payments.pause_subscription(*where)
    again, _ = await billed.subscribe(made.customer_id)
    assert again.id != made.id


async def test_one_that_comes_to_life_after_another_took_its_place_is_ended_at_the_provider(billed: Billed) -> None:
    first, _ = await billed.subscribe()
    await payments.cancel_subscription(billed.desk.db, billed.gateways, billed.desk.principal, first.id)
    second, _ = await billed.subscribe(first.customer_id)
    ref = billed.biller.agree(first.reference)  # on the page that was left open
    await billed.tell(subscription=ref)
    await billed.act()
    assert billed.biller.subscriptions[ref].grade == "cancelled"
    assert [(await billed.known(one.id)).status for one in (first, second)] == ["cancelled", "incomplete"]
    assert await billed.desk.held("unapplied") == 9_900  # it is ours to give back


async def test_a_page_that_the_provider_refuses_ends_it(billed: Billed) -> None:
    billed.biller.refuses = True
    customer_id = await billed.desk.customer()
    with pytest.raises(ProviderRefused):
        await billed.subscribe(customer_id)
    billed.biller.refuses = False
    made, _ = await billed.subscribe(customer_id)
    assert made.status == "incomplete"
    assert [moved["status"] for moved in await billed.facts("subscription.moved")] == ["cancelled"]


async def test_a_provider_that_is_away_is_asked_again_for_the_same(billed: Billed) -> None:
    billed.biller.away = True
    customer_id = await billed.desk.customer()
    with pytest.raises(ProviderUnavailable):
        await billed.subscribe(customer_id)
    billed.biller.away = False
    made, _ = await billed.subscribe(customer_id)
    (request,) = billed.biller.asked
    assert request.reference == made.reference


async def test_only_a_provider_that_bills_by_itself_is_subscribed_at(billed: Billed) -> None:
    for provider, refusal in (("simulated", payments.NotSubscribing), ("nobody", payments.ProviderUnknown)):
        with pytest.raises(refusal):
            await billed.subscribe(provider=provider)


async def test_the_sweep_follows_it_from_the_page_over_its_periods_to_its_end(billed: Billed) -> None:
    """Without one webhook, on a test clock that is moved across several renewals."""
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        await clock.hold(tx, BEGIN)
    made, _ = await billed.subscribe()
    ref = billed.biller.agree(made.reference)

    async def move(by: timedelta) -> None:
        async with billed.desk.db.transaction(billed.desk.principal) as tx:
            await clock.advance(tx, tx.now + by)
        await billed.sweep("payments.look_at_subscriptions")

    await billed.sweep("payments.look_at_subscriptions")
    assert (await billed.known(made.id)).status == "incomplete"  # not yet
    await move(timedelta(seconds=6))
    assert (await billed.known(made.id)).status == "active"
    for _ in range(3):
        billed.biller.renew(ref)
    await move(timedelta(days=1))
    assert len(await billed.facts("invoice.paid")) == 1  # it is looked at when its period is over
    await move(30 * timedelta(days=1))
    assert len(await billed.facts("invoice.paid")) == 4
    billed.biller.put(replace(billed.biller.subscriptions[ref], grade=SubscriptionGrade.PAST_DUE))
    await move(92 * timedelta(days=1))
    assert (await billed.known(made.id)).status == "past_due"
    billed.biller.put(replace(billed.biller.subscriptions[ref], grade=SubscriptionGrade.CANCELLED))
    billed.biller.away = True
    await move(timedelta(hours=25))
    assert (await billed.known(made.id)).status == "past_due"
    billed.biller.away = False
    await move(timedelta(hours=25))
    ended = await billed.known(made.id)
    assert (ended.status, ended.look_at) == ("cancelled", None)


async def test_a_page_nobody_came_to_for_three_days_ends_it(billed: Billed) -> None:
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        await clock.hold(tx, BEGIN)
    made, _ = await billed.subscribe()
    for days in (2, 1):
        async with billed.desk.db.transaction(billed.desk.principal) as tx:
            await clock.advance(tx, tx.now + timedelta(days=days, seconds=10))
        before = (await billed.known(made.id)).status
        await billed.sweep("payments.look_at_subscriptions")
        assert before == "incomplete"
    assert (await billed.known(made.id)).status == "cancelled"


async def test_the_page_is_asked_for_anew_once_it_may_be_over(billed: Billed) -> None:
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        await clock.hold(tx, BEGIN)
    made, _ = await billed.subscribe()
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        await clock.advance(tx, tx.now + timedelta(hours=21))
    again, _ = await billed.subscribe(made.customer_id)
    assert again.id == made.id
    assert len(billed.biller.asked) == 2


async def test_subscriptions_and_their_bills_over_the_api(billed: Billed) -> None:
    found, ref = await billed.subscribed()
    billed.biller.renew(ref)
    await billed.look(found.id)
    shown = public_id("sub", found.id)
    (listed,) = (await billed.desk.get("/v1/subscriptions", status="active"))["data"]
    assert (listed["id"], listed["purpose"]) == (shown, "mbs_1")
    assert (await billed.desk.get("/v1/subscriptions", status="paused"))["data"] == []
    assert (await billed.desk.get(f"/v1/subscriptions/{shown}"))["subscription_ref"] == ref
    page = await billed.desk.get(f"/v1/subscriptions/{shown}/invoices", limit=1)
    assert ([bill["reason"] for bill in page["data"]], page["has_more"]) == (["cycle"], True)
    rest = await billed.desk.get(f"/v1/subscriptions/{shown}/invoices", after=page["next"])
    assert [bill["invoice_ref"] for bill in rest["data"]] == [f"{ref}_in_1"]
    nobody = public_id("sub", found.customer_id)
    for path in (f"/v1/subscriptions/{nobody}", f"/v1/subscriptions/{nobody}/invoices"):
        answer = await billed.desk.http.get(path, headers=billed.desk.tenant.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "subscription_unknown")
