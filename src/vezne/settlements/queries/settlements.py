"""SQL of settlements, their moves and the payees' accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.settlements.models import Due, Move, PayeeAccounts, Settlement


def _settlement(row: Record) -> Settlement:
    return Settlement(**{name: value for name, value in row.items() if name != "tenant_id"})


def _move(row: Record) -> Move:
    return Move(**{name: value for name, value in row.items() if name != "tenant_id"})


async def insert_accounts(tx: Tx, accounts: PayeeAccounts) -> None:
    """Remember a payee's accounts of a currency. Again: nothing, they are the same."""
    await tx.execute(
        """INSERT INTO payee_accounts (tenant_id, payee_id, currency, account, reserve_account, created_at)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, payee_id, currency) DO NOTHING""",
        tx.tenant_id,
        accounts.payee_id,
        accounts.currency,
        accounts.account,
        accounts.reserve_account,
        tx.now,
    )


async def select_accounts(tx: Tx, payee_id: UUID, currency: str | None = None) -> list[PayeeAccounts]:
    """The payee's accounts, all or of one currency, by currency."""
    rows = await tx.fetch(
        """SELECT payee_id, currency, account, reserve_account FROM payee_accounts
           WHERE tenant_id = $1 AND payee_id = $2 AND ($3::text IS NULL OR currency = $3) ORDER BY currency""",
        tx.tenant_id,
        payee_id,
        currency,
    )
    return [PayeeAccounts(**row) for row in rows]


async def insert_settlement(tx: Tx, made: Settlement) -> bool:
    """A new settlement; False when its line is settled already, by whoever came first."""
    return bool(
        await tx.execute(
            """INSERT INTO settlements (tenant_id, id, line_id, order_id, payee_id, currency, gross_minor, share_minor,
                                        fee_minor, reserve_minor, fee_rule_id, fee_rule_version, percentage, description,
                                        release_at, created_at, parts)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
               ON CONFLICT (tenant_id, line_id) DO NOTHING""",
            tx.tenant_id,
            made.id,
            made.line_id,
            made.order_id,
            made.payee_id,
            made.currency,
            made.gross_minor,
            made.share_minor,
            made.fee_minor,
            made.reserve_minor,
            made.fee_rule_id,
            made.fee_rule_version,
            made.percentage,
            made.description,
            made.release_at,
            made.created_at,
            made.parts,
        )
    )


async def select_of_line(tx: Tx, line_id: UUID) -> Settlement | None:
    """The settlement of a line, not locked."""
    row = await tx.fetchrow("SELECT * FROM settlements WHERE tenant_id = $1 AND line_id = $2", tx.tenant_id, line_id)
    return None if row is None else _settlement(row)


async def lock_of_line(tx: Tx, line_id: UUID) -> Settlement | None:
    """The settlement of a line, locked: claw-backs of one line take turns."""
    row = await tx.fetchrow(
        "SELECT * FROM settlements WHERE tenant_id = $1 AND line_id = $2 FOR NO KEY UPDATE", tx.tenant_id, line_id
    )
    return None if row is None else _settlement(row)


async def lock_to_release(tx: Tx, limit: int) -> list[Settlement]:
    """Settlements whose reserve's day has come, locked in the order of their ids; one that is being changed is left for later."""
    rows = await tx.fetch(
        """SELECT * FROM settlements
           WHERE tenant_id = $1 AND release_at <= $2 AND release_at IS NOT NULL AND released_at IS NULL
           ORDER BY release_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    return sorted((_settlement(row) for row in rows), key=lambda found: found.id)


async def mark_clawed(tx: Tx, settlement_id: UUID, clawed: int, clawed_share: int) -> None:
    """Write how much of a locked settlement is clawed back."""
    await tx.execute(
        "UPDATE settlements SET clawed_minor = $3, clawed_share_minor = $4 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        settlement_id,
        clawed,
        clawed_share,
    )


async def mark_released(tx: Tx, settlement_ids: Sequence[UUID]) -> None:
    """The reserves of these locked settlements are kept back no longer."""
    await tx.execute(
        "UPDATE settlements SET released_at = $3 WHERE tenant_id = $1 AND id = ANY ($2::uuid[])",
        tx.tenant_id,
        settlement_ids,
        tx.now,
    )


async def insert_moves(tx: Tx, moves: Sequence[Move]) -> None:
    """What changed settlements."""
    for move in moves:
        await tx.execute(
            """INSERT INTO settlement_moves (tenant_id, id, settlement_id, payee_id, currency, kind, cause, gross_minor,
                                             share_minor, fee_minor, payee_minor, reserve_minor, entry_id, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",
            tx.tenant_id,
            move.id,
            move.settlement_id,
            move.payee_id,
            move.currency,
            move.kind,
            move.cause,
            move.gross_minor,
            move.share_minor,
            move.fee_minor,
            move.payee_minor,
            move.reserve_minor,
            move.entry_id,
            move.created_at,
        )


async def select_move(tx: Tx, settlement_id: UUID, kind: str, cause: str) -> Move | None:
    """What was done to a settlement for this cause."""
    row = await tx.fetchrow(
        "SELECT * FROM settlement_moves WHERE tenant_id = $1 AND settlement_id = $2 AND kind = $3 AND cause = $4",
        tx.tenant_id,
        settlement_id,
        kind,
        cause,
    )
    return None if row is None else _move(row)


async def select_moves(tx: Tx, settlement_ids: Sequence[UUID]) -> list[Move]:
    """All that was done to these settlements, oldest first."""
    rows = await tx.fetch(
        "SELECT * FROM settlement_moves WHERE tenant_id = $1 AND settlement_id = ANY ($2::uuid[]) ORDER BY settlement_id, id",
        tx.tenant_id,
        settlement_ids,
    )
    return [_move(row) for row in rows]


async def select_due(tx: Tx, payee_id: UUID, currency: str) -> list[Due]:
    """What each settlement has to give that no payout took along, the oldest settlement first."""
    rows = await tx.fetch(
        """SELECT settlement_id, sum(payee_minor)::bigint AS amount_minor, array_agg(id) AS move_ids FROM settlement_moves
           WHERE tenant_id = $1 AND payee_id = $2 AND currency = $3 AND payout_id IS NULL AND payee_minor <> 0
           GROUP BY settlement_id ORDER BY settlement_id""",
        tx.tenant_id,
        payee_id,
        currency,
    )
    return [Due(row["settlement_id"], row["amount_minor"], tuple(row["move_ids"])) for row in rows]


_WITH_STATUS: LiteralString = """
    SELECT settlements.*, stands.status
    FROM settlements
    CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(payouts.status IN ('requested', 'approved', 'sent')), false) AS under_way,
               coalesce(bool_or(moves.payout_id IS NULL AND moves.payee_minor <> 0), false) AS due
        FROM settlement_moves AS moves
        LEFT JOIN payouts ON payouts.tenant_id = moves.tenant_id AND payouts.id = moves.payout_id
        WHERE moves.tenant_id = settlements.tenant_id AND moves.settlement_id = settlements.id
    ) AS paid
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN clawed_minor = CASE WHEN gross_minor = 0 THEN parts ELSE gross_minor END THEN 'clawed_back'
            WHEN paid.under_way THEN 'in_payout'
            WHEN paid.due THEN 'due'
            WHEN released_at IS NULL AND reserve_minor > clawed_share_minor THEN 'reserved'
            ELSE 'paid' END AS status
    ) AS stands
    WHERE settlements.tenant_id = $1"""


def _with_status(row: Record) -> tuple[Settlement, str]:
    facts = {name: value for name, value in row.items() if name not in {"tenant_id", "status"}}
    return Settlement(**facts), row["status"]


async def select_page(
    tx: Tx,
    *,
    payee_id: UUID | None,
    order_id: UUID | None,
    currency: str | None,
    status: str | None,
    since: datetime | None,
    until: datetime | None,
    before: UUID | None,
    limit: int,
) -> list[tuple[Settlement, str]]:
    """Settlements with where they stand, newest first."""
    rows = await tx.fetch(
        _WITH_STATUS
        + """ AND ($2::uuid IS NULL OR payee_id = $2) AND ($3::uuid IS NULL OR order_id = $3)
              AND ($4::text IS NULL OR currency = $4) AND ($5::timestamptz IS NULL OR created_at >= $5)
              AND ($6::timestamptz IS NULL OR created_at < $6) AND ($7::uuid IS NULL OR id < $7)
              AND ($8::text IS NULL OR stands.status = $8) ORDER BY id DESC LIMIT $9""",
        tx.tenant_id,
        payee_id,
        order_id,
        currency,
        since,
        until,
        before,
        status,
        limit,
    )
    return [_with_status(row) for row in rows]


async def select_one(tx: Tx, settlement_id: UUID) -> tuple[Settlement, str] | None:
    """A settlement with where it stands."""
    row = await tx.fetchrow(_WITH_STATUS + " AND id = $2", tx.tenant_id, settlement_id)
    return None if row is None else _with_status(row)
