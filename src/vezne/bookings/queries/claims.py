"""SQL of claims. Lock order: a claim before its resource or unit; whoever has the resource or unit never waits for a claim."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from vezne.bookings.models import Claim
from vezne.kernel.db import Tx


def claim_of_row(row: Record) -> Claim:
    """A claim as it is stored."""
    return Claim(**{name: value for name, value in row.items() if name != "tenant_id"})


async def insert_seats(tx: Tx, claim: Claim) -> bool:
    """Hold seats: the counter is raised and the claim written, in one statement, if the resource is open and has them.

    False: it has not, and nothing is written.
    """
    written = await tx.execute(
        """WITH resource AS (
               UPDATE resources SET held = held + $4
               WHERE tenant_id = $1 AND id = $3 AND status = 'open' AND held + taken + $4 <= capacity
               RETURNING tenant_id)
           INSERT INTO claims (tenant_id, id, resource_id, quantity, customer_id, purpose, status, expires_at, created_at)
           SELECT tenant_id, $2, $3, $4, $5, $6, 'held', $7, $8 FROM resource""",
        tx.tenant_id,
        claim.id,
        claim.resource_id,
        claim.quantity,
        claim.customer_id,
        claim.purpose,
        claim.expires_at,
        claim.created_at,
    )
    return written == 1


async def select_claim(tx: Tx, claim_id: UUID) -> Claim | None:
    """The claim, not locked."""
    row = await tx.fetchrow("SELECT * FROM claims WHERE tenant_id = $1 AND id = $2", tx.tenant_id, claim_id)
    return None if row is None else claim_of_row(row)


async def lock_claim(tx: Tx, claim_id: UUID) -> Claim | None:
    """The claim, locked."""
    row = await tx.fetchrow("SELECT * FROM claims WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, claim_id)
    return None if row is None else claim_of_row(row)


async def any_lapsed(tx: Tx, resource_id: UUID) -> bool:
    """Whether a held claim of the resource is past its time."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (
               SELECT FROM claims WHERE tenant_id = $1 AND resource_id = $2 AND status = 'held' AND expires_at <= $3)""",
        tx.tenant_id,
        resource_id,
        tx.now,
    )
    return found


async def lock_lapsed(tx: Tx, resource_id: UUID, *, limit: int) -> list[Claim]:
    """Held claims of a resource whose time is over, locked, oldest first; those that somebody is working on are left out."""
    rows = await tx.fetch(
        """SELECT * FROM claims
           WHERE tenant_id = $1 AND resource_id = $2 AND status = 'held' AND expires_at <= $3
           ORDER BY expires_at LIMIT $4 FOR UPDATE SKIP LOCKED""",
        tx.tenant_id,
        resource_id,
        tx.now,
        limit,
    )
    return [claim_of_row(row) for row in rows]


async def lock_lapsed_between(
    tx: Tx, resource_id: UUID, starts_at: datetime | None, ends_at: datetime | None, *, limit: int
) -> list[Claim]:
    """Held claims of a pool that meet this period and whose time is over, locked; whoever works on one is waited for."""
    rows = await tx.fetch(
        """SELECT * FROM claims
           WHERE tenant_id = $1 AND resource_id = $2 AND status = 'held' AND expires_at <= $3 AND starts_at < $5 AND ends_at > $4
           ORDER BY expires_at, id LIMIT $6 FOR UPDATE""",
        tx.tenant_id,
        resource_id,
        tx.now,
        starts_at,
        ends_at,
        limit,
    )
    return [claim_of_row(row) for row in rows]


async def lock_held_of(tx: Tx, resource_id: UUID) -> list[Claim]:
    """All held claims of a resource, locked."""
    rows = await tx.fetch(
        "SELECT * FROM claims WHERE tenant_id = $1 AND resource_id = $2 AND status = 'held' ORDER BY id FOR UPDATE",
        tx.tenant_id,
        resource_id,
    )
    return [claim_of_row(row) for row in rows]


async def select_due_resource(tx: Tx) -> UUID | None:
    """A resource with a held claim whose time is over and on which nobody is working; None when there is none."""
    found: UUID | None = await tx.fetchval(
        """SELECT resource_id FROM claims WHERE tenant_id = $1 AND status = 'held' AND expires_at <= $2
           ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED""",
        tx.tenant_id,
        tx.now,
    )
    return found


async def end_held(tx: Tx, claim_ids: Sequence[UUID], status: str) -> None:
    """Locked held claims lapse or are released."""
    await tx.execute(
        "UPDATE claims SET status = $3, expires_at = NULL WHERE tenant_id = $1 AND id = ANY ($2::uuid[])",
        tx.tenant_id,
        claim_ids,
        status,
    )


async def update_claim(tx: Tx, claim: Claim) -> None:
    """A locked claim as it is now."""
    await tx.execute(
        """UPDATE claims SET unit_id = $3, quantity = $4, cancelled = $5, purpose = $6, status = $7, expires_at = $8,
                             order_id = $9
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        claim.id,
        claim.unit_id,
        claim.quantity,
        claim.cancelled,
        claim.purpose,
        claim.status,
        claim.expires_at,
        claim.order_id,
    )


async def select_claims(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None,
    resource_id: UUID | None,
    customer_id: UUID | None,
    status: str | None,
    payee_id: UUID | None,
) -> list[Claim]:
    """Claims, newest first."""
    rows = await tx.fetch(
        """SELECT claims.* FROM claims
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR resource_id = $3)
             AND ($4::uuid IS NULL OR customer_id = $4) AND ($5::text IS NULL OR status = $5)
             AND ($6::uuid IS NULL OR EXISTS (
                 SELECT FROM resources WHERE resources.tenant_id = $1 AND resources.id = claims.resource_id AND payee_id = $6))
           ORDER BY id DESC LIMIT $7""",
        tx.tenant_id,
        before,
        resource_id,
        customer_id,
        status,
        payee_id,
        limit,
    )
    return [claim_of_row(row) for row in rows]
