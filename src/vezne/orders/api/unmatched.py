"""Money that no order can take, for staff."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from vezne import identity, payments
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId
from vezne.kernel.paging import Page, PageParams, by_id, page_of
from vezne.orders import queries_unmatched
from vezne.orders.api.schemas import AttemptId, CustomerId, OrderId, PaymentId, RefundId, TransactionId
from vezne.orders.models import Action, Reason, Unmatched
from vezne.orders.operations import returning

UnmatchedId = Annotated[UUID, PublicId("umt")]

unmatched_api = router("/v1/unmatched-money", "orders")


class UnmatchedOut(BaseModel):
    """Money that came and that no order can take. `amount_minor` in whole minor units of `currency`."""

    id: UnmatchedId
    reason: Reason
    detail: str = Field(description="why it came too late, or what the provider reported")
    amount_minor: int = Field(description="what is ours of it; 0 when the provider took nothing in the end")
    currency: str
    status: Literal["waiting", "under_way", "resolved"]
    action: Action | None = Field(description="what was decided")
    payment_id: PaymentId
    attempt_id: AttemptId
    order_id: OrderId | None
    customer_id: CustomerId | None
    refund_id: RefundId | None
    transaction_id: TransactionId | None = Field(description="the credit to the customer's wallet")
    resolved_by: str | None
    created_at: datetime
    resolved_at: datetime | None


class UnmatchedFilter(PageParams):
    """Which of it is asked for."""

    status: Literal["waiting", "under_way", "resolved"] | None = None
    reason: Reason | None = None


class ResolutionIn(RequestModel):
    """What becomes of it: back to who paid, into a customer's money wallet, or the tenant keeps it."""

    action: Action
    customer_id: CustomerId | None = Field(None, description="whose wallet; without it that of who was to pay")


def _shown(found: Unmatched) -> UnmatchedOut:
    return UnmatchedOut.model_validate(found, from_attributes=True)


@unmatched_api.get("", dependencies=[requires("payments.read")])
async def list_unmatched_money(tx: TxDep, asked: Annotated[UnmatchedFilter, Query()]) -> Page[UnmatchedOut]:
    """Money that no order could take, newest first."""
    rows = await queries_unmatched.select_unmatched_page(
        tx,
        limit=asked.limit + 1,
        before=asked.id_of("umt"),
        status=asked.status,
        reason=asked.reason,
    )
    return page_of(rows, asked, _shown, by_id("umt"))


@unmatched_api.get("/{unmatched_id}", dependencies=[requires("payments.read")], responses=refusals(returning.UnknownUnmatched))
async def get_unmatched_money(tx: TxDep, unmatched_id: UnmatchedId) -> UnmatchedOut:
    """How it stands."""
    return _shown(await returning.unmatched(tx, unmatched_id))


@unmatched_api.post(
    "/{unmatched_id}/resolutions",
    status_code=201,
    dependencies=[requires("payments.write")],
    responses=refusals(
        returning.UnknownUnmatched,
        returning.UnmatchedDecided,
        returning.UnmatchedPartlyReturned,
        returning.UnmatchedCustomerNeeded,
        identity.CustomerNotFound,
        payments.NotRefundable,
        payments.RefundTooLarge,
    ),
)
async def resolve_unmatched_money(tx: TxDep, unmatched_id: UnmatchedId, asked: ResolutionIn) -> UnmatchedOut:
    """Decide what becomes of it. Decided the same way before: nothing more happens."""
    return _shown(await returning.resolve(tx, unmatched_id, asked.action, customer_id=asked.customer_id))
