"""The SQL of memberships and why people leave them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.memberships.models import Departure, Membership, Status


async def insert_membership(tx: Tx, new: Membership) -> bool:
    """Write a new membership; False when the customer has a live one of the family."""
    row = await tx.fetchrow(
        """INSERT INTO memberships (tenant_id, id, customer_id, family, plan_id, status, billing, provider, currency, price_minor,
                                    anchor_at, cycle, numbers, period_number, period_id, period_start, period_end,
                                    trial_ends_at, metadata, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
           ON CONFLICT DO NOTHING RETURNING id""",
        tx.tenant_id,
        new.id,
        new.customer_id,
        new.family,
        new.plan_id,
        new.status,
        new.billing,
        new.provider,
        new.currency,
        new.price_minor,
        new.anchor_at,
        new.cycle,
        new.numbers,
        new.period_number,
        new.period_id,
        new.period_start,
        new.period_end,
        new.trial_ends_at,
        msgspec.json.encode(new.metadata).decode(),
        new.created_at,
    )
    return row is not None


async def update_memberships(tx: Tx, changed: Sequence[Membership]) -> None:
    """Write locked memberships as they are now; metadata apart."""
    if not changed:
        return
    await tx.execute(
        """UPDATE memberships AS old
           SET plan_id = new.plan_id, status = new.status, subscription_id = new.subscription_id, price_minor = new.price_minor,
               anchor_at = new.anchor_at, cycle = new.cycle, numbers = new.numbers, period_number = new.period_number,
               period_id = new.period_id, period_start = new.period_start, period_end = new.period_end,
               paid_until = new.paid_until, renews_at = new.renews_at, next_plan_id = new.next_plan_id,
               next_price_minor = new.next_price_minor, cancel_at_period_end = new.cancel_at_period_end,
               cancel_reason = new.cancel_reason, pause_at_period_end = new.pause_at_period_end, paused_at = new.paused_at,
               paused_until = new.paused_until, rest_seconds = new.rest_seconds, rest_minor = new.rest_minor,
               trial_ends_at = new.trial_ends_at, trial_notice_at = new.trial_notice_at, started_at = new.started_at,
               ended_at = new.ended_at
           FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::timestamptz[], $8::integer[],
                       $9::integer[], $10::integer[], $11::uuid[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
                       $15::timestamptz[], $16::uuid[], $17::bigint[], $18::boolean[], $19::text[], $20::boolean[],
                       $21::timestamptz[], $22::timestamptz[], $23::bigint[], $24::bigint[], $25::timestamptz[],
                       $26::timestamptz[], $27::timestamptz[], $28::timestamptz[])
                AS new (id, plan_id, status, subscription_id, price_minor, anchor_at, cycle, numbers, period_number, period_id,
                        period_start, period_end, paid_until, renews_at, next_plan_id, next_price_minor, cancel_at_period_end,
                        cancel_reason, pause_at_period_end, paused_at, paused_until, rest_seconds, rest_minor, trial_ends_at,
                        trial_notice_at, started_at, ended_at)
           WHERE old.tenant_id = $1 AND old.id = new.id""",
        tx.tenant_id,
        *([getattr(each, name) for each in changed] for name in _CHANGING),
    )


_CHANGING = (
    "id",
    "plan_id",
    "status",
    "subscription_id",
    "price_minor",
    "anchor_at",
    "cycle",
    "numbers",
    "period_number",
    "period_id",
    "period_start",
    "period_end",
    "paid_until",
    "renews_at",
    "next_plan_id",
    "next_price_minor",
    "cancel_at_period_end",
    "cancel_reason",
    "pause_at_period_end",
    "paused_at",
    "paused_until",
    "rest_seconds",
    "rest_minor",
    "trial_ends_at",
    "trial_notice_at",
    "started_at",
    "ended_at",
)


async def select_memberships(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Membership]:
    """These memberships."""
    rows = await tx.fetch("SELECT * FROM memberships WHERE tenant_id = $1 AND id = ANY ($2::uuid[])", tx.tenant_id, ids)
    return {row["id"]: _membership(row) for row in rows}


async def lock_memberships(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Membership]:
    """These memberships, held until the transaction ends, in the order of their ids."""
    rows = await tx.fetch(
        "SELECT * FROM memberships WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE",
        tx.tenant_id,
        ids,
    )
    return {row["id"]: _membership(row) for row in rows}


async def lock_due(tx: Tx, limit: int) -> list[Membership]:
    """Memberships whose next period is due, the longest due first, held; what another transaction holds is passed over."""
    rows = await tx.fetch(
        """SELECT * FROM memberships WHERE tenant_id = $1 AND renews_at <= $2
           ORDER BY renews_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    return [_membership(row) for row in rows]


async def lock_paused_due(tx: Tx, limit: int) -> list[Membership]:
    """Paused memberships whose pause is over, held; what another transaction holds is passed over."""
    rows = await tx.fetch(
        """SELECT * FROM memberships WHERE tenant_id = $1 AND status = 'paused' AND paused_until <= $2
           ORDER BY paused_until, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    return [_membership(row) for row in rows]


async def lock_trials_ending(tx: Tx, limit: int) -> list[Membership]:
    """Memberships whose notice of the trial's end is due, held; what another transaction holds is passed over."""
    rows = await tx.fetch(
        """SELECT * FROM memberships WHERE tenant_id = $1 AND trial_notice_at <= $2
           ORDER BY trial_notice_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    return [_membership(row) for row in rows]


async def lock_never_subscribed(tx: Tx, life: timedelta, limit: int) -> list[Membership]:
    """Memberships that a provider was to bill and was never asked to, made longer than `life` ago, held."""
    rows = await tx.fetch(
        """SELECT * FROM memberships
           WHERE tenant_id = $1 AND status = 'incomplete' AND billing = 'provider' AND subscription_id IS NULL
             AND created_at <= $2
           ORDER BY created_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED""",
        tx.tenant_id,
        tx.now - life,
        limit,
    )
    return [_membership(row) for row in rows]


async def select_live(tx: Tx, customer_id: UUID, family: str | None = None) -> list[Membership]:
    """The customer's memberships that are not over, the newest first; of one family, where it is given."""
    rows = await tx.fetch(
        """SELECT * FROM memberships
           WHERE tenant_id = $1 AND customer_id = $2 AND ($3::text IS NULL OR family = $3)
             AND status IN ('incomplete', 'trialing', 'active', 'past_due', 'paused')
           ORDER BY id DESC""",
        tx.tenant_id,
        customer_id,
        family,
    )
    return [_membership(row) for row in rows]


async def had_trial(tx: Tx, customer_id: UUID, family: str) -> bool:
    """Whether the customer has begun a trial of the family before."""
    found = await tx.fetchval(
        """SELECT true FROM memberships WHERE tenant_id = $1 AND customer_id = $2 AND family = $3
           AND trial_ends_at IS NOT NULL AND started_at IS NOT NULL LIMIT 1""",
        tx.tenant_id,
        customer_id,
        family,
    )
    return found is not None


async def select_page(
    tx: Tx,
    *,
    customer_id: UUID | None,
    plan_id: UUID | None,
    status: Status | None,
    family: str | None,
    before: UUID | None,
    limit: int,
) -> list[Membership]:
    """Memberships, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM memberships
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR customer_id = $2) AND ($3::uuid IS NULL OR plan_id = $3)
             AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR family = $5) AND ($6::uuid IS NULL OR id < $6)
           ORDER BY id DESC LIMIT $7""",
        tx.tenant_id,
        customer_id,
        plan_id,
        status,
        family,
        before,
        limit,
    )
    return [_membership(row) for row in rows]


async def insert_departure(tx: Tx, said: Departure) -> None:
    """Keep why somebody leaves."""
    await tx.execute(
        """INSERT INTO membership_departures (tenant_id, id, membership_id, plan_id, reason, comment, at_period_end, said_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        tx.tenant_id,
        said.id,
        said.membership_id,
        said.plan_id,
        said.reason,
        said.comment,
        said.at_period_end,
        said.said_at,
    )


async def select_departures(tx: Tx, membership_ids: Sequence[UUID]) -> list[Departure]:
    """What was said on leaving, newest first."""
    rows = await tx.fetch(
        """SELECT id, membership_id, plan_id, reason, comment, at_period_end, said_at FROM membership_departures
           WHERE tenant_id = $1 AND membership_id = ANY ($2::uuid[]) ORDER BY id DESC""",
        tx.tenant_id,
        membership_ids,
    )
    return [Departure(**row) for row in rows]


async def select_departures_page(tx: Tx, *, reason: str | None, before: UUID | None, limit: int) -> list[Departure]:
    """What was said on leaving, newest first."""
    rows = await tx.fetch(
        """SELECT id, membership_id, plan_id, reason, comment, at_period_end, said_at FROM membership_departures
           WHERE tenant_id = $1 AND ($2::text IS NULL OR reason = $2) AND ($3::uuid IS NULL OR id < $3)
           ORDER BY id DESC LIMIT $4""",
        tx.tenant_id,
        reason,
        before,
        limit,
    )
    return [Departure(**row) for row in rows]


async def count_departures(tx: Tx, since: datetime, until: datetime) -> list[tuple[str, int]]:
    """How often each reason of leaving was said in a time, the most frequent first; whoever stayed after all is not counted."""
    rows = await tx.fetch(
        """SELECT said.reason, count(DISTINCT said.membership_id) AS many
           FROM membership_departures AS said
           JOIN memberships AS left_ ON left_.tenant_id = said.tenant_id AND left_.id = said.membership_id
           WHERE said.tenant_id = $1 AND said.said_at >= $2 AND said.said_at < $3
             AND (left_.cancel_at_period_end OR left_.status IN ('cancelled', 'ended'))
           GROUP BY said.reason ORDER BY many DESC, said.reason""",
        tx.tenant_id,
        since,
        until,
    )
    return [(row["reason"], row["many"]) for row in rows]


def _membership(row: Record) -> Membership:
    facts = dict(row)
    del facts["tenant_id"]
    facts["metadata"] = msgspec.json.decode(facts["metadata"])
    return Membership(**facts)
