"""Checkout sessions, their tokens, and what a page shows, as plain values."""

import hashlib
import re
import secrets
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from vezne import orders, payments, promos
from vezne.kernel.errors import NotFound
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.kernel.money import Money

RECEIPT_LIFE = timedelta(days=1)
"""How long after a session's end its address still tells how it went."""
_SECRET_BYTES = 24
_TOKEN = re.compile(r"(cks_[0-9a-z]{26})_([0-9a-f]{1,15})_[A-Za-z0-9_-]{32}", re.ASCII)
_WEB_ADDRESS = re.compile(r"https?://[!-~]+", re.ASCII)
_REASONS = frozenset({"insufficient_funds", "expired_card", "incorrect_cvc", "processing_error", "authentication_failed"})
_NAMED_KINDS = frozenset({"top_up"})
_NAMED_PROVIDERS = frozenset({"simulated", "payu", "magicpay", "cash", "bank_transfer"})


class CheckoutTokenUnknown(NotFound):
    """There is no checkout at this address."""


class LinkOver(NotFound):
    """This checkout's address is no longer valid."""

    status = 410


class State(StrEnum):
    """Where a checkout stands."""

    OPEN = "open"
    DECLINED = "declined"
    UNDER_WAY = "under_way"
    PROCESSING = "processing"
    REVIEW = "review"
    PAID = "paid"
    RETURNED = "returned"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


PAYABLE = frozenset({State.OPEN, State.DECLINED, State.UNDER_WAY})
_ENDS = {
    payments.PaymentStatus.SUCCEEDED: State.PAID,
    payments.PaymentStatus.FAILED: State.FAILED,
    payments.PaymentStatus.CANCELLED: State.CANCELLED,
    payments.PaymentStatus.EXPIRED: State.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A way to one order's checkout until `expires_at`. The first comes with the payment and has its number."""

    id: UUID
    order_id: UUID
    expires_at: datetime
    token_hash: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a checkout is about, as the slices below tell it."""

    session: Session
    order: orders.Order
    lines: Sequence[orders.Line]
    redemptions: Sequence[promos.Redemption]
    payment: payments.Payment
    attempts: Sequence[payments.Attempt]

    def state(self, now: datetime) -> State:
        """Where the checkout stands at `now`."""
        end = _ENDS.get(self.payment.status)
        if end is not None:  # an order that is not paid all the same: its money came when what was ordered was gone
            return State.RETURNED if end is State.PAID and self.order.paid_at is None else end
        if self.payment.flag is not None:
            return State.REVIEW
        if self.payment.status is payments.PaymentStatus.PROCESSING:
            return State.PROCESSING
        if min(self.session.expires_at, self.payment.expires_at) <= now:
            return State.EXPIRED
        if self.payment.status is payments.PaymentStatus.REQUIRES_ACTION:
            return State.UNDER_WAY
        last = self.attempts[-1] if self.attempts else None
        return State.DECLINED if last is not None and last.status is payments.AttemptStatus.FAILED else State.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLine:
    """A line as the page shows it, before promo codes."""

    kind: str
    description: str
    amount: Money

    @property
    def is_named(self) -> bool:
        """Whether the page has a name of its own for this kind, in the reader's language."""
        return self.kind in _NAMED_KINDS


@dataclass(frozen=True, slots=True)
class ShownDiscount:
    """What a promo code takes off."""

    code: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider that the customer may choose."""

    name: str
    is_chosen: bool

    @property
    def is_named(self) -> bool:
        """Whether the page has a name of its own for it, in the reader's language."""
        return self.name in _NAMED_PROVIDERS

    @property
    def title(self) -> str:
        """Its name in every language, where the page has none of its own."""
        return self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """What a page shows; nothing in it is secret from the address's holder."""

    merchant: str
    test_mode: bool
    locale: str | None
    default_locale: str
    time_zone: str
    state: State
    mark: str
    amount: Money
    refunded: Money
    lines: Sequence[ShownLine]
    discounts: Sequence[ShownDiscount]
    order: str
    payment: str
    payment_id: UUID
    provider: str
    providers: Sequence[str]
    stored: Money | None
    reason: str
    expires_at: datetime
    seconds_left: int
    paid_at: datetime | None
    return_url: str | None

    def choices(self, served: Container[str]) -> list[Choice]:
        """Among whom the customer may choose, of those whom this deployment has; none when there is one."""
        offered = [name for name in self.providers if name in served]
        return [Choice(name, name == self.provider) for name in offered] if len(offered) > 1 else []

    @property
    def initial(self) -> str:
        """The first letter of the merchant's name."""
        letter = self.merchant.strip()[:1]
        return "İ" if letter == "i" and self.default_locale == "tr" else letter.upper()


def reason_of(failure_code: str | None) -> str:
    """What the customer is told of a decline. A card reported lost or stolen is only declined: its holder may be the thief."""
    return failure_code if failure_code in _REASONS else "card_declined"


def shown_lines(lines: Sequence[orders.Line]) -> list[ShownLine]:
    """The lines as the page shows them: at their price, what promo codes take off comes after them."""
    return [
        ShownLine(
            kind=line.kind,
            description=line.description,
            amount=Money(line.amount_minor + line.discount_minor, line.currency),
        )
        for line in lines
    ]


def shown_discounts(redemptions: Sequence[promos.Redemption]) -> list[ShownDiscount]:
    """What each promo code takes off, those that only add something left out."""
    return [ShownDiscount(each.code, Money(each.discount_minor, each.currency)) for each in redemptions if each.discount_minor]


def web_address(text: str | None) -> str | None:
    """The merchant's return address, when a browser may be sent there: http or https and a host, nothing that runs."""
    return text if text is not None and _WEB_ADDRESS.fullmatch(text) else None


def make_token(tenant_id: int, session_id: UUID) -> str:
    """An address's secret part: it names session and tenant, and carries 192 random bits."""
    return f"{public_id('cks', session_id)}_{tenant_id:x}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def tenant_of_token(token: str) -> int:
    """The tenant a token names; whether it is genuine is seen by its hash. Raises CheckoutTokenUnknown."""
    match = _TOKEN.fullmatch(token)
    if match is not None:
        return int(match[2], 16)
    try:
        return payments.read_client_secret(token)[0]
    except payments.ClientSecretUnknown:
        raise CheckoutTokenUnknown from None


def session_of_token(token: str) -> UUID | None:
    """The session a token names; None for a client secret. Raises CheckoutTokenUnknown."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    try:
        return parse_id("cks", match[1])
    except UnknownId:
        raise CheckoutTokenUnknown from None


def hash_token(token: str) -> bytes:
    """What is kept of a token; it has 192 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()
