"""Payments and refunds as plain values, and the moves that are legal. Amounts are integers in minor units."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from vezne.sandbox.cards import MONTHS, Card
from vezne.sandbox.refusals import Refused


class Status(StrEnum):
    """Where a payment stands."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    AUTHORISED = "authorised"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RefundStatus(StrEnum):
    """Where a refund stands."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_ENDS = frozenset({Status.FAILED, Status.CANCELLED, Status.EXPIRED})
_PAID = frozenset({Status.PROCESSING, Status.AUTHORISED, Status.SUCCEEDED})
LEGAL: dict[Status, frozenset[Status]] = {
    Status.PENDING: _PAID | _ENDS | {Status.REQUIRES_ACTION},
    Status.REQUIRES_ACTION: _PAID | _ENDS,
    Status.PROCESSING: frozenset({Status.AUTHORISED, Status.SUCCEEDED, Status.FAILED}),
    Status.AUTHORISED: frozenset({Status.SUCCEEDED, Status.CANCELLED, Status.EXPIRED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset(),
}
OPEN = frozenset({Status.PENDING, Status.REQUIRES_ACTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment, its captures and the sum of its refunds. Each move returns the payment as it then is, or raises Refused."""

    id: str
    merchant_reference: str
    amount_minor: int
    currency: str
    capture: str
    status: Status = Status.PENDING
    captured_minor: int = 0
    refunded_minor: int = 0
    refunding_minor: int = 0
    failure_code: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    description: str = ""
    locale: str
    return_url: str
    webhook_url: str | None
    redirect_url: str
    created_at: str
    updated_at: str
    expires_at: str
    customer: str | None = None
    save_card: bool = False
    """Whether the card is to be kept once it is good."""
    method_id: str | None = None
    method_year: int | None = None
    """The name under which the card is kept, and until when it is good."""
    off_session: bool = False
    """Charged to a stored card while the customer is away: nobody can answer the bank."""

    @property
    def refundable_minor(self) -> int:
        """What is captured and neither refunded nor being refunded."""
        return self.captured_minor - self.refunded_minor - self.refunding_minor

    def to(self, status: Status, asked: str, *, captured_minor: int | None = None, failure_code: str | None = None) -> Self:
        """The payment in another status; Refused with 409 when there is no way from this one to that."""
        if status not in LEGAL[self.status]:
            raise Refused(409, "invalid_state", f"Payment {self.id} is {self.status} and cannot be {asked}.")
        captured = self.captured_minor if captured_minor is None else captured_minor
        return replace(self, status=status, captured_minor=captured, failure_code=failure_code)

    def pay(self, card: Card) -> Self:
        """The customer pays with `card`; its 3-D Secure step, if it has one, comes first."""
        if self.status is not Status.PENDING:
            raise Refused(409, "invalid_state", f"Payment {self.id} is {self.status} and takes no card.")
        shown = replace(self, card_brand=card.brand, card_last4=card.last4)
        if card.three_ds:
            return shown.to(Status.REQUIRES_ACTION, "challenged")
        return shown.charge(card)

    def answer_challenge(self, card: Card, *, approved: bool) -> Self:
        """The customer approved the payment at the bank, or did not."""
        if self.status is not Status.REQUIRES_ACTION:
            raise Refused(409, "invalid_state", f"Payment {self.id} is {self.status} and waits for no 3-D Secure answer.")
        if not approved:
            return self.to(Status.FAILED, "declined", failure_code="authentication_failed")
        return self.charge(card)

    def charge(self, card: Card) -> Self:
        """What the card does, its 3-D Secure step being over or never needed."""
        if card.failure_code is not None:
            return self.to(Status.FAILED, "declined", failure_code=card.failure_code)
        if card.delayed:
            return self.to(Status.PROCESSING, "processed")
        return self.approve()

    def approve(self) -> Self:
        """The money is there: authorised, or captured whole when capture is automatic."""
        if self.capture == "manual":
            return self.to(Status.AUTHORISED, "authorised")
        return self.to(Status.SUCCEEDED, "captured", captured_minor=self.amount_minor)

    def capture_amount(self, amount_minor: int | None) -> Self:
        """Take `amount_minor` (all of it when None) of an authorised payment; the rest is released. Once only."""
        if self.status is not Status.AUTHORISED:
            raise Refused(409, "invalid_state", f"Payment {self.id} is {self.status} and cannot be captured.")
        amount = self.amount_minor if amount_minor is None else amount_minor
        if amount > self.amount_minor:
            message = f"{amount} is more than the {self.amount_minor} authorised."
            raise Refused(422, "amount_exceeds_authorised", message, "amount_minor")
        return self.to(Status.SUCCEEDED, "captured", captured_minor=amount)

    def cancel(self) -> Self:
        """Nothing is taken. Of an authorised payment the authorisation is released."""
        return self.to(Status.CANCELLED, "cancelled")

    def expire(self) -> Self:
        """Its time is over."""
        return self.to(Status.EXPIRED, "expired")

    def begin_refund(self, amount_minor: int | None) -> tuple[Self, int]:
        """Set `amount_minor` (all that is left when None) aside for a refund; returns the payment and the amount."""
        if self.status is not Status.SUCCEEDED:
            raise Refused(409, "invalid_state", f"Payment {self.id} is {self.status} and cannot be refunded.")
        amount = self.refundable_minor if amount_minor is None else amount_minor
        if amount > self.refundable_minor or amount == 0:
            message = f"{self.refundable_minor} of payment {self.id} is left to refund."
            raise Refused(422, "amount_exceeds_captured", message, "amount_minor")
        return replace(self, refunding_minor=self.refunding_minor + amount), amount

    def end_refund(self, amount_minor: int, *, succeeded: bool) -> Self:
        """What was set aside has gone back to the customer, or could not."""
        refunded = self.refunded_minor + amount_minor if succeeded else self.refunded_minor
        return replace(self, refunding_minor=self.refunding_minor - amount_minor, refunded_minor=refunded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money going back to the customer."""

    id: str
    payment_id: str
    merchant_reference: str | None
    amount_minor: int
    currency: str
    status: RefundStatus = RefundStatus.PENDING
    failure_code: str | None = None
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCard:
    """A card that a customer let the merchant keep."""

    id: str
    customer: str
    card_brand: str
    card_last4: str
    expires_year: int
    acts_like: str
    """The last four digits of the test card whose ways it has when it is charged: its own, until a test says otherwise."""
    created_at: str
    removed_at: str | None = None


def shown_card(card: StoredCard) -> dict[str, object]:
    """The stored card as the API shows it. It is good until December of its year."""
    return {
        "id": card.id,
        "object": "method",
        "customer": card.customer,
        "brand": card.card_brand,
        "last4": card.card_last4,
        "expires_year": card.expires_year,
        "expires_month": MONTHS,
        "created_at": card.created_at,
        "removed_at": card.removed_at,
    }


def shown_payment(payment: Payment) -> dict[str, object]:
    """The payment as the API and the webhooks show it."""
    card = {"brand": payment.card_brand, "last4": payment.card_last4} if payment.card_last4 else None
    return {
        "id": payment.id,
        "object": "payment",
        "merchant_reference": payment.merchant_reference,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "capture": payment.capture,
        "status": payment.status,
        "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
        "refunding_minor": payment.refunding_minor,
        "failure_code": payment.failure_code,
        "card": card,
        "description": payment.description,
        "locale": payment.locale,
        "return_url": payment.return_url,
        "webhook_url": payment.webhook_url,
        "redirect_url": payment.redirect_url,
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
        "expires_at": payment.expires_at,
    }


def _shown_method(payment: Payment) -> dict[str, object] | None:
    if payment.method_id is None:
        return None
    return {
        "id": payment.method_id,
        "brand": payment.card_brand,
        "last4": payment.card_last4,
        "expires_year": payment.method_year,
        "expires_month": MONTHS,
    }


def shown_with_card(payment: Payment) -> dict[str, object]:
    """The payment of a provider that keeps cards: whose it is, and under which name its card is kept."""
    shown = shown_payment(payment)
    if payment.off_session:
        shown |= {"return_url": None, "redirect_url": None}
    return {
        **shown,
        "customer": payment.customer,
        "save_card": payment.save_card,
        "off_session": payment.off_session,
        "method": _shown_method(payment),
    }


def shown_refund(refund: Refund) -> dict[str, object]:
    """The refund as the API and the webhooks show it."""
    return {
        "id": refund.id,
        "object": "refund",
        "payment": refund.payment_id,
        "merchant_reference": refund.merchant_reference,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "status": refund.status,
        "failure_code": refund.failure_code,
        "created_at": refund.created_at,
        "updated_at": refund.updated_at,
    }
