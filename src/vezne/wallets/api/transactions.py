"""A wallet's transactions over HTTP: history as pages or CSV, single ones, refunds."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from vezne.kernel.db import Database
from vezne.kernel.http import Edge, TxDep, refusals, requires, router
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, cursor
from vezne.kernel.principal import Principal
from vezne.wallets import refusals as says
from vezne.wallets.api.schemas import Moment, RefundIn, TransactionId, TransactionOut, WalletId, reference_of, transaction_body
from vezne.wallets.models import Wallet, WalletTransaction
from vezne.wallets.operations import history as operations
from vezne.wallets.operations.refunds import refund
from vezne.wallets.operations.wallets import seen_wallet

api = router("/v1", "Transactions")

COLUMNS = (
    "id",
    "wallet_id",
    "type",
    "kind",
    "amount_minor",
    "currency",
    "balance_after_minor",
    "reference_type",
    "reference_id",
    "status",
    "refunded_minor",
    "description",
    "counterpart_wallet_id",
    "refunds_transaction_id",
    "created_at",
)
CHUNK = 500


class HistoryFilters(BaseModel):
    """Which transactions are asked for."""

    type: Literal["credit", "debit"] | None = None
    kind: str | None = Field(None, max_length=40, description="credit, debit, transfer, capture, refund, expiry or reversal")
    since: Moment | None = Field(None, description="not before this time")
    until: Moment | None = Field(None, description="not after this time")
    format: Literal["json", "csv"] | None = Field(None, description="csv: all of it as a file, as by `Accept: text/csv`")


@api.get(
    "/wallets/{wallet_id}/transactions",
    response_model=Page[TransactionOut],
    responses={
        **refusals(says.WalletMissing, CursorUnknown),
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "A page, or all of it as CSV."},
    },
    dependencies=[requires("wallets.read", own="own.read")],
)
async def list_transactions(
    wallet_id: WalletId,
    page: PageQuery,
    request: Request,
    tx: TxDep,
    filters: Annotated[HistoryFilters, Query()],
) -> Page[TransactionOut] | Response:
    """A wallet's history, newest first. A page stays right while new transactions arrive."""
    wallet = await seen_wallet(tx, wallet_id)
    wants_csv = "text/csv" in request.headers.get("accept", "")
    if filters.format == "csv" or (filters.format is None and wants_csv):
        edge: Edge = request.app.state.edge
        lines = _csv(edge.db, tx.principal, wallet, filters)
        name = f"{transaction_file(wallet)}.csv"
        return StreamingResponse(lines, media_type="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})
    found, position = await operations.history(
        tx,
        wallet,
        limit=page.limit,
        before_sequence=page.number(),
        since=filters.since,
        until=filters.until,
        kind=filters.kind,
        direction=filters.type,
    )
    return Page(
        data=[TransactionOut.of(each) for each in found],
        has_more=position is not None,
        next=None if position is None else cursor(position),
    )


@api.get(
    "/wallets/{wallet_id}/transactions/{transaction_id}",
    responses=refusals(says.WalletMissing, says.TransactionMissing),
    dependencies=[requires("wallets.read", own="own.read")],
)
async def get_transaction(wallet_id: WalletId, transaction_id: TransactionId, tx: TxDep) -> TransactionOut:
    """One transaction, as this wallet sees it."""
    wallet = await seen_wallet(tx, wallet_id)
    return TransactionOut.of(await operations.transaction(tx, wallet, transaction_id))


@api.post(
    "/transactions/{transaction_id}/refunds",
    status_code=201,
    responses=refusals(
        says.TransactionMissing,
        says.TransactionNotRefundable,
        says.RefundExceedsTransaction,
        says.WalletFrozen,
        says.WalletClosed,
        says.WalletFull,
    ),
    dependencies=[requires("wallets.write")],
)
async def refund_transaction(transaction_id: TransactionId, body: RefundIn, tx: TxDep) -> TransactionOut:
    """Give a debit, or part of it, back into the wallet and the very lots it came from."""
    done = await refund(
        tx,
        transaction_id,
        body.amount_minor,
        reference=reference_of(body.reference),
        description=body.description,
        metadata=body.metadata,
    )
    return TransactionOut.of(done)


def transaction_file(wallet: Wallet) -> str:
    """What a wallet's history is called as a file."""
    return f"transactions-{wallet.kind_name}-{wallet.currency}"


async def _csv(db: Database, principal: Principal, wallet: Wallet, filters: HistoryFilters) -> AsyncIterator[str]:
    """The whole history as CSV; each part is read in a short transaction of its own, so a slow reader holds nothing."""
    yield _lines([COLUMNS])
    position: int | None = None
    while True:
        async with db.transaction(principal, read_only=True) as tx:
            found, position = await operations.history(
                tx,
                wallet,
                limit=CHUNK,
                before_sequence=position,
                since=filters.since,
                until=filters.until,
                kind=filters.kind,
                direction=filters.type,
            )
        yield _lines(_row(each) for each in found)
        if position is None:
            return


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _row(transaction: WalletTransaction) -> list[object]:
    values = transaction_body(transaction)
    reference = transaction.reference
    values["reference_type"] = reference and reference.type
    values["reference_id"] = reference and reference.id
    values["created_at"] = transaction.created_at.isoformat()
    return [_cell(values[name]) for name in COLUMNS]


def _cell(value: object) -> object:
    """Text that a spreadsheet would run as a formula is made plain text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
