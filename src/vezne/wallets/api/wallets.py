"""Wallets over HTTP: opening, reading, freezing, closing, limiting them."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from vezne import identity
from vezne.kernel.db import Tx
from vezne.kernel.http import TxDep, refusals, requires, router
from vezne.kernel.money import Currency
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, cursor
from vezne.wallets import refusals as says
from vezne.wallets.api.schemas import (
    BalanceAtOut,
    CustomerId,
    Label,
    LimitsIn,
    LotOut,
    Moment,
    OpenWalletIn,
    WalletDetailOut,
    WalletId,
    WalletOut,
)
from vezne.wallets.kinds import CurrencyNotOfKind, KindName
from vezne.wallets.models import Limits, Wallet
from vezne.wallets.operations import wallets as operations

api = router("/v1/wallets", "Wallets")

LOTS_SHOWN = 100


@api.post(
    "",
    status_code=201,
    responses=refusals(identity.CustomerNotFound, CurrencyNotOfKind),
    dependencies=[requires("wallets.write")],
)
async def open_wallet(body: OpenWalletIn, tx: TxDep) -> WalletOut:
    """The customer's wallet of this kind, currency and label; a customer has one of each, so asked again it is the same one.

    Without a label it is the one labelled `main`; other labels give a customer further wallets to transfer between.
    """
    await identity.customer(tx, body.customer_id)
    return await _shown(tx, await operations.wallet_of(tx, body.customer_id, body.kind, body.currency, body.label))


@api.get(
    "", responses=refusals(CursorUnknown, identity.CustomerNotFound), dependencies=[requires("wallets.read", own="own.read")]
)
async def list_wallets(
    page: PageQuery,
    tx: TxDep,
    customer_id: Annotated[CustomerId | None, Query()] = None,
    kind: KindName | None = None,
    currency: Annotated[Currency | None, Query()] = None,
    label: Annotated[Label | None, Query()] = None,
) -> Page[WalletOut]:
    """Wallets, newest first; a customer's, or of one kind, currency or label. A customer's token sees its own."""
    found = await operations.wallets_page(
        tx,
        limit=page.limit + 1,
        customer_id=identity.seen_by(tx, customer_id),
        kind=kind,
        currency=currency,
        label=label,
        before=position(page),
    )
    shown = found[: page.limit]
    holdings = await operations.holdings(tx, shown) if shown else {}
    has_more = len(found) > page.limit
    return Page(
        data=[WalletOut.of(wallet, holdings[wallet.id]) for wallet in shown],
        has_more=has_more,
        next=cursor(shown[-1].id) if has_more else None,
    )


@api.get("/{wallet_id}", responses=refusals(says.WalletMissing), dependencies=[requires("wallets.read", own="own.read")])
async def get_wallet(
    wallet_id: WalletId, tx: TxDep, at: Annotated[Moment | None, Query(description="also the balance at this time")] = None
) -> WalletDetailOut:
    """One wallet: what it holds, what can be spent, and its lots in the order of spending."""
    wallet = await operations.seen_wallet(tx, wallet_id)
    shown = (await _shown(tx, wallet)).model_dump()
    lots = await operations.lots_of(tx, wallet)
    balance_at = None if at is None else BalanceAtOut(at=at, balance_minor=await operations.balance_at(tx, wallet, at))
    return WalletDetailOut.model_validate(
        shown | {"lots": [LotOut.of(lot) for lot in lots[:LOTS_SHOWN]], "balance_at": balance_at}
    )


@api.patch(
    "/{wallet_id}",
    responses=refusals(says.WalletMissing, says.WalletNotEmpty, says.WalletClosed),
    dependencies=[requires("wallets.manage")],
)
async def change_wallet(wallet_id: WalletId, body: LimitsIn, tx: TxDep) -> WalletOut:
    """Freeze, close or reopen a wallet, set its limits and its low-balance threshold. The same again changes nothing."""
    wallet = await operations.wallet(tx, wallet_id)
    given = body.model_fields_set
    if given & {"max_transaction_minor", "max_daily_minor", "max_daily_transactions", "low_balance_minor"}:
        own = wallet.limits
        limits = Limits(
            body.max_transaction_minor if "max_transaction_minor" in given else own.transaction_minor,
            body.max_daily_minor if "max_daily_minor" in given else own.daily_minor,
            body.max_daily_transactions if "max_daily_transactions" in given else own.daily_transactions,
        )
        low = body.low_balance_minor if "low_balance_minor" in given else wallet.low_balance_minor
        wallet = await operations.limit(tx, wallet_id, limits, low)
    if body.status == "frozen":
        await operations.freeze(tx, wallet_id, refuse_credits=body.refuse_credits)
    elif body.status == "closed":
        await operations.close(tx, wallet_id)
    elif body.status == "open":
        await operations.reopen(tx, wallet_id)
    return await _shown(tx, await operations.wallet(tx, wallet_id))


def position(page: PageQuery) -> UUID | None:
    """The id that a page's cursor stands for. Raises CursorUnknown."""
    text = page.position()
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise CursorUnknown(loc=("query", "after")) from None


async def _shown(tx: Tx, wallet: Wallet) -> WalletOut:
    return WalletOut.of(wallet, (await operations.holdings(tx, [wallet]))[wallet.id])
