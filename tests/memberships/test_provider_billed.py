"""CM3, CM5: memberships that a provider bills by itself: its news twice, before, after, and out of order leave the same state."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from memberships_fixtures import Club
from subscribing_fixtures import BEGIN as BILLED_FROM
from subscribing_fixtures import MONTH, NAME, Biller
from vezne import memberships, payments
from vezne.kernel.ids import public_id
from vezne.kernel.jobs import JobCall
from vezne.memberships.jobs import jobs_on
from vezne.payments.gateways import Gateways
from vezne.payments.providers.base import ProviderRefused, ProviderUnavailable, SubscriptionGrade


class Billed:
    """A club whose memberships a provider bills."""

    def __init__(self, club: Club) -> None:
        self.club = club
        self.biller = Biller()
        self.gateways = Gateways({NAME: self.biller}, public_url="http://127.0.0.1:9", session_ttl=timedelta(minutes=30))

    async def begin(self, plan: memberships.Plan, customer: UUID | None = None) -> memberships.Membership:
        """A membership that waits for its customer's word."""
        who = customer or await self.club.customer()
        async with self.club.db.transaction(self.club.principal) as tx:
            made = await memberships.begin_subscription(tx, who, plan.id, "TRY", NAME, "http://127.0.0.1:9/back")
        asked, url = await memberships.ask_to_bill(self.club.db, self.gateways, self.club.principal, made.id)
        assert url is not None
        return asked

    async def look(self, made: memberships.Membership) -> memberships.Membership:
        """A webhook has come: the provider is asked."""
        assert made.subscription_id is not None
        await payments.finalise_subscription(self.club.db, self.gateways, self.club.principal, made.subscription_id)
        return await self.club.seen(made.id)

    async def agree(self, made: memberships.Membership, trial_until: datetime | None = None) -> str:
        """The customer agrees; the provider's name for it."""
        assert made.subscription_id is not None
        return self.biller.agree(public_id("sub", made.subscription_id), trial_until=trial_until)

    async def running(self, plan: memberships.Plan) -> tuple[memberships.Membership, str]:
        """A membership whose first bill is paid."""
        made = await self.begin(plan)
        ref = await self.agree(made)
        return await self.look(made), ref

    async def tell(self, made: memberships.Membership, command: str) -> None:
        """What the job tells the provider."""
        call = JobCall(
            "memberships.tell_provider",
            self.club.tenant.tenant_id,
            {"membership_id": public_id("mbs", made.id), "command": command},
        )
        await jobs_on(self.gateways)["memberships.tell_provider"](self.club.db, call)

    async def state(self, made: memberships.Membership) -> tuple[object, ...]:
        """All that matters of a membership and its periods."""
        seen = await self.club.seen(made.id)
        periods = [(each.number, each.starts_at, each.ends_at, each.status) for each in await self.club.periods(made.id)]
        return seen, periods, await self.club.credits(made.customer_id)


@pytest.fixture
def billed(club: Club) -> Billed:
    """A club whose provider bills."""
    return Billed(club)


async def test_it_is_incomplete_until_its_first_bill_is_paid_and_then_has_the_dates_of_the_bill(billed: Billed) -> None:
    made = await billed.begin(await billed.club.plan(9_900, credits_per_period=10))
    assert (made.status, made.provider, made.renews_at) == ("incomplete", NAME, None)
    assert (await billed.look(made)).status == "incomplete"
    await billed.agree(made)
    seen = await billed.look(made)
    assert (seen.status, seen.period_start, seen.period_end) == ("active", BILLED_FROM, BILLED_FROM + MONTH)
    assert seen.paid_until == seen.period_end
    assert await billed.club.credits(made.customer_id) == 10
    assert await billed.club.open() == []


async def test_asked_for_again_it_is_the_same_with_the_same_page_and_another_plan_is_refused_pay004(billed: Billed) -> None:
    plan, other = await billed.club.plan(), await billed.club.plan(9_000, level=1)
    made = await billed.begin(plan)
    assert (await billed.begin(plan, customer=made.customer_id)).id == made.id
    with pytest.raises(memberships.AlreadySubscribed):
        await billed.begin(other, customer=made.customer_id)
    assert len({request.reference for request in billed.biller.asked}) == 1


async def test_a_provider_that_refuses_ends_it_and_one_that_is_away_is_asked_again(billed: Billed) -> None:
    plan = await billed.club.plan()
    billed.biller.away = True
    who = await billed.club.customer()
    with pytest.raises(ProviderUnavailable):
        await billed.begin(plan, customer=who)
    billed.biller.away = False
    made = await billed.begin(plan, customer=who)
    assert made.status == "incomplete"
    billed.biller.refuses = True
    another = await billed.club.customer()
    with pytest.raises(ProviderRefused):
        await billed.begin(plan, customer=another)
    billed.biller.refuses = False
    assert (await billed.begin(plan, customer=another)).status == "incomplete"


async def test_renewals_come_as_bills_and_twice_is_once(billed: Billed) -> None:
    made, ref = await billed.running(await billed.club.plan(9_900, credits_per_period=10, credit_rollover="keep"))
    billed.biller.renew(ref)
    seen = await billed.look(made)
    assert (seen.period_start, seen.period_end) == (BILLED_FROM + MONTH, BILLED_FROM + 2 * MONTH)
    before = await billed.state(made)
    await billed.look(made)
    await billed.look(made)
    assert await billed.state(made) == before
    assert [period.number for period in await billed.club.periods(made.id)] == [1, 2]
    assert await billed.club.credits(made.customer_id) == 20


async def test_several_renewals_heard_of_at_once_or_one_by_one_leave_the_same_dates(billed: Billed) -> None:
    plan = await billed.club.plan(9_900)
    (one, first), (two, second) = await billed.running(plan), await billed.running(plan)
    for _ in range(3):
        billed.biller.renew(first)
        await billed.look(one)
        billed.biller.renew(second)
    await billed.look(two)

    def dates(periods: list[memberships.Period]) -> list[tuple[object, ...]]:
        return [(each.number, each.starts_at, each.ends_at, each.amount_minor, each.status) for each in periods]

    assert dates(await billed.club.periods(one.id)) == dates(await billed.club.periods(two.id))
    assert (await billed.club.seen(one.id)).period_end == (await billed.club.seen(two.id)).period_end == BILLED_FROM + 4 * MONTH


async def test_an_older_bill_that_is_paid_late_is_a_period_and_moves_nothing_back(billed: Billed) -> None:
    made, ref = await billed.running(await billed.club.plan(9_900))
    late = billed.biller.bill(ref, 9_900, paid=False)
    found = billed.biller.subscriptions[ref]
    billed.biller.put(replace(found, period_start=BILLED_FROM + 2 * MONTH, period_end=BILLED_FROM + 3 * MONTH))
    billed.biller.bill(ref, 9_900)
    await billed.look(made)
    billed.biller.rebill(late, status="paid", paid=late.total)
    seen = await billed.look(made)
    assert seen.period_start == BILLED_FROM + 2 * MONTH
    assert {each.starts_at for each in await billed.club.periods(made.id)} == {BILLED_FROM + n * MONTH for n in range(3)}


async def test_a_bill_that_fails_makes_it_past_due_and_one_that_is_paid_after_all_active_again(billed: Billed) -> None:
    made, ref = await billed.running(await billed.club.plan(9_900))
    failed = billed.biller.bill(ref, 9_900, paid=False, failure_code="expired_card", attempts=1)
    billed.biller.put(replace(billed.biller.subscriptions[ref], grade=SubscriptionGrade.PAST_DUE))
    assert (await billed.look(made)).status == "past_due"
    (told,) = await billed.club.events("membership.past_due")
    assert (told["ask"], told["next_try_at"], told["failure_class"]) == ("new_method", None, "hard")
    billed.biller.put(replace(billed.biller.subscriptions[ref], grade=SubscriptionGrade.ACTIVE))
    billed.biller.rebill(failed, status="paid", paid=failed.total)
    seen = await billed.look(made)
    assert (seen.status, seen.period_number) == ("active", 2)


async def test_cancelled_here_the_provider_is_told_and_what_it_says_then_changes_nothing(billed: Billed) -> None:
    made, ref = await billed.running(await billed.club.plan(9_900))
    await billed.club.cancel(made, reason="switched")
    await billed.tell(made, "cancel_later")
    assert billed.biller.subscriptions[ref].cancels_at_period_end
    seen = await billed.club.seen(made.id)
    assert (seen.status, seen.cancel_at_period_end, seen.cancel_reason) == ("active", True, "switched")
    async with billed.club.db.transaction(billed.club.principal) as tx:
        await memberships.undo_cancel(tx, made.id)
    await billed.tell(made, "keep")
    assert not billed.biller.subscriptions[ref].cancels_at_period_end
    await billed.club.cancel(made, at_period_end=False)
    await billed.tell(made, "cancel")
    over = await billed.club.seen(made.id)
    assert (over.status, billed.biller.subscriptions[ref].grade) == ("cancelled", "cancelled")
    await billed.look(made)
    await billed.tell(made, "cancel")
    assert await billed.club.seen(made.id) == over


async def test_ended_at_the_provider_it_is_over_here_as_it_was_to_end(billed: Billed) -> None:
    plan = await billed.club.plan(9_900)
    for leaving, status in ((True, "ended"), (False, "cancelled")):
        made, ref = await billed.running(plan)
        if leaving:
            billed.biller.put(replace(billed.biller.subscriptions[ref], cancels_at_period_end=True))
            assert (await billed.look(made)).cancel_at_period_end
        billed.biller.put(replace(billed.biller.subscriptions[ref], grade=SubscriptionGrade.CANCELLED))
        assert (await billed.look(made)).status == status


async def test_money_that_a_provider_collects_after_the_end_is_a_period_and_brings_nothing_back_to_life(billed: Billed) -> None:
    made, ref = await billed.running(await billed.club.plan(9_900))
    await billed.club.cancel(made, at_period_end=False)
    billed.biller.renew(ref)
    seen = await billed.look(made)
    assert seen.status == "cancelled"
    assert [each.status for each in await billed.club.periods(made.id)] == ["paid", "paid"]
    await billed.club.begin(await billed.club.plan(), made.customer_id)


async def test_a_page_left_open_begins_it_late_unless_another_has_its_place(billed: Billed) -> None:
    plan = await billed.club.plan(9_900)
    late, replaced = await billed.begin(plan), await billed.begin(plan)
    for made in (late, replaced):
        async with billed.club.db.transaction(billed.club.principal) as tx:
            first = (await memberships.periods_page(tx, made.id))[0]
            await memberships.abandon(tx, first.id)
    await billed.club.begin(plan, replaced.customer_id)
    await billed.agree(late)
    ref = await billed.agree(replaced)
    assert (await billed.look(late)).status == "active"
    assert (await billed.look(replaced)).status == "ended"
    await billed.tell(replaced, "cancel")
    assert billed.biller.subscriptions[ref].grade == "cancelled"


async def test_a_change_is_made_at_the_provider_whose_bill_is_a_period_of_its_own(billed: Billed) -> None:
    small, large = (
        await billed.club.plan(9_900, credits_per_period=10),
        await billed.club.plan(19_900, level=1, credits_per_period=40),
    )
    made, ref = await billed.running(small)
    change, due = await memberships.preview_at_provider(billed.club.db, billed.gateways, billed.club.principal, made.id, large.id)
    assert (due.minor, change.now) == (5_000, None)
    await billed.club.change_later(made, large)
    await billed.tell(made, "change")
    await billed.tell(made, "change")
    seen = await billed.look(made)
    assert (seen.plan_id, seen.price_minor, seen.next_plan_id) == (large.id, 19_900, None)
    assert [(each.reason, each.amount_minor) for each in await billed.club.periods(made.id)] == [
        ("first", 9_900),
        ("change", 5_000),
    ]
    assert len(billed.biller.subscriptions[ref].invoices) == 2


async def test_a_pause_is_the_providers_and_at_a_periods_end_it_knows_none(billed: Billed) -> None:
    made, ref = await billed.running(await billed.club.plan(9_900))
    with pytest.raises(memberships.ProviderActsAtOnce):
        await billed.club.pause(made, at_period_end=True)
    await billed.club.pause(made)
    await billed.tell(made, "pause")
    assert billed.biller.subscriptions[ref].grade == "paused"
    assert (await billed.look(made)).status == "paused"
    await billed.club.resume(made)
    await billed.tell(made, "resume")
    assert (await billed.look(made)).status == "active"


async def test_a_trial_has_a_bill_of_nothing_and_then_its_first_real_one(billed: Billed) -> None:
    made = await billed.begin(await billed.club.plan(9_900, trial_days=30))
    ref = await billed.agree(made, trial_until=BILLED_FROM + MONTH)
    trying = await billed.look(made)
    assert (trying.status, trying.trial_ends_at) == ("trialing", BILLED_FROM + MONTH)
    billed.biller.renew(ref)
    seen = await billed.look(made)
    assert (seen.status, seen.period_start) == ("active", BILLED_FROM + MONTH)


async def test_a_trial_that_is_ended_before_its_time_makes_room_for_a_whole_period(billed: Billed) -> None:
    plan = await billed.club.plan(9_900, trial_days=30, credits_per_period=40)
    made = await billed.begin(plan)
    ref = await billed.agree(made, trial_until=BILLED_FROM + MONTH)
    trying = await billed.look(made)
    now = trying.period_start + timedelta(days=3)
    await billed.club.at(now)
    billed.biller.bill(ref, 9_900, reason="update", period_start=now, period_end=now + MONTH)
    billed.biller.put(replace(billed.biller.subscriptions[ref], grade=SubscriptionGrade.ACTIVE))
    seen = await billed.look(made)
    assert (seen.status, seen.period_start, seen.period_end) == ("active", now, now + MONTH)
    trial, first = await billed.club.periods(made.id)
    assert (trial.ends_at, first.reason, first.credits_granted) == (now, "renewal", 40)


async def test_what_was_never_asked_of_a_provider_is_over_after_a_day(billed: Billed) -> None:
    plan, who = await billed.club.plan(), await billed.club.customer()
    async with billed.club.db.transaction(billed.club.principal) as tx:
        made = await memberships.begin_subscription(tx, who, plan.id, "TRY", NAME, "http://127.0.0.1:9/back")
    await billed.club.later(timedelta(days=1))
    await jobs_on(billed.gateways)["memberships.watch"](
        billed.club.db, JobCall("memberships.watch", billed.club.tenant.tenant_id)
    )
    assert (await billed.club.seen(made.id)).status == "ended"
