"""Ending a review: money that a provider took twice, or in another amount than was asked for, is decided about by a person."""

from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.payments import queries, queries_transactions
from vezne.payments.events import RefundRequested
from vezne.payments.models import LIVE, OPEN, Attempt, AttemptStatus, Payment, PaymentStatus, Refund, RefundStatus
from vezne.payments.operations import settling
from vezne.payments.operations.refunding import NotRefundable
from vezne.payments.operations.settling import UnknownPayment


async def captured_of(tx: Tx, payment_id: UUID, attempt_id: UUID) -> Money | None:
    """What the provider was last seen to have taken in an attempt, by its own words; None: it took nothing."""
    heard = await queries_transactions.select_transactions(tx, payment_id)
    taken = [each for each in heard if each.attempt_id == attempt_id and each.status == "captured" and each.refund_id is None]
    return Money(taken[-1].amount_minor, taken[-1].currency) if taken and taken[-1].amount_minor else None


async def take_mismatched(tx: Tx, payment_id: UUID, attempt_id: UUID, amount: Money) -> None:
    """Book what a provider took in another amount, or currency, than was asked for: it is ours now, in `unapplied`, and pays
    nothing. Again: nothing. Raises UnknownPayment.
    """
    await settling.lock(tx, payment_id)
    attempt = await _attempt(tx, payment_id, attempt_id)
    if attempt.status is not AttemptStatus.MISMATCHED or not amount.minor:
        return
    reference = f"attempt:{attempt.id}:captured"
    entry_id = await settling.book(tx, "payment.captured", attempt.provider, amount.currency, amount.minor, reference)
    await queries.mark_captured(tx, attempt.id, captured=amount.minor, entry_id=entry_id, is_final=False)


async def refund_attempt(tx: Tx, payment_id: UUID, attempt_id: UUID, amount: Money, *, reason: str, refund_id: UUID) -> Refund:
    """Promise back, whole, what an attempt brought beside the one that paid; a job then asks its provider.

    It counts for no refund of the payment. Raises UnknownPayment, and NotRefundable for an attempt that brought nothing beside.
    """
    await settling.lock(tx, payment_id)
    attempt = await _attempt(tx, payment_id, attempt_id)
    if attempt.status is not AttemptStatus.CAPTURED or attempt.is_final or attempt.captured_minor != amount.minor:
        raise NotRefundable(payment_id=public_id("pay", payment_id), status=attempt.status)
    made = Refund(
        id=refund_id,
        payment_id=payment_id,
        attempt_id=attempt_id,
        amount_minor=amount.minor,
        currency=amount.currency,
        reason=reason,
        status=RefundStatus.PENDING,
        provider_ref=None,
        failure_code=None,
        asks=0,
        entry_id=None,
        created_at=tx.now,
        ended_at=None,
    )
    await queries.insert_refund(tx, made)
    await tx.publish(
        RefundRequested(refund_id=made.id, payment_id=payment_id, amount_minor=amount.minor, currency=amount.currency)
    )
    await tx.enqueue("payments.refund_at_provider", {"refund_id": made.reference})
    return made


async def end_review(tx: Tx, payment_id: UUID, attempt_id: UUID) -> Payment:
    """A person has decided: the payment waits for nobody any more, and one that is still open may be paid again.

    While another attempt of it is to be decided about, the flag stays. Again: nothing changes. Raises UnknownPayment.
    """
    asked = await settling.lock(tx, payment_id)
    attempt = await _attempt(tx, payment_id, attempt_id)
    if attempt.status is AttemptStatus.MISMATCHED:  # the provider took nothing: there is nothing to book
        await queries.update_attempt_status(tx, attempt.id, AttemptStatus.CANCELLED, code="amount_mismatch", ended=True)
    attempts = await queries.select_attempts(tx, [payment_id])
    if asked.flag is None or any(other.status is AttemptStatus.MISMATCHED for other in attempts):
        return asked
    await queries.mark_flagged(tx, payment_id, None)
    if asked.status in OPEN and not any(other.status in LIVE for other in attempts):
        await settling.move(tx, asked, PaymentStatus.REQUIRES_PAYMENT)
    return await settling.payment(tx, payment_id)


async def _attempt(tx: Tx, payment_id: UUID, attempt_id: UUID) -> Attempt:
    found = await queries.select_attempt(tx, attempt_id)
    if found is None or found.payment_id != payment_id:
        raise UnknownPayment(payment_id="of this attempt")
    return found
