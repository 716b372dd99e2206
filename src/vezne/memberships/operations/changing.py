"""Changing to another plan of the family: now, paying the difference, or from the next period on."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from vezne import identity
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.memberships import events
from vezne.memberships.calendar import period_end
from vezne.memberships.models import Membership, Period, Plan, price_in
from vezne.memberships.operations import plans, reading
from vezne.memberships.operations.granting import whole_of
from vezne.memberships.operations.leaving import lock, tell_provider
from vezne.memberships.operations.renewing import void_changes
from vezne.memberships.operations.starting import new_period, opened
from vezne.memberships.proration import Proration, part_left, seconds
from vezne.memberships.queries import memberships as queries
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.refusals import ChangeCostsLess, OtherFamily, RenewalUnderWay, SamePlan

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What changing to a plan would mean. `upgrade`: it is for now, if nobody says otherwise; else for the period's end.

    `price_minor`: what a period costs from then on. `now`: what it costs at once; None where the provider reckons that.
    """

    membership: Membership
    old_plan: Plan
    plan: Plan
    price_minor: int
    upgrade: bool
    now: Proration | None


async def preview_change(tx: Tx, membership_id: UUID, plan_id: UUID) -> Change:
    """What a change would cost. Nothing is changed.

    Raises MembershipUnknown, PlanUnknown, PlanNotOffered, PlanHasNoPrice, SamePlan, OtherFamily, MembershipOver,
    MembershipNotReady, RenewalUnderWay.
    """
    return await _change(tx, await reading.membership(tx, membership_id), plan_id)


async def open_change(tx: Tx, membership_id: UUID, plan_id: UUID, *, amount_minor: int | None = None) -> Period:
    """A change now, which waits for its difference to be paid and takes place then; an earlier one that waits is void.

    `amount_minor`: what is to be paid, where that is not the whole difference. Raises what `preview_change` does, and
    ChangeCostsLess when the plan costs less than what is left of the period.
    """
    change = await _change(tx, await lock(tx, membership_id), plan_id)
    due = due_now(change)
    await void_changes(tx, [membership_id])
    before, now = change.membership, change.now
    if now is None:
        raise RuntimeError("a membership that we bill is reckoned by us")
    same = _same_interval(change.old_plan, change.plan)
    trial = before.status == "trialing"
    period = new_period(
        tx,
        membership_id,
        change.plan,
        before.numbers + 1,
        before.currency,
        starts_at=now.starts_at,
        ends_at=now.ends_at,
        amount=due if amount_minor is None else amount_minor,
        value=max(0, now.cost_minor - due + (due if amount_minor is None else amount_minor)),
        price=change.price_minor,
        cycle=before.cycle if same or trial else 1,
        reason="change",
        trial=trial,
    )
    await queries.update_memberships(tx, [replace(before, numbers=period.number)])
    await period_queries.insert_periods(tx, [period])
    await tx.publish(opened(period))
    return period


def due_now(change: Change) -> int:
    """What a change now costs at once, in minor units. Raises ChangeCostsLess."""
    if change.now is None or change.now.due_minor < 0:
        raise ChangeCostsLess(
            loc=("body", "when"),
            plan_id=public_id("pln", change.plan.id),
            less_minor=0 if change.now is None else -change.now.due_minor,
            currency=change.membership.currency,
        )
    return change.now.due_minor


async def change_later(tx: Tx, membership_id: UUID, plan_id: UUID) -> Membership:
    """Be of another plan from the next period on, at the plan's price of today; the own plan again: stay as it is after all.

    What a provider bills it changes at once, and sets off what was paid. Again: nothing. Raises as `preview_change` does.
    """
    before = await lock(tx, membership_id)
    if before.next_plan_id is not None and plan_id == before.plan_id:
        after = replace(before, next_plan_id=None, next_price_minor=None)
    else:
        change = await _change(tx, before, plan_id)
        after = replace(before, next_plan_id=plan_id, next_price_minor=change.price_minor)
    if after == before:
        return before
    await queries.update_memberships(tx, [after])
    await tx.publish(
        events.MembershipChangePlanned(
            membership_id=after.id, customer_id=after.customer_id, plan_id=after.next_plan_id, at=after.period_end
        )
    )
    if after.next_plan_id is not None:
        await tell_provider(tx, after, "change")
    return after


async def _change(tx: Tx, membership: Membership, plan_id: UUID) -> Change:
    membership.demand("trialing", "active")
    shown = public_id("mbs", membership.id)
    if membership.billing == "vezne" and (membership.renews_at is None or membership.renews_at <= tx.now):
        raise RenewalUnderWay(membership_id=shown)
    if plan_id == membership.plan_id:
        raise SamePlan(loc=("body", "plan_id"), membership_id=shown, plan_id=public_id("pln", plan_id))
    known = await plans.plans_by_id(tx, [plan_id, membership.plan_id])
    plan, old = known[plan_id], known[membership.plan_id]
    if plan.family != membership.family:
        raise OtherFamily(loc=("body", "plan_id"), plan_id=public_id("pln", plan_id), family=plan.family, own=membership.family)
    price = price_in(plan, membership.currency)
    now = None
    if membership.billing == "vezne":
        running = await reading.period(tx, membership.period_id)
        now = _reckon(membership, running, old, plan, price, tx.now, (await identity.settings_of(tx)).zone)
    upgrade = plan.level > old.level or (plan.level == old.level and price >= membership.price_minor)
    return Change(membership=membership, old_plan=old, plan=plan, price_minor=price, upgrade=upgrade, now=now)


def _reckon(
    membership: Membership, running: Period, old: Plan, plan: Plan, price: int, now: datetime, zone: ZoneInfo
) -> Proration:
    """What the change costs now; see `proration`. Whole seconds, and never the very one in which the period began."""
    starts_at = max(now, running.starts_at + _SECOND)
    ends_at = running.ends_at
    if starts_at >= ends_at:  # its last second
        raise RenewalUnderWay(membership_id=public_id("mbs", membership.id))
    if running.is_trial:
        return Proration(starts_at=starts_at, ends_at=ends_at, cost_minor=0, unused_minor=0)
    value = max(0, running.value_minor - running.refunded_minor)
    unused = part_left(value, running.starts_at, ends_at, starts_at)
    if not _same_interval(old, plan):
        ends_at = period_end(starts_at, 1, plan.interval, plan.interval_count, zone)
        return Proration(starts_at=starts_at, ends_at=ends_at, cost_minor=price, unused_minor=unused)
    whole = max(1, whole_of(membership, plan, zone))
    cost = price * min(whole, seconds(starts_at, ends_at)) // whole
    return Proration(starts_at=starts_at, ends_at=ends_at, cost_minor=cost, unused_minor=unused)


def _same_interval(old: Plan, plan: Plan) -> bool:
    return (old.interval, old.interval_count) == (plan.interval, plan.interval_count)
