"""Beginning a membership: it is incomplete, and its first period open, until that is paid."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Busy, Tx
from vezne.kernel.ids import new_id, public_id
from vezne.memberships.calendar import days_later, period_end
from vezne.memberships.events import MembershipCreated, PeriodOpened
from vezne.memberships.models import Billing, Membership, Period, PeriodReason, Plan, price_in
from vezne.memberships.operations import plans
from vezne.memberships.queries import memberships as queries
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.refusals import AlreadySubscribed


async def start(
    tx: Tx,
    customer_id: UUID,
    plan_id: UUID,
    currency: str,
    *,
    trial_days: int | None = None,
    billing: Billing = "vezne",
    provider: str | None = None,
    amount_minor: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> tuple[Membership, Period]:
    """A membership that waits for its first period to be paid: from that moment on it runs, whenever it comes.

    A trial comes first where the plan has one (or `trial_days` says so) and the customer had none of the family before: a period
    that costs nothing. `amount_minor`: what the first period costs, where that is not the plan's price. Raises CustomerNotFound,
    PlanUnknown, PlanNotOffered, PlanHasNoPrice, AlreadySubscribed.
    """
    await identity.customer(tx, customer_id)
    plan = await plans.plan(tx, plan_id)
    price = price_in(plan, currency)
    days = await trial_of(tx, customer_id, plan, trial_days)
    zone = (await identity.settings_of(tx)).zone
    ends_at = days_later(tx.now, days, zone) if days else period_end(tx.now, 1, plan.interval, plan.interval_count, zone)
    amount = 0 if days else price if amount_minor is None else amount_minor
    period = new_period(
        tx, new_id(), plan, 1, currency, starts_at=tx.now, ends_at=ends_at, amount=amount, price=price, trial=bool(days)
    )
    membership = replace(_membership(tx, customer_id, plan, period, billing, provider), metadata=metadata or {})
    if not await queries.insert_membership(tx, membership):
        await refuse_subscribed(tx, customer_id, plan.family)
        raise Busy(retry_after=1)  # the one that was in the way ended meanwhile
    await period_queries.insert_periods(tx, [period])
    await tx.publish(MembershipCreated(membership_id=membership.id, customer_id=customer_id, plan_id=plan_id), opened(period))
    return membership, period


async def refuse_subscribed(tx: Tx, customer_id: UUID, family: str) -> None:
    """Raise AlreadySubscribed when the customer has a live membership of the family."""
    for live in await queries.select_live(tx, customer_id, family):
        raise AlreadySubscribed(
            customer_id=public_id("cus", customer_id),
            family=family,
            membership_id=public_id("mbs", live.id),
            status=live.status,
        )


async def trial_of(tx: Tx, customer_id: UUID, plan: Plan, asked: int | None = None) -> int:
    """How many days of trial this customer gets: a family is tried once. What somebody grants beside the plan is not asked."""
    if asked is not None:
        return asked
    if not plan.trial_days or await queries.had_trial(tx, customer_id, plan.family):
        return 0
    return plan.trial_days


def new_period(
    tx: Tx,
    membership_id: UUID,
    plan: Plan,
    number: int,
    currency: str,
    *,
    starts_at: datetime,
    ends_at: datetime,
    amount: int,
    price: int,
    cycle: int | None = None,
    value: int | None = None,
    reason: PeriodReason = "first",
    trial: bool = False,
) -> Period:
    """A period that waits for its money; without a word its time is worth what it costs."""
    return Period(
        id=new_id(),
        membership_id=membership_id,
        number=number,
        plan_id=plan.id,
        cycle=(0 if trial else 1) if cycle is None else cycle,
        starts_at=starts_at,
        ends_at=ends_at,
        amount_minor=amount,
        value_minor=amount if value is None else value,
        price_minor=price,
        currency=currency,
        reason=reason,
        is_trial=trial,
        created_at=tx.now,
    )


def opened(period: Period) -> PeriodOpened:
    """The news that a period waits for its money."""
    return PeriodOpened(
        period_id=period.id,
        membership_id=period.membership_id,
        number=period.number,
        amount_minor=period.amount_minor,
        currency=period.currency,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
    )


def _membership(tx: Tx, customer_id: UUID, plan: Plan, first: Period, billing: Billing, provider: str | None) -> Membership:
    return Membership(
        id=first.membership_id,
        customer_id=customer_id,
        family=plan.family,
        plan_id=plan.id,
        status="incomplete",
        billing=billing,
        provider=provider,
        subscription_id=None,
        currency=first.currency,
        price_minor=first.price_minor,
        anchor_at=first.ends_at if first.is_trial else first.starts_at,
        cycle=first.cycle,
        numbers=1,
        period_number=1,
        period_id=first.id,
        period_start=first.starts_at,
        period_end=first.ends_at,
        paid_until=None,
        renews_at=None,
        next_plan_id=None,
        next_price_minor=None,
        cancel_at_period_end=False,
        cancel_reason=None,
        pause_at_period_end=False,
        paused_at=None,
        paused_until=None,
        rest_seconds=0,
        rest_minor=0,
        trial_ends_at=first.ends_at if first.is_trial else None,
        trial_notice_at=None,
        metadata={},
        created_at=tx.now,
        started_at=None,
        ended_at=None,
    )
