"""Payments, attempts and refunds as plain values, and which of their moves are legal."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from vezne.kernel.errors import NotFound
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money
from vezne.payments.providers.base import Grade
from vezne.payments.tenant_texts import tenant_number, tenant_text

MAX_ATTEMPTS = 10
"""After so many declined attempts a payment is failed for good: more would be somebody trying out cards."""
_SECRET_BYTES = 24
_CLIENT_SECRET = re.compile(r"(pay_[0-9a-z]{26})_secret_([0-9a-hjkmnp-tv-z]{1,13})_([A-Za-z0-9_-]{32})", re.ASCII)


class ClientSecretUnknown(NotFound):
    """There is no payment with this client secret."""


class PaymentStatus(StrEnum):
    """Where a payment stands."""

    REQUIRES_PAYMENT = "requires_payment"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class AttemptStatus(StrEnum):
    """Where an attempt stands: `starting` until the provider has named it, then what the provider says."""

    STARTING = "starting"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MISMATCHED = "mismatched"


class RefundStatus(StrEnum):
    """Where a refund stands."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Flag(StrEnum):
    """Why staff must look at a payment."""

    AMOUNT_MISMATCH = "amount_mismatch"
    PAID_TWICE = "paid_twice"


_OVER = frozenset({PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED})
OPEN = frozenset({PaymentStatus.REQUIRES_PAYMENT, PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING})
PAYMENT_MOVES: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.REQUIRES_PAYMENT: OPEN | _OVER | {PaymentStatus.SUCCEEDED},
    PaymentStatus.REQUIRES_ACTION: OPEN | _OVER | {PaymentStatus.SUCCEEDED},
    PaymentStatus.PROCESSING: OPEN | _OVER | {PaymentStatus.SUCCEEDED},
    PaymentStatus.SUCCEEDED: frozenset(),
    # Money that comes after the end is still ours to keep safe: late success.
    PaymentStatus.FAILED: frozenset({PaymentStatus.SUCCEEDED}),
    PaymentStatus.CANCELLED: frozenset({PaymentStatus.SUCCEEDED}),
    PaymentStatus.EXPIRED: frozenset({PaymentStatus.SUCCEEDED}),
}

_ENDED = frozenset({AttemptStatus.FAILED, AttemptStatus.CANCELLED, AttemptStatus.EXPIRED})
_DECIDED = _ENDED | {AttemptStatus.CAPTURED, AttemptStatus.MISMATCHED}
LIVE = frozenset(AttemptStatus) - _DECIDED
ATTEMPT_MOVES: Mapping[AttemptStatus, frozenset[AttemptStatus]] = {
    AttemptStatus.STARTING: frozenset(AttemptStatus) - {AttemptStatus.STARTING},
    AttemptStatus.PENDING: _DECIDED | {AttemptStatus.REQUIRES_ACTION, AttemptStatus.PROCESSING, AttemptStatus.AUTHORISED},
    AttemptStatus.REQUIRES_ACTION: _DECIDED | {AttemptStatus.PROCESSING, AttemptStatus.AUTHORISED},
    AttemptStatus.PROCESSING: _DECIDED | {AttemptStatus.AUTHORISED},
    AttemptStatus.AUTHORISED: _DECIDED,
    AttemptStatus.CAPTURED: frozenset(),
    AttemptStatus.MISMATCHED: frozenset(),
    AttemptStatus.FAILED: frozenset({AttemptStatus.CAPTURED, AttemptStatus.MISMATCHED}),
    AttemptStatus.CANCELLED: frozenset({AttemptStatus.CAPTURED, AttemptStatus.MISMATCHED}),
    AttemptStatus.EXPIRED: frozenset({AttemptStatus.CAPTURED, AttemptStatus.MISMATCHED}),
}
REFUND_MOVES: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    RefundStatus.PENDING: frozenset(RefundStatus),  # staying pending, the provider's name for it becomes known
    RefundStatus.SUCCEEDED: frozenset(),
    RefundStatus.FAILED: frozenset(),
}

PAYMENT_AT: Mapping[AttemptStatus, PaymentStatus] = {
    AttemptStatus.STARTING: PaymentStatus.REQUIRES_PAYMENT,
    AttemptStatus.PENDING: PaymentStatus.REQUIRES_ACTION,
    AttemptStatus.REQUIRES_ACTION: PaymentStatus.REQUIRES_ACTION,
    AttemptStatus.PROCESSING: PaymentStatus.PROCESSING,
    AttemptStatus.AUTHORISED: PaymentStatus.PROCESSING,
    AttemptStatus.CAPTURED: PaymentStatus.SUCCEEDED,
    AttemptStatus.FAILED: PaymentStatus.REQUIRES_PAYMENT,
    AttemptStatus.CANCELLED: PaymentStatus.REQUIRES_PAYMENT,
    AttemptStatus.EXPIRED: PaymentStatus.REQUIRES_PAYMENT,
    AttemptStatus.MISMATCHED: PaymentStatus.PROCESSING,
}
"""Where an open payment stands when its newest attempt stands there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money asked for, for a purpose that the asker names; amounts in minor units of `currency`."""

    id: UUID
    customer_id: UUID | None
    purpose: str
    reservation: str | None
    provider: str | None
    amount_minor: int
    currency: str
    status: PaymentStatus
    flag: Flag | None
    captured_minor: int
    refunded_minor: int
    refunding_minor: int
    last_error: str | None
    metadata: Mapping[str, object]
    expires_at: datetime
    created_at: datetime
    succeeded_at: datetime | None
    client_secret_hash: bytes
    save_method: bool = False
    """Whether what it is paid with is to be kept for later charges."""

    @property
    def amount(self) -> Money:
        """What is asked for."""
        return Money(self.amount_minor, self.currency)

    @property
    def refundable_minor(self) -> int:
        """What was captured and is neither refunded nor on its way back."""
        return self.captured_minor - self.refunded_minor - self.refunding_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to pay a payment; the one after a failure names it as its parent, and the one that paid is final."""

    id: UUID
    payment_id: UUID
    number: int
    parent_id: UUID | None
    provider: str
    provider_ref: str | None
    status: AttemptStatus
    is_final: bool
    failure_code: str | None
    redirect_url: str | None
    return_url: str
    locale: str
    captured_minor: int
    polls: int
    entry_id: UUID | None
    created_at: datetime
    ended_at: datetime | None
    method_id: UUID | None = None
    """The stored method that is charged while the customer is away; None: the customer pays on a page."""

    @property
    def reference(self) -> str:
        """What the provider knows this attempt by, and the key under which it recognises a repeat."""
        return public_id("att", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money on its way back to who paid."""

    id: UUID
    payment_id: UUID
    attempt_id: UUID
    amount_minor: int
    currency: str
    reason: str
    status: RefundStatus
    provider_ref: str | None
    failure_code: str | None
    asks: int
    entry_id: UUID | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def reference(self) -> str:
        """What the provider knows this refund by."""
        return public_id("ref", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTransaction:
    """One answer of a provider that moved an attempt or a refund; `response` is what it said, in its own words."""

    id: UUID
    payment_id: UUID
    attempt_id: UUID
    refund_id: UUID | None
    provider: str
    provider_ref: str
    status: str
    amount_minor: int
    currency: str
    failure_code: str | None
    response: Mapping[str, object]
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundWebhook:
    """What a provider, or somebody in its name, sent us: kept as it came, whatever became of it."""

    id: UUID
    provider: str
    headers: Mapping[str, str]
    raw_body: bytes
    is_sealed: bool
    received_at: datetime
    signature_valid: bool | None
    event_id: str | None
    type: str | None
    provider_ref: str | None
    processed_at: datetime | None
    outcome: str
    note: str | None
    subscription_ref: str | None
    dispute_ref: str | None


def attempt_status(grade: Grade) -> AttemptStatus:
    """An attempt stands where its provider says it does."""
    return AttemptStatus(grade.value)


def wait_before(tries: int) -> timedelta:
    """How long to wait before asking a provider again: 5 s, 10 s, 20 s, … at most an hour."""
    return min(timedelta(seconds=5 * 2 ** min(tries, 12)), timedelta(hours=1))


def make_client_secret(tenant_id: int, payment_id: UUID) -> str:
    """A secret by which a browser may see and pay this one payment. It names payment and tenant; only its hash is kept."""
    return f"{public_id('pay', payment_id)}_secret_{tenant_text(tenant_id)}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def read_client_secret(text: str) -> tuple[int, UUID]:
    """The tenant and the payment a client secret names; whether it is genuine is seen by its hash. Raises ClientSecretUnknown."""
    match = _CLIENT_SECRET.fullmatch(text)
    if match is None:
        raise ClientSecretUnknown
    try:
        return tenant_number(match[2]), parse_id("pay", match[1])
    except (ValueError, NotFound):
        raise ClientSecretUnknown from None


def hash_secret(text: str) -> bytes:
    """What is kept of a client secret: it has 192 random bits, so a plain hash is enough."""
    return hashlib.sha256(text.encode()).digest()
