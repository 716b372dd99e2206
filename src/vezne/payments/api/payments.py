"""Payments, their attempts and refunds. Nothing here talks to a provider; jobs do."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId
from vezne.kernel.money import AmountMinor
from vezne.kernel.paging import Page, PageParams, by_id, page_of
from vezne.payments import queries
from vezne.payments.models import (
    Attempt,
    AttemptStatus,
    Flag,
    Payment,
    PaymentStatus,
    ProviderTransaction,
    Refund,
    RefundStatus,
)
from vezne.payments.operations import closing, paying, reading, refunding, settling

PaymentId = Annotated[UUID, PublicId("pay")]
AttemptId = Annotated[UUID, PublicId("att")]
RefundId = Annotated[UUID, PublicId("ref")]
CustomerId = Annotated[UUID, PublicId("cus")]
MethodId = Annotated[UUID, PublicId("mtd")]

api = router("/v1/payments", "payments")


class AttemptOut(BaseModel):
    """One try to pay; the one that paid is final, one after a failure names it as its parent."""

    id: AttemptId
    number: int
    parent: AttemptId | None
    is_final: bool
    provider: str
    provider_ref: str | None
    status: AttemptStatus
    failure_code: str | None
    method_id: MethodId | None = Field(description="the stored method that was charged; null: the customer paid on a page")
    created_at: datetime
    ended_at: datetime | None


class PaymentOut(BaseModel):
    """Money asked for. Amounts are whole minor units of `currency`."""

    id: PaymentId
    purpose: str
    customer_id: CustomerId | None
    amount_minor: int
    currency: str
    status: PaymentStatus
    flag: Flag | None = Field(description="why a person must look at it")
    captured_minor: int
    refunded_minor: int
    refunding_minor: int = Field(description="on its way back")
    last_error: str | None = Field(description="why the last attempt failed")
    attempts: list[AttemptOut]
    client_secret: str | None = Field(
        None, description="lets a browser see and pay this payment; shown once, when it is made", examples=["pay_…_secret_…"]
    )
    metadata: dict[str, Any]
    expires_at: datetime
    created_at: datetime
    succeeded_at: datetime | None


class RefundOut(BaseModel):
    """Money on its way back, or back."""

    id: RefundId
    payment_id: PaymentId
    amount_minor: int
    currency: str
    reason: str
    status: RefundStatus
    failure_code: str | None
    created_at: datetime
    ended_at: datetime | None


class TransactionOut(BaseModel):
    """One answer of a provider that moved an attempt or a refund. Amounts are whole minor units of `currency`."""

    attempt_id: AttemptId
    refund_id: RefundId | None
    provider: str
    provider_transaction_id: str
    status: str = Field(description="what the provider said: captured, failed, refund_succeeded, …")
    amount_minor: int
    currency: str
    failure_code: str | None
    provider_response: dict[str, Any] = Field(description="the answer in the provider's own words; encrypted at rest")
    seen_at: datetime


class RefundIn(RequestModel):
    """How much to give back; all that is left when no amount is named."""

    amount_minor: AmountMinor | None = None
    reason: str = Field("", max_length=500)


class PaymentFilter(PageParams):
    """Which payments are asked for."""

    customer_id: CustomerId | None = None
    status: PaymentStatus | None = None


def shown_attempt(attempt: Attempt) -> AttemptOut:
    """An attempt as the API shows it."""
    return AttemptOut(
        id=attempt.id,
        number=attempt.number,
        parent=attempt.parent_id,
        is_final=attempt.is_final,
        provider=attempt.provider,
        provider_ref=attempt.provider_ref,
        status=attempt.status,
        failure_code=attempt.failure_code,
        method_id=attempt.method_id,
        created_at=attempt.created_at,
        ended_at=attempt.ended_at,
    )


def shown_payment(payment: Payment, attempts: list[Attempt], client_secret: str | None = None) -> PaymentOut:
    """A payment as the API shows it."""
    return PaymentOut(
        id=payment.id,
        purpose=payment.purpose,
        customer_id=payment.customer_id,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        status=payment.status,
        flag=payment.flag,
        captured_minor=payment.captured_minor,
        refunded_minor=payment.refunded_minor,
        refunding_minor=payment.refunding_minor,
        last_error=payment.last_error,
        attempts=[shown_attempt(attempt) for attempt in attempts if attempt.payment_id == payment.id],
        client_secret=client_secret,
        metadata=dict(payment.metadata),
        expires_at=payment.expires_at,
        created_at=payment.created_at,
        succeeded_at=payment.succeeded_at,
    )


def shown_refund(refund: Refund) -> RefundOut:
    """A refund as the API shows it."""
    return RefundOut(
        id=refund.id,
        payment_id=refund.payment_id,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        status=refund.status,
        failure_code=refund.failure_code,
        created_at=refund.created_at,
        ended_at=refund.ended_at,
    )


@api.get("", dependencies=[requires("payments.read")])
async def list_payments(tx: TxDep, asked: Annotated[PaymentFilter, Query()]) -> Page[PaymentOut]:
    """Payments, newest first."""
    rows = await queries.select_payments(
        tx,
        limit=asked.limit + 1,
        before=asked.id_of("pay"),
        customer_id=asked.customer_id,
        status=asked.status,
    )
    attempts = await queries.select_attempts(tx, [row.id for row in rows])
    return page_of(rows, asked, lambda row: shown_payment(row, attempts), by_id("pay"))


@api.get("/{payment_id}", dependencies=[requires("payments.read")], responses=refusals(settling.UnknownPayment))
async def get_payment(tx: TxDep, payment_id: PaymentId) -> PaymentOut:
    """A payment with its attempts."""
    found = await settling.payment(tx, payment_id)
    return shown_payment(found, await queries.select_attempts(tx, [payment_id]))


@api.get("/{payment_id}/attempts", dependencies=[requires("payments.read")], responses=refusals(settling.UnknownPayment))
async def list_attempts(tx: TxDep, payment_id: PaymentId) -> Page[AttemptOut]:
    """The payment's attempts in their order; there are never more than a page of them."""
    await settling.payment(tx, payment_id)
    attempts = await queries.select_attempts(tx, [payment_id])
    return Page(data=[shown_attempt(attempt) for attempt in attempts], has_more=False, next=None)


@api.get("/{payment_id}/transactions", dependencies=[requires("payments.read")], responses=refusals(settling.UnknownPayment))
async def list_transactions(tx: TxDep, payment_id: PaymentId) -> Page[TransactionOut]:
    """Everything its providers said that moved the payment or a refund of it, in the order it was heard, all of it."""
    await settling.payment(tx, payment_id)
    heard = await reading.transactions(tx, payment_id)
    return Page(data=[_shown_transaction(each) for each in heard], has_more=False, next=None)


def _shown_transaction(heard: ProviderTransaction) -> TransactionOut:
    return TransactionOut(
        attempt_id=heard.attempt_id,
        refund_id=heard.refund_id,
        provider=heard.provider,
        provider_transaction_id=heard.provider_ref,
        status=heard.status,
        amount_minor=heard.amount_minor,
        currency=heard.currency,
        failure_code=heard.failure_code,
        provider_response=dict(heard.response),
        seen_at=heard.seen_at,
    )


@api.get("/{payment_id}/refunds", dependencies=[requires("payments.read")], responses=refusals(settling.UnknownPayment))
async def list_refunds(tx: TxDep, payment_id: PaymentId) -> Page[RefundOut]:
    """The payment's refunds, newest first, all of them."""
    await settling.payment(tx, payment_id)
    refunds = await queries.select_refunds(tx, payment_id)
    return Page(data=[shown_refund(refund) for refund in refunds], has_more=False, next=None)


@api.post(
    "/{payment_id}/refunds",
    status_code=201,
    dependencies=[requires("payments.write")],
    responses=refusals(settling.UnknownPayment, refunding.NotRefundable, refunding.RefundTooLarge),
)
async def refund_payment(tx: TxDep, payment_id: PaymentId, asked: RefundIn) -> RefundOut:
    """Give money back. What it paid for is taken back at once; the provider is asked by a job."""
    return shown_refund(await refunding.refund(tx, payment_id, asked.amount_minor, reason=asked.reason))


@api.post(
    "/{payment_id}/cancellations",
    status_code=201,
    dependencies=[requires("payments.write")],
    responses=refusals(settling.UnknownPayment, paying.PaymentNotOpen, settling.PaymentInFlight),
)
async def cancel_payment(tx: TxDep, payment_id: PaymentId) -> PaymentOut:
    """Ask for the money no longer. Again: nothing changes."""
    cancelled = await closing.cancel(tx, payment_id)
    return shown_payment(cancelled, await queries.select_attempts(tx, [payment_id]))
