"""What memberships tell those above them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanCreated(Event):
    """A plan is offered."""

    plan_id: UUID
    family: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanChanged(Event):
    """Details of a plan were changed."""

    plan_id: UUID
    changed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanPriced(Event):
    """New memberships cost this from now on; no amount: not in this currency."""

    plan_id: UUID
    currency: str
    amount_minor: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipCreated(Event):
    """Somebody is about to have a membership: its first period waits for its money."""

    membership_id: UUID
    customer_id: UUID
    plan_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipStarted(Event):
    """Its first period is paid, or its trial has begun."""

    membership_id: UUID
    customer_id: UUID
    plan_id: UUID
    trial: bool
    period_end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipRenewed(Event):
    """A further period is paid."""

    membership_id: UUID
    customer_id: UUID
    plan_id: UUID
    number: int
    amount_minor: int
    currency: str
    period_end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipChanged(Event):
    """It is of another plan now."""

    membership_id: UUID
    customer_id: UUID
    plan_id: UUID
    period_end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipChangePlanned(Event):
    """It will be of another plan from its next period on; no plan: it stays as it is after all."""

    membership_id: UUID
    customer_id: UUID
    plan_id: UUID | None
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipPastDue(Event):
    """A period could not be charged. `ask`: what the customer is asked for; `next_try_at`: when it is tried again by us."""

    membership_id: UUID
    customer_id: UUID
    number: int
    amount_minor: int
    currency: str
    failure_class: str
    failure_code: str
    attempts: int
    ask: str
    next_try_at: datetime | None
    usable_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipPaused(Event):
    """It is paused, for nobody knows how long where no end is named."""

    membership_id: UUID
    customer_id: UUID
    until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipResumed(Event):
    """Its pause is over."""

    membership_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipTrialEnding(Event):
    """In some days its trial is over, and the first period will be charged."""

    membership_id: UUID
    customer_id: UUID
    trial_ends_at: datetime
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipEnding(Event):
    """It was cancelled, and ends with the period that is paid for."""

    membership_id: UUID
    customer_id: UUID
    ends_at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipKept(Event):
    """It goes on: its cancellation was undone."""

    membership_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipEnded(Event):
    """It is over, by a cancellation, unpaid, or because it was never paid for."""

    membership_id: UUID
    customer_id: UUID
    plan_id: UUID
    status: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodOpened(Event):
    """A period waits for its money."""

    period_id: UUID
    membership_id: UUID
    number: int
    amount_minor: int
    currency: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodPaid(Event):
    """A period is paid, and its credits are given."""

    period_id: UUID
    membership_id: UUID
    order_id: UUID | None
    amount_minor: int
    currency: str
    credits: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodFailed(Event):
    """No try is left: the period stays unpaid."""

    period_id: UUID
    membership_id: UUID
    failure_code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodRefunded(Event):
    """Money of a period goes back; of its credits, what was not spent of that part is gone."""

    period_id: UUID
    membership_id: UUID
    amount_minor: int
    currency: str
    credits_taken: int
