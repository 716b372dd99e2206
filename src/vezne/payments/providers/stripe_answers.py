"""What Stripe's objects mean to us: read here and nowhere else, in the shapes of today's API version.

A field that a person's payment hangs on is read strictly: an answer without it is no usable answer.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from vezne.kernel.money import Money
from vezne.payments.providers.base import (
    Grade,
    ProviderDispute,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    RefundGrade,
    SeenMethod,
)
from vezne.payments.providers.stripe_amounts import NAME, from_stripe
from vezne.payments.providers.stripe_api import Fields

AUTHENTICATION: Final = "authentication_required"
"""Stripe's code for a charge that the customer would have to confirm."""

_GRADES: Final[Mapping[str, Grade]] = {
    "requires_confirmation": Grade.PENDING,
    "requires_action": Grade.REQUIRES_ACTION,
    "processing": Grade.PROCESSING,
    "requires_capture": Grade.AUTHORISED,
    "succeeded": Grade.CAPTURED,
}
_REFUND_GRADES: Final[Mapping[str, RefundGrade]] = {
    "pending": RefundGrade.PENDING,
    "requires_action": RefundGrade.PENDING,
    "succeeded": RefundGrade.SUCCEEDED,
    "failed": RefundGrade.FAILED,
    "canceled": RefundGrade.FAILED,
}
_DISPUTES: Final[Mapping[str, Literal["needs_response", "under_review", "won", "lost"]]] = {
    "needs_response": "needs_response",
    "under_review": "under_review",
    "won": "won",
    "prevented": "won",
    "lost": "lost",
}


def unreadable(what: str) -> ProviderUnavailable:
    """An answer that says less than it must."""
    return ProviderUnavailable(provider=NAME, reason=f"an answer without {what}", retry_after=5)


def text(fields: Fields, name: str) -> str:
    """A text that must be there."""
    found = fields.get(name)
    if not isinstance(found, str):
        raise unreadable(name)
    return found


def whole(fields: Fields, name: str) -> int:
    """A whole number that must be there."""
    found = fields.get(name)
    if type(found) is not int:
        raise unreadable(name)
    return found


def part(fields: Fields, name: str) -> Fields | None:
    """An object inside another; None where it is null, or stands as an id alone."""
    found = fields.get(name)
    return found if isinstance(found, Mapping) else None


def ref(fields: Fields, name: str) -> str | None:
    """The id of another object, which stands there as an id or whole."""
    found = fields.get(name)
    if isinstance(found, Mapping):
        found = found.get("id")
    return found if isinstance(found, str) else None


def at(fields: Fields, name: str) -> datetime | None:
    """A time, which Stripe writes in seconds since 1970."""
    found = fields.get(name)
    return datetime.fromtimestamp(found, UTC) if type(found) is int else None


def rows(fields: Fields, name: str) -> list[Fields]:
    """The first page of a list inside an object."""
    inner = part(fields, name)
    found = None if inner is None else inner.get("data")
    if not isinstance(found, list):
        raise unreadable(name)
    return found


def said_of_us(fields: Fields, name: str) -> str | None:
    """What we wrote into an object's metadata."""
    metadata = part(fields, "metadata")
    found = None if metadata is None else metadata.get(name)
    return found if isinstance(found, str) else None


def payment_of_session(session: Fields) -> ProviderPayment:
    """A payment by a Checkout page, its PaymentIntent whole inside it. A declined card leaves the page open for another one."""
    intent = part(session, "payment_intent")
    grade = _grade_of_session(session, intent)
    amount = from_stripe(whole(session, "amount_total"), text(session, "currency"))
    url = session.get("url")
    return ProviderPayment(
        provider_ref=text(session, "id"),
        reference=session.get("client_reference_id"),
        grade=grade,
        amount=amount,
        captured=Money(0, amount.currency) if intent is None else _captured(intent),
        refunded=Money(0, amount.currency) if intent is None else _refunded(intent),
        failure_code=None if intent is None or grade is Grade.CAPTURED else failure_of(intent),
        redirect_url=url if isinstance(url, str) else None,
        response={
            **({} if intent is None else _record(intent)),
            "checkout_session": session["id"],
            "session_status": text(session, "status"),
            "payment_status": text(session, "payment_status"),
        },
        customer_ref=ref(session, "customer"),
        method=None if intent is None else _kept(intent),
    )


def _grade_of_session(session: Fields, intent: Fields | None) -> Grade:
    status, seen = text(session, "status"), None if intent is None else _grade(intent)
    if status == "open":
        return Grade.REQUIRES_ACTION if seen is Grade.REQUIRES_ACTION else Grade.PENDING
    if status == "expired":
        if intent is None or seen in {Grade.CAPTURED, Grade.AUTHORISED, Grade.PROCESSING}:
            return seen or Grade.EXPIRED
        return Grade.EXPIRED if failure_of(intent) is None else Grade.FAILED
    if status != "complete" or seen is None:
        raise unreadable("a PaymentIntent")
    return seen


def payment_of_intent(intent: Fields) -> ProviderPayment:
    """A payment without a page: a stored method that was charged, or a bill of a subscription."""
    grade = _grade(intent)
    return ProviderPayment(
        provider_ref=text(intent, "id"),
        reference=said_of_us(intent, "reference"),
        grade=grade,
        amount=from_stripe(whole(intent, "amount"), text(intent, "currency")),
        captured=_captured(intent),
        refunded=_refunded(intent),
        failure_code=None if grade is Grade.CAPTURED else failure_of(intent),
        response=_record(intent),
        customer_ref=ref(intent, "customer"),
        method=_kept(intent),
    )


def _grade(intent: Fields) -> Grade:
    status = text(intent, "status")
    if status == "requires_payment_method":
        return Grade.PENDING if part(intent, "last_payment_error") is None else Grade.FAILED
    if status == "canceled":
        return Grade.EXPIRED if intent.get("cancellation_reason") == "expired" else Grade.CANCELLED
    if status not in _GRADES:
        raise unreadable("a status that is known")
    return _GRADES[status]


def _captured(intent: Fields) -> Money:
    return from_stripe(whole(intent, "amount_received"), text(intent, "currency"))


def _refunded(intent: Fields) -> Money:
    """The sum so far: Stripe's is cumulative, and counts refunds that are on their way."""
    charge = part(intent, "latest_charge")
    return from_stripe(0 if charge is None else whole(charge, "amount_refunded"), text(intent, "currency"))


def failure_of(intent: Fields) -> str | None:
    """The bank's reason where there is one, else Stripe's."""
    error = part(intent, "last_payment_error")
    if error is None:
        return None
    return str(error.get("decline_code") or error.get("code") or "declined")


def _record(intent: Fields) -> dict[str, object]:
    """What is kept of a payment: nothing that pays, and nothing of the person."""
    return {
        "payment_intent": text(intent, "id"),
        "status": text(intent, "status"),
        "amount_received": whole(intent, "amount_received"),
        "latest_charge": ref(intent, "latest_charge"),
        "tenant": said_of_us(intent, "tenant"),
        "failure_code": failure_of(intent),
    }


def _kept(intent: Fields) -> SeenMethod | None:
    """What may be charged again: only what the customer left for that, once it has paid."""
    method = part(intent, "payment_method")
    left = intent.get("setup_future_usage") == "off_session" and intent.get("status") in {"succeeded", "requires_capture"}
    return method_of(method) if left and method is not None else None


def method_of(method: Fields) -> SeenMethod:
    """A stored card, or another way to pay, by what its owner knows of it."""
    card = part(method, "card") or {}
    return SeenMethod(
        method_ref=text(method, "id"),
        customer_ref=ref(method, "customer"),
        brand=str(card.get("brand") or text(method, "type")),
        last4=str(card.get("last4") or ""),
        expires_year=card.get("exp_year"),
        expires_month=card.get("exp_month"),
    )


def refund_of(refund: Fields) -> ProviderRefund:
    """A refund as it is now."""
    grade = _REFUND_GRADES.get(text(refund, "status"))
    if grade is None:
        raise unreadable("a status that is known")
    failed = refund.get("failure_reason") or refund["status"] if grade is RefundGrade.FAILED else None
    return ProviderRefund(
        refund_ref=text(refund, "id"),
        grade=grade,
        amount=from_stripe(whole(refund, "amount"), text(refund, "currency")),
        failure_code=None if failed is None else str(failed),
        response={name: refund.get(name) for name in ("id", "status", "payment_intent", "charge", "metadata")},
    )


def dispute_of(dispute: Fields, provider_ref: str) -> ProviderDispute:
    """A dispute as it is now. A bank that only inquires has taken nothing: that is refused as no dispute."""
    status = text(dispute, "status")
    if status.startswith("warning_"):
        raise ProviderRefused(provider=NAME, failure_code="inquiry")
    if status not in _DISPUTES:
        raise unreadable("a status that is known")
    evidence: Mapping[str, Any] = part(dispute, "evidence_details") or {}
    return ProviderDispute(
        dispute_ref=text(dispute, "id"),
        provider_ref=provider_ref,
        status=_DISPUTES[status],
        amount=from_stripe(whole(dispute, "amount"), text(dispute, "currency")),
        reason=text(dispute, "reason"),
        respond_by=at(evidence, "due_by"),
    )
