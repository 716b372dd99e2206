"""Every field that is read of Stripe's objects exists in today's shapes: a Shape fails on one that the fixtures do not have."""

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from providers.stripe_recorded import SHAPES, SOMETIMES, Shape, shape
from vezne.kernel.money import Money
from vezne.payments.providers import stripe_answers as answers
from vezne.payments.providers.base import Grade, ProviderRefused, ProviderUnavailable, RefundGrade, SeenMethod
from vezne.payments.providers.stripe_notices import refs_of

pytestmark = pytest.mark.unit


def intent(status: str = "succeeded", **facts: Any) -> Shape:  # noqa: ANN401
    """A PaymentIntent of a hundred lira."""
    charge = shape("charge", amount_refunded=2_500)
    told: dict[str, Any] = {
        "status": status,
        "amount": 10_000,
        "currency": "try",
        "amount_received": 10_000 if status == "succeeded" else 0,
        "latest_charge": charge if status == "succeeded" else None,
        "metadata": {"reference": "att_1", "tenant": "7"},
        "last_payment_error": None,
        **facts,
    }
    return shape("payment_intent", **told)


def session(status: str = "complete", of: Shape | None = None, **facts: Any) -> Shape:  # noqa: ANN401
    """A Checkout page for a hundred lira."""
    told: dict[str, Any] = {
        "status": status,
        "client_reference_id": "att_1",
        "amount_total": 10_000,
        "currency": "try",
        "payment_status": "unpaid",
        "payment_intent": of,
        **facts,
    }
    return shape("checkout.session", **told)


DECLINED = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}
UNAUTHENTICATED = {"type": "card_error", "code": "authentication_required"}


@pytest.mark.parametrize("kind", SOMETIMES)
def test_what_is_not_in_the_fixtures_is_in_the_library_s_types(kind: str) -> None:
    types = {
        "refund": stripe.Refund,
        "payment_intent.last_payment_error": stripe.PaymentIntent.LastPaymentError,
        "invoice": stripe.Invoice,
        "invoice_payment.payment": stripe.InvoicePayment.Payment,
    }
    assert SOMETIMES[kind] <= set(types[kind].__annotations__)


def test_a_page_that_was_paid_is_captured_whole() -> None:
    card = {**SHAPES["payment_method"], "customer": "cus_1"}
    of = intent(payment_method=Shape("payment_method", card), setup_future_usage="off_session")
    seen = answers.payment_of_session(session(of=of, payment_status="paid", customer="cus_1"))
    assert (seen.grade, seen.amount, seen.captured, seen.refunded) == (
        Grade.CAPTURED,
        Money(10_000, "TRY"),
        Money(10_000, "TRY"),
        Money(2_500, "TRY"),
    )
    assert (seen.reference, seen.customer_ref) == ("att_1", "cus_1")
    assert seen.method == SeenMethod(
        method_ref=card["id"], customer_ref="cus_1", brand="visa", last4="4242", expires_year=2030, expires_month=8
    )


@pytest.mark.parametrize(
    ("page", "paid", "grade", "code"),
    [
        ("open", None, Grade.PENDING, None),
        ("open", intent("requires_payment_method", last_payment_error=DECLINED), Grade.PENDING, "insufficient_funds"),
        ("open", intent("requires_action"), Grade.REQUIRES_ACTION, None),
        ("expired", None, Grade.EXPIRED, None),
        ("expired", intent("requires_payment_method", last_payment_error=DECLINED), Grade.FAILED, "insufficient_funds"),
        ("expired", intent("canceled", last_payment_error=DECLINED), Grade.FAILED, "insufficient_funds"),
        ("expired", intent("canceled"), Grade.EXPIRED, None),
        ("expired", intent(), Grade.CAPTURED, None),
        ("complete", intent("processing"), Grade.PROCESSING, None),
        ("complete", intent("requires_capture"), Grade.AUTHORISED, None),
        ("complete", intent("requires_payment_method", last_payment_error=DECLINED), Grade.FAILED, "insufficient_funds"),
        ("complete", intent("canceled", cancellation_reason="expired"), Grade.EXPIRED, None),
        ("complete", intent("canceled", cancellation_reason="requested_by_customer"), Grade.CANCELLED, None),
    ],
)
def test_a_page_is_as_far_as_it_and_its_payment_are(page: str, paid: Shape | None, grade: Grade, code: str | None) -> None:
    """A declined card ends nothing while the page is open: its customer may take another one."""
    seen = answers.payment_of_session(session(page, paid))
    assert (seen.grade, seen.failure_code) == (grade, code)
    if grade is not Grade.CAPTURED:
        assert seen.captured == Money(0, "TRY")


def test_completed_is_not_paid() -> None:
    """A page whose money is on its way is complete and unpaid: what counts is its payment."""
    seen = answers.payment_of_session(session(of=intent("processing")))
    assert (seen.grade, seen.captured) == (Grade.PROCESSING, Money(0, "TRY"))
    with pytest.raises(ProviderUnavailable):
        answers.payment_of_session(session(of=None))


@pytest.mark.parametrize(
    ("error", "code"), [(DECLINED, "insufficient_funds"), (UNAUTHENTICATED, "authentication_required"), ({}, "declined")]
)
def test_a_charge_that_was_declined_says_why(error: dict[str, str], code: str) -> None:
    seen = answers.payment_of_intent(intent("requires_payment_method", last_payment_error=error))
    assert (seen.grade, seen.failure_code, seen.reference) == (Grade.FAILED, code, "att_1")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("status", {"status": None}),
        ("status", {"status": "of_tomorrow"}),
        ("amount", {"amount": "10000"}),
        ("currency", {"currency": None}),
        ("id", {"id": None}),
    ],
)
def test_an_answer_that_does_not_say_enough_is_no_answer(kind: str, facts: dict[str, Any]) -> None:
    assert kind
    with pytest.raises(ProviderUnavailable):
        answers.payment_of_intent(intent(**facts))


@pytest.mark.parametrize(
    ("status", "grade"),
    [
        ("pending", RefundGrade.PENDING),
        ("requires_action", RefundGrade.PENDING),
        ("succeeded", RefundGrade.SUCCEEDED),
        ("failed", RefundGrade.FAILED),
        ("canceled", RefundGrade.FAILED),
    ],
)
def test_a_refund_is_as_far_as_stripe_says(status: str, grade: RefundGrade) -> None:
    seen = answers.refund_of(shape("refund", status=status, amount=2_500, currency="try"))
    assert (seen.grade, seen.amount) == (grade, Money(2_500, "TRY"))
    assert (seen.failure_code is None) is (grade is not RefundGrade.FAILED)


def test_a_refund_of_no_known_state_is_no_answer() -> None:
    with pytest.raises(ProviderUnavailable):
        answers.refund_of(shape("refund", status=None))


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("needs_response", "needs_response"),
        ("under_review", "under_review"),
        ("won", "won"),
        ("lost", "lost"),
        ("prevented", "won"),
    ],
)
def test_a_dispute_is_as_far_as_the_bank_is(status: str, shown: str) -> None:
    seen = answers.dispute_of(shape("dispute", status=status, currency="try"), "cs_1")
    assert (seen.status, seen.provider_ref, seen.amount, seen.reason) == (shown, "cs_1", Money(1_000, "TRY"), "general")
    assert seen.respond_by == datetime(2024, 8, 14, 23, 59, 59, tzinfo=UTC)


def test_a_bank_that_only_inquires_has_taken_nothing() -> None:
    with pytest.raises(ProviderRefused, match="inquiry"):
        answers.dispute_of(shape("dispute", status="warning_needs_response"), "cs_1")
    assert refs_of(shape("dispute", status="warning_closed")) == {}


@pytest.mark.parametrize("kind", ["checkout.session", "payment_intent", "charge", "refund", "dispute", "subscription", "invoice"])
def test_what_an_event_is_about_is_read_of_fields_that_exist(kind: str) -> None:
    assert any(refs_of(shape(kind, **({"status": "needs_response"} if kind == "dispute" else {}))).values())
