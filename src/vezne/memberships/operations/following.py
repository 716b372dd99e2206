"""What the news of a provider that bills by itself mean for its memberships.

What it says of the subscription is where the membership stands; what it collects are its periods. Each piece of news may come
twice, late, or before the one that it follows.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from vezne import identity, payments
from vezne.kernel.db import Tx
from vezne.kernel.events import Event
from vezne.kernel.ids import UnknownId, parse_id
from vezne.memberships import events
from vezne.memberships.calendar import period_end
from vezne.memberships.dunning import DUNNING, class_of
from vezne.memberships.models import LeavingReason, Membership, Period
from vezne.memberships.operations import leaving, plans, reading
from vezne.memberships.operations.starting import new_period, opened
from vezne.memberships.queries import memberships as queries
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.queries import plans as plan_queries

_RUNNING = {"trialing", "active", "past_due"}


async def on_subscription_moved(tx: Tx, event: payments.SubscriptionMoved) -> None:
    """The membership follows the subscription that bills it. What was never heard of, or is over, is left alone; a
    subscription that lives on though its membership is over is ended at its provider.
    """
    membership = await _of_purpose(tx, event.purpose)
    if membership is None or membership.billing != "provider":
        return
    lives = event.status not in {"cancelled", "incomplete"}
    if membership.subscription_id not in {None, event.subscription_id} and membership.status != "incomplete":
        return  # an older subscription of the same membership
    if membership.is_over:
        if lives:
            await _late(tx, replace(membership, subscription_id=event.subscription_id))
        return
    if event.status == "cancelled":
        await _cancelled(tx, membership)
        return
    after = await _with_plan(tx, replace(membership, subscription_id=event.subscription_id), event.plan_reference)
    if membership.status != "incomplete":
        after = replace(
            _standing(after, event.status, tx.now),
            cancel_at_period_end=event.cancels_at_period_end,
            cancel_reason=(after.cancel_reason or "other") if event.cancels_at_period_end else None,
        )
    if after != membership:
        await queries.update_memberships(tx, [after])
        await _tell_news(tx, membership, after)


async def on_invoice_failed(tx: Tx, event: payments.InvoiceFailed) -> None:
    """A provider could not collect a period: the membership is past due; the provider tries again by its own rules."""
    membership = await _of_purpose(tx, event.purpose)
    if membership is None or membership.billing != "provider" or membership.status not in {"trialing", "active", "past_due"}:
        return
    after = replace(membership, status="past_due")
    await queries.update_memberships(tx, [after])
    failure_class = class_of(event.failure_code)
    steps = DUNNING[failure_class]
    await tx.publish(
        events.MembershipPastDue(
            membership_id=after.id,
            customer_id=after.customer_id,
            number=after.numbers + 1,
            amount_minor=event.amount_minor,
            currency=event.currency,
            failure_class=failure_class,
            failure_code=event.failure_code,
            attempts=event.attempts,
            ask=steps[min(max(1, event.attempts), len(steps)) - 1].ask,
            next_try_at=None,
            usable_until=after.usable_until((await identity.settings_of(tx)).grace_days),
        )
    )


async def period_of_invoice(
    tx: Tx, membership_id: UUID, starts_at: datetime, ends_at: datetime, amount_minor: int, reason: str
) -> Period:
    """The period that a bill of the provider pays (`create`, `cycle`, `update`, `other`): the first one, which waits for it, or
    a new one. To be paid at once by `period_paid`. Raises MembershipUnknown.
    """
    membership = await leaving.lock(tx, membership_id)
    first = await reading.period(tx, membership.period_id)
    plan = await plans.plan(tx, membership.plan_id)
    if ends_at <= starts_at:
        zone = (await identity.settings_of(tx)).zone
        ends_at = period_end(starts_at, 1, plan.interval, plan.interval_count, zone)
    if first.reason == "first" and first.status == "open":
        return await _first_bill(tx, first, starts_at, ends_at, amount_minor)
    change = reason == "update" or (reason == "other" and _overlaps(membership, starts_at, ends_at))
    if change:
        starts_at, ends_at = _of_change(membership, starts_at, ends_at, tx.now)
        if (
            first.is_trial and amount_minor and first.starts_at < starts_at
        ):  # ended before its time: what is paid for is a whole period of its own
            await period_queries.update_periods(tx, [replace(first, ends_at=starts_at)])
            change = False
    period = new_period(
        tx,
        membership.id,
        plan,
        membership.numbers + 1,
        membership.currency,
        starts_at=starts_at,
        ends_at=ends_at,
        amount=amount_minor,
        price=membership.price_minor,
        cycle=membership.cycle if change else membership.cycle + 1,
        reason="change" if change else "renewal",
    )
    await queries.update_memberships(tx, [replace(membership, numbers=period.number)])
    await period_queries.insert_periods(tx, [period])
    await tx.publish(opened(period))
    return period


async def _first_bill(tx: Tx, first: Period, starts_at: datetime, ends_at: datetime, amount_minor: int) -> Period:
    """The first period, with the dates and the amount of its bill; one of nothing is a trial's."""
    trial = first.is_trial and not amount_minor
    known = replace(
        first,
        starts_at=starts_at,
        ends_at=ends_at,
        amount_minor=amount_minor,
        value_minor=amount_minor,
        is_trial=trial,
        cycle=0 if trial else 1,
    )
    await period_queries.update_periods(tx, [known])
    return known


def _overlaps(membership: Membership, starts_at: datetime, ends_at: datetime) -> bool:
    return starts_at < membership.period_end and membership.period_start < ends_at


def _of_change(membership: Membership, starts_at: datetime, ends_at: datetime, now: datetime) -> tuple[datetime, datetime]:
    """From when to when a change holds: from now on, to the end that the bill names where that lies in the running period."""
    until = ends_at if _overlaps(membership, starts_at, ends_at) else membership.period_end
    begins = max(now, membership.period_start)
    return (begins if begins < until else membership.period_start), until


async def _of_purpose(tx: Tx, purpose: str) -> Membership | None:
    """The membership that asked for a subscription, held; None: it was somebody else."""
    try:
        membership_id = parse_id("mbs", purpose)
    except UnknownId:
        return None
    return (await queries.lock_memberships(tx, [membership_id])).get(membership_id)


async def _late(tx: Tx, membership: Membership) -> None:
    """A membership is over, and yet its subscription lives. One that never ran begins after all, unless another has its place."""
    taken = await queries.select_live(tx, membership.customer_id, membership.family)
    if membership.started_at is not None or taken or membership.status != "ended":
        await queries.update_memberships(tx, [membership])
        await leaving.tell_provider(tx, membership, "cancel")
        return
    first = await reading.period(tx, membership.period_id)
    await period_queries.update_periods(tx, [replace(first, status="open")])
    await queries.update_memberships(tx, [replace(membership, status="incomplete", ended_at=None, cancel_reason=None)])


async def _cancelled(tx: Tx, membership: Membership) -> None:
    """The provider has ended it: as it was to end, for want of money, or by somebody's hand there."""
    if membership.status == "incomplete" or membership.cancel_at_period_end:
        await leaving.finish(tx, membership, tx.now)
        return
    reason: LeavingReason = "unpaid" if membership.status == "past_due" else "other"
    await leaving.end_now(tx, membership, reason, tell=False)


async def _with_plan(tx: Tx, membership: Membership, reference: str | None) -> Membership:
    """The plan and price that the provider bills now, where its reference is one of ours."""
    plan_id, price = _read_terms(reference, membership.currency)
    if plan_id is None or plan_id not in await plan_queries.select_plans_by_id(tx, [plan_id]):
        return membership
    settled = membership.next_plan_id == plan_id
    return replace(
        membership,
        plan_id=plan_id,
        price_minor=price,
        next_plan_id=None if settled else membership.next_plan_id,
        next_price_minor=None if settled else membership.next_price_minor,
    )


def _read_terms(reference: str | None, currency: str) -> tuple[UUID | None, int]:
    plan, _, rest = (reference or "").partition(":")
    unit, _, amount = rest.partition(":")
    if unit != currency or not amount.isascii() or not amount.isdigit():
        return None, 0
    try:
        return parse_id("pln", plan), int(amount)
    except UnknownId:
        return None, 0


def _standing(membership: Membership, status: str, now: datetime) -> Membership:
    """Where a membership that has begun stands, by its subscription."""
    if status == "paused":
        return replace(membership, status="paused", paused_at=membership.paused_at or now)
    if status not in _RUNNING:
        return membership
    woken = replace(membership, paused_at=None, paused_until=None) if membership.status == "paused" else membership
    if status == "trialing":
        return replace(woken, status="trialing")
    return replace(woken, status="active" if status == "active" else "past_due")


async def _tell_news(tx: Tx, before: Membership, after: Membership) -> None:
    who = {"membership_id": after.id, "customer_id": after.customer_id}
    news: list[Event] = []
    if before.plan_id != after.plan_id and after.status != "incomplete":
        news.append(events.MembershipChanged(**who, plan_id=after.plan_id, period_end=after.period_end))
    if after.cancel_at_period_end and not before.cancel_at_period_end:
        news.append(events.MembershipEnding(**who, ends_at=after.period_end, reason=after.cancel_reason or "other"))
    if before.cancel_at_period_end and not after.cancel_at_period_end:
        news.append(events.MembershipKept(**who))
    if after.status == "paused" and before.status != "paused":
        news.append(events.MembershipPaused(**who, until=after.paused_until))
    if before.status == "paused" and after.status != "paused":
        news.append(events.MembershipResumed(**who))
    await tx.publish(*news)
