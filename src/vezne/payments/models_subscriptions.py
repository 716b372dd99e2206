"""Subscriptions that a provider bills by itself, and their bills, as plain values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from vezne.kernel.ids import public_id
from vezne.payments.models import wait_before
from vezne.payments.providers.base import SubscriptionGrade

SubscriptionStatus = SubscriptionGrade
"""Where a subscription stands: where its provider says it does."""

INCOMPLETE_LASTS = timedelta(days=3)
"""So long the customer has to subscribe; a provider that then knows of no subscription has none to come."""
_AFTER_PERIOD = timedelta(hours=1)
_DAILY = timedelta(days=1)
_QUICK_LOOKS = 10


class InvoiceStatus(StrEnum):
    """Where a bill stands."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a provider bills by itself for a `purpose` that the asker names; incomplete until the customer has agreed."""

    id: UUID
    customer_id: UUID
    provider: str
    purpose: str
    status: SubscriptionStatus
    plan_reference: str
    subscription_ref: str | None
    page_ref: str | None
    redirect_url: str | None
    period_start: datetime | None
    period_end: datetime | None
    cancels_at_period_end: bool
    trial_until: datetime | None
    looks: int
    settled_look: int
    polls: int
    look_at: datetime | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def reference(self) -> str:
        """What the provider knows this subscription by, and the key under which it recognises a repeat."""
        return public_id("sub", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionInvoice:
    """One bill of a subscription; once paid, `payment_id` is the payment that its money came in (None: it was of nothing)."""

    id: UUID
    subscription_id: UUID
    provider: str
    invoice_ref: str
    status: InvoiceStatus
    reason: str
    total_minor: int
    paid_minor: int
    currency: str
    period_start: datetime
    period_end: datetime
    payment_id: UUID | None
    failure_code: str | None
    attempts: int
    created_at: datetime
    paid_at: datetime | None


def next_look(found: Subscription, now: datetime) -> datetime | None:
    """When the provider is asked again though no webhook came: soon and then daily while something is to be decided, else an
    hour after the paid period. Never about one that ended.
    """
    if found.status is SubscriptionStatus.CANCELLED:
        return None
    if found.status is SubscriptionStatus.INCOMPLETE and found.polls < _QUICK_LOOKS:
        return now + wait_before(found.polls)
    if found.status in {SubscriptionStatus.INCOMPLETE, SubscriptionStatus.PAST_DUE} or found.period_end is None:
        return now + _DAILY
    after = found.period_end + _AFTER_PERIOD
    return after if after > now else now + _DAILY
