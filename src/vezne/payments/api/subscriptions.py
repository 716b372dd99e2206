"""Subscriptions that a payment provider bills by itself, and their bills: to be seen here. Who sells them changes them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from vezne.kernel.http import TxDep, refusals, router
from vezne.kernel.ids import PublicId
from vezne.kernel.paging import Page, PageParams, PageQuery, by_id, page_of
from vezne.payments.api.payments import CustomerId, PaymentId
from vezne.payments.models_subscriptions import InvoiceStatus, Subscription, SubscriptionInvoice, SubscriptionStatus
from vezne.payments.operations import following

SubscriptionId = Annotated[UUID, PublicId("sub")]
InvoiceId = Annotated[UUID, PublicId("inv")]

api = router("/v1/subscriptions", "payments", permission="payments.read")


class SubscriptionOut(BaseModel):
    """What a provider bills by itself, period after period."""

    id: SubscriptionId
    customer_id: CustomerId
    provider: str
    subscription_ref: str | None = Field(description="the provider's own name for it, once it has one")
    purpose: str = Field(description="what it is for", examples=["mbs_01h455vb4pex5vsknk084sn02q"])
    status: SubscriptionStatus
    plan_reference: str
    period_start: datetime | None
    period_end: datetime | None
    cancels_at_period_end: bool
    trial_until: datetime | None
    created_at: datetime
    ended_at: datetime | None


class SubscriptionInvoiceOut(BaseModel):
    """One bill. Amounts are whole minor units of `currency`."""

    id: InvoiceId
    invoice_ref: str = Field(description="the provider's own name for it")
    status: InvoiceStatus
    reason: str = Field(description="create, cycle, update or other")
    total_minor: int
    paid_minor: int
    currency: str
    period_start: datetime
    period_end: datetime
    payment_id: PaymentId | None = Field(description="the payment its money came in; null while it is open, and of nothing")
    failure_code: str | None = Field(description="why it could not be collected the last time")
    attempts: int
    created_at: datetime
    paid_at: datetime | None


class SubscriptionFilter(PageParams):
    """Which subscriptions are asked for."""

    customer_id: CustomerId | None = None
    status: SubscriptionStatus | None = None


def shown_subscription(found: Subscription) -> SubscriptionOut:
    """A subscription as the API shows it."""
    return SubscriptionOut(
        id=found.id,
        customer_id=found.customer_id,
        provider=found.provider,
        subscription_ref=found.subscription_ref,
        purpose=found.purpose,
        status=found.status,
        plan_reference=found.plan_reference,
        period_start=found.period_start,
        period_end=found.period_end,
        cancels_at_period_end=found.cancels_at_period_end,
        trial_until=found.trial_until,
        created_at=found.created_at,
        ended_at=found.ended_at,
    )


def shown_invoice(invoice: SubscriptionInvoice) -> SubscriptionInvoiceOut:
    """A bill as the API shows it."""
    return SubscriptionInvoiceOut(
        id=invoice.id,
        invoice_ref=invoice.invoice_ref,
        status=invoice.status,
        reason=invoice.reason,
        total_minor=invoice.total_minor,
        paid_minor=invoice.paid_minor,
        currency=invoice.currency,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        payment_id=invoice.payment_id,
        failure_code=invoice.failure_code,
        attempts=invoice.attempts,
        created_at=invoice.created_at,
        paid_at=invoice.paid_at,
    )


@api.get("")
async def list_subscriptions(tx: TxDep, asked: Annotated[SubscriptionFilter, Query()]) -> Page[SubscriptionOut]:
    """Subscriptions, newest first."""
    rows = await following.subscriptions_page(
        tx, limit=asked.limit + 1, before=asked.id_of("sub"), customer_id=asked.customer_id, status=asked.status
    )
    return page_of(rows, asked, shown_subscription, by_id("sub"))


@api.get("/{subscription_id}", responses=refusals(following.SubscriptionUnknown))
async def get_subscription(tx: TxDep, subscription_id: SubscriptionId) -> SubscriptionOut:
    """One subscription."""
    return shown_subscription(await following.subscription(tx, subscription_id))


@api.get("/{subscription_id}/invoices", responses=refusals(following.SubscriptionUnknown))
async def list_subscription_invoices(tx: TxDep, subscription_id: SubscriptionId, page: PageQuery) -> Page[SubscriptionInvoiceOut]:
    """Its bills, newest first."""
    rows = await following.invoices_page(tx, subscription_id, limit=page.limit + 1, before=page.id_of("inv"))
    return page_of(rows, page, shown_invoice, by_id("inv"))
