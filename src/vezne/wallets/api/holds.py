"""Holds over HTTP."""

from typing import Annotated

from fastapi import Query

from vezne.kernel.http import TxDep, refusals, requires, router
from vezne.kernel.money import Money
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, cursor
from vezne.wallets import refusals as says
from vezne.wallets.api.schemas import CaptureIn, CaptureOut, HoldId, HoldIn, HoldOut, TransactionOut, WalletId, reference_of
from vezne.wallets.api.wallets import position
from vezne.wallets.models import HoldStatus
from vezne.wallets.operations import holds as operations
from vezne.wallets.operations.wallets import wallet as wallet_by_id

api = router("/v1", "Holds")

_WRITE = [requires("wallets.write")]
_READ = [requires("wallets.read")]


@api.post(
    "/wallets/{wallet_id}/holds",
    status_code=201,
    responses=refusals(
        says.WalletMissing,
        says.InsufficientFunds,
        says.CreditsInsufficient,
        says.WalletFrozen,
        says.WalletClosed,
        says.WalletCurrencyDiffers,
        says.ExpiryNotAhead,
        says.TransactionLimitExceeded,
        says.DailyAmountExceeded,
        says.DailyTransactionsExceeded,
    ),
    dependencies=_WRITE,
)
async def place_hold(wallet_id: WalletId, body: HoldIn, tx: TxDep) -> HoldOut:
    """Reserve value: it stays in the balance and cannot be spent, until captured, released or expired."""
    placed = await operations.hold(
        tx,
        wallet_id,
        Money(body.amount_minor, body.currency),
        expires_at=body.expires_at,
        reference=reference_of(body.reference),
        description=body.description,
        metadata=body.metadata,
    )
    return HoldOut.of(placed)


@api.get("/wallets/{wallet_id}/holds", responses=refusals(says.WalletMissing, CursorUnknown), dependencies=_READ)
async def list_holds(
    wallet_id: WalletId, page: PageQuery, tx: TxDep, status: Annotated[HoldStatus | None, Query()] = None
) -> Page[HoldOut]:
    """A wallet's holds, newest first."""
    await wallet_by_id(tx, wallet_id)
    found = await operations.holds_page(tx, wallet_id, status=status, before=position(page), limit=page.limit + 1)
    shown, has_more = found[: page.limit], len(found) > page.limit
    return Page(data=[HoldOut.of(hold) for hold in shown], has_more=has_more, next=cursor(shown[-1].id) if has_more else None)


@api.get("/holds/{hold_id}", responses=refusals(says.HoldMissing), dependencies=_READ)
async def get_hold(hold_id: HoldId, tx: TxDep) -> HoldOut:
    """One hold."""
    return HoldOut.of(await operations.hold_of(tx, hold_id))


@api.post(
    "/holds/{hold_id}/captures",
    status_code=201,
    responses=refusals(says.HoldMissing, says.HoldEnded, says.CaptureTooLarge, says.WalletFrozen, says.WalletClosed),
    dependencies=_WRITE,
)
async def capture_hold(hold_id: HoldId, body: CaptureIn, tx: TxDep) -> CaptureOut:
    """Take what is held, or part of it."""
    hold, transaction = await operations.capture(tx, hold_id, body.amount_minor, final=body.final)
    return CaptureOut(hold=HoldOut.of(hold), transaction=TransactionOut.of(transaction))


@api.post(
    "/holds/{hold_id}/releases",
    status_code=201,
    responses=refusals(says.HoldMissing, says.HoldEnded),
    dependencies=_WRITE,
)
async def release_hold(hold_id: HoldId, tx: TxDep) -> HoldOut:
    """Give free what is still held. Again: the same hold, as it is."""
    return HoldOut.of(await operations.release(tx, hold_id))
