"""Wallets: making, reading, freezing, closing, limiting them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.wallets import events
from vezne.wallets.kinds import KINDS, KindName
from vezne.wallets.models import MAIN, Holdings, Limits, Lot, Wallet, WalletKey
from vezne.wallets.operations.limits import above_ceiling, rules_of
from vezne.wallets.queries import lots as lot_queries
from vezne.wallets.queries import wallets as queries
from vezne.wallets.refusals import WalletClosed, WalletMissing, WalletNotEmpty


async def wallet_of(tx: Tx, customer_id: UUID, kind: KindName, currency: str, label: str = MAIN) -> Wallet:
    """The customer's wallet of this kind and currency, made when first needed; again, and at the same moment, the same one.

    Each `label` names another such wallet. The caller knows that the customer exists, and that the label is lower-case letters,
    digits, `_` and `-`. Raises CurrencyNotOfKind, CurrencyUnknown.
    """
    key = WalletKey(customer_id, kind, currency, label)
    return (await wallets_of(tx, [key]))[key]


async def wallets_of(tx: Tx, keys: Sequence[WalletKey]) -> dict[WalletKey, Wallet]:
    """Many wallets at once, each made when first needed; see `wallet_of`."""
    for kind, currency in {(key.kind, key.currency) for key in keys}:
        KINDS[kind].demand_currency(currency)
    wanted = list(dict.fromkeys(keys))
    found = await queries.select_wallets_by_key(tx, wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        await _open(tx, missing)
        found |= await queries.select_wallets_by_key(tx, missing)
    return found


async def existing_wallets(tx: Tx, keys: Sequence[WalletKey]) -> dict[WalletKey, Wallet]:
    """Those of these wallets that there are; none comes into being."""
    return await queries.select_wallets_by_key(tx, keys)


async def wallet(tx: Tx, wallet_id: UUID) -> Wallet:
    """One wallet. Raises WalletMissing."""
    found = await queries.select_wallets(tx, [wallet_id])
    if wallet_id not in found:
        raise _missing(wallet_id)
    return found[wallet_id]


async def seen_wallet(tx: Tx, wallet_id: UUID) -> Wallet:
    """One wallet, as whoever asks may see it: to a customer's token only its own are there. Raises WalletMissing."""
    found = await wallet(tx, wallet_id)
    if not tx.principal.concerns(found.customer_id):
        raise _missing(wallet_id)
    return found


async def wallets_page(
    tx: Tx,
    *,
    limit: int,
    customer_id: UUID | None = None,
    kind: str | None = None,
    currency: str | None = None,
    label: str | None = None,
    before: UUID | None,
) -> list[Wallet]:
    """At most `limit` wallets, newest first, older than `before`."""
    return await queries.select_page(
        tx, customer_id=customer_id, kind=kind, currency=currency, label=label, before=before, limit=limit
    )


async def holdings(tx: Tx, wallets: Sequence[Wallet]) -> dict[UUID, Holdings]:
    """What wallets hold now. Lots that have lapsed are in the balance until they are written off, but cannot be spent."""
    states = await ledger.balances(tx, [wallet.account for wallet in wallets])
    lapsed: dict[UUID, int] = {}
    with_lots = [wallet.id for wallet in wallets if wallet.kind.lots is not None]
    if with_lots:
        for lot in await lot_queries.select_filled_lots(tx, with_lots):
            if lot.lapsed(tx.now):
                lapsed[lot.wallet_id] = lapsed.get(lot.wallet_id, 0) + lot.free_minor
    found: dict[UUID, Holdings] = {}
    for wallet in wallets:
        state = states[wallet.account]
        gone = lapsed.get(wallet.id, 0)
        found[wallet.id] = Holdings(state.balance, state.held, state.available - gone, gone)
    return found


async def refuse_above_limit(tx: Tx, wallet: Wallet, amount_minor: int) -> None:
    """Raise CreditLimitExceeded if with so much more the wallet held more than it may. What has lapsed does not count."""
    ceiling = (await rules_of(tx)).ceiling(wallet)
    if ceiling is None:
        return
    held = (await holdings(tx, [wallet]))[wallet.id]
    refusal = above_ceiling(wallet, ceiling, amount_minor, held.balance - held.lapsed + amount_minor)
    if refusal is not None:
        raise refusal


async def lots_of(tx: Tx, wallet: Wallet) -> list[Lot]:
    """The wallet's lots in which something is left, in the order of spending."""
    order = wallet.kind.lots
    return [] if order is None else sorted(await lot_queries.select_filled_lots(tx, [wallet.id]), key=order)


async def balance_at(tx: Tx, wallet: Wallet, at: datetime) -> int:
    """The balance in minor units as it was at `at`."""
    return await ledger.balance_at(tx, wallet.account, at)


async def freeze(tx: Tx, wallet_id: UUID, *, refuse_credits: bool = False) -> Wallet:
    """Let nothing out of the wallet any more, nor in when `refuse_credits`. It cannot race with a debit. Again: no change.

    Holds stay; they can be released and run out, but not captured. Raises WalletMissing, WalletClosed.
    """
    wallet = await _lock(tx, wallet_id)
    if wallet.status == "closed":
        raise WalletClosed(wallet_id=public_id("wal", wallet_id))
    await queries.update_status(tx, wallet_id, "frozen")
    await ledger.restrict(tx, wallet.account, debits=False, credits_=not refuse_credits)
    await tx.publish(events.WalletFrozen(wallet_id=wallet_id, credits_refused=refuse_credits))
    return replace(wallet, status="frozen")


async def reopen(tx: Tx, wallet_id: UUID) -> Wallet:
    """Let a frozen or closed wallet be used again. An open one stays as it is. Raises WalletMissing."""
    wallet = await _lock(tx, wallet_id)
    if wallet.status == "open":
        return wallet
    await queries.update_status(tx, wallet_id, "open")
    await ledger.restrict(tx, wallet.account, debits=True, credits_=True)
    fact = events.WalletUnfrozen if wallet.status == "frozen" else events.WalletReopened
    await tx.publish(fact(wallet_id=wallet_id))
    return replace(wallet, status="open")


async def close(tx: Tx, wallet_id: UUID) -> Wallet:
    """Close an empty wallet: nothing goes in or out. Again: no change. Raises WalletMissing, WalletNotEmpty."""
    wallet = await _lock(tx, wallet_id)
    if wallet.status == "closed":
        return wallet
    state = (await ledger.lock(tx, [wallet.account]))[wallet.account]
    if state.balance or state.held:
        raise WalletNotEmpty(wallet_id=public_id("wal", wallet_id), balance_minor=state.balance, held_minor=state.held)
    await queries.update_status(tx, wallet_id, "closed")
    await ledger.restrict(tx, wallet.account, debits=False, credits_=False)
    await tx.publish(events.WalletClosed(wallet_id=wallet_id))
    return replace(wallet, status="closed")


async def limit(tx: Tx, wallet_id: UUID, limits: Limits, low_balance_minor: int | None) -> Wallet:
    """Set the wallet's own limits and the threshold of its low-balance event. None: the tenant's apply. Raises WalletMissing."""
    wallet = await _lock(tx, wallet_id)
    await queries.update_limits(tx, wallet_id, limits, low_balance_minor)
    await tx.publish(
        events.WalletLimited(
            wallet_id=wallet_id,
            max_transaction_minor=limits.transaction_minor,
            max_daily_minor=limits.daily_minor,
            max_daily_transactions=limits.daily_transactions,
            low_balance_minor=low_balance_minor,
        )
    )
    return replace(wallet, limits=limits, low_balance_minor=low_balance_minor)


async def _open(tx: Tx, keys: Sequence[WalletKey]) -> None:
    """Make wallets with their ledger accounts. Whoever claims a key second waits, and finds the first one's wallet."""
    claims = {claim.id: claim for claim in (queries.Claim(new_id(), key) for key in keys)}
    made = await queries.insert_wallets(tx, list(claims.values()))
    if not made:
        return
    accounts = await ledger.open_accounts(tx, [ledger.AccountSpec(f"wallet:{id_}", claims[id_].key.currency) for id_ in made])
    await queries.update_accounts(tx, made, accounts)
    await tx.publish(*[events.WalletOpened(wallet_id=id_, **claims[id_].key._asdict()) for id_ in made])


async def _lock(tx: Tx, wallet_id: UUID) -> Wallet:
    wallet = await queries.lock_wallet(tx, wallet_id)
    if wallet is None:
        raise _missing(wallet_id)
    return wallet


def _missing(wallet_id: UUID) -> WalletMissing:
    return WalletMissing(wallet_id=public_id("wal", wallet_id))
