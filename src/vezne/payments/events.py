"""What payments tells those above it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentCreated(Event):
    """Somebody is asked for money."""

    payment_id: UUID
    purpose: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptStarted(Event):
    """The customer was sent to a provider to pay, and may do so until `pay_until`."""

    attempt_id: UUID
    payment_id: UUID
    provider: str
    number: int
    pay_until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentSucceeded(Event):
    """The money is ours and stands in `unapplied`."""

    payment_id: UUID
    attempt_id: UUID
    purpose: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentSucceededLate(PaymentSucceeded):
    """The money came after the payment had expired, failed or been cancelled; it is ours and stands in `unapplied`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentFailed(Event):
    """An attempt was declined. While `final` is false, the payment may be tried again."""

    payment_id: UUID
    attempt_id: UUID
    failure_code: str
    final: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentFlagged(Event):
    """Something about the payment needs a person: `amount_mismatch` or `paid_twice`."""

    payment_id: UUID
    attempt_id: UUID
    flag: str
    reported_minor: int
    reported_currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentExpired(Event):
    """Its time to be paid is over."""

    payment_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentCancelled(Event):
    """It is no longer asked for."""

    payment_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundRequested(Event):
    """Money is to go back. What it paid for must be taken back in this transaction, into `unapplied`, or the refund refused."""

    refund_id: UUID
    payment_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundSucceeded(Event):
    """The provider has given the money back."""

    refund_id: UUID
    payment_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundFailed(Event):
    """The provider would not give the money back; it stands in `unapplied` again."""

    refund_id: UUID
    payment_id: UUID
    amount_minor: int
    currency: str
    failure_code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentConfirmed(Event):
    """Staff say that cash or a bank transfer came: what they saw, and their own reference for it."""

    payment_id: UUID
    attempt_id: UUID
    received_minor: int
    currency: str
    note: str
    reference: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentRejected(Event):
    """Staff say that promised cash or a promised bank transfer did not come."""

    payment_id: UUID
    attempt_id: UUID
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundConfirmed(Event):
    """Staff say that they gave the money of an offline payment back."""

    refund_id: UUID
    payment_id: UUID
    note: str
    reference: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundRejected(Event):
    """Staff say that the money of an offline payment could not be given back."""

    refund_id: UUID
    payment_id: UUID
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodSaved(Event):
    """A provider keeps what a customer paid with, and may charge it again while they are away."""

    method_id: UUID
    customer_id: UUID
    provider: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodForgotten(Event):
    """A stored method is charged no more."""

    method_id: UUID
    customer_id: UUID
    provider: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionMoved(Event):
    """Something about a subscription is other than it was: its status, its plan, its period, or how it ends."""

    subscription_id: UUID
    purpose: str
    customer_id: UUID
    status: str
    plan_reference: str
    period_start: datetime | None
    period_end: datetime | None
    cancels_at_period_end: bool
    trial_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoicePaid(Event):
    """A bill of a subscription was paid. Its money stands in `unapplied`; of a bill of nothing there is no payment."""

    invoice_id: UUID
    subscription_id: UUID
    purpose: str
    customer_id: UUID
    payment_id: UUID | None
    amount_minor: int
    currency: str
    reason: str
    period_start: datetime
    period_end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoiceFailed(Event):
    """A bill of a subscription could not be collected, for the `attempts`th time; its provider may try again."""

    invoice_id: UUID
    subscription_id: UUID
    purpose: str
    customer_id: UUID
    amount_minor: int
    currency: str
    failure_code: str
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeOpened(Event):
    """The payer's bank takes money back; until it has decided the money stands in `disputed`."""

    dispute_id: UUID
    payment_id: UUID
    amount_minor: int
    currency: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeWon(DisputeOpened):
    """The bank decided for us: the money is back at the provider."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeLost(DisputeOpened):
    """The bank decided for the payer: the money is gone, out of `unapplied`. What it paid for is to be taken back."""
