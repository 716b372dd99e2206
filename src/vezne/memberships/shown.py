"""Plans, memberships and periods as the API shows them. Amounts are whole minor units."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from vezne.kernel.ids import PublicId
from vezne.memberships.calendar import Interval
from vezne.memberships.dunning import FailureClass
from vezne.memberships.models import Billing, Departure, Membership, Period, PeriodReason, PeriodStatus, Plan, Rollover, Status

PlanId = Annotated[UUID, PublicId("pln")]
MembershipId = Annotated[UUID, PublicId("mbs")]
PeriodId = Annotated[UUID, PublicId("mpd")]
CustomerId = Annotated[UUID, PublicId("cus")]
OrderId = Annotated[UUID, PublicId("ord")]
SubscriptionId = Annotated[UUID, PublicId("sub")]
TransactionId = Annotated[UUID, PublicId("txn")]


class PlanOut(BaseModel):
    """What customers may subscribe to."""

    id: PlanId
    name: str
    description: str
    interval: Interval
    interval_count: int = Field(description="a period is so many intervals long: 3 months are a quarter")
    prices: dict[str, int] = Field(description="minor units of one period by currency, for new memberships")
    trial_days: int
    trial_credits: int
    credits_per_period: int
    credit_rollover: Rollover
    rollover_cap: int | None
    family: str = Field(description="of one family a customer has one live membership")
    level: int = Field(description="a change to a higher level is an upgrade")
    active: bool = Field(description="whether it is offered")
    metadata: dict[str, str]
    created_at: datetime


class MembershipOut(BaseModel):
    """A customer's subscription to a plan."""

    id: MembershipId
    customer_id: CustomerId
    plan_id: PlanId
    family: str
    status: Status = Field(description="incomplete until the first period is paid; cancelled and ended are for good")
    billing: Billing = Field(description="vezne: we charge each period; provider: a payment provider bills by itself")
    provider: str | None
    subscription_id: SubscriptionId | None = Field(description="the provider's subscription, where it bills")
    currency: str
    price_minor: int = Field(description="what a period costs: the price at which it was taken")
    period_id: PeriodId
    period_number: int
    period_start: datetime
    period_end: datetime
    paid_until: datetime | None
    usable: bool = Field(description="whether it may be used now: paid for, or within the days of grace")
    usable_until: datetime | None = Field(description="until when it may be used as things stand")
    renews_at: datetime | None = Field(description="when the next period is charged, or the end comes")
    next_plan_id: PlanId | None = Field(description="the plan it changes to with the next period")
    next_price_minor: int | None
    cancel_at_period_end: bool
    cancel_reason: str | None
    pause_at_period_end: bool
    paused_at: datetime | None
    paused_until: datetime | None
    trial_ends_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class PeriodOut(BaseModel):
    """One period of a membership, as it is billed."""

    id: PeriodId
    membership_id: MembershipId
    number: int
    plan_id: PlanId
    starts_at: datetime
    ends_at: datetime
    amount_minor: int
    currency: str
    status: PeriodStatus = Field(description="open: it waits for its money; void: nobody is to pay it any more")
    reason: PeriodReason
    is_trial: bool
    attempts: int = Field(description="tries to charge it that failed")
    next_try_at: datetime | None
    last_failure_class: FailureClass | None
    last_failure_code: str | None
    order_id: OrderId | None
    paid_at: datetime | None
    credits_granted: int
    credits_taken: int = Field(description="of them, taken back by refunds")
    refunded_minor: int


class DepartureOut(BaseModel):
    """Why somebody said they leave."""

    membership_id: MembershipId
    plan_id: PlanId
    reason: str
    comment: str
    at_period_end: bool
    said_at: datetime


def shown_plan(plan: Plan) -> PlanOut:
    """A plan as the API shows it."""
    facts = {name: getattr(plan, name) for name in PlanOut.model_fields}
    return PlanOut(**facts | {"prices": dict(plan.prices), "metadata": dict(plan.metadata)})


def shown_membership(membership: Membership, now: datetime, grace_days: int) -> MembershipOut:
    """A membership as the API shows it at a time, for a tenant that gives so many days of grace."""
    return MembershipOut(
        **{name: getattr(membership, name) for name in MembershipOut.model_fields if hasattr(membership, name)}
        | {"usable": membership.is_usable(now, grace_days), "usable_until": membership.usable_until(grace_days)}
    )


def shown_period(period: Period) -> PeriodOut:
    """A period as the API shows it."""
    return PeriodOut(**{name: getattr(period, name) for name in PeriodOut.model_fields})


def shown_departure(said: Departure) -> DepartureOut:
    """What was said on leaving, as the API shows it."""
    return DepartureOut(**{name: getattr(said, name) for name in DepartureOut.model_fields})
