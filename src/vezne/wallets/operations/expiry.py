"""Expiry: writing off what lapsed. Lapsed lots cannot be spent even before this has run."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.ledger import AccountId, Entry, Posted, Posting
from vezne.wallets import events
from vezne.wallets.models import Share, Wallet
from vezne.wallets.operations.limits import rules_of
from vezne.wallets.operations.lots import LotBook
from vezne.wallets.queries import lapsing
from vezne.wallets.queries import wallets as wallet_queries

AT_ONCE = 2000
"""How many lots are written off in a transaction: enough that its fixed cost is little, few enough that nobody waits long."""


async def expire_lots(tx: Tx, limit: int = AT_ONCE) -> int:
    """Write off at most `limit` lapsed lots, one entry a wallet, to the house account `expired`; how many those were.

    What a hold reserves stays until the hold ends, and a frozen wallet's lots until it is thawed. Again: the next ones.
    """
    found = await lapsing.select_lapsed(tx, limit)
    if not found:
        return 0
    wallets = await wallet_queries.select_wallets(tx, sorted({wallet_id for _, wallet_id in found}))
    house = {
        currency: await ledger.house_account(tx, "expired", currency)
        for currency in sorted({wallet.currency for wallet in wallets.values()})
    }
    await ledger.lock(tx, [*[wallet.account for wallet in wallets.values()], *house.values()])
    lapsed = await _lapsed(tx, [lot_id for lot_id, _ in found])
    return await _write_off(tx, [(wallets[wallet_id], shares) for wallet_id, shares in lapsed.items()], house)


async def _lapsed(tx: Tx, lot_ids: Sequence[UUID]) -> Mapping[UUID, list[Share]]:
    """What is to be written off by wallet, as it is now that the accounts are locked."""
    shares: dict[UUID, list[Share]] = {}
    for lot in await lapsing.select_lots_now(tx, lot_ids):
        if lot.free_minor and lot.lapsed(tx.now):
            shares.setdefault(lot.wallet_id, []).append(Share(lot, lot.free_minor))
    return shares


async def _write_off(tx: Tx, lapsed: Sequence[tuple[Wallet, list[Share]]], house: Mapping[str, AccountId]) -> int:
    entries = [_entry(wallet, shares, house[wallet.currency]) for wallet, shares in lapsed]
    rules, book, count = await rules_of(tx), LotBook(tx.now), 0
    for (wallet, shares), entry, answer in zip(lapsed, entries, await ledger.post(tx, entries), strict=True):
        if not isinstance(answer, Posted):  # frozen since it was found: later
            continue
        book.take(entry.id, shares)
        count += len(shares)
        await tx.publish(*_facts(wallet, shares))
        after, threshold = answer.line(wallet.account).balance_after, rules.threshold(wallet)
        if threshold is not None and after < threshold <= after - entry.postings[0].amount:
            low = events.WalletLow(wallet_id=wallet.id, balance_minor=after, threshold_minor=threshold, currency=wallet.currency)
            await tx.publish(low)
    await book.write(tx)
    return count


def _entry(wallet: Wallet, shares: Iterable[Share], house: AccountId) -> Entry:
    total = sum(share.amount_minor for share in shares)
    return Entry(new_id(), "expiry", (Posting(wallet.account, -total), Posting(house, total)), description="lapsed")


def _facts(wallet: Wallet, shares: Iterable[Share]) -> list[events.LotExpired]:
    return [
        events.LotExpired(lot_id=share.lot.id, wallet_id=wallet.id, amount_minor=share.amount_minor, currency=wallet.currency)
        for share in shares
    ]
