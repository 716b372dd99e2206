"""SQL of pools: units and the gaps of free time between what is claimed of them. Whoever changes a unit's gaps has locked it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.bookings.models import Claim, Unit
from vezne.kernel.db import Tx

_FIND = """
    SELECT units.id FROM unit_gaps AS gap JOIN units ON units.tenant_id = gap.tenant_id AND units.id = gap.unit_id
    WHERE gap.tenant_id = $1 AND gap.resource_id = $2 AND tstzrange(gap.starts_at, gap.ends_at) @> tstzrange($3, $4)
      AND units.status <> 'out_of_service'
    LIMIT 1 FOR UPDATE OF units"""
_TAKE_TIME = """
    WITH gap AS (
        DELETE FROM unit_gaps WHERE tenant_id = $1 AND unit_id = $2 AND starts_at <= $3 AND ends_at >= $4
        RETURNING tenant_id, unit_id, resource_id, starts_at, ends_at),
    rest AS (
        INSERT INTO unit_gaps (tenant_id, unit_id, resource_id, starts_at, ends_at)
        SELECT tenant_id, unit_id, resource_id, starts_at, $3 FROM gap WHERE starts_at < $3
        UNION ALL
        SELECT tenant_id, unit_id, resource_id, $4, ends_at FROM gap WHERE ends_at > $4)"""

_FIND_AT_ONCE = _FIND + " SKIP LOCKED"
_AND_CLAIM_IT = """
    INSERT INTO claims (tenant_id, id, resource_id, unit_id, starts_at, ends_at, quantity, customer_id, purpose, status,
                        expires_at, created_at)
    SELECT $1, $5, resource_id, $2, $3, $4, 1, $6, $7, 'held', $8, $9 FROM gap"""
_AND_COUNT = " SELECT count(*) FROM gap"


def _unit(row: Record) -> Unit:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["metadata"] = msgspec.json.decode(facts["metadata"])
    return Unit(**facts)


async def insert_units(tx: Tx, units: Sequence[Unit]) -> int:
    """New units, free for all time; fewer than given are written when a name is taken."""
    return await tx.execute(
        """WITH fresh AS (
               INSERT INTO units (tenant_id, id, resource_id, name, status, metadata, created_at)
               SELECT $1, each.id, $2, each.name, 'idle', $5, $6 FROM unnest($3::uuid[], $4::text[]) AS each(id, name)
               ON CONFLICT (tenant_id, resource_id, name) DO NOTHING
               RETURNING id)
           INSERT INTO unit_gaps (tenant_id, unit_id, resource_id, starts_at, ends_at)
           SELECT $1, id, $2, '-infinity', 'infinity' FROM fresh""",
        tx.tenant_id,
        units[0].resource_id,
        [unit.id for unit in units],
        [unit.name for unit in units],
        msgspec.json.encode(units[0].metadata).decode(),
        units[0].created_at,
    )


async def select_names(tx: Tx, resource_id: UUID, names: Sequence[str], others: Sequence[UUID]) -> list[str]:
    """Which of these names units of the pool have, other than `others`."""
    rows = await tx.fetch(
        "SELECT name FROM units WHERE tenant_id = $1 AND resource_id = $2 AND name = ANY ($3::text[]) AND id <> ALL ($4::uuid[])",
        tx.tenant_id,
        resource_id,
        names,
        others,
    )
    return [row["name"] for row in rows]


async def lock_free_unit(
    tx: Tx, resource_id: UUID, starts_at: datetime | None, ends_at: datetime | None, *, wait: bool
) -> UUID | None:
    """A unit that seemed free for the whole period, locked: `insert_claim` tells whether it still is.

    Without `wait`, units on which somebody is working are passed over.
    """
    sql = _FIND if wait else _FIND_AT_ONCE
    found: UUID | None = await tx.fetchval(sql, tx.tenant_id, resource_id, starts_at, ends_at)
    return found


async def insert_claim(tx: Tx, claim: Claim) -> bool:
    """Hold a locked unit for a period: the gap around it is cut and the claim written. False: the unit is not free for it."""
    written = await tx.execute(
        _TAKE_TIME + _AND_CLAIM_IT,
        tx.tenant_id,
        claim.unit_id,
        claim.starts_at,
        claim.ends_at,
        claim.id,
        claim.customer_id,
        claim.purpose,
        claim.expires_at,
        claim.created_at,
    )
    return written == 1


async def take_time(tx: Tx, unit_id: UUID, starts_at: datetime | None, ends_at: datetime | None) -> bool:
    """Cut a period out of a locked unit's free time. False: it is not free for it."""
    found: int = await tx.fetchval(_TAKE_TIME + _AND_COUNT, tx.tenant_id, unit_id, starts_at, ends_at)
    return found == 1


async def give_time(tx: Tx, unit_id: UUID, starts_at: datetime | None, ends_at: datetime | None) -> None:
    """A period of a locked unit is free again: it becomes one gap with its neighbours."""
    await tx.execute(
        """WITH beside AS (
               DELETE FROM unit_gaps WHERE tenant_id = $1 AND unit_id = $2 AND (ends_at = $3 OR starts_at = $4)
               RETURNING starts_at, ends_at)
           INSERT INTO unit_gaps (tenant_id, unit_id, resource_id, starts_at, ends_at)
           SELECT tenant_id, id, resource_id, least($3, (SELECT min(starts_at) FROM beside)),
                  greatest($4, (SELECT max(ends_at) FROM beside))
           FROM units WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        unit_id,
        starts_at,
        ends_at,
    )


async def lock_units(tx: Tx, unit_ids: Sequence[UUID]) -> None:
    """Lock these units, in the order of their ids."""
    await tx.execute(
        "SELECT FROM units WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE", tx.tenant_id, unit_ids
    )


async def lock_unit(tx: Tx, unit_id: UUID) -> Unit | None:
    """The unit, locked."""
    row = await tx.fetchrow("SELECT * FROM units WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, unit_id)
    return None if row is None else _unit(row)


async def select_unit(tx: Tx, unit_id: UUID) -> Unit | None:
    """The unit, not locked."""
    row = await tx.fetchrow("SELECT * FROM units WHERE tenant_id = $1 AND id = $2", tx.tenant_id, unit_id)
    return None if row is None else _unit(row)


async def select_units(tx: Tx, resource_id: UUID, *, limit: int, before: UUID | None, status: str | None) -> list[Unit]:
    """A pool's units, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM units
           WHERE tenant_id = $1 AND resource_id = $2 AND ($3::uuid IS NULL OR id < $3) AND ($4::text IS NULL OR status = $4)
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        resource_id,
        before,
        status,
        limit,
    )
    return [_unit(row) for row in rows]


async def update_unit(tx: Tx, unit: Unit) -> None:
    """A locked unit's name and status."""
    await tx.execute(
        "UPDATE units SET name = $3, status = $4 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, unit.id, unit.name, unit.status
    )


async def occupy(tx: Tx, unit_id: UUID) -> None:
    """A locked unit's status, as the booked periods on it that have not ended say; out of service it stays so."""
    await tx.execute(
        """UPDATE units SET occupied_until = booked.until,
               status = CASE WHEN status = 'out_of_service' THEN status WHEN booked.until IS NULL THEN 'idle' ELSE 'occupied' END
           FROM (SELECT max(ends_at) AS until FROM claims
                 WHERE tenant_id = $1 AND unit_id = $2 AND status = 'consumed' AND ends_at > $3
                   AND tstzrange(starts_at, ends_at) && tstzrange($3, NULL)) AS booked
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        unit_id,
        tx.now,
    )


async def vacate_due(tx: Tx, limit: int) -> int:
    """Units whose last booked period is over are idle; how many those were."""
    return await tx.execute(
        """UPDATE units SET occupied_until = NULL, status = CASE WHEN status = 'occupied' THEN 'idle' ELSE status END
           WHERE tenant_id = $1 AND id IN (
               SELECT id FROM units WHERE tenant_id = $1 AND occupied_until <= $2
               ORDER BY occupied_until LIMIT $3 FOR UPDATE SKIP LOCKED)""",
        tx.tenant_id,
        tx.now,
        limit,
    )


async def count_free(tx: Tx, resource_id: UUID, starts_at: datetime, ends_at: datetime) -> int:
    """How many units of a pool are free for the whole period; what lapsed holds still keep is not counted."""
    found: int = await tx.fetchval(
        """SELECT count(*) FROM unit_gaps AS gap JOIN units ON units.tenant_id = gap.tenant_id AND units.id = gap.unit_id
           WHERE gap.tenant_id = $1 AND gap.resource_id = $2 AND tstzrange(gap.starts_at, gap.ends_at) @> tstzrange($3, $4)
             AND units.status <> 'out_of_service'""",
        tx.tenant_id,
        resource_id,
        starts_at,
        ends_at,
    )
    return found


async def select_free(tx: Tx, resource_id: UUID, starts_at: datetime, ends_at: datetime, limit: int) -> list[Unit]:
    """Some of the units that are free for the whole period."""
    rows = await tx.fetch(
        """SELECT units.* FROM unit_gaps AS gap JOIN units ON units.tenant_id = gap.tenant_id AND units.id = gap.unit_id
           WHERE gap.tenant_id = $1 AND gap.resource_id = $2 AND tstzrange(gap.starts_at, gap.ends_at) @> tstzrange($3, $4)
             AND units.status <> 'out_of_service'
           LIMIT $5""",
        tx.tenant_id,
        resource_id,
        starts_at,
        ends_at,
        limit,
    )
    return [_unit(row) for row in rows]
