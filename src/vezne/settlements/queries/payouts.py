"""SQL of payouts, what they pay, and the files banks are given."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.settlements.models import Payout, PayoutItem, PayoutStatus


def _payout(row: Record) -> Payout:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["status"] = PayoutStatus(facts["status"])
    return Payout(**facts)


async def count_payout(tx: Tx, payee_id: UUID, currency: str) -> int | None:
    """The number of the payee's next payout; payouts of this payee and currency take turns from here on. None: no account."""
    number: int | None = await tx.fetchval(
        """UPDATE payee_accounts SET payouts = payouts + 1 WHERE tenant_id = $1 AND payee_id = $2 AND currency = $3
           RETURNING payouts""",
        tx.tenant_id,
        payee_id,
        currency,
    )
    return number


async def insert_payout(tx: Tx, made: Payout) -> None:
    """A new payout."""
    await tx.execute(
        """INSERT INTO payouts (tenant_id, id, payee_id, currency, number, amount_minor, status, note, requested_by,
                                requested_at, entry_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        tx.tenant_id,
        made.id,
        made.payee_id,
        made.currency,
        made.number,
        made.amount_minor,
        made.status,
        made.note,
        made.requested_by,
        made.requested_at,
        made.entry_id,
    )


async def take_along(tx: Tx, payout_id: UUID, move_ids: Sequence[UUID]) -> int:
    """Let a payout take along those of these moves that no other one took; how many."""
    taken: int = await tx.fetchval(
        """WITH taken AS (
               UPDATE settlement_moves SET payout_id = $2
               WHERE tenant_id = $1 AND id = ANY ($3::uuid[]) AND payout_id IS NULL
               RETURNING id, settlement_id, kind, payee_minor
           ), kept AS (
               INSERT INTO payout_items (tenant_id, payout_id, move_id, settlement_id, kind, amount_minor)
               SELECT $1, $2, id, settlement_id, kind, payee_minor FROM taken
           )
           SELECT count(*) FROM taken""",
        tx.tenant_id,
        payout_id,
        move_ids,
    )
    return taken


async def let_go(tx: Tx, payout_id: UUID) -> None:
    """What a payout took along waits for another one."""
    await tx.execute(
        "UPDATE settlement_moves SET payout_id = NULL WHERE tenant_id = $1 AND payout_id = $2", tx.tenant_id, payout_id
    )
    await tx.execute("UPDATE payout_items SET live = false WHERE tenant_id = $1 AND payout_id = $2", tx.tenant_id, payout_id)


async def select_payout(tx: Tx, payout_id: UUID) -> Payout | None:
    """One payout, not locked."""
    row = await tx.fetchrow("SELECT * FROM payouts WHERE tenant_id = $1 AND id = $2", tx.tenant_id, payout_id)
    return None if row is None else _payout(row)


async def lock_payouts(tx: Tx, payout_ids: Sequence[UUID]) -> dict[UUID, Payout]:
    """These payouts, locked in the order of their ids."""
    rows = await tx.fetch(
        "SELECT * FROM payouts WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE",
        tx.tenant_id,
        payout_ids,
    )
    return {row["id"]: _payout(row) for row in rows}


async def update_payout(tx: Tx, payout: Payout) -> None:
    """Write how far a locked payout has come."""
    await tx.execute(
        """UPDATE payouts SET status = $3, decided_by = $4, decided_at = $5, sent_by = $6, sent_at = $7, ended_by = $8,
                  ended_at = $9, reason = $10, bank_reference = $11, file_id = $12, end_entry_id = $13
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        payout.id,
        payout.status,
        payout.decided_by,
        payout.decided_at,
        payout.sent_by,
        payout.sent_at,
        payout.ended_by,
        payout.ended_at,
        payout.reason,
        payout.bank_reference,
        payout.file_id,
        payout.end_entry_id,
    )


async def select_under_way(tx: Tx, payee_ids: Sequence[UUID]) -> dict[tuple[UUID, str], int]:
    """What is on its way to these payees, by currency."""
    rows = await tx.fetch(
        """SELECT payee_id, currency, sum(amount_minor)::bigint AS amount FROM payouts
           WHERE tenant_id = $1 AND payee_id = ANY ($2::uuid[]) AND status IN ('requested', 'approved', 'sent')
           GROUP BY payee_id, currency""",
        tx.tenant_id,
        payee_ids,
    )
    return {(row["payee_id"], row["currency"]): row["amount"] for row in rows}


async def select_items(tx: Tx, payout_ids: Sequence[UUID]) -> list[PayoutItem]:
    """What these payouts pay, each one's by settlement."""
    rows = await tx.fetch(
        """SELECT payout_id, move_id, settlement_id, kind, amount_minor, live FROM payout_items
           WHERE tenant_id = $1 AND payout_id = ANY ($2::uuid[]) ORDER BY payout_id, settlement_id, move_id""",
        tx.tenant_id,
        payout_ids,
    )
    return [PayoutItem(**row) for row in rows]


async def select_page(
    tx: Tx, *, payee_id: UUID | None, currency: str | None, status: str | None, before: UUID | None, limit: int
) -> list[Payout]:
    """Payouts, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM payouts
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR payee_id = $2) AND ($3::text IS NULL OR currency = $3)
             AND ($4::text IS NULL OR status = $4) AND ($5::uuid IS NULL OR id < $5)
           ORDER BY id DESC LIMIT $6""",
        tx.tenant_id,
        payee_id,
        currency,
        status,
        before,
        limit,
    )
    return [_payout(row) for row in rows]
