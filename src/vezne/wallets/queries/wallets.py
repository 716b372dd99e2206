"""SQL of wallets and their days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.ledger import AccountId
from vezne.wallets.models import Limits, Wallet, WalletKey

_SELECT: LiteralString = """
    SELECT id, customer_id, kind, currency, label, account, status, max_transaction_minor, max_daily_minor,
           max_daily_transactions, low_balance_minor, created_at FROM wallets WHERE tenant_id = $1 """


@dataclass(frozen=True, slots=True)
class Claim:
    """A wallet that may have to be made."""

    id: UUID
    key: WalletKey


@dataclass(slots=True)
class WalletDay:
    """What a wallet has spent in a day so far."""

    wallet_id: UUID
    transactions: int
    amount_minor: int


async def insert_wallets(tx: Tx, claims: Sequence[Claim]) -> list[UUID]:
    """Make those that do not exist, in the order of their keys; which those were. Waits for another that makes the same."""
    ordered = sorted(claims, key=lambda claim: claim.key)
    rows = await tx.fetch(
        """INSERT INTO wallets (tenant_id, id, customer_id, kind, currency, label, created_at)
           SELECT $1, claim.id, claim.customer_id, claim.kind, claim.currency, claim.label, $7
           FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[])
                AS claim (id, customer_id, kind, currency, label)
           ON CONFLICT (tenant_id, customer_id, kind, currency, label) DO NOTHING RETURNING id""",
        tx.tenant_id,
        [claim.id for claim in ordered],
        [claim.key.customer_id for claim in ordered],
        [claim.key.kind for claim in ordered],
        [claim.key.currency for claim in ordered],
        [claim.key.label for claim in ordered],
        tx.now,
    )
    return [row["id"] for row in rows]


async def update_accounts(tx: Tx, wallet_ids: Sequence[UUID], accounts: Sequence[AccountId]) -> None:
    """Give new wallets their ledger accounts."""
    await tx.execute(
        """UPDATE wallets SET account = made.account FROM unnest($2::uuid[], $3::bigint[]) AS made (id, account)
           WHERE wallets.tenant_id = $1 AND wallets.id = made.id""",
        tx.tenant_id,
        wallet_ids,
        accounts,
    )


async def select_wallets(tx: Tx, wallet_ids: Sequence[UUID]) -> dict[UUID, Wallet]:
    """Wallets by id."""
    rows = await tx.fetch(_SELECT + "AND id = ANY ($2::uuid[])", tx.tenant_id, wallet_ids)
    return {row["id"]: _wallet(row) for row in rows}


async def select_wallets_by_account(tx: Tx, accounts: Sequence[AccountId]) -> dict[AccountId, Wallet]:
    """The wallets among these ledger accounts."""
    rows = await tx.fetch(_SELECT + "AND account = ANY ($2::bigint[])", tx.tenant_id, accounts)
    return {row["account"]: _wallet(row) for row in rows}


async def select_wallets_by_key(tx: Tx, keys: Sequence[WalletKey]) -> dict[WalletKey, Wallet]:
    """Wallets by customer, kind, currency and label."""
    rows = await tx.fetch(
        """SELECT wallets.*
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS key (customer_id, kind, currency, label)
           CROSS JOIN LATERAL (  -- one index probe each, whatever the planner knows of a young table
               SELECT * FROM wallets
               WHERE tenant_id = $1 AND customer_id = key.customer_id AND kind = key.kind AND currency = key.currency
                 AND label = key.label OFFSET 0
           ) AS wallets""",
        tx.tenant_id,
        [key.customer_id for key in keys],
        [key.kind for key in keys],
        [key.currency for key in keys],
        [key.label for key in keys],
    )
    return {WalletKey(row["customer_id"], row["kind"], row["currency"], row["label"]): _wallet(row) for row in rows}


async def select_wallets_of_customer(tx: Tx, customer_id: UUID, kind: str, currency: str) -> list[Wallet]:
    """A customer's wallets of one kind and currency, by label."""
    sql = _SELECT + "AND customer_id = $2 AND kind = $3 AND currency = $4 ORDER BY label"
    return [_wallet(row) for row in await tx.fetch(sql, tx.tenant_id, customer_id, kind, currency)]


async def select_page(
    tx: Tx,
    *,
    customer_id: UUID | None,
    kind: str | None,
    currency: str | None,
    label: str | None,
    before: UUID | None,
    limit: int,
) -> list[Wallet]:
    """Wallets, newest first."""
    rows = await tx.fetch(
        _SELECT
        + """AND ($2::uuid IS NULL OR customer_id = $2) AND ($3::text IS NULL OR kind = $3)
                     AND ($4::text IS NULL OR currency = $4) AND ($5::text IS NULL OR label = $5)
                     AND ($6::uuid IS NULL OR id < $6) ORDER BY id DESC LIMIT $7""",
        tx.tenant_id,
        customer_id,
        kind,
        currency,
        label,
        before,
        limit,
    )
    return [_wallet(row) for row in rows]


async def lock_wallet(tx: Tx, wallet_id: UUID) -> Wallet | None:
    """A wallet's row, locked: status and limits change one at a time."""
    row = await tx.fetchrow(_SELECT + "AND id = $2 FOR NO KEY UPDATE", tx.tenant_id, wallet_id)
    return None if row is None else _wallet(row)


async def update_status(tx: Tx, wallet_id: UUID, status: str) -> None:
    """Write a wallet's status."""
    await tx.execute("UPDATE wallets SET status = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, wallet_id, status)


async def update_limits(tx: Tx, wallet_id: UUID, limits: Limits, low_balance_minor: int | None) -> None:
    """Write a wallet's own limits and threshold."""
    await tx.execute(
        """UPDATE wallets SET max_transaction_minor = $3, max_daily_minor = $4, max_daily_transactions = $5,
                  low_balance_minor = $6 WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        wallet_id,
        limits.transaction_minor,
        limits.daily_minor,
        limits.daily_transactions,
        low_balance_minor,
    )


async def lock_days(tx: Tx, wallet_ids: Sequence[UUID], day: date) -> dict[UUID, WalletDay]:
    """The wallets' rows for `day`, made where missing, locked in wallet order."""
    ordered = sorted(wallet_ids)
    await tx.execute(
        """INSERT INTO wallet_days (tenant_id, wallet_id, day) SELECT $1, wallet_id, $3 FROM unnest($2::uuid[]) AS wallet_id
           ON CONFLICT (tenant_id, wallet_id, day) DO NOTHING""",
        tx.tenant_id,
        ordered,
        day,
    )
    rows = await tx.fetch(
        """SELECT wallet_id, transactions, amount_minor FROM wallet_days
           WHERE tenant_id = $1 AND wallet_id = ANY ($2::uuid[]) AND day = $3 ORDER BY wallet_id FOR NO KEY UPDATE""",
        tx.tenant_id,
        ordered,
        day,
    )
    return {row["wallet_id"]: WalletDay(*row) for row in rows}


async def update_days(tx: Tx, day: date, days: Sequence[WalletDay]) -> None:
    """Write what locked days have come to."""
    await tx.execute(
        """UPDATE wallet_days SET transactions = spent.transactions, amount_minor = spent.amount_minor
           FROM unnest($3::uuid[], $4::integer[], $5::bigint[]) AS spent (wallet_id, transactions, amount_minor)
           WHERE wallet_days.tenant_id = $1 AND wallet_days.day = $2 AND wallet_days.wallet_id = spent.wallet_id""",
        tx.tenant_id,
        day,
        [spent.wallet_id for spent in days],
        [spent.transactions for spent in days],
        [spent.amount_minor for spent in days],
    )


def _wallet(row: Record) -> Wallet:
    return Wallet(
        row["id"],
        row["customer_id"],
        row["kind"],
        row["currency"],
        row["label"],
        row["account"],
        row["status"],
        Limits(row["max_transaction_minor"], row["max_daily_minor"], row["max_daily_transactions"]),
        row["low_balance_minor"],
        row["created_at"],
    )
