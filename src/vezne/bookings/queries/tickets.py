"""SQL of tickets, of whoever comes with them, and of the door."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from vezne.bookings.models import CheckIn, Ticket
from vezne.kernel.db import Tx


def _ticket(row: Record) -> Ticket:
    return Ticket(**{name: value for name, value in row.items() if name != "tenant_id"})


async def insert_tickets(tx: Tx, tickets: Sequence[Ticket]) -> None:
    """New tickets of one claim."""
    first = tickets[0]
    await tx.execute(
        """INSERT INTO tickets (tenant_id, id, claim_id, resource_id, customer_id, order_id, number, version, status, created_at)
           SELECT $1, each.id, $2, $3, $4, $5, each.number, 1, 'valid', $6
           FROM unnest($7::uuid[], $8::bigint[]) AS each(id, number)""",
        tx.tenant_id,
        first.claim_id,
        first.resource_id,
        first.customer_id,
        first.order_id,
        first.created_at,
        [ticket.id for ticket in tickets],
        [ticket.number for ticket in tickets],
    )


async def insert_attendance(tx: Tx, tickets: Sequence[Ticket]) -> None:
    """Each new ticket's attendance record."""
    first = tickets[0]
    await tx.execute(
        """INSERT INTO attendance_records (tenant_id, ticket_id, resource_id, customer_id, order_id, status, created_at)
           SELECT $1, id, $2, $3, $4, 'registered', $5 FROM unnest($6::uuid[]) AS each(id)""",
        tx.tenant_id,
        first.resource_id,
        first.customer_id,
        first.order_id,
        first.created_at,
        [ticket.id for ticket in tickets],
    )


async def last_number(tx: Tx, claim_id: UUID) -> int:
    """The number of a claim's last ticket; 0 when it has none."""
    number: int = await tx.fetchval(
        "SELECT coalesce(max(number), 0) FROM tickets WHERE tenant_id = $1 AND claim_id = $2", tx.tenant_id, claim_id
    )
    return number


async def select_of_claims(tx: Tx, claim_ids: Sequence[UUID], *, valid: bool = False) -> list[Ticket]:
    """The tickets of these claims, each claim's in their order."""
    rows = await tx.fetch(
        """SELECT * FROM tickets WHERE tenant_id = $1 AND claim_id = ANY ($2::uuid[]) AND ($3 = false OR status = 'valid')
           ORDER BY claim_id, number""",
        tx.tenant_id,
        claim_ids,
        valid,
    )
    return [_ticket(row) for row in rows]


async def lock_valid_of_claim(tx: Tx, claim_id: UUID) -> list[Ticket]:
    """The valid tickets of a claim in their order, locked: nobody checks them in or passes them on meanwhile."""
    rows = await tx.fetch(
        """SELECT * FROM tickets WHERE tenant_id = $1 AND claim_id = $2 AND status = 'valid' ORDER BY number FOR UPDATE""",
        tx.tenant_id,
        claim_id,
    )
    return [_ticket(row) for row in rows]


async def select_ticket(tx: Tx, ticket_id: UUID) -> Ticket | None:
    """The ticket, not locked."""
    row = await tx.fetchrow("SELECT * FROM tickets WHERE tenant_id = $1 AND id = $2", tx.tenant_id, ticket_id)
    return None if row is None else _ticket(row)


async def lock_ticket(tx: Tx, ticket_id: UUID) -> Ticket | None:
    """The ticket, locked."""
    row = await tx.fetchrow("SELECT * FROM tickets WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, ticket_id)
    return None if row is None else _ticket(row)


async def update_ticket(tx: Tx, ticket: Ticket) -> None:
    """A locked ticket as it is now."""
    await tx.execute(
        "UPDATE tickets SET customer_id = $3, version = $4, status = $5, checked_in_at = $6 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        ticket.id,
        ticket.customer_id,
        ticket.version,
        ticket.status,
        ticket.checked_in_at,
    )


async def void_tickets(tx: Tx, ticket_ids: Sequence[UUID]) -> None:
    """Locked tickets let nobody in any more, and their attendance is off."""
    await tx.execute(
        "UPDATE tickets SET status = 'void' WHERE tenant_id = $1 AND id = ANY ($2::uuid[])", tx.tenant_id, ticket_ids
    )
    await tx.execute(
        "UPDATE attendance_records SET status = 'cancelled' WHERE tenant_id = $1 AND ticket_id = ANY ($2::uuid[])",
        tx.tenant_id,
        ticket_ids,
    )


async def select_tickets(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None,
    resource_id: UUID | None,
    customer_id: UUID | None,
    claim_id: UUID | None,
    payee_id: UUID | None,
) -> list[Ticket]:
    """Tickets, newest first."""
    rows = await tx.fetch(
        """SELECT tickets.* FROM tickets
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR resource_id = $3)
             AND ($4::uuid IS NULL OR customer_id = $4) AND ($5::uuid IS NULL OR claim_id = $5)
             AND ($6::uuid IS NULL OR EXISTS (
                 SELECT FROM resources WHERE resources.tenant_id = $1 AND resources.id = tickets.resource_id AND payee_id = $6))
           ORDER BY id DESC LIMIT $7""",
        tx.tenant_id,
        before,
        resource_id,
        customer_id,
        claim_id,
        payee_id,
        limit,
    )
    return [_ticket(row) for row in rows]


def _check_in(row: Record) -> CheckIn:
    return CheckIn(**{name: value for name, value in row.items() if name != "tenant_id"})


async def insert_check_in(tx: Tx, check_in: CheckIn) -> bool:
    """Somebody was let in. False: this nonce was used before."""
    written = await tx.execute(
        """INSERT INTO check_ins (tenant_id, id, ticket_id, resource_id, nonce, actor, checked_in_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, nonce) DO NOTHING""",
        tx.tenant_id,
        check_in.id,
        check_in.ticket_id,
        check_in.resource_id,
        check_in.nonce,
        check_in.actor,
        check_in.checked_in_at,
    )
    return written == 1


async def select_check_in(tx: Tx, nonce: str) -> CheckIn | None:
    """The check-in of this nonce."""
    row = await tx.fetchrow("SELECT * FROM check_ins WHERE tenant_id = $1 AND nonce = $2", tx.tenant_id, nonce)
    return None if row is None else _check_in(row)


async def select_check_ins(
    tx: Tx, *, limit: int, before: UUID | None, resource_id: UUID | None, payee_id: UUID | None
) -> list[CheckIn]:
    """Check-ins, newest first."""
    rows = await tx.fetch(
        """SELECT check_ins.* FROM check_ins
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR resource_id = $3)
             AND ($4::uuid IS NULL OR EXISTS (
                 SELECT FROM resources WHERE resources.tenant_id = $1 AND resources.id = check_ins.resource_id AND payee_id = $4))
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        before,
        resource_id,
        payee_id,
        limit,
    )
    return [_check_in(row) for row in rows]
