"""Revoking: taking back what a credit granted, when its cause has gone: a pack refunded, a reward undone."""

from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.ledger import AccountId, AccountState, Entry, EntryMissing, EntryRecord, Line, Posting, Refused
from vezne.wallets import events
from vezne.wallets.models import Outstanding, Reference, Revoked, Share, Wallet
from vezne.wallets.operations.history import transaction, transaction_of
from vezne.wallets.operations.limits import rules_of
from vezne.wallets.operations.lots import LotBook
from vezne.wallets.operations.moves import explain, publish_low
from vezne.wallets.queries import lots as queries
from vezne.wallets.queries import wallets as wallet_queries
from vezne.wallets.refusals import AmountNotPositive, TransactionMissing, TransactionNotRevocable


async def revoke(
    tx: Tx,
    transaction_id: UUID,
    amount_minor: int | None = None,
    *,
    cause: str,
    reference: Reference | None = None,
    description: str = "",
    beyond_lot: bool = False,
) -> Revoked:
    """Take `amount_minor` (default: all that was not taken back) of a credit back, into the account it came from.

    It comes out of the credit's own lot, as far as that is neither spent, held nor lapsed, and with `beyond_lot` then out of the
    wallet's other lots in the order of spending; what is not there is `missing_minor`, and nothing ever falls below zero. All
    together never take more than was granted. Once for a credit and `cause`: again answers the first and changes nothing.
    Spending limits do not bind it. Raises TransactionMissing, TransactionNotRevocable, WalletFrozen, WalletClosed.
    """
    if amount_minor is not None and amount_minor <= 0:
        raise AmountNotPositive(loc=("body", "amount_minor"))
    record, wallet, given, house = await _credit(tx, transaction_id)
    states = await ledger.lock(tx, [wallet.account, house])
    earlier = await queries.select_reversals(tx, transaction_id)
    if cause in earlier:
        return await _again(tx, wallet, earlier[cause])
    left = given.amount - sum(each.amount_minor for each in earlier.values())
    asked = left if amount_minor is None else amount_minor
    book = await LotBook.read(tx, [wallet])
    wanted = min(asked, left)
    shares = _shares(book, wallet, await _own_lots(tx, transaction_id), wanted, beyond_lot=beyond_lot)
    taken = _free(states[wallet.account], wanted) if wallet.kind.lots is None else sum(share.amount_minor for share in shares)
    if taken == 0:
        await queries.insert_reversal(tx, queries.Reversal(transaction_id, cause, None, asked, 0))
        return Revoked(None, 0, asked)
    entry = _entry(record, wallet, house, taken, description, _details(transaction_id, reference))
    revoked = await _post(tx, wallet, entry, asked)
    book.take(entry.id, shares)
    await book.write(tx)
    await queries.insert_reversal(tx, queries.Reversal(transaction_id, cause, entry.id, asked, taken))
    await _publish(tx, wallet, revoked)
    return revoked


def _details(transaction_id: UUID, reference: Reference | None) -> dict[str, object]:
    refunds: dict[str, object] = {"refunds": public_id("txn", transaction_id)}
    return refunds if reference is None else {**refunds, "reference": {"type": reference.type, "id": reference.id}}


async def outstanding(tx: Tx, transaction_id: UUID) -> Outstanding:
    """What a credit granted, what was taken back of it, and what `revoke` would find in its own lot now.

    Raises TransactionMissing, TransactionNotRevocable.
    """
    _, wallet, given, _ = await _credit(tx, transaction_id)
    revoked = (await queries.select_revoked(tx, [transaction_id])).get(transaction_id, 0)
    unrevoked = given.amount - revoked
    if wallet.kind.lots is None:
        state = (await ledger.balances(tx, [wallet.account]))[wallet.account]
        return Outstanding(given.amount, revoked, _free(state, unrevoked))
    lots = (await queries.select_lots(tx, list(await _own_lots(tx, transaction_id)))).values()
    free = sum(lot.free_minor for lot in lots if not lot.lapsed(tx.now))
    return Outstanding(given.amount, revoked, min(free, unrevoked))


async def _credit(tx: Tx, transaction_id: UUID) -> tuple[EntryRecord, Wallet, Line, AccountId]:
    """The entry, the wallet it gave to, its line there, and the account it came from."""
    shown = public_id("txn", transaction_id)
    try:
        record = await ledger.entry(tx, transaction_id)
    except EntryMissing:
        raise TransactionMissing(transaction_id=shown) from None
    wallets = await wallet_queries.select_wallets_by_account(tx, [line.account for line in record.lines])
    if not wallets:
        raise TransactionMissing(transaction_id=shown)
    for line in record.lines:
        if line.account in wallets and line.amount > 0 and record.kind == "credit":
            house = next(other.account for other in record.lines if other.account != line.account)
            return record, wallets[line.account], line, house
    raise TransactionNotRevocable(transaction_id=shown)


async def _own_lots(tx: Tx, transaction_id: UUID) -> set[UUID]:
    return {move.lot_id for move in await queries.select_lot_moves(tx, transaction_id)}


def _free(state: AccountState, wanted: int) -> int:
    return max(0, min(wanted, state.available))


def _shares(book: LotBook, wallet: Wallet, own: set[UUID], wanted: int, *, beyond_lot: bool) -> list[Share]:
    """What comes out of which lot: the credit's own first."""
    lots = [lot for lot in book.lots.get(wallet.id, ()) if not lot.lapsed(book.now)]
    ordered = [lot for lot in lots if lot.id in own] + [lot for lot in lots if beyond_lot and lot.id not in own]
    shares: list[Share] = []
    for lot in ordered:
        part = min(lot.free_minor, wanted)
        if part > 0:
            shares.append(Share(lot, part))
            wanted -= part
    return shares


def _entry(
    record: EntryRecord, wallet: Wallet, house: AccountId, taken: int, description: str, details: dict[str, object]
) -> Entry:
    postings = (Posting(wallet.account, -taken), Posting(house, taken))
    return Entry(new_id(), "reversal", postings, (), None, description or record.description, details)


async def _post(tx: Tx, wallet: Wallet, entry: Entry, asked: int) -> Revoked:
    taken = -entry.postings[0].amount
    (answer,) = await ledger.post(tx, [entry])
    if isinstance(answer, Refused):
        raise await explain(tx, wallet, answer.error, taken)
    record = EntryRecord(entry.id, entry.kind, None, entry.description, entry.details, tx.principal.actor, answer.posted_at)
    return Revoked(transaction_of(record, answer.line(wallet.account), wallet), taken, asked - taken)


async def _again(tx: Tx, wallet: Wallet, earlier: queries.Reversal) -> Revoked:
    done = None if earlier.entry_id is None else await transaction(tx, wallet, earlier.entry_id)
    return Revoked(done, earlier.amount_minor, earlier.asked_minor - earlier.amount_minor, again=True)


async def _publish(tx: Tx, wallet: Wallet, revoked: Revoked) -> None:
    done = revoked.transaction
    if done is None or done.refunds is None:
        return
    await tx.publish(
        events.WalletRevoked(
            wallet_id=wallet.id,
            transaction_id=done.id,
            revokes=public_id("txn", done.refunds),
            amount_minor=revoked.taken_minor,
            missing_minor=revoked.missing_minor,
            currency=wallet.currency,
            balance_after_minor=done.balance_after_minor,
        )
    )
    await publish_low(tx, await rules_of(tx), wallet, done)
