"""What becomes of a membership when a period is paid, or could not be charged. Memberships are locked first, wallets last."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from vezne import identity
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.events import Event
from vezne.kernel.ids import public_id
from vezne.memberships import events
from vezne.memberships.calendar import days_later, period_end
from vezne.memberships.models import Membership, Period, Plan, Status
from vezne.memberships.operations import granting, plans
from vezne.memberships.operations.granting import Due
from vezne.memberships.queries import memberships as queries
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.refusals import PeriodOver, PeriodPaidOtherwise, PeriodUnknown

NOTICE_DAYS = 3
"""How long before its end customers are told that their trial ends; a trial that is no longer than that is not announced."""


async def period_paid(tx: Tx, period_id: UUID, order_id: UUID | None) -> None:
    """The period is paid by this order: the membership runs until the period's end, and its credits are given, once.

    A first period begins now, whenever it was asked for. Again with the same order: nothing. Raises PeriodUnknown, PeriodOver
    when the membership did not wait for it, PeriodPaidOtherwise, and what a wallet refuses credits with.
    """
    refused = await periods_paid(tx, {period_id: order_id})
    if refused:
        raise refused[period_id]


async def periods_paid(tx: Tx, paid: Mapping[UUID, UUID | None]) -> dict[UUID, Refusal]:
    """Many periods at once, each with the order that paid it; see `period_paid`. Why not, for each that could not be."""
    memberships, periods = await lock_with_periods(tx, list(paid))
    refused: dict[UUID, Refusal] = {}
    due: list[Period] = []
    for period_id, order_id in paid.items():
        period = periods.get(period_id)
        refusal = _refusal(period, period_id, order_id)
        if refusal is not None:
            refused[period_id] = refusal
        elif period is not None and period.status == "open":
            due.append(replace(period, order_id=order_id))
    if due:
        refused |= await _settle(tx, due, memberships)
    return refused


def _refusal(period: Period | None, period_id: UUID, order_id: UUID | None) -> Refusal | None:
    shown = public_id("mpd", period_id)
    if period is None:
        return PeriodUnknown(period_id=shown)
    if period.status == "paid" and period.order_id != order_id:
        return PeriodPaidOtherwise(period_id=shown)
    if period.status in {"failed", "void"}:
        return PeriodOver(period_id=shown, status=period.status)
    return None


async def lock_with_periods(tx: Tx, period_ids: Sequence[UUID]) -> tuple[dict[UUID, Membership], dict[UUID, Period]]:
    """These periods, read while their memberships are held."""
    found = await period_queries.select_periods(tx, period_ids)
    memberships = await queries.lock_memberships(tx, list({period.membership_id for period in found.values()}))
    return memberships, await period_queries.select_periods(tx, list(found))


async def _settle(tx: Tx, paid: Sequence[Period], memberships: Mapping[UUID, Membership]) -> dict[UUID, Refusal]:
    zone = (await identity.settings_of(tx)).zone
    olds = await _plans_before(tx, paid, memberships)
    known = await plans.plans_by_id(tx, [*olds.values(), *(period.plan_id for period in paid)])
    due: list[Due] = []
    for period in paid:
        before = memberships[period.membership_id]
        period_now = replace(period, status="paid", paid_at=tx.now, next_try_at=None)
        if period.reason == "first" and before.billing == "vezne":
            period_now = _begun(period_now, known[period.plan_id], tx.now, zone)
        old, plan = known[olds[before.id]], known[period.plan_id]
        due.append(Due(period_now, before, _running(before, period_now, old, plan, tx.now, zone), old, plan))
    granted = await granting.grant(tx, due)
    refused = {period_id: got.refusal for period_id, got in granted.items() if got.refusal is not None}
    given = [each for each in due if each.period.id not in refused]
    settled = [
        replace(each.period, credits_granted=granted[each.period.id].credits, grant_id=granted[each.period.id].grant_id)
        for each in given
    ]
    cut = await _cut(tx, [each for each in given if each.period.reason == "change"])
    await period_queries.update_periods(tx, [*cut, *settled])
    await queries.update_memberships(tx, [each.after for each in given])
    for each, period in zip(given, settled, strict=True):
        await tx.publish(_period_paid(period), *_news(each))
    return refused


async def _plans_before(tx: Tx, paid: Sequence[Period], memberships: Mapping[UUID, Membership]) -> dict[UUID, UUID]:
    """The plan of each membership's running period: where the plan changes, what the change comes from."""
    changing = [memberships[period.membership_id] for period in paid if period.reason == "change"]
    running = await period_queries.select_periods(tx, [each.period_id for each in changing]) if changing else {}
    before = {period.membership_id: memberships[period.membership_id].plan_id for period in paid}
    return before | {each.id: running[each.period_id].plan_id for each in changing}


def _begun(period: Period, plan: Plan, now: datetime, zone: ZoneInfo) -> Period:
    """A first period from the moment it is paid on, as long as it was asked for."""
    if period.is_trial:
        days = (period.ends_at.astimezone(zone).date() - period.starts_at.astimezone(zone).date()).days
        return replace(period, starts_at=now, ends_at=days_later(now, days, zone))
    return replace(period, starts_at=now, ends_at=period_end(now, 1, plan.interval, plan.interval_count, zone))


def _running(before: Membership, period: Period, old: Plan, plan: Plan, now: datetime, zone: ZoneInfo) -> Membership:
    """The membership once this period of it is paid; one that is over stays so, whatever a provider still collects."""
    if before.is_over:
        return before
    vezne = before.billing == "vezne"
    later = before.paid_until is None or before.paid_until < period.ends_at or period.reason == "change"
    paid_until = period.ends_at if later else before.paid_until
    status: Status = "trialing" if period.is_trial else "active"
    after = replace(
        before,
        status=status if vezne or before.status == "incomplete" else before.status,  # a provider tells where it stands
        plan_id=period.plan_id,
        price_minor=period.price_minor,
        paid_until=paid_until,
        started_at=before.started_at or now,
    )
    if period.starts_at < before.period_start and period.id != before.period_id:
        return replace(before, paid_until=paid_until)  # an earlier one that became known late
    after = replace(
        after,
        cycle=period.cycle,
        period_id=period.id,
        period_number=period.number,
        period_start=period.starts_at,
        period_end=period.ends_at,
        renews_at=period.ends_at if vezne else None,
    )
    if period.reason == "first":
        return _first(after, period, now, zone)
    if period.reason == "change":
        return _changed(after, period, old, plan)
    return after


def _first(after: Membership, period: Period, now: datetime, zone: ZoneInfo) -> Membership:
    if not period.is_trial:
        return replace(after, anchor_at=period.starts_at)
    notice = days_later(period.ends_at, -NOTICE_DAYS, zone)
    return replace(
        after, anchor_at=period.ends_at, trial_ends_at=period.ends_at, trial_notice_at=notice if notice > now else None
    )


def _changed(after: Membership, period: Period, old: Plan, plan: Plan) -> Membership:
    after = replace(after, next_plan_id=None, next_price_minor=None)
    same = (old.interval, old.interval_count) == (plan.interval, plan.interval_count)
    if same or period.is_trial:
        return after
    return replace(after, anchor_at=period.starts_at)


async def _cut(tx: Tx, changes: Sequence[Due]) -> list[Period]:
    """The periods in which plans were changed end where the changes begin."""
    if not changes:
        return []
    begins = {each.before.period_id: each.period.starts_at for each in changes}
    found = await period_queries.select_periods(tx, list(begins))
    return [replace(period, ends_at=begins[period.id]) for period in found.values() if period.starts_at < begins[period.id]]


def _period_paid(period: Period) -> Event:
    return events.PeriodPaid(
        period_id=period.id,
        membership_id=period.membership_id,
        order_id=period.order_id,
        amount_minor=period.amount_minor,
        currency=period.currency,
        credits=period.credits_granted,
    )


def _news(due: Due) -> list[Event]:
    after, period = due.after, due.period
    who = {"membership_id": after.id, "customer_id": after.customer_id, "plan_id": period.plan_id}
    if period.reason == "first":
        return [events.MembershipStarted(**who, trial=period.is_trial, period_end=period.ends_at)]
    if period.reason == "change":
        return [events.MembershipChanged(**who, period_end=period.ends_at)]
    if period.reason == "resume" and not period.cycle:
        return []  # what a pause had left
    return [
        events.MembershipRenewed(
            **who, number=period.number, amount_minor=period.amount_minor, currency=period.currency, period_end=period.ends_at
        )
    ]
