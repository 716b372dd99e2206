"""Expiry: writing off what lapsed. Lapsed lots cannot be spent even before this has run."""

from collections.abc import Mapping

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.ledger import AccountId, Entry, Posted, Posting
from vezne.wallets import events
from vezne.wallets.models import Share, Wallet
from vezne.wallets.operations.limits import rules_of
from vezne.wallets.operations.lots import LotBook
from vezne.wallets.queries import lots as queries
from vezne.wallets.queries import wallets as wallet_queries


async def expire_lots(tx: Tx, limit: int = 200) -> int:
    """Write off lapsed lots of at most `limit` wallets, one entry a wallet, to the house account `expired`; how many those were.

    What a hold reserves stays until the hold ends, and a frozen wallet's lots until it is thawed. Again: the next wallets.
    """
    found = await queries.select_wallets_with_lapsed_lots(tx, limit)
    if not found:
        return 0
    wallets = await wallet_queries.select_wallets(tx, found)
    house = {
        currency: await ledger.house_account(tx, "expired", currency)
        for currency in sorted({wallet.currency for wallet in wallets.values()})
    }
    await ledger.lock(tx, [*[wallet.account for wallet in wallets.values()], *house.values()])
    book = await LotBook.read(tx, wallets.values())
    lapsed = [(wallet, shares) for wallet in wallets.values() if (shares := _lapsed(book, wallet))]
    await _write_off(tx, book, lapsed, house)
    return len(found)


def _lapsed(book: LotBook, wallet: Wallet) -> list[Share]:
    lots = book.lots.get(wallet.id, ())
    return [Share(lot, lot.free_minor) for lot in lots if lot.lapsed(book.now) and lot.free_minor]


async def _write_off(tx: Tx, book: LotBook, lapsed: list[tuple[Wallet, list[Share]]], house: Mapping[str, AccountId]) -> None:
    entries = []
    for wallet, shares in lapsed:
        total = sum(share.amount_minor for share in shares)
        postings = (Posting(wallet.account, -total), Posting(house[wallet.currency], total))
        entries.append(Entry(new_id(), "expiry", postings, description="lapsed"))
    rules = await rules_of(tx)
    for (wallet, shares), entry, answer in zip(lapsed, entries, await ledger.post(tx, entries), strict=True):
        if not isinstance(answer, Posted):  # frozen since it was found: later
            continue
        book.take(entry.id, shares)
        facts = [
            events.LotExpired(lot_id=share.lot.id, wallet_id=wallet.id, amount_minor=share.amount_minor, currency=wallet.currency)
            for share in shares
        ]
        await tx.publish(*facts)
        after, threshold = answer.line(wallet.account).balance_after, rules.threshold(wallet)
        if threshold is not None and after < threshold <= after - entry.postings[0].amount:
            low = events.WalletLow(wallet_id=wallet.id, balance_minor=after, threshold_minor=threshold, currency=wallet.currency)
            await tx.publish(low)
    await book.write(tx)
