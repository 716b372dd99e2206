"""SQL of disputes."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.payments.models_disputes import Dispute, DisputeStatus


def _dispute(row: Record) -> Dispute:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    return Dispute(**{**facts, "status": DisputeStatus(facts["status"])})


async def insert_dispute(tx: Tx, made: Dispute) -> None:
    """A new dispute of a locked payment."""
    await tx.execute(
        """INSERT INTO disputes (tenant_id, id, payment_id, attempt_id, provider, dispute_ref, status, amount_minor,
                                 reserved_minor, currency, reason, respond_by, opened_entry_id, look_at, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)""",
        tx.tenant_id,
        made.id,
        made.payment_id,
        made.attempt_id,
        made.provider,
        made.dispute_ref,
        made.status,
        made.amount_minor,
        made.reserved_minor,
        made.currency,
        made.reason,
        made.respond_by,
        made.opened_entry_id,
        made.look_at,
        made.created_at,
    )


async def update_dispute(tx: Tx, moved: Dispute) -> None:
    """The dispute of a locked payment as it now is."""
    await tx.execute(
        """UPDATE disputes SET status = $3, reason = $4, respond_by = $5, ended_entry_id = $6, look_at = $7, ended_at = $8
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        moved.id,
        moved.status,
        moved.reason,
        moved.respond_by,
        moved.ended_entry_id,
        moved.look_at,
        moved.ended_at,
    )


async def select_dispute(tx: Tx, dispute_id: UUID) -> Dispute | None:
    """The dispute."""
    row = await tx.fetchrow("SELECT * FROM disputes WHERE tenant_id = $1 AND id = $2", tx.tenant_id, dispute_id)
    return None if row is None else _dispute(row)


async def select_dispute_by_ref(tx: Tx, provider: str, dispute_ref: str) -> Dispute | None:
    """The dispute that the provider knows by this name."""
    row = await tx.fetchrow(
        "SELECT * FROM disputes WHERE tenant_id = $1 AND provider = $2 AND dispute_ref = $3", tx.tenant_id, provider, dispute_ref
    )
    return None if row is None else _dispute(row)


async def select_disputes(
    tx: Tx, *, limit: int, before: UUID | None, payment_id: UUID | None, status: str | None
) -> list[Dispute]:
    """Disputes, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM disputes
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR payment_id = $3)
             AND ($4::text IS NULL OR status = $4)
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        before,
        payment_id,
        status,
        limit,
    )
    return [_dispute(row) for row in rows]


async def take_due_disputes(tx: Tx, limit: int, again_after: timedelta) -> list[Dispute]:
    """Disputes that are to be looked at, the longest due first; they are due again `again_after` from now."""
    rows = await tx.fetch(
        """SELECT * FROM disputes WHERE tenant_id = $1 AND look_at <= $2
           ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    due = [_dispute(row) for row in rows]
    for dispute in due:
        await update_dispute(tx, replace(dispute, look_at=tx.now + again_after))
    return due
