"""Plans, memberships and their periods as plain values. Amounts are whole minor units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from vezne.kernel.ids import public_id
from vezne.kernel.money import MAX_MINOR, Money, currency_is_unit, exponent
from vezne.memberships.calendar import Interval
from vezne.memberships.dunning import FailureClass
from vezne.memberships.refusals import MembershipNotReady, MembershipOver, PlanHasNoPrice, PlanMalformed, PlanNotOffered

Rollover = Literal["expire", "keep", "cap"]
Status = Literal["incomplete", "trialing", "active", "past_due", "paused", "cancelled", "ended"]
Billing = Literal["vezne", "provider"]
PeriodStatus = Literal["open", "paid", "failed", "void"]
PeriodReason = Literal["first", "renewal", "change", "resume"]
LeavingReason = Literal[
    "too_expensive", "not_used", "missing_features", "quality", "support", "switched", "temporary", "other", "unpaid", "refunded"
]

OVER: frozenset[Status] = frozenset({"cancelled", "ended"})
RUNNING: frozenset[Status] = frozenset({"trialing", "active", "past_due"})
SAID_REASONS: tuple[str, ...] = (
    "too_expensive",
    "not_used",
    "missing_features",
    "quality",
    "support",
    "switched",
    "temporary",
    "other",
)
"""Why customers say they leave; `unpaid` and `refunded` are ours to say."""

FAMILY = "main"
LONGEST: Mapping[Interval, int] = {"day": 366, "week": 52, "month": 36, "year": 5}
"""The most intervals a period may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlan:
    """A plan to make. `prices`: minor units of one period by currency; 0 is free."""

    name: str
    interval: Interval
    interval_count: int = 1
    description: str = ""
    prices: Mapping[str, int] = field(default_factory=dict)
    trial_days: int = 0
    trial_credits: int = 0
    credits_per_period: int = 0
    credit_rollover: Rollover = "expire"
    rollover_cap: int | None = None
    family: str = FAMILY
    level: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(NewPlan):
    """What customers may subscribe to, with its present prices; who has it keeps the price it was taken at.

    Of one `family` a customer has one live membership; a change to a higher `level` is an upgrade.
    """

    id: UUID
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """What a plan cost from `set_at` on; no amount: from then on it had no price in this currency."""

    number: int
    currency: str
    amount_minor: int | None
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A customer's subscription to a plan, at the price it was taken at. `period_…` is the running period.

    `anchor_at`: what its calendar counts from; `cycle`: how many periods after it the running one ends. `renews_at`: when the
    next period is opened, or the end has come; None while a period waits for its money, or somebody else bills.
    """

    id: UUID
    customer_id: UUID
    family: str
    plan_id: UUID
    status: Status
    billing: Billing
    provider: str | None
    subscription_id: UUID | None
    currency: str
    price_minor: int
    anchor_at: datetime
    cycle: int
    numbers: int
    period_number: int
    period_id: UUID
    period_start: datetime
    period_end: datetime
    paid_until: datetime | None
    renews_at: datetime | None
    next_plan_id: UUID | None
    next_price_minor: int | None
    cancel_at_period_end: bool
    cancel_reason: str | None
    pause_at_period_end: bool
    paused_at: datetime | None
    paused_until: datetime | None
    rest_seconds: int
    rest_minor: int
    trial_ends_at: datetime | None
    trial_notice_at: datetime | None
    metadata: Mapping[str, str]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def anchor_day(self) -> int:
        """The day of the month, in UTC, that its calendar counts from."""
        return self.anchor_at.day

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good."""
        return self.status in OVER

    def usable_until(self, grace_days: int) -> datetime | None:
        """Until when it may be used as things stand: paid for, and days of grace while a renewal waits for its money."""
        if self.paid_until is None or self.status not in RUNNING:
            return None
        grace = timedelta() if self.cancel_at_period_end else timedelta(days=grace_days)
        return self.paid_until + grace

    def is_usable(self, now: datetime, grace_days: int) -> bool:
        """Whether it may be used now."""
        until = self.usable_until(grace_days)
        return until is not None and now < until

    def demand(self, *wanted: Status) -> None:
        """Raise MembershipOver, or MembershipNotReady, unless it is in one of these states."""
        if self.status in wanted:
            return
        shown = public_id("mbs", self.id)
        if self.is_over:
            raise MembershipOver(membership_id=shown, status=self.status)
        raise MembershipNotReady(membership_id=shown, status=self.status, wanted=" or ".join(wanted))


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One period of a membership, as it is billed. `value_minor`: what its whole time is worth, which proration reckons with.

    `price_minor`: what the membership costs a period from this one on.
    """

    id: UUID
    membership_id: UUID
    number: int
    plan_id: UUID
    cycle: int
    starts_at: datetime
    ends_at: datetime
    amount_minor: int
    value_minor: int
    price_minor: int
    currency: str
    reason: PeriodReason
    is_trial: bool
    created_at: datetime
    status: PeriodStatus = "open"
    attempts: int = 0
    next_try_at: datetime | None = None
    last_failure_class: FailureClass | None = None
    last_failure_code: str | None = None
    order_id: UUID | None = None
    paid_at: datetime | None = None
    credits_granted: int = 0
    grant_id: UUID | None = None
    refunded_minor: int = 0
    credits_taken: int = 0

    @property
    def amount(self) -> Money:
        """What is charged for it."""
        return Money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Why somebody said they leave."""

    id: UUID
    membership_id: UUID
    plan_id: UUID
    reason: str
    comment: str
    at_period_end: bool
    said_at: datetime


def price_in(plan: Plan, currency: str) -> int:
    """What a new membership of the plan costs a period, in minor units. Raises PlanNotOffered, PlanHasNoPrice."""
    shown = public_id("pln", plan.id)
    if not plan.active:
        raise PlanNotOffered(plan_id=shown)
    amount = plan.prices.get(currency)
    if amount is None:
        raise PlanHasNoPrice(plan_id=shown, currency=currency[:12])
    return amount


def refuse_malformed_plan(plan: NewPlan) -> None:
    """Raise PlanMalformed, naming the field, for a plan that cannot be sold as it says."""
    if not plan.name.strip():
        raise _wrong("name", "is empty")
    if plan.interval not in LONGEST:
        raise _wrong("interval", "is day, week, month or year")
    if not 1 <= plan.interval_count <= LONGEST[plan.interval]:
        raise _wrong("interval_count", f"is 1 to {LONGEST[plan.interval]} for {plan.interval}s")
    if not plan.family.strip():
        raise _wrong("family", "is empty")
    if plan.credit_rollover not in {"expire", "keep", "cap"}:
        raise _wrong("credit_rollover", "is expire, keep or cap")
    if (plan.credit_rollover == "cap") != (plan.rollover_cap is not None):
        raise _wrong("rollover_cap", "is given for the rollover cap, and only for it")
    _refuse_malformed_numbers(plan)


def _refuse_malformed_numbers(plan: NewPlan) -> None:
    most_days = 730
    if not 0 <= plan.trial_days <= most_days:
        raise _wrong("trial_days", f"is 0 to {most_days}")
    for name in ("trial_credits", "credits_per_period", "rollover_cap"):
        if not 0 <= (getattr(plan, name) or 0) <= MAX_MINOR:
            raise _wrong(name, "lies outside 0 … 2^53 - 1")
    if (plan.rollover_cap or 0) + plan.credits_per_period > MAX_MINOR:
        raise _wrong("rollover_cap", "and the credits of a period come to more than 2^53 - 1")
    for currency, amount in plan.prices.items():
        exponent(currency)
        if currency_is_unit(currency):
            raise _wrong("prices", f"are in money; {currency[:12]} is a unit of the tenant's own")
        if not 0 <= amount <= MAX_MINOR:
            raise _wrong("prices", f"in {currency} lies outside 0 … 2^53 - 1")


def _wrong(name: str, reason: str) -> PlanMalformed:
    return PlanMalformed(field=name, reason=reason, loc=("body", name))
