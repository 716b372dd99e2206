"""What a provider is: plain values in, plain values out; no web objects, no HTML, no decisions about our books.

A provider answers what is true on its side. Three grades of success are kept apart: `processing` (the money is on its way),
`authorised` (it is promised) and `captured` (it is ours); only the last is ever credited.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from vezne.kernel.db import Database
from vezne.kernel.errors import Conflict, Unauthenticated, Unavailable
from vezne.kernel.money import Money


class ProviderUnavailable(Unavailable):
    """The payment provider {provider} gave no usable answer ({reason}); whether it acted is to be looked up."""


class ProviderRefused(Conflict):
    """The payment provider {provider} refused: {failure_code}."""


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
    offline: bool = False
    """Nobody can be asked: the money is seen by staff, who confirm it (cash, bank transfer)."""


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
class InProcess(Protocol):
    """A provider that keeps what it knows in our own database; it opens short transactions of its own."""

    def bind(self, db: Database) -> None:
        """Where it keeps what it knows."""
        ...
