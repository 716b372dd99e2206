"""Disputes: to be seen here, and to be answered at the provider."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from vezne.kernel.http import TxDep, refusals, router
from vezne.kernel.ids import PublicId
from vezne.kernel.paging import Page, PageParams, by_id, page_of
from vezne.payments.api.payments import PaymentId
from vezne.payments.models_disputes import Dispute, DisputeStatus
from vezne.payments.operations import disputing

DisputeId = Annotated[UUID, PublicId("dsp")]

api = router("/v1/disputes", "payments", permission="payments.read")


class DisputeOut(BaseModel):
    """A payment, or a part of it, that its payer's bank takes back. Amounts are whole minor units of `currency`."""

    id: DisputeId
    payment_id: PaymentId
    provider: str
    dispute_ref: str = Field(description="the provider's own name for it, to answer it there")
    status: DisputeStatus
    amount_minor: int
    reserved_minor: int = Field(description="so much of the payment can be refunded less, for ever once it is lost")
    currency: str
    reason: str = Field(description="in the provider's word", examples=["fraudulent"])
    respond_by: datetime | None = Field(description="until when it can be answered at the provider")
    created_at: datetime
    ended_at: datetime | None


class DisputeFilter(PageParams):
    """Which disputes are asked for."""

    payment_id: PaymentId | None = None
    status: DisputeStatus | None = None


def shown_dispute(dispute: Dispute) -> DisputeOut:
    """A dispute as the API shows it."""
    return DisputeOut(
        id=dispute.id,
        payment_id=dispute.payment_id,
        provider=dispute.provider,
        dispute_ref=dispute.dispute_ref,
        status=dispute.status,
        amount_minor=dispute.amount_minor,
        reserved_minor=dispute.reserved_minor,
        currency=dispute.currency,
        reason=dispute.reason,
        respond_by=dispute.respond_by,
        created_at=dispute.created_at,
        ended_at=dispute.ended_at,
    )


@api.get("")
async def list_disputes(tx: TxDep, asked: Annotated[DisputeFilter, Query()]) -> Page[DisputeOut]:
    """Disputes, newest first."""
    rows = await disputing.disputes_page(
        tx, limit=asked.limit + 1, before=asked.id_of("dsp"), payment_id=asked.payment_id, status=asked.status
    )
    return page_of(rows, asked, shown_dispute, by_id("dsp"))


@api.get("/{dispute_id}", responses=refusals(disputing.DisputeUnknown))
async def get_dispute(tx: TxDep, dispute_id: DisputeId) -> DisputeOut:
    """One dispute."""
    return shown_dispute(await disputing.dispute(tx, dispute_id))
