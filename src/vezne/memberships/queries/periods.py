"""The SQL of periods."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.memberships.models import Period

_CHANGING = (
    "id",
    "cycle",
    "starts_at",
    "ends_at",
    "amount_minor",
    "value_minor",
    "is_trial",
    "status",
    "attempts",
    "next_try_at",
    "last_failure_class",
    "last_failure_code",
    "order_id",
    "paid_at",
    "credits_granted",
    "grant_id",
    "refunded_minor",
    "credits_taken",
)
_NEW = (
    "id",
    "membership_id",
    "number",
    "plan_id",
    "cycle",
    "starts_at",
    "ends_at",
    "amount_minor",
    "value_minor",
    "price_minor",
    "currency",
    "reason",
    "is_trial",
)


async def insert_periods(tx: Tx, new: Sequence[Period]) -> None:
    """Write new periods, which wait for their money."""
    if not new:
        return
    await tx.execute(
        """INSERT INTO membership_periods (tenant_id, status, created_at, id, membership_id, number, plan_id, cycle, starts_at,
                                           ends_at, amount_minor, value_minor, price_minor, currency, reason, is_trial)
           SELECT $1, 'open', $2, new.*
           FROM unnest($3::uuid[], $4::uuid[], $5::integer[], $6::uuid[], $7::integer[], $8::timestamptz[], $9::timestamptz[],
                       $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::boolean[]) AS new""",
        tx.tenant_id,
        tx.now,
        *([getattr(each, name) for each in new] for name in _NEW),
    )


async def update_periods(tx: Tx, changed: Sequence[Period]) -> None:
    """Write locked periods as they are now."""
    if not changed:
        return
    await tx.execute(
        """UPDATE membership_periods AS old
           SET cycle = new.cycle, starts_at = new.starts_at, ends_at = new.ends_at, amount_minor = new.amount_minor,
               value_minor = new.value_minor, is_trial = new.is_trial, status = new.status, attempts = new.attempts,
               next_try_at = new.next_try_at, last_failure_class = new.last_failure_class,
               last_failure_code = new.last_failure_code, order_id = new.order_id, paid_at = new.paid_at,
               credits_granted = new.credits_granted, grant_id = new.grant_id, refunded_minor = new.refunded_minor,
               credits_taken = new.credits_taken
           FROM unnest($2::uuid[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bigint[],
                       $8::boolean[], $9::text[], $10::integer[], $11::timestamptz[], $12::text[], $13::text[], $14::uuid[],
                       $15::timestamptz[], $16::bigint[], $17::uuid[], $18::bigint[], $19::bigint[])
                AS new (id, cycle, starts_at, ends_at, amount_minor, value_minor, is_trial, status, attempts, next_try_at,
                        last_failure_class, last_failure_code, order_id, paid_at, credits_granted, grant_id, refunded_minor,
                        credits_taken)
           WHERE old.tenant_id = $1 AND old.id = new.id""",
        tx.tenant_id,
        *([getattr(each, name) for each in changed] for name in _CHANGING),
    )


async def select_periods(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Period]:
    """These periods. Whoever changes one holds its membership."""
    rows = await tx.fetch("SELECT * FROM membership_periods WHERE tenant_id = $1 AND id = ANY ($2::uuid[])", tx.tenant_id, ids)
    return {row["id"]: _period(row) for row in rows}


async def select_open(tx: Tx, membership_ids: Sequence[UUID]) -> list[Period]:
    """The periods of these memberships that wait for their money."""
    rows = await tx.fetch(
        """SELECT * FROM membership_periods
           WHERE tenant_id = $1 AND membership_id = ANY ($2::uuid[]) AND status = 'open' ORDER BY membership_id, number""",
        tx.tenant_id,
        membership_ids,
    )
    return [_period(row) for row in rows]


async def select_overlapping(tx: Tx, membership_id: UUID) -> list[Period]:
    """All periods of a membership that count: paid, or waiting for their money; the oldest first."""
    rows = await tx.fetch(
        """SELECT * FROM membership_periods
           WHERE tenant_id = $1 AND membership_id = $2 AND status IN ('open', 'paid') ORDER BY starts_at, number""",
        tx.tenant_id,
        membership_id,
    )
    return [_period(row) for row in rows]


async def select_page(tx: Tx, membership_id: UUID, *, before: int | None, limit: int) -> list[Period]:
    """The periods of a membership, the newest first."""
    rows = await tx.fetch(
        """SELECT * FROM membership_periods
           WHERE tenant_id = $1 AND membership_id = $2 AND ($3::bigint IS NULL OR number < $3)
           ORDER BY number DESC LIMIT $4""",
        tx.tenant_id,
        membership_id,
        before,
        limit,
    )
    return [_period(row) for row in rows]


async def claim_to_retry(tx: Tx, lease: timedelta, limit: int) -> list[Period]:
    """Periods whose next try is due, the longest due first; they are due again only after the lease, or at what a try says."""
    rows = await tx.fetch(
        """UPDATE membership_periods AS period SET next_try_at = $3
           FROM (SELECT id FROM membership_periods
                 WHERE tenant_id = $1 AND next_try_at <= $2
                 ORDER BY next_try_at, id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED) AS due
           WHERE period.tenant_id = $1 AND period.id = due.id
           RETURNING period.*""",
        tx.tenant_id,
        tx.now,
        tx.now + lease,
        limit,
    )
    return sorted((_period(row) for row in rows), key=lambda period: (period.starts_at, period.id))


async def update_next_try(tx: Tx, customer_id: UUID) -> int:
    """Let the failed periods of a customer, whose memberships are held first, be tried now; how many they are."""
    rows = await tx.fetch(
        """UPDATE membership_periods AS period SET next_try_at = $3
           FROM (SELECT id FROM memberships
                 WHERE tenant_id = $1 AND customer_id = $2 AND status = 'past_due' ORDER BY id FOR NO KEY UPDATE) AS held
           WHERE period.tenant_id = $1 AND period.membership_id = held.id AND period.next_try_at > $3
           RETURNING period.id""",
        tx.tenant_id,
        customer_id,
        tx.now,
    )
    return len(rows)


def _period(row: Record) -> Period:
    facts = dict(row)
    del facts["tenant_id"]
    return Period(**facts)
