"""SQL of whoever comes."""

from uuid import UUID

from asyncpg import Record

from vezne.bookings.models import AttendanceRecord, Attendee
from vezne.kernel.db import Tx


def _attendee(row: Record) -> Attendee:
    return Attendee(**{name: value for name, value in row.items() if name != "tenant_id"})


async def insert_attendee(tx: Tx, attendee: Attendee) -> bool:
    """Somebody new to the list. False: the customer is on it already."""
    written = await tx.execute(
        """INSERT INTO attendees (tenant_id, id, resource_id, customer_id, status, seats, created_at)
           VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT (tenant_id, resource_id, customer_id) DO NOTHING""",
        tx.tenant_id,
        attendee.id,
        attendee.resource_id,
        attendee.customer_id,
        attendee.status,
        attendee.created_at,
    )
    return written == 1


async def add_seats(tx: Tx, attendee: Attendee) -> Attendee:
    """The customer goes, with so many seats more than before; as they are now."""
    (row,) = await tx.fetch(
        """INSERT INTO attendees (tenant_id, id, resource_id, customer_id, status, seats, order_id, created_at)
           VALUES ($1, $2, $3, $4, 'going', $5, $6, $7)
           ON CONFLICT (tenant_id, resource_id, customer_id) DO UPDATE
           SET status = 'going', seats = attendees.seats + excluded.seats,
               order_id = coalesce(excluded.order_id, attendees.order_id)
           RETURNING *""",
        tx.tenant_id,
        attendee.id,
        attendee.resource_id,
        attendee.customer_id,
        attendee.seats,
        attendee.order_id,
        attendee.created_at,
    )
    return _attendee(row)


async def drop_seats(tx: Tx, resource_id: UUID, customer_id: UUID, seats: int) -> Attendee | None:
    """The customer has so many seats fewer, and with none of them does not go; as they are now."""
    row = await tx.fetchrow(
        """UPDATE attendees SET seats = seats - $4, status = CASE WHEN seats = $4 THEN 'cancelled' ELSE status END
           WHERE tenant_id = $1 AND resource_id = $2 AND customer_id = $3 RETURNING *""",
        tx.tenant_id,
        resource_id,
        customer_id,
        seats,
    )
    return None if row is None else _attendee(row)


async def select_status(tx: Tx, resource_id: UUID, customer_id: UUID) -> str | None:
    """Where a customer stands with a resource; None: nowhere."""
    found: str | None = await tx.fetchval(
        "SELECT status FROM attendees WHERE tenant_id = $1 AND resource_id = $2 AND customer_id = $3",
        tx.tenant_id,
        resource_id,
        customer_id,
    )
    return found


async def lock_of_customer(tx: Tx, resource_id: UUID, customer_id: UUID) -> Attendee | None:
    """A customer's place, locked."""
    row = await tx.fetchrow(
        "SELECT * FROM attendees WHERE tenant_id = $1 AND resource_id = $2 AND customer_id = $3 FOR UPDATE",
        tx.tenant_id,
        resource_id,
        customer_id,
    )
    return None if row is None else _attendee(row)


async def lock_attendee(tx: Tx, attendee_id: UUID) -> Attendee | None:
    """An attendee, locked."""
    row = await tx.fetchrow("SELECT * FROM attendees WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, attendee_id)
    return None if row is None else _attendee(row)


async def select_attendee(tx: Tx, attendee_id: UUID) -> Attendee | None:
    """An attendee, not locked."""
    row = await tx.fetchrow("SELECT * FROM attendees WHERE tenant_id = $1 AND id = $2", tx.tenant_id, attendee_id)
    return None if row is None else _attendee(row)


async def update_status(tx: Tx, attendee_id: UUID, status: str) -> None:
    """A locked attendee stands elsewhere."""
    await tx.execute("UPDATE attendees SET status = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, attendee_id, status)


async def select_attendees(tx: Tx, *, resource_id: UUID, status: str | None, before: UUID | None, limit: int) -> list[Attendee]:
    """A resource's attendees, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM attendees
           WHERE tenant_id = $1 AND resource_id = $2 AND ($3::text IS NULL OR status = $3) AND ($4::uuid IS NULL OR id < $4)
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        resource_id,
        status,
        before,
        limit,
    )
    return [_attendee(row) for row in rows]


async def select_records(
    tx: Tx, *, resource_id: UUID, customer_id: UUID | None, before: UUID | None, limit: int
) -> list[AttendanceRecord]:
    """A resource's attendance records, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM attendance_records
           WHERE tenant_id = $1 AND resource_id = $2 AND ($3::uuid IS NULL OR customer_id = $3)
             AND ($4::uuid IS NULL OR ticket_id < $4)
           ORDER BY ticket_id DESC LIMIT $5""",
        tx.tenant_id,
        resource_id,
        customer_id,
        before,
        limit,
    )
    return [AttendanceRecord(**{name: value for name, value in row.items() if name != "tenant_id"}) for row in rows]


async def confirm_records(tx: Tx, resource_id: UUID, customer_id: UUID) -> int:
    """A customer's registered tickets are confirmed; how many those were."""
    return await tx.execute(
        """UPDATE attendance_records SET status = 'confirmed', confirmed_at = $4
           WHERE tenant_id = $1 AND resource_id = $2 AND customer_id = $3 AND status = 'registered'""",
        tx.tenant_id,
        resource_id,
        customer_id,
        tx.now,
    )


async def pass_record(tx: Tx, ticket_id: UUID, customer_id: UUID) -> None:
    """A ticket's attendance is another customer's, who has not confirmed it."""
    await tx.execute(
        """UPDATE attendance_records SET customer_id = $3, status = 'registered', confirmed_at = NULL
           WHERE tenant_id = $1 AND ticket_id = $2""",
        tx.tenant_id,
        ticket_id,
        customer_id,
    )


async def mark_attended(tx: Tx, ticket_id: UUID) -> None:
    """The ticket's holder is here."""
    await tx.execute(
        "UPDATE attendance_records SET status = 'attended', attended_at = $3 WHERE tenant_id = $1 AND ticket_id = $2",
        tx.tenant_id,
        ticket_id,
        tx.now,
    )
