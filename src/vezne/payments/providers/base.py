"""What a provider is: plain values in, plain values out; no web objects, no HTML, no decisions about our books.

A provider answers what is true on its side. Three grades of success are kept apart: `processing` (on its way), `authorised`
(promised) and `captured` (ours); only the last is ever credited.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

from vezne.kernel.errors import Conflict, Unauthenticated, Unavailable
from vezne.kernel.money import Money


class ProviderUnavailable(Unavailable):
    """The payment provider {provider} gave no usable answer ({reason}); whether it acted is to be looked up."""


class ProviderRefused(Conflict):
    """The payment provider {provider} refused: {failure_code}."""

    documented_code = "PAY002"


class SignatureInvalid(Unauthenticated):
    """The webhook is not believed: {reason}."""


class Grade(StrEnum):
    """How far a payment has come at its provider."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RefundGrade(StrEnum):
    """How far a refund has come at its provider."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do."""

    partial_refund: bool
    manual_capture: bool
    cancel: bool
    recognises_refunds: bool = True
    """Whether it answers a refund that is asked for again as what it was the first time; if not, one at a time may ask."""
    offline: bool = False  # nobody can be asked: the money is seen by staff, who confirm it (cash, bank transfer)
    stored_methods: bool = False
    """It keeps a card that was paid with and charges it again while the customer is away: it is `Charging`."""
    subscriptions: bool = False
    """It can bill by itself, period after period: it is `Subscribing`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """What a provider may be told of who pays; empty where it is not known."""

    name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """Ask a provider for money. `reference` is ours, unique, and the key under which a repeat is recognised.

    `tenant_id` is whose money it is. `form_url` is our page that sends the customer's browser on with the provider's `form`.
    """

    reference: str
    amount: Money
    return_url: str
    webhook_url: str
    tenant_id: int = 0
    form_url: str = ""
    payer: Payer = Payer()
    locale: str = "en"
    description: str = ""
    manual_capture: bool = False
    save_method: bool = False
    """Keep what is paid with, so that it can be charged again while the customer is away."""
    customer_reference: str = ""
    """Our public id of the customer; empty where nobody is known."""
    customer_ref: str | None = None
    """The provider's own name for the customer, once it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The provider's name for the payment, and where the customer pays."""

    provider_ref: str
    redirect_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPost:
    """A form that the customer's browser posts to the provider: made anew each time it is shown, and never stored."""

    action: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMethod:
    """A stored card (or wallet on a phone) as its provider names it; no number, only what a person knows it by."""

    method_ref: str
    customer_ref: str | None
    brand: str = ""
    last4: str = ""
    expires_year: int | None = None
    expires_month: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPayment:
    """A payment as its provider sees it now. `captured` and `refunded` are sums so far.

    `amount` is None while the provider names none (nobody has come to its page yet). `response` is what the provider said, for
    the record.
    """

    provider_ref: str
    reference: str | None
    grade: Grade
    amount: Money | None
    captured: Money
    refunded: Money
    failure_code: str | None = None
    redirect_url: str | None = None
    response: Mapping[str, object] = field(default_factory=dict)
    customer_ref: str | None = None
    method: SeenMethod | None = None
    """What was kept for later charges, where that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """Charge a stored method while the customer is away. `reference` is ours, and the key under which a repeat is recognised."""

    reference: str
    amount: Money
    method_ref: str
    customer_ref: str | None
    webhook_url: str
    tenant_id: int = 0
    description: str = ""


class SubscriptionGrade(StrEnum):
    """How a subscription stands at its provider."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTerms:
    """What a provider bills, and how often. `reference` is ours: the plan's public id with currency and amount."""

    reference: str
    name: str
    amount: Money
    interval: Literal["day", "week", "month", "year"]
    interval_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeRequest:
    """Ask a provider to bill a plan by itself. `reference` is ours: the same again, the same."""

    reference: str
    plan: PlanTerms
    return_url: str
    webhook_url: str
    tenant_id: int = 0
    payer: Payer = Payer()
    customer_reference: str = ""
    customer_ref: str | None = None
    trial_until: datetime | None = None
    locale: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInvoice:
    """One bill of a subscription. `payment_ref` names the payment that pays it (what `fetch` and `refund` take)."""

    invoice_ref: str
    subscription_ref: str
    status: Literal["draft", "open", "paid", "void", "uncollectible"]
    reason: Literal["create", "cycle", "update", "other"]
    total: Money
    paid: Money
    period_start: datetime
    period_end: datetime
    payment_ref: str | None = None
    failure_code: str | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSubscription:
    """A subscription as its provider sees it now, with its bills, the newest last."""

    subscription_ref: str
    reference: str | None
    grade: SubscriptionGrade
    plan_reference: str | None
    period_start: datetime | None
    period_end: datetime | None
    cancels_at_period_end: bool
    trial_until: datetime | None = None
    ended_at: datetime | None = None
    customer_ref: str | None = None
    method: SeenMethod | None = None
    invoices: tuple[ProviderInvoice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDispute:
    """A payment that its payer's bank takes back, as the provider sees it now."""

    dispute_ref: str
    provider_ref: str
    status: Literal["needs_response", "under_review", "won", "lost"]
    amount: Money
    reason: str
    respond_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """Ask a provider to give money back. `reference` is ours, unique, and the key under which a repeat is recognised."""

    reference: str
    provider_ref: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRefund:
    """A refund as its provider sees it now."""

    refund_ref: str
    grade: RefundGrade
    amount: Money
    failure_code: str | None = None
    response: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookNotice:
    """What a believed webhook says it is about. It is a hint: what is true is asked of the provider."""

    event_id: str
    type: str
    provider_ref: str | None
    subscription_ref: str | None = None
    dispute_ref: str | None = None


class Provider(Protocol):
    """One payment provider. Every method may raise ProviderUnavailable; a definite no is ProviderRefused."""

    @property
    def name(self) -> str:
        """The provider's name in settings, URLs and account codes."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this provider can do."""
        ...

    @property
    def page_origins(self) -> tuple[str, ...]:
        """Where the provider's hosted pages are (`https://pay.example`): our pages' forms may lead there and nowhere else."""
        ...

    async def start(self, request: StartRequest) -> Started:
        """Make a payment. The same `reference` again: the same payment."""
        ...

    def form(self, request: StartRequest) -> FormPost | None:
        """For a provider that is entered by a form: the form for a payment that was started, signed now. None for others."""
        ...

    async def find(self, reference: str, *, tenant_id: int = 0) -> ProviderPayment | None:
        """The payment made under our `reference`, if there is one."""
        ...

    async def fetch(self, provider_ref: str) -> ProviderPayment:
        """The payment as it is now."""
        ...

    async def capture(self, provider_ref: str, amount: Money) -> ProviderPayment:
        """Take authorised money. Again: the payment as it is."""
        ...

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        """Close a payment that is not paid yet. One that can no longer be closed is returned as it is."""
        ...

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Give money back. The same `reference` again: the same refund."""
        ...

    async def fetch_refund(self, refund_ref: str) -> ProviderRefund:
        """The refund as it is now."""
        ...

    def read_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:
        """What a webhook says, once its signature over the raw bytes and its time are believed. Raises SignatureInvalid."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Charging(Protocol):
    """A provider that charges stored methods while the customer is away."""

    async def charge(self, request: ChargeRequest) -> ProviderPayment:
        """Charge a stored method. The same `reference` again: the same payment.

        A decline is a payment of grade FAILED with its `failure_code`; one that needs the customer is REQUIRES_ACTION, and
        nothing is taken.
        """
        ...

    async def forget_method(self, method_ref: str) -> None:
        """Never charge it again. Again: nothing."""
        ...


@runtime_checkable
class Subscribing(Protocol):
    """A provider that bills by itself, period after period; its refusals are those of any provider."""

    async def subscribe(self, request: SubscribeRequest) -> Started:
        """A page on which the customer subscribes; `provider_ref` names page or subscription, as `find_subscription` takes it."""
        ...

    async def find_subscription(self, reference: str) -> ProviderSubscription | None:
        """The subscription made under our `reference`, or on the page that `subscribe` named; None while nobody has agreed."""
        ...

    async def fetch_subscription(self, subscription_ref: str) -> ProviderSubscription:
        """The subscription as it is now, with its bills."""
        ...

    async def preview_change(self, subscription_ref: str, plan: PlanTerms) -> Money:
        """What changing to `plan` now would cost at once, or bring back (negative)."""
        ...

    async def change_subscription(self, subscription_ref: str, plan: PlanTerms, reference: str) -> ProviderSubscription:
        """Bill `plan` from now on; what was paid for the rest of this period is set off. Same `reference` again: nothing."""
        ...

    async def pause_subscription(self, subscription_ref: str) -> ProviderSubscription:
        """Bill nothing until it is resumed. Again: nothing."""
        ...

    async def resume_subscription(self, subscription_ref: str) -> ProviderSubscription:
        """Bill again, and do not end at the period's end. Again: nothing."""
        ...

    async def cancel_subscription(self, subscription_ref: str, *, at_period_end: bool) -> ProviderSubscription:
        """End it, now or when the paid period is over. Again: nothing."""
        ...


@runtime_checkable
class Disputing(Protocol):
    """A provider that tells of disputes."""

    async def fetch_dispute(self, dispute_ref: str) -> ProviderDispute:
        """The dispute as it is now."""
        ...
