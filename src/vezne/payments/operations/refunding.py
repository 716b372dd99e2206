"""Giving money back: promised in one transaction, done at the provider by a job, booked when the provider says so."""

from datetime import timedelta
from uuid import UUID

from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Conflict, NotFound
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.payments import queries, queries_transactions
from vezne.payments.events import RefundFailed, RefundRequested, RefundSucceeded
from vezne.payments.gateways import Gateways
from vezne.payments.models import REFUND_MOVES, Attempt, Flag, PaymentStatus, Refund, RefundStatus, wait_before
from vezne.payments.operations import settling
from vezne.payments.operations.trying import try_now
from vezne.payments.providers.base import (
    Provider,
    ProviderRefund,
    ProviderRefused,
    RefundGrade,
    RefundRequest,
)

LEASE = timedelta(seconds=20)
"""How long one who asks a provider that recognises no repeat keeps others from asking: longer than its adapter asks for."""


class UnknownRefund(NotFound):
    """There is no refund {refund_id}."""


class NotRefundable(Conflict):
    """Payment {payment_id} is {status}; only one that succeeded can be refunded."""


class RefundTooLarge(Conflict):
    """Of payment {payment_id} {refundable_minor} {currency} can still be refunded, less than {amount_minor}."""


async def refund(
    tx: Tx, payment_id: UUID, amount_minor: int | None = None, *, reason: str = "", refund_id: UUID | None = None
) -> Refund:
    """Promise `amount_minor` (all that is left when None) back to who paid; a job then asks the provider.

    What the payment paid for is taken back in this transaction by whoever sold it (RefundRequested); their refusal undoes
    everything. Each call is another refund; who asks may name it beforehand by `refund_id`, to know the event as its own.
    Raises UnknownPayment, NotRefundable, RefundTooLarge.
    """
    paid = await settling.lock(tx, payment_id)
    shown = public_id("pay", payment_id)
    if paid.status is not PaymentStatus.SUCCEEDED:
        raise NotRefundable(payment_id=shown, status=paid.status)
    amount = paid.refundable_minor if amount_minor is None else amount_minor
    if not (amount > 0 and await queries.update_refunding(tx, payment_id, refunding=amount, refunded=0)):
        raise RefundTooLarge(
            payment_id=shown, refundable_minor=paid.refundable_minor, currency=paid.currency, amount_minor=amount
        )
    attempts = await queries.select_attempts(tx, [payment_id])
    made = Refund(
        id=refund_id or new_id(),
        payment_id=payment_id,
        attempt_id=next(attempt.id for attempt in attempts if attempt.is_final),
        amount_minor=amount,
        currency=paid.currency,
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
    await tx.publish(RefundRequested(refund_id=made.id, payment_id=payment_id, amount_minor=amount, currency=paid.currency))
    await tx.enqueue("payments.refund_at_provider", {"refund_id": made.reference})
    return made


async def refund_at_provider(db: Database, gateways: Gateways, principal: Principal, refund_id: UUID) -> None:
    """Ask the provider to give the money back, or how far it has come, and act on the answer. Again: nothing happens twice,
    the refund's id is the provider's idempotency key. While there is no outcome the next question is enqueued beforehand.

    Raises UnknownRefund.
    """
    async with db.transaction(principal) as tx:
        found = await known(tx, refund_id)
        if found.status is not RefundStatus.PENDING:
            return
        attempt = await queries.select_attempt(tx, found.attempt_id)
        if attempt is None or attempt.provider_ref is None:
            raise UnknownRefund(refund_id=found.reference)
        provider = gateways.provider(attempt.provider)
        if provider.capabilities.offline:
            return  # staff pay it out, and say so
        alone = timedelta() if provider.capabilities.recognises_refunds else LEASE
        asks = await queries.lease_refund(tx, refund_id, now=gateways.now(), until=gateways.now() + alone)
        if asks is None:  # somebody is asking just now; should they be killed at it, it is asked again when their lease is over
            await tx.enqueue(
                "payments.refund_at_provider",
                {"refund_id": found.reference},
                after=LEASE,
                dedupe=f"{found.reference}:after the lease",
            )
            return
        await tx.enqueue(
            "payments.refund_at_provider",
            {"refund_id": found.reference},
            after=wait_before(asks),
            dedupe=f"{found.reference}:{asks}",
        )
    await try_now(found.reference, _ask_and_settle(db, provider, principal, found, attempt))


async def _ask_and_settle(db: Database, provider: Provider, principal: Principal, asked: Refund, attempt: Attempt) -> None:
    try:
        seen = await _ask(provider, asked, attempt.provider_ref or "")
        async with db.transaction(principal) as tx:
            await settle(tx, asked, attempt.provider, seen)
    finally:
        async with db.transaction(principal) as tx:
            await queries.end_lease(tx, asked.id)


async def known(tx: Tx, refund_id: UUID) -> Refund:
    """The refund. Raises UnknownRefund."""
    found = await queries.select_refund(tx, refund_id)
    if found is None:
        raise UnknownRefund(refund_id=public_id("ref", refund_id))
    return found


async def _ask(provider: Provider, asked: Refund, payment_ref: str) -> ProviderRefund:
    amount = Money(asked.amount_minor, asked.currency)
    try:
        if asked.provider_ref is not None:
            return await provider.fetch_refund(asked.provider_ref)
        return await provider.refund(RefundRequest(reference=asked.reference, provider_ref=payment_ref, amount=amount))
    except ProviderRefused as refused:
        code = str(refused.facts["failure_code"])
        return ProviderRefund(refund_ref="", grade=RefundGrade.FAILED, amount=amount, failure_code=code)


async def settle(tx: Tx, asked: Refund, provider: str, seen: ProviderRefund) -> None:
    """Book a refund's outcome once, under its payment's lock. An outcome it cannot come to from where it stands: nothing."""
    await settling.lock(tx, asked.payment_id)
    amount, status = asked.amount_minor, RefundStatus(seen.grade.value)
    if status not in REFUND_MOVES[(await known(tx, asked.id)).status]:
        return
    if seen.amount != Money(amount, asked.currency):
        await queries.mark_flagged(tx, asked.payment_id, Flag.AMOUNT_MISMATCH)
        return
    if status is not RefundStatus.PENDING:
        await _record(tx, asked, provider, seen)
    entry_id = None
    if status is RefundStatus.SUCCEEDED:
        entry_id = await settling.book(tx, "payment.refunded", provider, asked.currency, -amount, f"refund:{asked.id}")
    attempt = await queries.select_attempt(tx, asked.attempt_id)
    if status is not RefundStatus.PENDING and attempt is not None and attempt.is_final:
        refunded = amount if status is RefundStatus.SUCCEEDED else 0
        await queries.update_refunding(tx, asked.payment_id, refunding=-amount, refunded=refunded)
    await queries.update_refund(
        tx,
        asked.id,
        status,
        provider_ref=seen.refund_ref or None,
        failure_code=seen.failure_code,
        entry_id=entry_id,
        ended_at=None if status is RefundStatus.PENDING else tx.now,
    )
    await _tell(tx, asked, status, seen.failure_code)


async def _record(tx: Tx, asked: Refund, provider: str, seen: ProviderRefund) -> None:
    await queries_transactions.insert_transaction(
        tx,
        payment_id=asked.payment_id,
        attempt_id=asked.attempt_id,
        refund_id=asked.id,
        provider=provider,
        provider_ref=seen.refund_ref,
        status=f"refund_{seen.grade.value}",
        amount=seen.amount,
        failure_code=seen.failure_code,
        response=seen.response,
    )


async def _tell(tx: Tx, asked: Refund, status: RefundStatus, code: str | None) -> None:
    if status is RefundStatus.SUCCEEDED:
        await tx.publish(
            RefundSucceeded(
                refund_id=asked.id, payment_id=asked.payment_id, amount_minor=asked.amount_minor, currency=asked.currency
            )
        )
    elif status is RefundStatus.FAILED:
        await tx.publish(
            RefundFailed(
                refund_id=asked.id,
                payment_id=asked.payment_id,
                amount_minor=asked.amount_minor,
                currency=asked.currency,
                failure_code=code or "refused",
            )
        )
