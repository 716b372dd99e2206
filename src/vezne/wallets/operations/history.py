"""History: the transactions of a wallet, read from the ledger."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money
from vezne.ledger import EntryMissing, EntryRecord, Line
from vezne.wallets.models import Direction, Reference, Wallet, WalletTransaction
from vezne.wallets.queries import lots as queries
from vezne.wallets.refusals import TransactionMissing


async def history(
    tx: Tx,
    wallet: Wallet,
    *,
    limit: int,
    before_sequence: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    kind: str | None = None,
    direction: Direction | None = None,
) -> tuple[list[WalletTransaction], int | None]:
    """At most `limit` transactions, newest first, and where to read on (None at the end). `since` and `until` are included."""
    lines = await ledger.statement(
        tx,
        wallet.account,
        limit=limit + 1,
        before_sequence=before_sequence,
        since=since,
        until=until,
        kinds=None if kind is None else [kind],
        direction=direction,
    )
    page = lines[:limit]
    found = [transaction_of(line.entry, line.line, wallet) for line in page]
    return await with_refunds(tx, found), page[-1].line.sequence if len(lines) > limit else None


async def transaction(tx: Tx, wallet: Wallet, transaction_id: UUID) -> WalletTransaction:
    """One transaction of this wallet. Raises TransactionMissing."""
    missing = TransactionMissing(transaction_id=public_id("txn", transaction_id))
    try:
        record = await ledger.entry(tx, transaction_id)
    except EntryMissing:
        raise missing from None
    for line in record.lines:
        if line.account == wallet.account:
            (found,) = await with_refunds(tx, [transaction_of(record, line, wallet)])
            return found
    raise missing


def transaction_of(record: EntryRecord, line: Line, wallet: Wallet) -> WalletTransaction:
    """A ledger entry as seen from one of its wallets."""
    details: Mapping[str, Any] = record.details
    reference, refunds = details.get("reference"), details.get("refunds")
    other = details.get("to" if line.amount < 0 else "from")
    return WalletTransaction(
        record.id,
        wallet.id,
        "credit" if line.amount > 0 else "debit",
        record.kind,
        Money(abs(line.amount), wallet.currency),
        line.balance_after,
        record.description,
        record.posted_at,
        Reference(reference["type"], reference["id"]) if reference else None,
        details.get("metadata", {}),
        parse_id("wal", other) if other else None,
        parse_id("txn", refunds) if refunds else None,
        lot=details.get("lot") if record.kind == "credit" else None,
    )


async def with_refunds(tx: Tx, found: list[WalletTransaction]) -> list[WalletTransaction]:
    """The same, with what has been given back of debits and taken back of credits since."""
    debits = [each.id for each in found if each.type == "debit"]
    refunded = dict(await queries.select_refunded(tx, debits)) if debits else {}
    grants = [each.id for each in found if each.kind == "credit"]
    if grants:
        refunded |= await queries.select_revoked(tx, grants)
    return [replace(each, refunded_minor=refunded[each.id]) if each.id in refunded else each for each in found]
