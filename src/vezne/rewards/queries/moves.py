"""The SQL of adjustments and free redemptions."""

from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.rewards.models.rewards import CoinMove


async def insert_move(tx: Tx, move: CoinMove) -> None:
    """Write coins that were given, taken or spent."""
    await tx.execute(
        """INSERT INTO coin_moves (tenant_id, id, customer_id, type, reference, amount_minor, currency, reason, transaction_id,
                                   actor, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        tx.tenant_id,
        move.id,
        move.customer_id,
        move.type,
        move.reference,
        move.amount_minor,
        move.currency,
        move.reason,
        move.transaction_id,
        move.actor,
        move.created_at,
    )


async def select_move(tx: Tx, customer_id: UUID, type_: str, reference: str) -> CoinMove | None:
    """What was done for this customer under this reference."""
    row = await tx.fetchrow(
        "SELECT * FROM coin_moves WHERE tenant_id = $1 AND customer_id = $2 AND type = $3 AND reference = $4",
        tx.tenant_id,
        customer_id,
        type_,
        reference,
    )
    return None if row is None else _move(row)


async def select_moves(tx: Tx, *, type_: str | None, customer_id: UUID | None, before: UUID | None, limit: int) -> list[CoinMove]:
    """Adjustments and free redemptions, newest first; `before` is a transaction."""
    rows = await tx.fetch(
        """SELECT * FROM coin_moves
           WHERE tenant_id = $1 AND ($2::text IS NULL OR type = $2) AND ($3::uuid IS NULL OR customer_id = $3)
             AND ($4::uuid IS NULL OR transaction_id < $4)
           ORDER BY transaction_id DESC LIMIT $5""",
        tx.tenant_id,
        type_,
        customer_id,
        before,
        limit,
    )
    return [_move(row) for row in rows]


def _move(row: Record) -> CoinMove:
    return CoinMove(**{name: value for name, value in row.items() if name != "tenant_id"})
