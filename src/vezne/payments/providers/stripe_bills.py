"""What Stripe's subscriptions and invoices mean to us, in today's shapes: periods on items and lines, payments beside bills."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from vezne.payments.providers.base import ProviderInvoice, ProviderSubscription, SubscriptionGrade
from vezne.payments.providers.stripe_amounts import from_stripe
from vezne.payments.providers.stripe_answers import at, method_of, part, ref, rows, said_of_us, text, unreadable, whole
from vezne.payments.providers.stripe_api import Fields

_GRADES: Final[Mapping[str, SubscriptionGrade]] = {
    "incomplete": SubscriptionGrade.INCOMPLETE,
    "incomplete_expired": SubscriptionGrade.CANCELLED,
    "trialing": SubscriptionGrade.TRIALING,
    "active": SubscriptionGrade.ACTIVE,
    "past_due": SubscriptionGrade.PAST_DUE,
    "unpaid": SubscriptionGrade.PAST_DUE,
    "paused": SubscriptionGrade.PAUSED,
    "canceled": SubscriptionGrade.CANCELLED,
}
_RUNNING: Final = frozenset({SubscriptionGrade.TRIALING, SubscriptionGrade.ACTIVE, SubscriptionGrade.PAST_DUE})
_STATUSES: Final[Mapping[str, Literal["draft", "open", "paid", "void", "uncollectible"]]] = {
    "draft": "draft",
    "open": "open",
    "paid": "paid",
    "void": "void",
    "uncollectible": "uncollectible",
}
_REASONS: Final[Mapping[str, Literal["create", "cycle", "update"]]] = {
    "subscription_create": "create",
    "subscription_cycle": "cycle",
    "subscription_update": "update",
}


def subscription_of(subscription: Fields, invoices: tuple[ProviderInvoice, ...]) -> ProviderSubscription:
    """A subscription as it is now. `invoices` are its bills, the newest last."""
    item = _item(subscription)
    method = part(subscription, "default_payment_method")
    return ProviderSubscription(
        subscription_ref=text(subscription, "id"),
        reference=said_of_us(subscription, "reference"),
        grade=grade_of(subscription),
        plan_reference=_plan(item) or said_of_us(subscription, "plan"),
        period_start=at(item, "current_period_start"),
        period_end=at(item, "current_period_end"),
        cancels_at_period_end=bool(subscription.get("cancel_at_period_end")) or subscription.get("cancel_at") is not None,
        trial_until=at(subscription, "trial_end"),
        ended_at=at(subscription, "ended_at"),
        customer_ref=ref(subscription, "customer"),
        method=None if method is None else method_of(method),
        invoices=invoices,
    )


def grade_of(subscription: Fields) -> SubscriptionGrade:
    """How a subscription stands. One whose collection is paused goes on at Stripe, and is paused to us."""
    grade = _GRADES.get(text(subscription, "status"))
    if grade is None:
        raise unreadable("a status that is known")
    paused = grade in _RUNNING and part(subscription, "pause_collection") is not None
    return SubscriptionGrade.PAUSED if paused else grade


def _item(subscription: Fields) -> Fields:
    """What is subscribed to: our subscriptions have one item."""
    items = rows(subscription, "items")
    if not items:
        raise unreadable("an item")
    return items[0]


def _plan(item: Fields) -> str | None:
    price = part(item, "price")
    found = None if price is None else price.get("lookup_key")
    return found if isinstance(found, str) else None


def price_of(subscription: Fields) -> str | None:
    """The Price that is billed."""
    return ref(_item(subscription), "price")


def changed_items(subscription: Fields, price: str) -> list[dict[str, Any]]:
    """The subscription's item at another Price."""
    return [{"id": text(_item(subscription), "id"), "price": price, "quantity": 1}]


def invoice_of(invoice: Fields, subscription_ref: str, failure_code: str | None) -> ProviderInvoice:
    """A bill as it is now."""
    status = _STATUSES.get(text(invoice, "status"))
    if status is None:
        raise unreadable("a status that is known")
    currency, line = text(invoice, "currency"), _last_line(invoice)
    start, end = at(line, "start"), at(line, "end")
    if start is None or end is None:
        raise unreadable("a period")
    return ProviderInvoice(
        invoice_ref=text(invoice, "id"),
        subscription_ref=subscription_ref,
        status=status,
        reason=_REASONS.get(text(invoice, "billing_reason"), "other"),
        total=from_stripe(whole(invoice, "total"), currency),
        paid=from_stripe(whole(invoice, "amount_paid"), currency),
        period_start=start,
        period_end=end,
        payment_ref=intent_of(invoice),
        failure_code=failure_code,
        attempts=whole(invoice, "attempt_count"),
    )


def _last_line(invoice: Fields) -> Fields:
    """The period that is billed: that of the line which reaches farthest. A bill's own dates are those of the period before."""
    periods = [found for line in rows(invoice, "lines") if (found := part(line, "period")) is not None]
    if not periods:
        return {"start": invoice.get("period_start"), "end": invoice.get("period_end")}
    return max(periods, key=lambda period: (whole(period, "end"), whole(period, "start")))


def intent_of(invoice: Fields) -> str | None:
    """The PaymentIntent that pays a bill: the one that has, else the one that is to."""
    payments = [one for one in rows(invoice, "payments") if _names_intent(one)]
    payments.sort(key=lambda one: (one.get("status") == "paid", bool(one.get("is_default"))))
    return None if not payments else ref(part(payments[-1], "payment") or {}, "payment_intent")


def _names_intent(payment: Fields) -> bool:
    return ref(part(payment, "payment") or {}, "payment_intent") is not None


def subscription_ref_of(invoice: Fields) -> str | None:
    """Whose bill it is."""
    parent = part(invoice, "parent") or {}
    details = part(parent, "subscription_details") or {}
    return ref(details, "subscription")
