"""SQL of money that no order can take."""

from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.orders.models import Action, Unmatched


def _unmatched(row: Record) -> Unmatched:
    return Unmatched(**{name: value for name, value in row.items() if name != "tenant_id"})


async def insert_unmatched(tx: Tx, found: Unmatched) -> bool:
    """Money that waits for a decision; False, and nothing done, when it waits already."""
    made = await tx.execute(
        """INSERT INTO unmatched_money (tenant_id, id, payment_id, attempt_id, order_id, customer_id, reason, detail,
                                        amount_minor, currency, status, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
           ON CONFLICT (tenant_id, payment_id, attempt_id) DO NOTHING""",
        tx.tenant_id,
        found.id,
        found.payment_id,
        found.attempt_id,
        found.order_id,
        found.customer_id,
        found.reason,
        found.detail,
        found.amount_minor,
        found.currency,
        found.status,
        found.created_at,
    )
    return made == 1


async def select_unmatched(tx: Tx, unmatched_id: UUID) -> Unmatched | None:
    """The money, not locked."""
    row = await tx.fetchrow("SELECT * FROM unmatched_money WHERE tenant_id = $1 AND id = $2", tx.tenant_id, unmatched_id)
    return None if row is None else _unmatched(row)


async def lock_unmatched(tx: Tx, unmatched_id: UUID) -> Unmatched | None:
    """The money, locked; its payment is locked before it."""
    row = await tx.fetchrow(
        "SELECT * FROM unmatched_money WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, unmatched_id
    )
    return None if row is None else _unmatched(row)


async def lock_unmatched_of_refund(tx: Tx, refund_id: UUID) -> Unmatched | None:
    """The money that this refund gives back, locked."""
    row = await tx.fetchrow(
        "SELECT * FROM unmatched_money WHERE tenant_id = $1 AND refund_id = $2 FOR UPDATE", tx.tenant_id, refund_id
    )
    return None if row is None else _unmatched(row)


async def lock_final_unmatched(tx: Tx, payment_id: UUID) -> Unmatched | None:
    """What waits of the very money that paid a locked payment, locked."""
    row = await tx.fetchrow(
        """SELECT * FROM unmatched_money
           WHERE tenant_id = $1 AND payment_id = $2 AND reason IN ('paid_late', 'no_order') FOR UPDATE""",
        tx.tenant_id,
        payment_id,
    )
    return None if row is None else _unmatched(row)


async def select_unmatched_page(
    tx: Tx, *, limit: int, before: UUID | None, status: str | None, reason: str | None
) -> list[Unmatched]:
    """Money that no order could take, newest first; for one payee's staff none, as it is nobody's."""
    rows = await tx.fetch(
        """SELECT * FROM unmatched_money
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR status = $3)
             AND ($4::text IS NULL OR reason = $4) AND $6::uuid IS NULL
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        before,
        status,
        reason,
        limit,
        tx.principal.payee_id,
    )
    return [_unmatched(row) for row in rows]


async def update_resolved(
    tx: Tx, unmatched_id: UUID, action: Action, *, transaction_id: UUID | None = None, entry_id: UUID | None = None
) -> None:
    """It is decided, and done."""
    await tx.execute(
        """UPDATE unmatched_money SET status = 'resolved', action = $3, transaction_id = $4, entry_id = $5, resolved_by = $6,
                                      resolved_at = $7
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        unmatched_id,
        action,
        transaction_id,
        entry_id,
        tx.principal.actor,
        tx.now,
    )


async def update_under_way(tx: Tx, unmatched_id: UUID, refund_id: UUID) -> None:
    """It is going back."""
    await tx.execute(
        """UPDATE unmatched_money SET status = 'under_way', action = 'refund', refund_id = $3, resolved_by = $4
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        unmatched_id,
        refund_id,
        tx.principal.actor,
    )


async def update_waiting(tx: Tx, unmatched_id: UUID) -> None:
    """It did not go back, and waits again."""
    await tx.execute(
        """UPDATE unmatched_money SET status = 'waiting', action = NULL, refund_id = NULL, resolved_by = NULL
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        unmatched_id,
    )
