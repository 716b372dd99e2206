"""A customer's credits: what they are, what became of them, and moving them between the customer's own wallets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne import ledger
from vezne.identity import settings_of
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.ledger import EntryMissing
from vezne.wallets.models import MAIN, CreditType, Holdings, Lot, Reference, Transfer, Wallet, WalletKey, WalletTransaction
from vezne.wallets.operations import moves, refunds, wallets
from vezne.wallets.operations.history import transaction_of, with_refunds
from vezne.wallets.queries import wallets as queries
from vezne.wallets.refusals import DestinationUnclear, TransactionMissing, TransferToOtherCustomer, WalletMissing

_KINDS: Mapping[CreditType, Sequence[str]] = {
    "CREDIT_PURCHASE": ("credit",),
    "MEMBERSHIP_PAYMENT": ("credit",),
    "CREDIT_USAGE": ("debit", "capture"),
    "CREDIT_REFUND": ("refund", "reversal", "credit"),
    "CREDIT_TRANSFER": ("transfer",),
    "CREDIT_EXPIRY": ("expiry",),
}
_LOOKS = 5
"""How often at most a page looks further for records of its type, before it says where to read on."""


@dataclass(frozen=True, slots=True)
class CreditBalance:
    """All wallets of one customer in one unit: each with what it holds, and their lots in the order of spending."""

    customer_id: UUID
    unit: str
    wallets: Sequence[tuple[Wallet, Holdings]]
    lots: Sequence[Lot]


async def unit_of(tx: Tx, asked: str | None) -> str:
    """The unit that is meant: the one asked for, or the tenant's."""
    return asked or (await settings_of(tx)).credit_unit


async def credit_balance(tx: Tx, customer_id: UUID, unit: str) -> CreditBalance:
    """What a customer has of credits of this unit, in all wallets. None of them comes into being."""
    found = await queries.select_wallets_of_customer(tx, customer_id, "credits", unit)
    holdings = await wallets.holdings(tx, found) if found else {}
    lots = [lot for each in found for lot in await wallets.lots_of(tx, each)]
    return CreditBalance(customer_id, unit, [(each, holdings[each.id]) for each in found], lots)


async def credit_history(
    tx: Tx,
    customer_id: UUID,
    unit: str,
    label: str,
    *,
    limit: int,
    before_sequence: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    credit_type: CreditType | None = None,
) -> tuple[list[WalletTransaction], int | None]:
    """At most `limit` records of the customer's wallet with this label, newest first, and where to read on (None at the end).

    Records of one type that are rare may leave a page short, or empty, though more follow.
    """
    key = WalletKey(customer_id, "credits", unit, label)
    wallet = (await queries.select_wallets_by_key(tx, [key])).get(key)
    if wallet is None:
        return [], None
    kinds = None if credit_type is None else _KINDS[credit_type]
    found: list[WalletTransaction] = []
    for _ in range(_LOOKS):
        wanted = limit - len(found)
        lines = await ledger.statement(
            tx, wallet.account, limit=limit + 1, before_sequence=before_sequence, since=since, until=until, kinds=kinds
        )
        for line in lines[:limit]:
            before_sequence = line.line.sequence
            record = transaction_of(line.entry, line.line, wallet)
            if credit_type in {None, record.credit_type}:
                found.append(record)
                wanted -= 1
            if not wanted:
                break
        if len(lines) <= limit and (not lines or before_sequence == lines[-1].line.sequence):
            return await with_refunds(tx, found), None
        if not wanted:
            break
    return await with_refunds(tx, found), before_sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTransfer:
    """Credits to move: from the wallet that is named, or the main one, to a wallet by its id, or by its label."""

    customer_id: UUID
    unit: str
    units: int
    from_wallet_id: UUID | None = None
    to_wallet_id: UUID | None = None
    to_label: str | None = None
    to_customer_id: UUID | None = None
    reference: Reference | None = None
    once: bool = False
    description: str = ""
    metadata: Mapping[str, str]


async def transfer_credits(tx: Tx, asked: AskedTransfer) -> WalletTransaction:
    """Move credits between two wallets of one customer; a wallet with a new label comes into being.

    Raises TransferToOtherCustomer, DestinationUnclear, WalletMissing, and what `transfer` does.
    """
    if asked.to_customer_id not in {None, asked.customer_id}:
        raise TransferToOtherCustomer(loc=("body", "to_customer_id"), kind="credits")
    if (asked.to_wallet_id is None) is (asked.to_label is None):
        raise DestinationUnclear(loc=("body", "to_wallet_id"))
    if asked.from_wallet_id is None:
        source = await wallets.wallet_of(tx, asked.customer_id, "credits", asked.unit)
    else:
        source = await wallets.wallet(tx, asked.from_wallet_id)
    if source.customer_id != asked.customer_id or source.kind_name != "credits":
        raise WalletMissing(loc=("body", "from_wallet_id"), wallet_id=public_id("wal", source.id))
    target_id = asked.to_wallet_id
    if target_id is None:
        label = MAIN if asked.to_label is None else asked.to_label
        target_id = (await wallets.wallet_of(tx, asked.customer_id, "credits", source.currency, label)).id
    done = await moves.transfer(
        tx,
        Transfer(
            from_wallet_id=source.id,
            to_wallet_id=target_id,
            amount=Money(asked.units, source.currency),
            reference=asked.reference,
            once=asked.once,
            description=asked.description,
            metadata=asked.metadata,
        ),
    )
    return done.transaction


async def refund_credits(
    tx: Tx,
    transaction_id: UUID,
    units: int | None = None,
    *,
    reference: Reference | None = None,
    description: str = "",
    metadata: Mapping[str, str] | None = None,
) -> WalletTransaction:
    """Give spent credits back into the lots they came from; see `refund`. Raises TransactionMissing where none were spent."""
    missing = TransactionMissing(transaction_id=public_id("txn", transaction_id))
    try:
        record = await ledger.entry(tx, transaction_id)
    except EntryMissing:
        raise missing from None
    touched = await queries.select_wallets_by_account(tx, [line.account for line in record.lines])
    if not any(wallet.kind_name == "credits" for wallet in touched.values()):
        raise missing
    return await refunds.refund(tx, transaction_id, units, reference=reference, description=description, metadata=metadata)
