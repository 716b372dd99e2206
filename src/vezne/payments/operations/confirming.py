"""Cash and bank transfers: staff say what came and what they gave back; it then goes the way of every other money."""

from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.payments import queries
from vezne.payments.events import PaymentConfirmed, PaymentRejected, RefundConfirmed, RefundRejected
from vezne.payments.gateways import Gateways
from vezne.payments.models import LIVE, Attempt, AttemptStatus, Payment, Refund, RefundStatus
from vezne.payments.operations import refunding, settling
from vezne.payments.providers.base import Grade, ProviderPayment, ProviderRefund, RefundGrade

NOT_RECEIVED, NOT_PAID_OUT = "not_received", "not_paid_out"


class NothingToConfirm(Conflict):
    """Payment {payment_id} waits for no cash and no bank transfer."""


class ReceivedAmountDiffers(Conflict):
    """Payment {payment_id} asks for {asked_minor} {asked_currency}, not {received_minor} {currency}. If that is what came, say
    `other_amount: true`: it is then left to a person to decide what it pays.
    """


class ConfirmedAlready(Conflict):
    """Payment {payment_id} was confirmed as received."""


class NothingToPayOut(Conflict):
    """Refund {refund_id} is given back by {provider}, not by hand."""


class RefundEnded(Conflict):
    """Refund {refund_id} is {status} already."""


async def confirm(
    tx: Tx,
    gateways: Gateways,
    payment_id: UUID,
    received: Money,
    *,
    note: str = "",
    reference: str | None = None,
    other_amount: bool = False,
) -> Payment:
    """Say that `received` came for a payment by cash or bank transfer; what was sold is given in this transaction.

    The same again: nothing changes. Money that comes after the payment's end is late money, as from any provider. Another
    amount than was asked for is refused, naming the field, unless `other_amount` says that it really came: then the payment is
    flagged `amount_mismatch`. Raises UnknownPayment, NothingToConfirm, ReceivedAmountDiffers.
    """
    asked = await settling.lock(tx, payment_id)
    attempt = await _promised(tx, gateways, payment_id)
    if not (other_amount and received.minor):
        _refuse_another_amount(asked, received)
    if attempt.status in {AttemptStatus.CAPTURED, AttemptStatus.MISMATCHED}:
        return asked
    seen = _seen(tx, attempt, Grade.CAPTURED, received, note, reference)
    await settling.settle(tx, payment_id, attempt.id, seen)
    await tx.publish(
        PaymentConfirmed(
            payment_id=payment_id,
            attempt_id=attempt.id,
            received_minor=received.minor,
            currency=received.currency,
            note=note,
            reference=reference,
        )
    )
    return await settling.payment(tx, payment_id)


def _refuse_another_amount(asked: Payment, received: Money) -> None:
    if received != asked.amount:
        raise ReceivedAmountDiffers(
            loc=("body", "received_minor" if received.currency == asked.currency else "currency"),
            payment_id=public_id("pay", asked.id),
            asked_minor=asked.amount_minor,
            asked_currency=asked.currency,
            received_minor=received.minor,
            currency=received.currency,
        )


async def reject(tx: Tx, gateways: Gateways, payment_id: UUID, *, note: str = "") -> Payment:
    """Say that promised cash or a promised transfer did not come: its attempt failed, and the payment may be tried again.

    The same again: nothing changes. Raises UnknownPayment, NothingToConfirm, ConfirmedAlready.
    """
    asked = await settling.lock(tx, payment_id)
    attempt = await _promised(tx, gateways, payment_id)
    if attempt.status in {AttemptStatus.CAPTURED, AttemptStatus.MISMATCHED}:
        raise ConfirmedAlready(payment_id=public_id("pay", payment_id))
    if attempt.status not in LIVE:
        return asked
    seen = _seen(tx, attempt, Grade.FAILED, Money(0, asked.currency), note, None)
    await settling.settle(tx, payment_id, attempt.id, seen)
    await tx.publish(PaymentRejected(payment_id=payment_id, attempt_id=attempt.id, note=note))
    return await settling.payment(tx, payment_id)


async def confirm_refund(tx: Tx, gateways: Gateways, refund_id: UUID, *, note: str = "", reference: str | None = None) -> Refund:
    """Say that an offline payment's refund was paid out. The same again: nothing changes.

    Raises UnknownRefund, NothingToPayOut, RefundEnded when it was rejected.
    """
    refund, attempt = await _to_pay_out(tx, gateways, refund_id)
    if refund.status is RefundStatus.FAILED:
        raise RefundEnded(refund_id=refund.reference, status=refund.status)
    if refund.status is RefundStatus.SUCCEEDED:
        return refund
    await refunding.settle(tx, refund, attempt.provider, _paid_out(tx, refund, RefundGrade.SUCCEEDED, note, reference))
    await tx.publish(RefundConfirmed(refund_id=refund_id, payment_id=refund.payment_id, note=note, reference=reference))
    return await refunding.known(tx, refund_id)


async def reject_refund(tx: Tx, gateways: Gateways, refund_id: UUID, *, note: str = "") -> Refund:
    """Say that an offline payment's refund could not be paid out; the money is ours again. The same again: nothing changes.

    Raises UnknownRefund, NothingToPayOut, RefundEnded when it was paid out.
    """
    refund, attempt = await _to_pay_out(tx, gateways, refund_id)
    if refund.status is RefundStatus.SUCCEEDED:
        raise RefundEnded(refund_id=refund.reference, status=refund.status)
    if refund.status is RefundStatus.FAILED:
        return refund
    await refunding.settle(tx, refund, attempt.provider, _paid_out(tx, refund, RefundGrade.FAILED, note, None))
    await tx.publish(RefundRejected(refund_id=refund_id, payment_id=refund.payment_id, note=note))
    return await refunding.known(tx, refund_id)


async def _promised(tx: Tx, gateways: Gateways, payment_id: UUID) -> Attempt:
    """The payment's newest attempt by cash or bank transfer; it may have ended, and money come late."""
    promised = [
        attempt
        for attempt in await queries.select_attempts(tx, [payment_id])
        if attempt.provider_ref is not None and gateways.provider(attempt.provider).capabilities.offline
    ]
    if not promised:
        raise NothingToConfirm(payment_id=public_id("pay", payment_id))
    return promised[-1]


async def _to_pay_out(tx: Tx, gateways: Gateways, refund_id: UUID) -> tuple[Refund, Attempt]:
    """An offline payment's refund, its payment locked."""
    refund = await refunding.known(tx, refund_id)
    await settling.lock(tx, refund.payment_id)
    refund = await refunding.known(tx, refund_id)
    attempt = await queries.select_attempt(tx, refund.attempt_id)
    if attempt is None or not gateways.provider(attempt.provider).capabilities.offline:
        raise NothingToPayOut(refund_id=refund.reference, provider="its provider" if attempt is None else attempt.provider)
    return refund, attempt


def _seen(tx: Tx, attempt: Attempt, grade: Grade, received: Money, note: str, reference: str | None) -> ProviderPayment:
    """What staff saw, in the shape in which providers tell what they see."""
    return ProviderPayment(
        provider_ref=attempt.provider_ref or "",
        reference=attempt.reference,
        grade=grade,
        amount=received if grade is Grade.CAPTURED else None,
        captured=received,
        refunded=Money(0, received.currency),
        failure_code=NOT_RECEIVED if grade is Grade.FAILED else None,
        response=_said(tx, received, note, reference),
    )


def _paid_out(tx: Tx, refund: Refund, grade: RefundGrade, note: str, reference: str | None) -> ProviderRefund:
    amount = Money(refund.amount_minor, refund.currency)
    return ProviderRefund(
        refund_ref=refund.provider_ref or f"by_hand_{refund.reference}",
        grade=grade,
        amount=amount,
        failure_code=NOT_PAID_OUT if grade is RefundGrade.FAILED else None,
        response=_said(tx, amount, note, reference),
    )


def _said(tx: Tx, amount: Money, note: str, reference: str | None) -> dict[str, object]:
    return {
        "said_by": tx.principal.actor,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "note": note,
        "reference": reference,
    }
