"""Payouts: asked for by one person, decided on by another, sent, paid or failed."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from vezne import identity
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.money import AmountMinor, Currency
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of
from vezne.settlements import refusals as says
from vezne.settlements.api.fields import EntryId, FileId, Note, PayeeId, PayoutId, Reason, SettlementId
from vezne.settlements.models import MoveKind, Payout, PayoutStatus
from vezne.settlements.operations import paying_out, reading

api = router("/v1/payouts", "Payouts")


class PayoutIn(RequestModel):
    """A payout to ask for."""

    payee_id: PayeeId
    currency: Currency
    amount_minor: AmountMinor | None = Field(
        None, description="all that is due when not given; whole settlements, the oldest first, must come to it"
    )
    note: Note = Field("", description="what the payee reads on its bank statement")


class ReasonIn(RequestModel):
    """Why not."""

    reason: Reason


class DispatchIn(RequestModel):
    """How the bank was told."""

    file_id: FileId | None = Field(None, description="by this file, in which the payout must stand")


class ConfirmationIn(RequestModel):
    """How we know."""

    bank_reference: Annotated[str, StringConstraints(max_length=140)] | None = None


class PayoutFilters(PageParams):
    """Which payouts are asked for."""

    payee_id: PayeeId | None = None
    currency: Currency | None = None
    status: PayoutStatus | None = None


class PayoutOut(BaseModel):
    """Money on its way to a payee. Amounts are whole minor units of `currency`."""

    id: PayoutId
    payee_id: PayeeId
    number: int = Field(description="the payee's own count in this currency")
    currency: str
    amount_minor: int
    status: PayoutStatus
    note: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    sent_by: str | None
    sent_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    reason: str | None = Field(description="why it was rejected or failed")
    bank_reference: str | None
    file_id: FileId | None = Field(description="the last file for a bank in which it stands")
    entry_id: EntryId
    end_entry_id: EntryId | None


class PayoutItemOut(BaseModel):
    """What a payout pays: the sale of a settlement, or what changed it since."""

    settlement_id: SettlementId
    kind: MoveKind
    amount_minor: int = Field(description="negative: taken off")


class PayoutWithItemsOut(PayoutOut):
    """A payout with what it pays."""

    items: list[PayoutItemOut]


@api.post(
    "",
    status_code=201,
    dependencies=[requires("payouts.request")],
    responses=refusals(identity.PayeeUnknown, says.PayoutNothingDue, says.PayoutAmountDoesNotFit, says.PayoutBelowMinimum),
)
async def request_payout(tx: TxDep, asked: PayoutIn) -> PayoutOut:
    """Ask that a payee is paid what is due to it. The money leaves its account now; somebody else must approve."""
    return _shown(await paying_out.request_payout(tx, asked.payee_id, asked.currency, asked.amount_minor, note=asked.note))


@api.get("", dependencies=[requires("settlements.read")], responses=refusals(CursorUnknown))
async def list_payouts(tx: TxDep, asked: Annotated[PayoutFilters, Query()]) -> Page[PayoutOut]:
    """Payouts, newest first. Partners see their own."""
    rows = await reading.payouts(
        tx,
        payee_id=asked.payee_id,
        currency=asked.currency,
        status=asked.status,
        before=asked.id_of("pot"),
        limit=asked.limit + 1,
    )
    return page_of(rows, asked, _shown, by_id("pot"))


@api.get("/{payout_id}", dependencies=[requires("settlements.read")], responses=refusals(says.PayoutMissing))
async def get_payout(tx: TxDep, payout_id: PayoutId) -> PayoutWithItemsOut:
    """A payout with what it pays, or would have paid."""
    found = await reading.payout(tx, payout_id)
    items = [
        PayoutItemOut(settlement_id=item.settlement_id, kind=item.kind, amount_minor=item.amount_minor)
        for item in await reading.payout_items(tx, payout_id)
    ]
    return PayoutWithItemsOut(**_shown(found).model_dump(), items=items)


@api.post(
    "/{payout_id}/approvals",
    status_code=201,
    dependencies=[requires("payouts.approve")],
    responses=refusals(says.PayoutMissing, says.MakerIsChecker, says.PayoutMoveIllegal),
)
async def approve_payout(tx: TxDep, payout_id: PayoutId) -> PayoutOut:
    """Agree that it be paid; never who asked for it. Again: nothing changes."""
    return _shown(await paying_out.approve(tx, payout_id))


@api.post(
    "/{payout_id}/rejections",
    status_code=201,
    dependencies=[requires("payouts.approve")],
    responses=refusals(says.PayoutMissing, says.MakerIsChecker, says.PayoutMoveIllegal, says.PayoutInFile),
)
async def reject_payout(tx: TxDep, payout_id: PayoutId, asked: ReasonIn) -> PayoutOut:
    """Do not agree; never who asked for it. The money is the payee's again. Again: nothing changes."""
    return _shown(await paying_out.reject(tx, payout_id, asked.reason))


@api.post(
    "/{payout_id}/dispatches",
    status_code=201,
    dependencies=[requires("payouts.approve")],
    responses=refusals(says.PayoutMissing, says.PayoutMoveIllegal, says.PayoutNotInFile),
)
async def dispatch_payout(tx: TxDep, payout_id: PayoutId, asked: DispatchIn) -> PayoutOut:
    """Say that the bank was told. Again: nothing changes."""
    return _shown(await paying_out.dispatch(tx, payout_id, asked.file_id))


@api.post(
    "/{payout_id}/confirmations",
    status_code=201,
    dependencies=[requires("payouts.approve")],
    responses=refusals(says.PayoutMissing, says.PayoutMoveIllegal),
)
async def confirm_payout(tx: TxDep, payout_id: PayoutId, asked: ConfirmationIn) -> PayoutOut:
    """Say that the payee has the money. Again: nothing changes."""
    return _shown(await paying_out.confirm(tx, payout_id, asked.bank_reference))


@api.post(
    "/{payout_id}/failures",
    status_code=201,
    dependencies=[requires("payouts.approve")],
    responses=refusals(says.PayoutMissing, says.PayoutMoveIllegal),
)
async def fail_payout(tx: TxDep, payout_id: PayoutId, asked: ReasonIn) -> PayoutOut:
    """Say that the bank did not transfer it: the money is the payee's again. Again: nothing changes."""
    return _shown(await paying_out.fail(tx, payout_id, asked.reason))


def _shown(payout: Payout) -> PayoutOut:
    return PayoutOut(**{name: getattr(payout, name) for name in PayoutOut.model_fields})
