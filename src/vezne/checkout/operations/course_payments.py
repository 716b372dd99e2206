"""Payments of the course platform: opened for a student, confirmed by asking the provider, listed by student."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from vezne import identity, orders, payments
from vezne.checkout.operations import sessions
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.kernel.principal import Principal

_BEYOND_US = (
    payments.ProviderUnavailable,
    payments.ProviderUnknown,
    payments.ProviderRefused,
    payments.PaymentNotOpen,
    payments.PaymentInFlight,
    payments.PaymentUnderReview,
)
"""Why a provider may not be reached now: the checkout page tries again, and says how the payment stands."""


class CourseStatus(StrEnum):
    """Where a payment stands: `initiated`, or one of the four ends, of which it has one for good."""

    INITIATED = "initiated"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePayment:
    """A payment as the course platform knows it."""

    payment: payments.Payment
    attempts: Sequence[payments.Attempt]
    student_id: str | None
    course_id: str | None
    description: str

    @property
    def status(self) -> CourseStatus:
        """Where it stands; an end is never left."""
        known = str(self.payment.status)
        return CourseStatus(known) if known in set(CourseStatus) else CourseStatus.INITIATED

    @property
    def attempt(self) -> payments.Attempt | None:
        """The one that paid, else the last."""
        best = [attempt for attempt in self.attempts if attempt.is_final] or list(self.attempts)
        return best[-1] if best else None


async def place(
    tx: Tx, *, student_id: str, line: orders.CourseDetails, life: timedelta, return_url: str | None, metadata: Mapping[str, str]
) -> UUID:
    """Order a course for a student, who becomes a customer with that reference when there is none. The order's payment."""
    student = (await identity.customers_by_reference(tx, [student_id]))[student_id]
    placed = await orders.place(tx, student.id, [line], expires_after=life, return_url=return_url, metadata=metadata)
    if placed.payment is None:
        raise RuntimeError("a course costs something")
    return placed.payment.id


async def start(db: Database, gateways: payments.Gateways, principal: Principal, payment_id: UUID) -> str | None:
    """Where the student pays: at the provider, or at our checkout page while the provider cannot be reached; None: no more.

    Again: the same attempt. The student comes back to the checkout page, where another attempt may follow a declined one.
    Raises UnknownPayment.
    """
    async with db.transaction(principal) as tx:
        payment = await payments.payment(tx, payment_id)
        try:
            told, token = await sessions.open_session(tx, parse_id("ord", payment.purpose), life=gateways.session_ttl)
        except sessions.OrderNotPayable:
            return None
        locale = (await identity.customer(tx, told.order.customer_id)).locale or (await identity.settings_of(tx)).locale
    page = gateways.checkout_url(token)
    try:
        started = await payments.start_attempt(db, gateways, principal, payment_id, return_url=f"{page}/return", locale=locale)
    except _BEYOND_US:
        return page
    return started.redirect_url


async def confirm(db: Database, gateways: payments.Gateways, principal: Principal, payment_id: UUID) -> CoursePayment:
    """Ask the provider what became of the payment, whatever the caller believes, and act on its answer.

    Again, and at once: the money is booked once, and the status is the same. A payment whose time is over is ended. Raises
    UnknownPayment, ProviderUnavailable.
    """
    async with db.transaction(principal, read_only=True) as tx:
        await payment(tx, payment_id)
    with suppress(payments.ProviderUnknown):  # of a provider that this deployment no longer has, nothing more is heard
        await payments.finalise(db, gateways, principal, payment_id)
        await payments.expire(db, gateways, principal, payment_id)
    async with db.transaction(principal, read_only=True) as tx:
        return await payment(tx, payment_id)


async def payment(tx: Tx, payment_id: UUID) -> CoursePayment:
    """A customer's payment. Raises UnknownPayment."""
    found = await payments.payment(tx, payment_id)
    if found.customer_id is None or tx.principal.payee_id is not None:
        raise payments.UnknownPayment(payment_id=public_id("pay", payment_id))
    return (await _told(tx, [found]))[0]


async def history(tx: Tx, *, student_id: str | None, before: UUID | None, limit: int) -> list[CoursePayment]:
    """A student's payments, or everybody's, newest first. Nobody's, of a student who is not known."""
    if tx.principal.payee_id is not None:
        return []
    customer_id = None
    if student_id is not None:
        known = await identity.customers(tx, reference=student_id)
        if not known:
            return []
        customer_id = known[0].id
    found = await payments.payments_page(tx, limit=limit, before=before, customer_id=customer_id)
    return await _told(tx, found)


async def _told(tx: Tx, found: Sequence[payments.Payment]) -> list[CoursePayment]:
    attempts = await payments.attempts(tx, [each.id for each in found])
    order_of = {each.id: _order_id(each) for each in found}
    lines = {line.order_id: line for line in reversed(await orders.lines_of(tx, [each for each in order_of.values() if each]))}
    known = await identity.customers_by_id(tx, [each.customer_id for each in found if each.customer_id is not None])
    told = []
    for each in found:
        order_id = order_of[each.id]
        line = None if order_id is None else lines.get(order_id)
        told.append(
            CoursePayment(
                payment=each,
                attempts=[attempt for attempt in attempts if attempt.payment_id == each.id],
                student_id=None if each.customer_id is None else known[each.customer_id].reference,
                course_id=None if line is None else line.details.get("course_id"),
                description="" if line is None else line.description,
            )
        )
    return told


def _order_id(payment: payments.Payment) -> UUID | None:
    try:
        return parse_id("ord", payment.purpose)
    except UnknownId:
        return None
