"""The SQL of vouchers, their codes and redemptions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.rewards.models.vouchers import Redemption, Voucher


async def insert_voucher(tx: Tx, voucher: Voucher) -> None:
    """Write a new voucher."""
    await tx.execute(
        """INSERT INTO vouchers (tenant_id, id, inventory, stocked, created_at, name, description, price_minor, per_customer,
                                 starts_at, ends_at, active, metadata)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
        tx.tenant_id,
        voucher.id,
        voucher.inventory,
        voucher.stocked,
        voucher.created_at,
        *_columns(voucher),
    )


async def update_voucher(tx: Tx, voucher: Voucher) -> None:
    """Write a locked voucher's details."""
    await tx.execute(
        """UPDATE vouchers SET name = $3, description = $4, price_minor = $5, per_customer = $6, starts_at = $7, ends_at = $8,
                               active = $9, metadata = $10
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        voucher.id,
        *_columns(voucher),
    )


async def select_voucher(tx: Tx, voucher_id: UUID, *, lock: bool = False) -> Voucher | None:
    """One voucher; locked, if asked for."""
    sql = "SELECT * FROM vouchers WHERE tenant_id = $1 AND id = $2"
    row = await tx.fetchrow(sql + " FOR NO KEY UPDATE" if lock else sql, tx.tenant_id, voucher_id)
    return None if row is None else _voucher(row)


async def select_vouchers(tx: Tx, *, offered: bool, active: bool | None, before: UUID | None, limit: int) -> list[Voucher]:
    """Vouchers, newest first; `offered`: only those that can be had now."""
    rows = await tx.fetch(
        """SELECT * FROM vouchers
           WHERE tenant_id = $1 AND ($2::boolean IS NULL OR active = $2) AND ($3::uuid IS NULL OR id < $3)
             AND (NOT $4::boolean OR (active AND redeemed < stocked AND coalesce(starts_at <= $5, true)
                                      AND coalesce(ends_at > $5, true)))
           ORDER BY id DESC LIMIT $6""",
        tx.tenant_id,
        active,
        before,
        offered,
        tx.now,
        limit,
    )
    return [_voucher(row) for row in rows]


async def take_one(tx: Tx, voucher_id: UUID) -> Voucher | None:
    """Take one out of the stock, the voucher locked until the transaction ends; None when there is none, or it is not offered."""
    row = await tx.fetchrow(
        """UPDATE vouchers SET redeemed = redeemed + 1
           WHERE tenant_id = $1 AND id = $2 AND redeemed < stocked AND active AND coalesce(starts_at <= $3, true)
             AND coalesce(ends_at > $3, true)
           RETURNING *""",
        tx.tenant_id,
        voucher_id,
        tx.now,
    )
    return None if row is None else _voucher(row)


async def put_one_back(tx: Tx, voucher_id: UUID) -> None:
    """Put one back into the stock."""
    sql = "UPDATE vouchers SET redeemed = redeemed - 1 WHERE tenant_id = $1 AND id = $2"
    await tx.execute(sql, tx.tenant_id, voucher_id)


async def update_stocked(tx: Tx, voucher_id: UUID, stocked: int) -> None:
    """Write how many a locked voucher has had in stock."""
    sql = "UPDATE vouchers SET stocked = $3 WHERE tenant_id = $1 AND id = $2"
    await tx.execute(sql, tx.tenant_id, voucher_id, stocked)


async def select_known_digests(tx: Tx, voucher_id: UUID, digests: Sequence[bytes]) -> set[bytes]:
    """Which of these codes were uploaded before."""
    rows = await tx.fetch(
        "SELECT digest FROM voucher_codes WHERE tenant_id = $1 AND voucher_id = $2 AND digest = ANY ($3::bytea[])",
        tx.tenant_id,
        voucher_id,
        digests,
    )
    return {row["digest"] for row in rows}


async def insert_codes(tx: Tx, voucher_id: UUID, codes: Sequence[tuple[bytes, bytes]]) -> None:
    """Keep codes: digest and what is sealed; their voucher is locked."""
    await tx.execute(
        """INSERT INTO voucher_codes (tenant_id, voucher_id, created_at, id, digest, sealed_code)
           SELECT $1, $2, $3, code.* FROM unnest($4::uuid[], $5::bytea[], $6::bytea[]) AS code""",
        tx.tenant_id,
        voucher_id,
        tx.now,
        [new_id() for _ in codes],
        [digest for digest, _ in codes],
        [sealed for _, sealed in codes],
    )


async def give_code(tx: Tx, voucher_id: UUID, redemption_id: UUID) -> bytes | None:
    """Give the oldest free code to a redemption; what is sealed. The voucher is locked, so nobody else takes it."""
    sealed: bytes | None = await tx.fetchval(
        """UPDATE voucher_codes SET redemption_id = $3
           WHERE tenant_id = $1 AND id = (SELECT id FROM voucher_codes
                                          WHERE tenant_id = $1 AND voucher_id = $2 AND redemption_id IS NULL
                                          ORDER BY id LIMIT 1)
           RETURNING sealed_code""",
        tx.tenant_id,
        voucher_id,
        redemption_id,
    )
    return sealed


async def free_code(tx: Tx, redemption_id: UUID) -> None:
    """Let somebody else have a redemption's code."""
    sql = "UPDATE voucher_codes SET redemption_id = NULL WHERE tenant_id = $1 AND redemption_id = $2"
    await tx.execute(sql, tx.tenant_id, redemption_id)


async def select_code(tx: Tx, redemption_id: UUID) -> bytes | None:
    """The code that a redemption has; sealed."""
    sql = "SELECT sealed_code FROM voucher_codes WHERE tenant_id = $1 AND redemption_id = $2"
    sealed: bytes | None = await tx.fetchval(sql, tx.tenant_id, redemption_id)
    return sealed


async def count_redeemed(tx: Tx, voucher_id: UUID, customer_id: UUID) -> int:
    """How many of a voucher a customer has, not counting what was cancelled."""
    count: int = await tx.fetchval(
        """SELECT count(*) FROM voucher_redemptions
           WHERE tenant_id = $1 AND voucher_id = $2 AND customer_id = $3 AND status = 'redeemed'""",
        tx.tenant_id,
        voucher_id,
        customer_id,
    )
    return count


async def insert_redemption(tx: Tx, made: Redemption) -> None:
    """Write that a customer had a voucher."""
    await tx.execute(
        """INSERT INTO voucher_redemptions (tenant_id, id, voucher_id, customer_id, reference, price_minor, currency, status,
                                            transaction_id, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        tx.tenant_id,
        made.id,
        made.voucher_id,
        made.customer_id,
        made.reference,
        made.price_minor,
        made.currency,
        made.status,
        made.transaction_id,
        made.created_at,
    )


async def mark_cancelled(tx: Tx, made: Redemption) -> None:
    """Write that a locked redemption was cancelled."""
    await tx.execute(
        """UPDATE voucher_redemptions SET status = 'cancelled', restocked = $3, refund_transaction_id = $4, reason = $5,
                                          cancelled_by = $6, cancelled_at = $7
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        made.id,
        made.restocked,
        made.refund_transaction_id,
        made.reason,
        made.cancelled_by,
        made.cancelled_at,
    )


async def select_by_reference(tx: Tx, customer_id: UUID, reference: str) -> Redemption | None:
    """What a customer had under this reference."""
    row = await tx.fetchrow(
        "SELECT * FROM voucher_redemptions WHERE tenant_id = $1 AND customer_id = $2 AND reference = $3",
        tx.tenant_id,
        customer_id,
        reference,
    )
    return None if row is None else _redemption(row)


async def select_redemption(tx: Tx, redemption_id: UUID, *, lock: bool = False) -> Redemption | None:
    """One redemption; locked, if asked for."""
    sql = "SELECT * FROM voucher_redemptions WHERE tenant_id = $1 AND id = $2"
    row = await tx.fetchrow(sql + " FOR NO KEY UPDATE" if lock else sql, tx.tenant_id, redemption_id)
    return None if row is None else _redemption(row)


async def select_redemptions(
    tx: Tx, *, customer_id: UUID | None, voucher_id: UUID | None, status: str | None, before: UUID | None, limit: int
) -> list[Redemption]:
    """Redemptions, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM voucher_redemptions
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR customer_id = $2) AND ($3::uuid IS NULL OR voucher_id = $3)
             AND ($4::text IS NULL OR status = $4) AND ($5::uuid IS NULL OR id < $5)
           ORDER BY id DESC LIMIT $6""",
        tx.tenant_id,
        customer_id,
        voucher_id,
        status,
        before,
        limit,
    )
    return [_redemption(row) for row in rows]


def _columns(voucher: Voucher) -> tuple[Any, ...]:
    return (
        voucher.name,
        voucher.description,
        voucher.price_minor,
        voucher.per_customer,
        voucher.starts_at,
        voucher.ends_at,
        voucher.active,
        msgspec.json.encode(dict(voucher.metadata)).decode(),
    )


def _voucher(row: Record) -> Voucher:
    facts: dict[str, Any] = {name: value for name, value in row.items() if name not in {"tenant_id", "metadata"}}
    return Voucher(**facts, metadata=msgspec.json.decode(row["metadata"]))


def _redemption(row: Record) -> Redemption:
    return Redemption(**{name: value for name, value in row.items() if name != "tenant_id"})
