"""SQL of resources and their counters."""

from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.bookings.models import Resource
from vezne.kernel.db import Tx


def _resource(row: Record) -> Resource:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["metadata"] = msgspec.json.decode(facts["metadata"])
    return Resource(**facts)


async def insert_resource(tx: Tx, resource: Resource) -> None:
    """A new resource, with nothing booked."""
    await tx.execute(
        """INSERT INTO resources (tenant_id, id, kind, manner, name, item_id, payee_id, starts_at, ends_at, capacity, status,
                                  admission, hold_seconds, waiting_list, metadata, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)""",
        tx.tenant_id,
        resource.id,
        resource.kind,
        resource.manner,
        resource.name,
        resource.item_id,
        resource.payee_id,
        resource.starts_at,
        resource.ends_at,
        resource.capacity,
        resource.status,
        resource.admission,
        resource.hold_seconds,
        resource.waiting_list,
        msgspec.json.encode(resource.metadata).decode(),
        resource.created_at,
    )


async def select_resource(tx: Tx, resource_id: UUID) -> Resource | None:
    """The resource, not locked."""
    row = await tx.fetchrow("SELECT * FROM resources WHERE tenant_id = $1 AND id = $2", tx.tenant_id, resource_id)
    return None if row is None else _resource(row)


async def lock_resource(tx: Tx, resource_id: UUID) -> Resource | None:
    """The resource, locked: nobody else changes its counters meanwhile."""
    row = await tx.fetchrow("SELECT * FROM resources WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, resource_id)
    return None if row is None else _resource(row)


async def select_resources(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None,
    kind: str | None,
    status: str | None,
    item_id: UUID | None,
    payee_id: UUID | None,
) -> list[Resource]:
    """Resources, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM resources
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR kind = $3)
             AND ($4::text IS NULL OR status = $4) AND ($5::uuid IS NULL OR item_id = $5)
             AND ($6::uuid IS NULL OR payee_id = $6)
           ORDER BY id DESC LIMIT $7""",
        tx.tenant_id,
        before,
        kind,
        status,
        item_id,
        payee_id,
        limit,
    )
    return [_resource(row) for row in rows]


async def update_resource(tx: Tx, resource: Resource) -> None:
    """The details of a locked resource; not its counters."""
    await tx.execute(
        """UPDATE resources SET name = $3, item_id = $4, payee_id = $5, starts_at = $6, ends_at = $7, capacity = $8, status = $9,
                                admission = $10, hold_seconds = $11, waiting_list = $12, metadata = $13
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        resource.id,
        resource.name,
        resource.item_id,
        resource.payee_id,
        resource.starts_at,
        resource.ends_at,
        resource.capacity,
        resource.status,
        resource.admission,
        resource.hold_seconds,
        resource.waiting_list,
        msgspec.json.encode(resource.metadata).decode(),
    )


async def grow_pool(tx: Tx, resource_id: UUID, units: int) -> None:
    """A pool has so many units more."""
    await tx.execute(
        "UPDATE resources SET capacity = capacity + $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, resource_id, units
    )


async def move_seats(tx: Tx, resource_id: UUID, *, held: int = 0, taken: int = 0, going: int = 0) -> Resource | None:
    """Change the counters by so much, if there are seats for it; the resource after, locked, or None when there are not."""
    row = await tx.fetchrow(
        """UPDATE resources SET held = held + $3::bigint, taken = taken + $4::bigint,
               going_count = going_count + $5::bigint
           WHERE tenant_id = $1 AND id = $2
             AND ($3::bigint + $4::bigint <= 0 OR held + taken + $3::bigint + $4::bigint <= capacity)
           RETURNING *""",
        tx.tenant_id,
        resource_id,
        held,
        taken,
        going,
    )
    return None if row is None else _resource(row)
