"""Refunds: giving a debit back into the wallet, and the very lots, it came from."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.ledger import Entry, EntryMissing, EntryRecord, Line, Posting, Refused
from vezne.wallets import events
from vezne.wallets.models import Reference, Share, Wallet, WalletTransaction
from vezne.wallets.operations.history import transaction_of
from vezne.wallets.operations.lots import LotBook
from vezne.wallets.operations.moves import explain
from vezne.wallets.queries import lots as queries
from vezne.wallets.queries import wallets as wallet_queries
from vezne.wallets.refusals import AmountNotPositive, RefundExceedsTransaction, TransactionMissing, TransactionNotRefundable

_REFUNDABLE = frozenset({"debit", "capture"})


async def refund(
    tx: Tx,
    transaction_id: UUID,
    amount_minor: int | None = None,
    *,
    reference: Reference | None = None,
    description: str = "",
    metadata: Mapping[str, str] | None = None,
) -> WalletTransaction:
    """Give `amount_minor` (default: all that is left) of a debit back, out of the account it went to.

    Lots get back what was taken from them, in reverse order of taking; what has lapsed meanwhile comes back as a lot of type
    `refunded` that lives REFUND_LIFE more. All refunds of a debit together never exceed it; of two at once the second sees the
    first. Raises TransactionMissing, TransactionNotRefundable, RefundExceedsTransaction, WalletFrozen, WalletClosed.
    """
    original, wallet, taken, house = await _debit(tx, transaction_id)
    await ledger.lock(tx, [wallet.account, house])
    refunded = (await queries.select_refunded(tx, [transaction_id])).get(transaction_id, 0)
    amount = _amount(transaction_id, amount_minor, -taken.amount - refunded)
    details = _details(transaction_id, reference or _reference(original), metadata)
    postings = (Posting(wallet.account, amount), Posting(house, -amount))
    entry = Entry(new_id(), "refund", postings, (), None, description, details)
    (answer,) = await ledger.post(tx, [entry])
    if isinstance(answer, Refused):
        raise await explain(tx, wallet, answer.error, amount)
    await queries.insert_refund(tx, transaction_id, entry.id, amount)
    if wallet.kind.lots is not None:
        await _return_to_lots(tx, entry.id, wallet, transaction_id, refunded, amount)
    record = EntryRecord(entry.id, entry.kind, None, description, details, tx.principal.actor, answer.posted_at)
    done = transaction_of(record, answer.line(wallet.account), wallet)
    await _publish(tx, done)
    return done


def _amount(transaction_id: UUID, asked: int | None, refundable: int) -> int:
    """How much goes back: what was asked for, or all that is left."""
    amount = refundable if asked is None else asked
    if asked is not None and asked <= 0:
        raise AmountNotPositive(loc=("body", "amount_minor"))
    if not 0 < amount <= refundable:
        raise RefundExceedsTransaction(
            loc=None if asked is None else ("body", "amount_minor"),
            transaction_id=public_id("txn", transaction_id),
            refundable_minor=refundable,
            amount_minor=amount,
        )
    return amount


def _details(transaction_id: UUID, reference: Reference | None, metadata: Mapping[str, str] | None) -> dict[str, object]:
    details: dict[str, object] = {"refunds": public_id("txn", transaction_id)}
    if reference is not None:
        details["reference"] = {"type": reference.type, "id": reference.id}
    if metadata:
        details["metadata"] = metadata
    return details


async def _debit(tx: Tx, transaction_id: UUID) -> tuple[EntryRecord, Wallet, Line, ledger.AccountId]:
    """The entry, the wallet it took from, its line there, and the account it went to."""
    shown = public_id("txn", transaction_id)
    try:
        record = await ledger.entry(tx, transaction_id)
    except EntryMissing:
        raise TransactionMissing(transaction_id=shown) from None
    wallets = await wallet_queries.select_wallets_by_account(tx, [line.account for line in record.lines])
    if not wallets:
        raise TransactionMissing(transaction_id=shown)
    for line in record.lines:
        wallet = wallets.get(line.account)
        if wallet is not None and line.amount < 0 and record.kind in _REFUNDABLE and wallet.kind.refundable:
            house = next(other.account for other in record.lines if other.account != line.account)
            return record, wallet, line, house
    raise TransactionNotRefundable(transaction_id=shown)


async def _return_to_lots(tx: Tx, entry_id: UUID, wallet: Wallet, debit_id: UUID, refunded: int, amount: int) -> None:
    moves = await queries.select_lot_moves(tx, debit_id)
    lots = await queries.select_lots(tx, [move.lot_id for move in moves])
    taken = [Share(lots[move.lot_id], -move.delta_minor) for move in moves]
    book = LotBook(tx.now)
    book.give_back(entry_id, wallet, _from_the_end(taken, refunded, amount))
    await book.write(tx)


def _from_the_end(taken: Sequence[Share], skip: int, amount: int) -> list[Share]:
    """The shares that make `amount`, from the last taken on, after `skip` has been returned already."""
    back: list[Share] = []
    for share in reversed(taken):
        skipped = min(share.amount_minor, skip)
        skip -= skipped
        part = min(share.amount_minor - skipped, amount)
        if part:
            back.append(Share(share.lot, part))
            amount -= part
    return back


def _reference(record: EntryRecord) -> Reference | None:
    found = record.details.get("reference")
    return Reference(found["type"], found["id"]) if isinstance(found, dict) else None


async def _publish(tx: Tx, done: WalletTransaction) -> None:
    await tx.publish(
        events.WalletRefunded(
            wallet_id=done.wallet_id,
            transaction_id=done.id,
            refunds="" if done.refunds is None else public_id("txn", done.refunds),
            amount_minor=done.amount.minor,
            currency=done.amount.currency,
            balance_after_minor=done.balance_after_minor,
        )
    )
