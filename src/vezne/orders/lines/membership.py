"""A period of a membership: the first of a new one, the difference of a change of plan, or one that waits for its money."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from vezne import memberships
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Invalid
from vezne.kernel.ids import PublicId, parse_id, public_id
from vezne.kernel.money import Money
from vezne.orders.lines.base import Details, Priced, lowered
from vezne.orders.lines.earning import earn
from vezne.orders.models import Line, Seats, Snapshot

KIND = "membership"
PAID = "membership.paid"
ACCEPTS = ("money", "gift_card")
PlanId = Annotated[UUID, PublicId("pln")]
MembershipId = Annotated[UUID, PublicId("mbs")]
PeriodId = Annotated[UUID, PublicId("mpd")]


class PlanOrPeriod(Invalid):
    """Name a plan to subscribe to, a plan and the membership that changes to it, or a period that waits for its money."""


class PeriodNotOpen(Conflict):
    """Period {period_id} is {status}; there is nothing to pay for it."""


class MembershipBilledOtherwise(Conflict):
    """Membership {membership_id} is billed by {provider}: nothing of it is ordered here."""


REFUSALS = (
    PlanOrPeriod,
    PeriodNotOpen,
    MembershipBilledOtherwise,
    memberships.PlanUnknown,
    memberships.PlanNotOffered,
    memberships.PlanHasNoPrice,
    memberships.AlreadySubscribed,
    memberships.MembershipUnknown,
    memberships.MembershipOver,
    memberships.MembershipNotReady,
    memberships.PeriodUnknown,
    memberships.RenewalUnderWay,
    memberships.ChangeCostsLess,
    memberships.SamePlan,
    memberships.OtherFamily,
)
"""What only the order of a membership is refused with."""


class MembershipDetails(Details):
    """A plan to subscribe to; with `membership_id`, the plan it changes to now; or a period to pay, as a renewal that failed."""

    kind: Literal["membership"] = "membership"
    plan_id: PlanId | None = None
    membership_id: MembershipId | None = Field(None, description="the membership that changes to the plan, now")
    period_id: PeriodId | None = Field(None, description="a period that waits for its money")


class Membership:
    """Held as an incomplete membership (or a change that waits); fulfilled by letting it run, undone by its credits' part."""

    name = KIND
    is_scarce = True  # who comes too late may have another membership by then, or a period may be over

    async def price(self, tx: Tx, customer_id: UUID, asked: MembershipDetails, currency: str) -> Priced:
        """What the plan, the difference, or the period costs. Raises what REFUSALS names."""
        if asked.period_id is not None and asked.plan_id is None and asked.membership_id is None:
            return await _price_of_period(tx, customer_id, asked.period_id)
        if asked.plan_id is None or asked.period_id is not None:
            raise PlanOrPeriod(loc=("body", "lines", "plan_id"))
        if asked.membership_id is not None:
            return await _price_of_change(tx, customer_id, asked.membership_id, asked.plan_id)
        plan = await memberships.plan(tx, asked.plan_id)
        price = memberships.price_in(plan, currency)
        await memberships.refuse_subscribed(tx, customer_id, plan.family)
        days = await memberships.trial_of(tx, customer_id, plan)
        return Priced(
            amount=Money(0 if days else price, currency),
            description=plan.name,
            details={"plan_id": public_id("pln", plan.id), "trial_days": days},
            accepts=ACCEPTS,
            discountable=not days,
            recurs=True,
        )

    async def discounted(self, _tx: Tx, priced: Priced, discount: Money, trial_days: int) -> Priced:
        """A code lowers the first period, or lets it be a trial, which is free."""
        if trial_days and "period_id" not in priced.details and "membership_id" not in priced.details:
            free = lowered(priced, priced.amount)
            return replace(free, details={**free.details, "trial_days": trial_days})
        return lowered(priced, discount)

    async def hold(self, tx: Tx, line: Line, customer_id: UUID, _until: datetime) -> Mapping[str, Any]:
        """An incomplete membership, or a change that waits; a period that is there already is only paid. Raises REFUSALS."""
        details = line.details
        if "period_id" in details:
            return {}
        plan_id = parse_id("pln", details["plan_id"])
        if "membership_id" in details:
            membership_id = parse_id("mbs", details["membership_id"])
            change = await memberships.open_change(tx, membership_id, plan_id, amount_minor=line.amount_minor)
            return {"period_id": public_id("mpd", change.id)}
        made, first = await memberships.start(
            tx, customer_id, plan_id, line.currency, trial_days=details["trial_days"], amount_minor=line.amount_minor
        )
        return {"membership_id": public_id("mbs", made.id), "period_id": public_id("mpd", first.id)}

    async def extend(self, _tx: Tx, _line: Line, _until: datetime) -> None:
        """It waits as long as the order does."""

    async def release(self, tx: Tx, line: Line) -> None:
        """A membership that never ran is over, a change is wanted no longer; a renewal still waits for its money."""
        await memberships.abandon(tx, _period_id(line))

    def snapshot(self, _line: Line, _taken_at: datetime) -> Snapshot | None:
        """Nobody has a share in it."""
        return None

    async def fulfil(self, tx: Tx, line: Line, amount: Money, cause: str) -> None:
        """The money is earned and the period paid; or, when a refund of it has failed, given again.

        Raises PeriodOver, PeriodPaidOtherwise, MembershipOver, and what a wallet refuses credits with.
        """
        period = await memberships.period(tx, _period_id(line))
        if period.status == "paid" and period.order_id == line.order_id:
            await memberships.period_given_again(tx, period.id, amount.minor, cause=cause)
        else:
            await memberships.period_paid(tx, period.id, line.order_id)
        await earn(tx, PAID, [(line, amount, cause)])

    async def undo(self, tx: Tx, line: Line, amount: Money, cause: str, seats: Seats) -> None:
        """The money is to go back, and the credits of that part that were not spent. What is free is ended when it goes back."""
        await earn(tx, "membership.refunded", [(line, -amount, cause)])
        period = await memberships.period(tx, _period_id(line))
        if period.status == "paid" and (amount.minor or seats.all_left):
            await memberships.period_refunded(tx, period.id, amount.minor, cause=cause)


async def _price_of_period(tx: Tx, customer_id: UUID, period_id: UUID) -> Priced:
    """What is asked for a period that waits; a change is ordered by its plan."""
    period = await memberships.period(tx, period_id)
    shown = public_id("mpd", period_id)
    membership = await memberships.membership(tx, period.membership_id)
    if membership.customer_id != customer_id:
        raise memberships.PeriodUnknown(period_id=shown)
    _refuse_other_biller(membership)
    if period.status != "open" or period.reason in {"first", "change"}:
        raise PeriodNotOpen(loc=("body", "lines", "period_id"), period_id=shown, status=period.status)
    plan = await memberships.plan(tx, period.plan_id)
    details = {
        "membership_id": public_id("mbs", membership.id),
        "period_id": shown,
        "plan_id": public_id("pln", period.plan_id),
    }
    return Priced(amount=period.amount, description=plan.name, details=details, accepts=ACCEPTS, discountable=False, recurs=True)


async def _price_of_change(tx: Tx, customer_id: UUID, membership_id: UUID, plan_id: UUID) -> Priced:
    membership = await memberships.membership(tx, membership_id)
    if membership.customer_id != customer_id:
        raise memberships.MembershipUnknown(membership_id=public_id("mbs", membership_id))
    _refuse_other_biller(membership)
    change = await memberships.preview_change(tx, membership_id, plan_id)
    return Priced(
        amount=Money(memberships.due_now(change), membership.currency),
        description=change.plan.name,
        details={"membership_id": public_id("mbs", membership_id), "plan_id": public_id("pln", plan_id)},
        accepts=ACCEPTS,
        life=max(timedelta(seconds=1), membership.period_end - tx.now),
        discountable=False,
        recurs=True,
    )


def _refuse_other_biller(membership: memberships.Membership) -> None:
    if membership.billing == "provider":
        raise MembershipBilledOtherwise(membership_id=public_id("mbs", membership.id), provider=membership.provider)


def _period_id(line: Line) -> UUID:
    return parse_id("mpd", line.details["period_id"])
