"""Subscriptions and bills are read of fields that today's shapes have: periods on items and lines, payments beside bills."""

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.stripe_recorded import SHAPES, Shape, facts_of, shape
from vezne.kernel.money import Money
from vezne.payments.providers import stripe_bills as bills
from vezne.payments.providers.base import ProviderUnavailable, SubscriptionGrade

pytestmark = pytest.mark.unit

JAN, FEB = 1_767_225_600, 1_769_904_000
MOVED = {"current_period_start", "current_period_end"}


def at(seconds: int) -> datetime:
    """As Stripe writes it."""
    return datetime.fromtimestamp(seconds, UTC)


def subscription(**facts: Any) -> Shape:  # noqa: ANN401
    """A subscription to a plan of ours."""
    item = facts_of("subscription_item", current_period_start=JAN, current_period_end=FEB)
    item["price"] = facts_of("price", lookup_key="pln_1/TRY/10000")
    told: dict[str, Any] = {
        "status": "active",
        "items": {"object": "list", "data": [item], "has_more": False, "url": "/v1/subscription_items"},
        "metadata": {"reference": "sub_1", "plan": "pln_of_old"},
        "pause_collection": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "default_payment_method": facts_of("payment_method", customer="cus_1"),
        "customer": "cus_1",
        **facts,
    }
    return shape("subscription", **told)


def payment(intent: str | None, status: str = "paid", *, default: bool = True) -> dict[str, Any]:
    """What pays a bill."""
    how = {"type": "payment_intent", "payment_intent": intent} if intent else {"type": "charge"}
    return facts_of("invoice_payment", payment=how, status=status, is_default=default)


def line(start: int, end: int) -> dict[str, Any]:
    """A line of a bill."""
    return {**SHAPES["invoice"]["lines"]["data"][0], "period": {"start": start, "end": end}}


def invoice(*payments: dict[str, Any], lines: tuple[dict[str, Any], ...] = (), **facts: Any) -> Shape:  # noqa: ANN401
    """A bill."""
    told: dict[str, Any] = {
        "status": "paid",
        "billing_reason": "subscription_cycle",
        "currency": "try",
        "total": 10_000,
        "amount_paid": 10_000,
        "attempt_count": 1,
        "lines": {"object": "list", "data": list(lines) or [line(JAN, FEB)], "has_more": False, "url": "/v1/lines"},
        "payments": {"object": "list", "data": list(payments), "has_more": False, "url": "/v1/invoice_payments"},
        **facts,
    }
    return shape("invoice", **told)


def test_the_period_stands_on_the_item_and_nowhere_else() -> None:
    """CM3: in today's shapes a subscription has no period of its own."""
    assert not MOVED & set(SHAPES["subscription"])
    seen = bills.subscription_of(subscription(), ())
    assert (seen.period_start, seen.period_end) == (at(JAN), at(FEB))
    assert (seen.reference, seen.plan_reference, seen.customer_ref) == ("sub_1", "pln_1/TRY/10000", "cus_1")
    assert seen.method is not None
    assert (seen.method.brand, seen.method.customer_ref) == ("visa", "cus_1")


@pytest.mark.parametrize(
    ("status", "grade"),
    [
        ("incomplete", SubscriptionGrade.INCOMPLETE),
        ("incomplete_expired", SubscriptionGrade.CANCELLED),
        ("trialing", SubscriptionGrade.TRIALING),
        ("active", SubscriptionGrade.ACTIVE),
        ("past_due", SubscriptionGrade.PAST_DUE),
        ("unpaid", SubscriptionGrade.PAST_DUE),
        ("paused", SubscriptionGrade.PAUSED),
        ("canceled", SubscriptionGrade.CANCELLED),
    ],
)
def test_a_subscription_stands_as_stripe_says(status: str, grade: SubscriptionGrade) -> None:
    assert bills.grade_of(subscription(status=status)) is grade
    running = grade in {SubscriptionGrade.TRIALING, SubscriptionGrade.ACTIVE, SubscriptionGrade.PAST_DUE}
    paused = bills.grade_of(subscription(status=status, pause_collection={"behavior": "void", "resumes_at": None}))
    assert paused is (SubscriptionGrade.PAUSED if running else grade)


@pytest.mark.parametrize("facts", [{"cancel_at_period_end": True}, {"cancel_at": FEB}])
def test_an_end_that_is_set_is_seen(facts: dict[str, Any]) -> None:
    assert bills.subscription_of(subscription(**facts), ()).cancels_at_period_end


def test_a_price_of_somebody_else_leaves_what_we_wrote() -> None:
    item = facts_of("subscription_item", current_period_start=JAN, current_period_end=FEB)
    alien = subscription(items={"object": "list", "data": [item], "has_more": False, "url": ""}, default_payment_method=None)
    seen = bills.subscription_of(alien, ())
    assert (seen.plan_reference, seen.method) == ("pln_of_old", None)


@pytest.mark.parametrize("facts", [{"status": "of_tomorrow"}, {"items": None}, {"items": {"data": [], "object": "list"}}])
def test_a_subscription_that_says_too_little_is_no_answer(facts: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable):
        bills.subscription_of(subscription(**facts), ())


def test_a_paid_bill_names_its_period_and_the_payment_that_paid_it() -> None:
    tried = (payment("pi_1", "canceled"), payment("pi_2", "paid", default=False), payment(None, "paid"))
    seen = bills.invoice_of(invoice(*tried, lines=(line(JAN - 86_400, JAN), line(JAN, FEB))), "sub_1", None)
    assert (seen.status, seen.reason, seen.payment_ref) == ("paid", "cycle", "pi_2")
    assert (seen.period_start, seen.period_end) == (at(JAN), at(FEB))
    assert (seen.total, seen.paid, seen.subscription_ref) == (Money(10_000, "TRY"), Money(10_000, "TRY"), "sub_1")


def test_an_open_bill_names_the_payment_that_is_to_pay_it() -> None:
    open_ = invoice(payment("pi_1", "canceled", default=False), payment("pi_2", "open"), status="open", amount_paid=0)
    seen = bills.invoice_of(open_, "sub_1", "insufficient_funds")
    assert (seen.status, seen.payment_ref, seen.failure_code, seen.attempts) == ("open", "pi_2", "insufficient_funds", 1)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("subscription_create", "create"),
        ("subscription_cycle", "cycle"),
        ("subscription_update", "update"),
        ("subscription_threshold", "other"),
        ("manual", "other"),
    ],
)
def test_a_bill_says_why_it_was_made(theirs: str, ours: str) -> None:
    assert bills.invoice_of(invoice(billing_reason=theirs), "sub_1", None).reason == ours


def test_a_bill_of_nothing_and_one_that_brings_something_back() -> None:
    assert bills.invoice_of(invoice(total=0, amount_paid=0), "sub_1", None).payment_ref is None
    assert bills.invoice_of(invoice(total=-500, amount_paid=0), "sub_1", None).total == Money(-500, "TRY")


def test_whose_bill_it_is_stands_in_its_parent() -> None:
    parent = {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {"subscription": "sub_1", "metadata": {}},
    }
    assert bills.subscription_ref_of(invoice(parent=parent)) == "sub_1"
    assert bills.subscription_ref_of(invoice(parent=None)) is None
