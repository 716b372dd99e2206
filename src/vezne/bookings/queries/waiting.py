"""SQL of waiting lists. Whoever offers or changes a place has locked the resource."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from vezne.bookings.models import Waiting
from vezne.kernel.db import Tx


def _waiting(row: Record) -> Waiting:
    return Waiting(**{name: value for name, value in row.items() if name != "tenant_id"})


async def insert_waiting(tx: Tx, waiting: Waiting) -> bool:
    """A new place at the end of the line. False: the customer has one already."""
    written = await tx.execute(
        """INSERT INTO waitings (tenant_id, id, resource_id, customer_id, quantity, status, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (tenant_id, resource_id, customer_id) WHERE status IN ('waiting', 'offered') DO NOTHING""",
        tx.tenant_id,
        waiting.id,
        waiting.resource_id,
        waiting.customer_id,
        waiting.quantity,
        waiting.status,
        waiting.created_at,
    )
    return written == 1


async def select_waiting(tx: Tx, waiting_id: UUID) -> Waiting | None:
    """One place."""
    row = await tx.fetchrow("SELECT * FROM waitings WHERE tenant_id = $1 AND id = $2", tx.tenant_id, waiting_id)
    return None if row is None else _waiting(row)


async def select_in_line(tx: Tx, resource_id: UUID, seats: int) -> Waiting | None:
    """The first in line who wants no more than `seats`."""
    row = await tx.fetchrow(
        """SELECT * FROM waitings WHERE tenant_id = $1 AND resource_id = $2 AND status = 'waiting' AND quantity <= $3
           ORDER BY id LIMIT 1""",
        tx.tenant_id,
        resource_id,
        seats,
    )
    return None if row is None else _waiting(row)


async def select_offer_to(tx: Tx, resource_id: UUID, customer_id: UUID) -> Waiting | None:
    """The place of a customer to whom seats are offered."""
    row = await tx.fetchrow(
        "SELECT * FROM waitings WHERE tenant_id = $1 AND resource_id = $2 AND customer_id = $3 AND status = 'offered'",
        tx.tenant_id,
        resource_id,
        customer_id,
    )
    return None if row is None else _waiting(row)


async def update_waiting(tx: Tx, waiting: Waiting) -> None:
    """A place as it is now."""
    await tx.execute(
        "UPDATE waitings SET status = $3, claim_id = $4, offered_at = $5 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        waiting.id,
        waiting.status,
        waiting.claim_id,
        waiting.offered_at,
    )


async def end_offers(tx: Tx, claim_ids: Sequence[UUID], status: str) -> list[Waiting]:
    """The offers of these claims end; the places they were made to."""
    rows = await tx.fetch(
        """UPDATE waitings SET status = $3 WHERE tenant_id = $1 AND claim_id = ANY ($2::uuid[]) AND status = 'offered'
           RETURNING *""",
        tx.tenant_id,
        claim_ids,
        status,
    )
    return [_waiting(row) for row in rows]


async def end_line(tx: Tx, resource_id: UUID) -> list[Waiting]:
    """Nobody waits for the resource any longer; who did."""
    rows = await tx.fetch(
        """UPDATE waitings SET status = 'left' WHERE tenant_id = $1 AND resource_id = $2 AND status = 'waiting' RETURNING *""",
        tx.tenant_id,
        resource_id,
    )
    return [_waiting(row) for row in rows]


async def select_waitings(tx: Tx, *, resource_id: UUID, status: str | None, after: UUID | None, limit: int) -> list[Waiting]:
    """A resource's line, the first in line first."""
    rows = await tx.fetch(
        """SELECT * FROM waitings
           WHERE tenant_id = $1 AND resource_id = $2 AND ($3::text IS NULL OR status = $3) AND ($4::uuid IS NULL OR id > $4)
           ORDER BY id LIMIT $5""",
        tx.tenant_id,
        resource_id,
        status,
        after,
        limit,
    )
    return [_waiting(row) for row in rows]
