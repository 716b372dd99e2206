"""Bills of subscriptions that a provider collects by itself: the money of a paid one is taken once, as a payment of its own."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.payments import queries, queries_subscriptions, queries_transactions
from vezne.payments.events import InvoiceFailed, InvoicePaid
from vezne.payments.models import Attempt, AttemptStatus, Payment, PaymentStatus, hash_secret, make_client_secret
from vezne.payments.models_subscriptions import InvoiceStatus, Subscription, SubscriptionInvoice
from vezne.payments.operations import settling
from vezne.payments.providers.base import Grade, ProviderInvoice

_log = structlog.get_logger("vezne.payments")


async def take_bills(tx: Tx, found: Subscription, bills: Sequence[ProviderInvoice]) -> None:
    """Take what is new in the bills of a locked subscription, in their order: the money of a paid one, a failure more of an open.

    In whatever order and however often they are seen; a paid bill is over.
    """
    theirs = [bill for bill in bills if bill.subscription_ref == found.subscription_ref and bill.status != "draft"]
    known = await queries_subscriptions.select_invoices_by_refs(tx, found.provider, [bill.invoice_ref for bill in theirs])
    for bill in theirs:
        before = known.get(bill.invoice_ref)
        if before is None or before.status is not InvoiceStatus.PAID:
            await _take(tx, found, before, bill)


async def _take(tx: Tx, found: Subscription, before: SubscriptionInvoice | None, bill: ProviderInvoice) -> None:
    status = InvoiceStatus(bill.status)
    is_paid = status is InvoiceStatus.PAID
    payment_id = None
    if is_paid and bill.paid.minor:
        if bill.payment_ref is None:  # to be seen again: what nobody can name can neither be booked nor given back
            _log.warning("a paid bill without its payment", subscription=found.reference, invoice=bill.invoice_ref)
            return
        payment_id = await _pay(tx, found, bill, bill.payment_ref)
    invoice = SubscriptionInvoice(
        id=before.id if before else new_id(),
        subscription_id=found.id,
        provider=found.provider,
        invoice_ref=bill.invoice_ref,
        status=status,
        reason=bill.reason,
        total_minor=bill.total.minor,
        paid_minor=bill.paid.minor if is_paid else 0,
        currency=bill.total.currency,
        period_start=bill.period_start,
        period_end=bill.period_end,
        payment_id=payment_id,
        failure_code=None if is_paid else bill.failure_code,
        attempts=max(bill.attempts, before.attempts if before else 0),
        created_at=before.created_at if before else tx.now,
        paid_at=tx.now if is_paid else None,
    )
    await queries_subscriptions.upsert_invoice(tx, invoice)
    if is_paid:
        await _tell_paid(tx, found, invoice)
    elif invoice.failure_code is not None and invoice.attempts > (before.attempts if before else 0):
        await _tell_failed(tx, found, invoice, invoice.failure_code)


async def _pay(tx: Tx, found: Subscription, bill: ProviderInvoice, payment_ref: str) -> UUID:
    """A payment that has succeeded already, with the one attempt that brought its money; what it is refunded by is all there."""
    made = _payment(tx, found, bill)
    if not await queries.insert_payment(tx, made):
        raise RuntimeError(f"the bill {made.reservation} has a payment and is not paid")
    attempt = _attempt(tx, made, found.provider)
    await queries.insert_attempt(tx, attempt)
    await queries.update_attempt_named(tx, attempt.id, payment_ref, None)
    await queries_transactions.insert_transaction(
        tx,
        payment_id=made.id,
        attempt_id=attempt.id,
        provider=found.provider,
        provider_ref=payment_ref,
        status=Grade.CAPTURED,
        amount=bill.paid,
        failure_code=None,
        response=dict(made.metadata),
    )
    reference = f"payment:{made.id}:captured"
    entry_id = await settling.book(tx, "payment.captured", found.provider, made.currency, made.amount_minor, reference)
    await queries.mark_captured(tx, attempt.id, captured=made.amount_minor, entry_id=entry_id, is_final=True)
    await queries.mark_succeeded(tx, made.id)
    await settling.wake_webhooks(tx, found.provider, payment_ref)
    return made.id


def _payment(tx: Tx, found: Subscription, bill: ProviderInvoice) -> Payment:
    payment_id = new_id()
    return Payment(
        id=payment_id,
        customer_id=found.customer_id,
        purpose=found.purpose,
        reservation=f"{found.purpose}/{bill.invoice_ref}",
        provider=found.provider,
        amount_minor=bill.paid.minor,
        currency=bill.paid.currency,
        status=PaymentStatus.PROCESSING,
        flag=None,
        captured_minor=0,
        refunded_minor=0,
        refunding_minor=0,
        last_error=None,
        metadata={"subscription": found.reference, "invoice": bill.invoice_ref},
        expires_at=tx.now,
        created_at=tx.now,
        succeeded_at=None,
        client_secret_hash=hash_secret(make_client_secret(tx.tenant_id, payment_id)),
    )


def _attempt(tx: Tx, made: Payment, provider: str) -> Attempt:
    return Attempt(
        id=new_id(),
        payment_id=made.id,
        number=1,
        parent_id=None,
        provider=provider,
        provider_ref=None,
        status=AttemptStatus.PROCESSING,
        is_final=False,
        failure_code=None,
        redirect_url=None,
        return_url="",
        locale="",
        captured_minor=0,
        polls=0,
        entry_id=None,
        created_at=tx.now,
        ended_at=None,
    )


async def _tell_paid(tx: Tx, found: Subscription, invoice: SubscriptionInvoice) -> None:
    await tx.publish(
        InvoicePaid(
            invoice_id=invoice.id,
            subscription_id=found.id,
            purpose=found.purpose,
            customer_id=found.customer_id,
            payment_id=invoice.payment_id,
            amount_minor=invoice.paid_minor,
            currency=invoice.currency,
            reason=invoice.reason,
            period_start=invoice.period_start,
            period_end=invoice.period_end,
        )
    )


async def _tell_failed(tx: Tx, found: Subscription, invoice: SubscriptionInvoice, code: str) -> None:
    await tx.publish(
        InvoiceFailed(
            invoice_id=invoice.id,
            subscription_id=found.id,
            purpose=found.purpose,
            customer_id=found.customer_id,
            amount_minor=invoice.total_minor,
            currency=invoice.currency,
            failure_code=code,
            attempts=invoice.attempts,
        )
    )
