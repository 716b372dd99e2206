"""When a period cannot be charged: tries by the table of dunning, days of grace, and the end that the tenant chose."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.memberships import events
from vezne.memberships.dunning import Step, class_of, step_after
from vezne.memberships.models import RUNNING, Membership, Period
from vezne.memberships.operations.paying import lock_with_periods
from vezne.memberships.operations.renewing import ended_news, void_changes
from vezne.memberships.queries import memberships as queries
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.refusals import PeriodUnknown


class CustomerNews(Protocol):
    """An event about something of a customer's."""

    @property
    def customer_id(self) -> UUID:
        """The customer."""


async def period_failed(tx: Tx, period_id: UUID, failure_code: str) -> datetime | None:
    """A try to charge a period failed. When it is to be tried next, by the table of dunning; None: never again.

    The membership is past due meanwhile. After the last try it is cancelled or paused, as the tenant chose. A first period and a
    change wait for their customer as long as their order does, and a period that does not wait for money any more is left
    alone: None. Each call counts one try. Raises PeriodUnknown.
    """
    memberships, periods = await lock_with_periods(tx, [period_id])
    period = periods.get(period_id)
    if period is None:
        raise PeriodUnknown(period_id=public_id("mpd", period_id))
    membership = memberships[period.membership_id]
    if period.status != "open" or period.reason in {"first", "change"} or membership.status not in RUNNING:
        return None
    failure_class = class_of(failure_code)
    step = step_after(failure_class, period.attempts + 1)
    failed = replace(
        period,
        attempts=period.attempts + 1,
        last_failure_class=failure_class,
        last_failure_code=failure_code[:100],
        next_try_at=None if step is None else tx.now + step.wait,
        status="failed" if step is None else "open",
    )
    await period_queries.update_periods(tx, [failed])
    await _follow(tx, membership, failed, step)
    return failed.next_try_at


async def on_method_saved(tx: Tx, event: CustomerNews) -> None:
    """A customer whose period could not be charged has another card: it is tried at the next turn, not at its next day."""
    await period_queries.update_next_try(tx, event.customer_id)


async def _follow(tx: Tx, membership: Membership, period: Period, step: Step | None) -> None:
    settings = await identity.settings_of(tx)
    if step is None:
        await _give_up(tx, membership, period, settings.dunning_end)
        return
    after = replace(membership, status="past_due")
    await queries.update_memberships(tx, [after])
    await tx.publish(
        events.MembershipPastDue(
            membership_id=after.id,
            customer_id=after.customer_id,
            number=period.number,
            amount_minor=period.amount_minor,
            currency=period.currency,
            failure_class=period.last_failure_class or "soft",
            failure_code=period.last_failure_code or "",
            attempts=period.attempts,
            ask=step.ask,
            next_try_at=period.next_try_at,
            usable_until=after.usable_until(settings.grace_days),
        )
    )


async def _give_up(tx: Tx, membership: Membership, period: Period, end: str) -> None:
    await void_changes(tx, [membership.id])
    await tx.publish(
        events.PeriodFailed(period_id=period.id, membership_id=membership.id, failure_code=period.last_failure_code or "")
    )
    if end == "pause":
        after = replace(
            membership,
            status="paused",
            paused_at=tx.now,
            paused_until=None,
            pause_at_period_end=False,
            rest_seconds=0,
            rest_minor=0,
        )
        news = events.MembershipPaused(membership_id=after.id, customer_id=after.customer_id, until=None)
        await queries.update_memberships(tx, [after])
        await tx.publish(news)
        return
    after = replace(membership, status="cancelled", cancel_reason="unpaid", ended_at=tx.now, renews_at=None)
    await queries.update_memberships(tx, [after])
    await tx.publish(ended_news(after))
