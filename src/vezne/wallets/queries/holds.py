"""SQL of holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.kernel.money import Money
from vezne.wallets.models import Reference, Share, WalletHold

_SELECT: LiteralString = """
    SELECT holds.*, wallets.currency FROM holds
    JOIN wallets ON wallets.tenant_id = holds.tenant_id AND wallets.id = holds.wallet_id
    WHERE holds.tenant_id = $1 """


async def insert_hold(tx: Tx, hold: WalletHold, shares: Sequence[Share]) -> None:
    """Write a new hold and what it reserves of lots."""
    await tx.execute(
        """INSERT INTO holds (tenant_id, id, wallet_id, amount_minor, reference_type, reference_id, description, metadata,
                              created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        tx.tenant_id,
        hold.id,
        hold.wallet_id,
        hold.amount.minor,
        hold.reference and hold.reference.type,
        hold.reference and hold.reference.id,
        hold.description,
        msgspec.json.encode(hold.metadata).decode(),
        hold.created_at,
        hold.expires_at,
    )
    if shares:
        await tx.execute(
            """INSERT INTO hold_lots (tenant_id, hold_id, lot_id, position, amount_minor)
               SELECT $1, $2, share.lot_id, share.position, share.amount
               FROM unnest($3::uuid[], $4::bigint[]) WITH ORDINALITY AS share (lot_id, amount, position)""",
            tx.tenant_id,
            hold.id,
            [share.lot.id for share in shares],
            [share.amount_minor for share in shares],
        )


async def select_hold(tx: Tx, hold_id: UUID) -> WalletHold | None:
    """One hold."""
    row = await tx.fetchrow(_SELECT + "AND holds.id = $2", tx.tenant_id, hold_id)
    return None if row is None else _hold(row)


async def lock_hold(tx: Tx, hold_id: UUID) -> WalletHold | None:
    """One hold, locked: captured, released or expired one at a time."""
    row = await tx.fetchrow(_SELECT + "AND holds.id = $2 FOR NO KEY UPDATE OF holds", tx.tenant_id, hold_id)
    return None if row is None else _hold(row)


async def lock_lapsed_holds(tx: Tx, limit: int) -> list[WalletHold]:
    """Open holds whose time has run out, locked; one that is being captured at this moment is left for later."""
    rows = await tx.fetch(
        _SELECT
        + """AND holds.status = 'open' AND holds.expires_at <= $2
                     ORDER BY holds.expires_at LIMIT $3 FOR NO KEY UPDATE OF holds SKIP LOCKED""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    return [_hold(row) for row in rows]


async def select_page(tx: Tx, *, wallet_id: UUID, status: str | None, before: UUID | None, limit: int) -> list[WalletHold]:
    """A wallet's holds, newest first."""
    rows = await tx.fetch(
        _SELECT
        + """AND holds.wallet_id = $2 AND ($3::text IS NULL OR holds.status = $3)
                     AND ($4::uuid IS NULL OR holds.id < $4) ORDER BY holds.id DESC LIMIT $5""",
        tx.tenant_id,
        wallet_id,
        status,
        before,
        limit,
    )
    return [_hold(row) for row in rows]


async def update_holds(tx: Tx, holds: Sequence[WalletHold]) -> None:
    """Write how far locked holds have come."""
    await tx.execute(
        """UPDATE holds SET status = state.status, captured_minor = state.captured, released_minor = state.released
           FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[]) AS state (id, status, captured, released)
           WHERE holds.tenant_id = $1 AND holds.id = state.id""",
        tx.tenant_id,
        [hold.id for hold in holds],
        [hold.status for hold in holds],
        [hold.captured_minor for hold in holds],
        [hold.released_minor for hold in holds],
    )


async def update_expiry(tx: Tx, hold_id: UUID, expires_at: datetime) -> None:
    """Until when a locked hold lasts."""
    await tx.execute("UPDATE holds SET expires_at = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, hold_id, expires_at)


async def select_hold_lots(tx: Tx, hold_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, int]]:
    """Hold, lot and amount of what these holds still reserve, each hold's in its order."""
    rows = await tx.fetch(
        """SELECT hold_id, lot_id, amount_minor FROM hold_lots
           WHERE tenant_id = $1 AND hold_id = ANY ($2::uuid[]) AND amount_minor > 0 ORDER BY hold_id, position""",
        tx.tenant_id,
        hold_ids,
    )
    return [(row["hold_id"], row["lot_id"], row["amount_minor"]) for row in rows]


async def update_hold_lots(tx: Tx, left: Sequence[tuple[UUID, UUID, int]]) -> None:
    """Write what holds still reserve of lots."""
    await tx.execute(
        """UPDATE hold_lots SET amount_minor = state.amount
           FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS state (hold_id, lot_id, amount)
           WHERE hold_lots.tenant_id = $1 AND hold_lots.hold_id = state.hold_id AND hold_lots.lot_id = state.lot_id""",
        tx.tenant_id,
        [hold_id for hold_id, _, _ in left],
        [lot_id for _, lot_id, _ in left],
        [amount for _, _, amount in left],
    )


def _hold(row: Record) -> WalletHold:
    reference = None if row["reference_type"] is None else Reference(row["reference_type"], row["reference_id"])
    return WalletHold(
        row["id"],
        row["wallet_id"],
        row["status"],
        Money(row["amount_minor"], row["currency"]),
        row["captured_minor"],
        row["released_minor"],
        reference,
        row["description"],
        msgspec.json.decode(row["metadata"]),
        row["created_at"],
        row["expires_at"],
    )
