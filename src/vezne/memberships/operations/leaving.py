"""Ending a membership: by whoever has it, at once or with what is paid for; undoing that; and what was never paid for."""

from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.memberships import events
from vezne.memberships.models import Departure, LeavingReason, Membership
from vezne.memberships.operations.renewing import ended_news, voided
from vezne.memberships.queries import memberships as queries
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.refusals import MembershipUnknown

TELL_PROVIDER = "memberships.tell_provider"
"""The job that tells a provider what became of a membership it bills."""
Command = Literal["cancel", "cancel_later", "keep", "pause", "resume", "change"]


async def cancel(
    tx: Tx, membership_id: UUID, *, at_period_end: bool = True, reason: LeavingReason = "other", comment: str = ""
) -> Membership:
    """End it with the period that is paid for, or at once; what waits for its money is wanted no longer. What was said is kept.

    One that is paused, past due or was never paid for ends at once in any case. Again: nothing more, but that what is said now
    is kept too, and that `at_period_end=False` ends at once what was to end later. Raises MembershipUnknown.
    """
    membership = await lock(tx, membership_id)
    if membership.is_over:
        return membership
    later = at_period_end and membership.status in {"trialing", "active"} and (membership.paid_until or tx.now) > tx.now
    await queries.insert_departure(
        tx,
        Departure(
            id=new_id(),
            membership_id=membership_id,
            plan_id=membership.plan_id,
            reason=reason,
            comment=comment,
            at_period_end=later,
            said_at=tx.now,
        ),
    )
    if later:
        return await _end_later(tx, membership, reason)
    return await end_now(tx, membership, reason)


async def undo_cancel(tx: Tx, membership_id: UUID) -> Membership:
    """Let it go on after all, before it has ended. Again, or when it was not cancelled: nothing. Raises MembershipUnknown,
    MembershipOver.
    """
    membership = await lock(tx, membership_id)
    membership.demand("trialing", "active", "past_due", "paused", "incomplete")
    if not membership.cancel_at_period_end:
        return membership
    after = replace(membership, cancel_at_period_end=False, cancel_reason=None)
    await queries.update_memberships(tx, [after])
    await tx.publish(events.MembershipKept(membership_id=after.id, customer_id=after.customer_id))
    await tell_provider(tx, after, "keep")
    return after


async def abandon(tx: Tx, period_id: UUID) -> None:
    """Nobody will pay a first period, or a change, any more: it is void, and a membership that never ran is over.

    Renewals stay open: another order may pay them. Again, or once it is paid: nothing.
    """
    found = await period_queries.select_periods(tx, [period_id])
    if period_id not in found:
        return
    membership = await lock(tx, found[period_id].membership_id)
    period = (await period_queries.select_periods(tx, [period_id]))[period_id]
    if period.status != "open" or period.reason not in {"first", "change"}:
        return
    await period_queries.update_periods(tx, [voided(period)])
    if membership.status == "incomplete":
        await finish(tx, membership, tx.now)


async def end_now(tx: Tx, membership: Membership, reason: LeavingReason, *, tell: bool = True) -> Membership:
    """End a held membership at once, and have its provider know unless it was the provider who told us."""
    waiting = await period_queries.select_open(tx, [membership.id])
    await period_queries.update_periods(tx, [voided(period) for period in waiting])
    after = replace(
        membership,
        status="cancelled",
        cancel_reason=reason,
        ended_at=tx.now,
        renews_at=None,
        trial_notice_at=None,
        paused_at=None,
        paused_until=None,
        pause_at_period_end=False,
    )
    await queries.update_memberships(tx, [after])
    await tx.publish(ended_news(after))
    if tell:
        await tell_provider(tx, after, "cancel")
    return after


async def finish(tx: Tx, membership: Membership, ended_at: datetime) -> Membership:
    """A held membership has come to its end by itself."""
    waiting = await period_queries.select_open(tx, [membership.id])
    await period_queries.update_periods(tx, [voided(period) for period in waiting])
    after = replace(
        membership, status="ended", ended_at=ended_at, renews_at=None, trial_notice_at=None, paused_at=None, paused_until=None
    )
    await queries.update_memberships(tx, [after])
    await tx.publish(ended_news(after))
    return after


async def lock(tx: Tx, membership_id: UUID) -> Membership:
    """The membership, held until the transaction ends. Raises MembershipUnknown."""
    found = await queries.lock_memberships(tx, [membership_id])
    if membership_id not in found or tx.principal.customer_id not in {None, found[membership_id].customer_id}:
        raise MembershipUnknown(membership_id=public_id("mbs", membership_id))
    return found[membership_id]


async def tell_provider(tx: Tx, membership: Membership, command: Command) -> None:
    """Leave the job that tells the provider, where it is the provider that bills. What it answers comes as its own news."""
    if membership.billing == "provider" and membership.subscription_id is not None:
        shown = public_id("mbs", membership.id)
        await tx.enqueue(TELL_PROVIDER, {"membership_id": shown, "command": command}, dedupe=f"{shown}/{command}")


async def _end_later(tx: Tx, membership: Membership, reason: LeavingReason) -> Membership:
    after = replace(membership, cancel_at_period_end=True, cancel_reason=reason)
    await queries.update_memberships(tx, [after])
    if not membership.cancel_at_period_end:
        await tx.publish(
            events.MembershipEnding(
                membership_id=after.id, customer_id=after.customer_id, ends_at=after.period_end, reason=reason
            )
        )
        await tell_provider(tx, after, "cancel_later")
    return after
