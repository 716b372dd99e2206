"""SQL of lots, what entries did to them, and refunds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.wallets.models import Lot

_SELECT: LiteralString = """
    SELECT id, wallet_id, type, origin, amount_minor, remaining_minor, held_minor, granted_at, expires_at FROM lots
    WHERE tenant_id = $1 """


@dataclass(frozen=True, slots=True)
class LotMove:
    """What an entry took from (negative) or put into (positive) a lot, `position`-th."""

    entry_id: UUID
    lot_id: UUID
    position: int
    delta_minor: int


@dataclass(frozen=True, slots=True)
class Reversal:
    """What was taken back of a credit for one cause; no entry where nothing was there to take."""

    reversed_entry_id: UUID
    cause: str
    entry_id: UUID | None
    asked_minor: int
    amount_minor: int


async def select_filled_lots(tx: Tx, wallet_ids: Sequence[UUID]) -> list[Lot]:
    """The lots of these wallets in which something is left. The caller has locked the wallets' accounts."""
    rows = await tx.fetch(_SELECT + "AND wallet_id = ANY ($2::uuid[]) AND remaining_minor > 0", tx.tenant_id, wallet_ids)
    return [_lot(row) for row in rows]


async def select_unspent(tx: Tx, wallet_ids: Sequence[UUID], lot_type: str) -> dict[tuple[UUID, str], int]:
    """What is left in the lots of this type that have not lapsed, by wallet and origin."""
    rows = await tx.fetch(
        """SELECT wallet_id, origin, sum(remaining_minor)::bigint AS remaining FROM lots
           WHERE tenant_id = $1 AND wallet_id = ANY ($2::uuid[]) AND remaining_minor > 0 AND type = $3
             AND (expires_at IS NULL OR expires_at > $4)
           GROUP BY wallet_id, origin""",
        tx.tenant_id,
        wallet_ids,
        lot_type,
        tx.now,
    )
    return {(row["wallet_id"], row["origin"]): row["remaining"] for row in rows}


async def select_lots(tx: Tx, lot_ids: Sequence[UUID]) -> dict[UUID, Lot]:
    """Lots by id. To change one the caller has locked its wallet's account."""
    rows = await tx.fetch(_SELECT + "AND id = ANY ($2::uuid[])", tx.tenant_id, lot_ids)
    return {row["id"]: _lot(row) for row in rows}


async def insert_lots(tx: Tx, lots: Sequence[Lot]) -> None:
    """Write new lots."""
    await tx.execute(
        """INSERT INTO lots (tenant_id, id, wallet_id, type, origin, amount_minor, remaining_minor, held_minor, granted_at,
                             expires_at)
           SELECT $1, lot.* FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
                                        $9::timestamptz[], $10::timestamptz[]) AS lot""",
        tx.tenant_id,
        [lot.id for lot in lots],
        [lot.wallet_id for lot in lots],
        [lot.type for lot in lots],
        [lot.origin for lot in lots],
        [lot.amount_minor for lot in lots],
        [lot.remaining_minor for lot in lots],
        [lot.held_minor for lot in lots],
        [lot.granted_at for lot in lots],
        [lot.expires_at for lot in lots],
    )


async def update_lots(tx: Tx, lots: Sequence[Lot]) -> None:
    """Write what is left of, and held in, lots."""
    await tx.execute(
        """UPDATE lots SET remaining_minor = state.remaining, held_minor = state.held
           FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS state (id, remaining, held)
           WHERE lots.tenant_id = $1 AND lots.id = state.id""",
        tx.tenant_id,
        [lot.id for lot in lots],
        [lot.remaining_minor for lot in lots],
        [lot.held_minor for lot in lots],
    )


async def insert_lot_moves(tx: Tx, moves: Sequence[LotMove]) -> None:
    """Write what entries did to lots."""
    await tx.execute(
        """INSERT INTO lot_moves (tenant_id, entry_id, lot_id, position, delta_minor)
           SELECT $1, move.* FROM unnest($2::uuid[], $3::uuid[], $4::smallint[], $5::bigint[]) AS move""",
        tx.tenant_id,
        [move.entry_id for move in moves],
        [move.lot_id for move in moves],
        [move.position for move in moves],
        [move.delta_minor for move in moves],
    )


async def select_lot_moves(tx: Tx, entry_id: UUID) -> list[LotMove]:
    """What an entry did to lots, in its order."""
    rows = await tx.fetch(
        """SELECT entry_id, lot_id, position, delta_minor FROM lot_moves
           WHERE tenant_id = $1 AND entry_id = $2 ORDER BY position""",
        tx.tenant_id,
        entry_id,
    )
    return [LotMove(*row) for row in rows]


async def insert_refund(tx: Tx, refunded_entry_id: UUID, entry_id: UUID, amount_minor: int) -> None:
    """Write that an entry gave back so much of another."""
    await tx.execute(
        "INSERT INTO wallet_refunds (tenant_id, refunded_entry_id, entry_id, amount_minor) VALUES ($1, $2, $3, $4)",
        tx.tenant_id,
        refunded_entry_id,
        entry_id,
        amount_minor,
    )


async def select_refunded(tx: Tx, entry_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How much of each entry has been given back."""
    rows = await tx.fetch(
        """SELECT refunded_entry_id, sum(amount_minor)::bigint AS amount FROM wallet_refunds
           WHERE tenant_id = $1 AND refunded_entry_id = ANY ($2::uuid[]) GROUP BY refunded_entry_id""",
        tx.tenant_id,
        entry_ids,
    )
    return {row["refunded_entry_id"]: row["amount"] for row in rows}


async def insert_reversal(tx: Tx, reversal: Reversal) -> None:
    """Write what an entry took back of a credit, for one cause."""
    await tx.execute(
        """INSERT INTO wallet_reversals (tenant_id, reversed_entry_id, cause, entry_id, asked_minor, amount_minor)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        tx.tenant_id,
        reversal.reversed_entry_id,
        reversal.cause,
        reversal.entry_id,
        reversal.asked_minor,
        reversal.amount_minor,
    )


async def select_reversals(tx: Tx, reversed_entry_id: UUID) -> dict[str, Reversal]:
    """What was taken back of a credit, by cause."""
    rows = await tx.fetch(
        """SELECT reversed_entry_id, cause, entry_id, asked_minor, amount_minor FROM wallet_reversals
           WHERE tenant_id = $1 AND reversed_entry_id = $2""",
        tx.tenant_id,
        reversed_entry_id,
    )
    return {row["cause"]: Reversal(*row) for row in rows}


async def select_revoked(tx: Tx, entry_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How much of each credit has been taken back, where any was."""
    rows = await tx.fetch(
        """SELECT reversed_entry_id, sum(amount_minor)::bigint AS amount FROM wallet_reversals
           WHERE tenant_id = $1 AND reversed_entry_id = ANY ($2::uuid[]) AND amount_minor > 0 GROUP BY reversed_entry_id""",
        tx.tenant_id,
        entry_ids,
    )
    return {row["reversed_entry_id"]: row["amount"] for row in rows}


def _lot(row: Record) -> Lot:
    return Lot(*row)
