"""What becomes of a period's credits and of its membership when its money goes back, or the refund fails."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from vezne import identity, wallets
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.memberships import events
from vezne.memberships.models import Membership, Period
from vezne.memberships.operations.granting import origin_of
from vezne.memberships.operations.leaving import end_now
from vezne.memberships.operations.paying import lock_with_periods
from vezne.memberships.queries import periods as period_queries
from vezne.memberships.refusals import MembershipOver, PeriodOver, PeriodRefundTooLarge, PeriodUnknown

AGAIN = timedelta(days=30)
"""How long credits live that are granted again after a refund had failed, when their period ends before that."""


async def period_refunded(tx: Tx, period_id: UUID, amount_minor: int, *, cause: str | None = None) -> None:
    """`amount_minor` of what was paid for a period goes back: of its credits the same part is taken back, as far as it was not
    spent; the last part is exactly the rest. A running membership whose period is refunded whole is over.

    `cause` tells refunds apart. Raises PeriodUnknown, PeriodOver when it was not paid, PeriodRefundTooLarge.
    """
    memberships, periods = await lock_with_periods(tx, [period_id])
    period = _paid(periods, period_id)
    after = period.refunded_minor + amount_minor
    if after > period.amount_minor:
        raise PeriodRefundTooLarge(
            period_id=public_id("mpd", period_id),
            refundable_minor=period.amount_minor - period.refunded_minor,
            currency=period.currency,
            amount_minor=amount_minor,
        )
    wanted = _credits_of(period, after) - _credits_of(period, period.refunded_minor)
    if not period.amount_minor:
        wanted = period.credits_granted - period.credits_taken  # what was free goes back whole
    taken = 0
    if wanted and period.grant_id is not None:
        about = wallets.Reference("membership_period", public_id("mpd", period_id))
        told = cause or f"{public_id('mpd', period_id)}/{period.refunded_minor}+{amount_minor}"
        revoked = await wallets.revoke(tx, period.grant_id, wanted, cause=told, reference=about)
        taken = 0 if revoked.again else revoked.taken_minor
    refunded = replace(period, refunded_minor=after, credits_taken=period.credits_taken + taken)
    await period_queries.update_periods(tx, [refunded])
    await tx.publish(
        events.PeriodRefunded(
            period_id=period_id,
            membership_id=period.membership_id,
            amount_minor=amount_minor,
            currency=period.currency,
            credits_taken=taken,
        )
    )
    membership = memberships[period.membership_id]
    if after == period.amount_minor and _stands_on(membership, period):
        await end_now(tx, membership, "refunded")


async def period_given_again(tx: Tx, period_id: UUID, amount_minor: int, *, cause: str) -> None:
    """A refund of a period failed: the part of its credits that was taken back for it is granted again.

    Raises PeriodUnknown, PeriodOver when it was not paid, and MembershipOver when the refund has ended the membership: then a
    person decides.
    """
    memberships, periods = await lock_with_periods(tx, [period_id])
    period, membership = _paid(periods, period_id), memberships[periods[period_id].membership_id]
    if membership.is_over and membership.cancel_reason == "refunded":
        raise MembershipOver(membership_id=public_id("mbs", membership.id), status=membership.status)
    back = min(amount_minor, period.refunded_minor)
    again = period.credits_taken * back // period.refunded_minor if period.refunded_minor else 0
    if again:
        await _grant_again(tx, membership, period, again, cause)
    restored = replace(period, refunded_minor=period.refunded_minor - back, credits_taken=period.credits_taken - again)
    await period_queries.update_periods(tx, [restored])


def _paid(periods: dict[UUID, Period], period_id: UUID) -> Period:
    period = periods.get(period_id)
    if period is None:
        raise PeriodUnknown(period_id=public_id("mpd", period_id))
    if period.status != "paid":
        raise PeriodOver(period_id=public_id("mpd", period_id), status=period.status)
    return period


def _credits_of(period: Period, refunded: int) -> int:
    """The credits that so much of the period's money stands for."""
    return period.credits_granted * refunded // period.amount_minor if period.amount_minor else 0


def _stands_on(membership: Membership, period: Period) -> bool:
    """Whether it is this period that lets the membership run."""
    return not membership.is_over and membership.period_id == period.id


async def _grant_again(tx: Tx, membership: Membership, period: Period, credits_: int, cause: str) -> None:
    unit = (await identity.settings_of(tx)).credit_unit
    wallet = await wallets.wallet_of(tx, membership.customer_id, "credits", unit)
    late = tx.now + AGAIN
    await wallets.credit(
        tx,
        wallets.Credit(
            wallet_id=wallet.id,
            amount=Money(credits_, unit),
            lot=wallets.LotSpec("membership", origin_of(membership.id), max(period.ends_at, late)),
            reference=wallets.Reference("membership_period", public_id("mpd", period.id)),
            once=True,
            description="returned after a refund had failed",
            cause=f"membership_period:{public_id('mpd', period.id)}:{cause}",
            beyond_limit=True,
        ),
    )
