"""Pausing a membership, and going on where it was left: what was paid for and not used is not lost."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.memberships import events
from vezne.memberships.models import Membership
from vezne.memberships.operations import plans, reading
from vezne.memberships.operations.leaving import lock, tell_provider
from vezne.memberships.operations.paying import periods_paid
from vezne.memberships.operations.renewing import void_changes
from vezne.memberships.operations.starting import new_period, opened
from vezne.memberships.proration import part_left, seconds
from vezne.memberships.queries import memberships as queries
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.refusals import PauseEndsBeforeItBegins, ProviderActsAtOnce, RenewalUnderWay

LONGEST = timedelta(days=731)


async def pause(tx: Tx, membership_id: UUID, *, at_period_end: bool = False, until: datetime | None = None) -> Membership:
    """Rest, at once or when what is paid for is over, until a time or until it is resumed. It cannot be used meanwhile.

    What is left of the paid period at once is kept, and comes after the pause; credits lapse as they would have. A pause that
    is, or is planned, gets another end by another call. Raises MembershipUnknown, MembershipOver, MembershipNotReady,
    RenewalUnderWay, PauseEndsBeforeItBegins, ProviderActsAtOnce.
    """
    before = await lock(tx, membership_id)
    begins = before.period_end if at_period_end and before.status != "paused" else tx.now
    if until is not None and not begins < until <= begins + LONGEST:
        raise PauseEndsBeforeItBegins(loc=("body", "until"), days=LONGEST.days)
    if before.status == "paused":
        after = replace(before, paused_until=until)
        await queries.update_memberships(tx, [after])
        return after
    before.demand("active")
    _refuse_untimely(before, tx.now, at_period_end=at_period_end)
    if at_period_end:
        after = replace(before, pause_at_period_end=True, paused_until=until)
        await queries.update_memberships(tx, [after])
        return after
    return await _pause_now(tx, before, until)


async def resume(tx: Tx, membership_id: UUID) -> Membership:
    """Go on now: first with what was left of the paid period, else with a new one that is charged at once.

    A pause that was only planned is not made. Of one that is not paused: nothing. Raises MembershipUnknown, MembershipOver.
    """
    before = await lock(tx, membership_id)
    before.demand("paused", "active", "trialing", "past_due")
    if before.status != "paused":
        after = replace(before, pause_at_period_end=False, paused_until=None)
        if after != before:
            await queries.update_memberships(tx, [after])
        return after
    return await _resume(tx, before)


async def resume_due(tx: Tx, limit: int = 200) -> int:
    """Resume memberships whose pause is over; how many. Again: the next ones."""
    found = await queries.lock_paused_due(tx, limit)
    for membership in found:
        await _resume(tx, membership)
    return len(found)


def _refuse_untimely(before: Membership, now: datetime, *, at_period_end: bool) -> None:
    shown = public_id("mbs", before.id)
    if before.billing == "provider":
        if at_period_end:
            raise ProviderActsAtOnce(loc=("body", "at_period_end"), membership_id=shown, provider=before.provider)
    elif before.renews_at is None or before.renews_at <= now:
        raise RenewalUnderWay(membership_id=shown)


async def _pause_now(tx: Tx, before: Membership, until: datetime | None) -> Membership:
    running = await reading.period(tx, before.period_id)
    stops = max(tx.now, running.starts_at + timedelta(seconds=1))
    rest, value = 0, 0
    if before.billing == "vezne" and stops < running.ends_at:
        rest = seconds(stops, running.ends_at)
        value = part_left(max(0, running.value_minor - running.refunded_minor), running.starts_at, running.ends_at, stops)
        await void_changes(tx, [before.id])
        await period_queries.update_periods(tx, [replace(running, ends_at=stops)])
    after = replace(
        before,
        status="paused",
        paused_at=tx.now,
        paused_until=until,
        pause_at_period_end=False,
        rest_seconds=rest,
        rest_minor=value,
        renews_at=None,
        period_end=stops if rest else before.period_end,
        paid_until=stops if rest else before.paid_until,
    )
    await queries.update_memberships(tx, [after])
    await tx.publish(events.MembershipPaused(membership_id=after.id, customer_id=after.customer_id, until=until))
    await tell_provider(tx, after, "pause")
    return after


async def _resume(tx: Tx, before: Membership) -> Membership:
    woken = replace(before, status="active", paused_at=None, paused_until=None, rest_seconds=0, rest_minor=0)
    if before.billing == "vezne":
        woken = replace(woken, anchor_at=tx.now, cycle=0, renews_at=tx.now)
    if before.rest_seconds and before.billing == "vezne":
        woken = await _give_rest(tx, before, replace(woken, renews_at=None))
    else:
        await queries.update_memberships(tx, [woken])
        await tell_provider(tx, woken, "resume")
    await tx.publish(events.MembershipResumed(membership_id=woken.id, customer_id=woken.customer_id))
    return woken


async def _give_rest(tx: Tx, before: Membership, woken: Membership) -> Membership:
    """What a pause has left of a period, as one that costs nothing; the calendar counts from its end."""
    starts_at = max(tx.now, before.period_end)
    ends_at = starts_at + timedelta(seconds=before.rest_seconds)
    plan = await plans.plan(tx, before.plan_id)
    period = new_period(
        tx,
        before.id,
        plan,
        before.numbers + 1,
        before.currency,
        starts_at=starts_at,
        ends_at=ends_at,
        amount=0,
        value=before.rest_minor,
        price=before.price_minor,
        cycle=0,
        reason="resume",
    )
    await queries.update_memberships(tx, [replace(woken, anchor_at=ends_at, numbers=period.number)])
    await period_queries.insert_periods(tx, [period])
    await tx.publish(opened(period))
    await periods_paid(tx, {period.id: None})
    return await reading.membership(tx, before.id)
