"""Going on: the next periods of memberships that we bill, one at a time, the oldest first, each once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from vezne import identity
from vezne.kernel.db import Tx
from vezne.kernel.events import Event
from vezne.kernel.ids import public_id
from vezne.memberships import events
from vezne.memberships.calendar import first_end_after
from vezne.memberships.models import Membership, Period, Plan
from vezne.memberships.operations import plans
from vezne.memberships.operations.starting import new_period, opened
from vezne.memberships.queries import memberships as queries
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.refusals import MembershipUnknown

LEASE = timedelta(hours=1)
"""A period given out to be tried again is given out once more after this, should whoever tried it never say what came of it."""


async def due(tx: Tx, limit: int) -> list[Membership]:
    """Memberships whose period is over and paid for, and whose next is to be opened, the longest due first; each is held until
    the transaction ends, and what another transaction holds is passed over. Those that end now are among them.
    """
    return await queries.lock_due(tx, limit)


async def open_period(tx: Tx, membership_id: UUID) -> Period | None:
    """The next period of a membership, if one is due; see `open_periods`. Raises MembershipUnknown."""
    found = await queries.lock_memberships(tx, [membership_id])
    if membership_id not in found:
        raise MembershipUnknown(membership_id=public_id("mbs", membership_id))
    opened_ = await open_periods(tx, list(found.values()))
    return opened_[0] if opened_ else None


async def open_periods(tx: Tx, memberships: Sequence[Membership]) -> list[Period]:
    """The next period of each of these held memberships whose time has come, by the plan that was chosen for it; it waits for
    its money. One that was cancelled ends instead, one that is to pause pauses: neither has a period here.

    A membership that is behind by several periods gets the oldest; once that is paid it is due again.
    """
    ready = [each for each in memberships if each.renews_at is not None and each.renews_at <= tx.now]
    leaving = [each for each in ready if each.cancel_at_period_end]
    pausing = [each for each in ready if each.pause_at_period_end and not each.cancel_at_period_end]
    going_on = [each for each in ready if not (each.cancel_at_period_end or each.pause_at_period_end)]
    ended = [_ended(each) for each in leaving]
    paused = [_paused(each) for each in pausing]
    news: list[Event] = [ended_news(each) for each in ended]
    news += [events.MembershipPaused(membership_id=p.id, customer_id=p.customer_id, until=p.paused_until) for p in paused]
    changed, periods = await _next(tx, going_on)
    news += [
        events.MembershipChanged(
            membership_id=after.id, customer_id=after.customer_id, plan_id=after.plan_id, period_end=after.period_end
        )
        for before, after in zip(going_on, changed, strict=True)
        if before.plan_id != after.plan_id
    ]
    await void_changes(tx, [each.id for each in ready])
    await queries.update_memberships(tx, [*ended, *paused, *changed])
    await period_queries.insert_periods(tx, periods)
    await tx.publish(*news, *[opened(period) for period in periods])
    return periods


async def periods_to_retry(tx: Tx, limit: int) -> list[Period]:
    """Periods that could not be charged and are to be tried again now, the oldest first. They are given out once: commit before
    the orders they belong to are touched, and tell by `period_paid` or `period_failed` what came of it.
    """
    return await period_queries.claim_to_retry(tx, LEASE, limit)


async def void_changes(tx: Tx, membership_ids: Sequence[UUID]) -> None:
    """Changes of plan that wait for their money are wanted no longer."""
    waiting = await period_queries.select_open(tx, membership_ids)
    await period_queries.update_periods(tx, [voided(period) for period in waiting if period.reason == "change"])


def voided(period: Period) -> Period:
    """A period that nobody is to pay any more."""
    return replace(period, status="void", next_try_at=None)


def ended_news(after: Membership) -> Event:
    """The news that a membership is over."""
    return events.MembershipEnded(
        membership_id=after.id,
        customer_id=after.customer_id,
        plan_id=after.plan_id,
        status=after.status,
        reason=after.cancel_reason or "",
    )


def _ended(before: Membership) -> Membership:
    return replace(before, status="ended", ended_at=before.renews_at, renews_at=None, trial_notice_at=None)


def _paused(before: Membership) -> Membership:
    return replace(
        before,
        status="paused",
        paused_at=before.renews_at,
        pause_at_period_end=False,
        renews_at=None,
        trial_notice_at=None,
        rest_seconds=0,
        rest_minor=0,
    )


async def _next(tx: Tx, memberships: Sequence[Membership]) -> tuple[list[Membership], list[Period]]:
    if not memberships:
        return [], []
    zone = (await identity.settings_of(tx)).zone
    wanted = {plan_id for each in memberships for plan_id in (each.plan_id, each.next_plan_id) if plan_id is not None}
    known = await plans.plans_by_id(tx, list(wanted))
    pairs = [_next_of(tx, each, known, zone) for each in memberships]
    return [after for after, _ in pairs], [period for _, period in pairs]


def _next_of(tx: Tx, before: Membership, known: Mapping[UUID, Plan], zone: ZoneInfo) -> tuple[Membership, Period]:
    starts_at = before.renews_at or tx.now
    plan, old = known[before.next_plan_id or before.plan_id], known[before.plan_id]
    price = before.price_minor if before.next_price_minor is None else before.next_price_minor
    anchor, cycle = before.anchor_at, before.cycle + 1
    if (plan.interval, plan.interval_count) != (old.interval, old.interval_count):
        anchor, cycle = starts_at, 1
    cycle, ends_at = first_end_after(anchor, cycle, plan.interval, plan.interval_count, zone, starts_at)
    period = new_period(
        tx,
        before.id,
        plan,
        before.numbers + 1,
        before.currency,
        starts_at=starts_at,
        ends_at=ends_at,
        amount=price,
        price=price,
        cycle=cycle,
        reason="renewal" if starts_at == before.period_end else "resume",
    )
    after = replace(
        before,
        status="active" if before.status == "trialing" else before.status,
        plan_id=plan.id,
        price_minor=price,
        next_plan_id=None,
        next_price_minor=None,
        anchor_at=anchor,
        cycle=cycle,
        numbers=period.number,
        period_number=period.number,
        period_id=period.id,
        period_start=starts_at,
        period_end=ends_at,
        renews_at=None,
        trial_notice_at=None,
    )
    return after, period
