"""SQL of reminders: which lots lapse soon, whose they are, and who was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from vezne.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Lapsing:
    """What is left of a lot, and when it lapses."""

    lot_id: UUID
    wallet_id: UUID
    customer_id: UUID
    amount_minor: int
    currency: str
    expires_at: datetime


async def select_customers(tx: Tx, until: datetime, after: UUID | None, limit: int) -> list[UUID]:
    """Whose lots lapse by then and were not told of, in the order of their ids."""
    rows = await tx.fetch(
        """SELECT DISTINCT wallets.customer_id FROM lots
           JOIN wallets ON wallets.tenant_id = $1 AND wallets.id = lots.wallet_id
           WHERE lots.tenant_id = $1 AND lots.remaining_minor > 0 AND lots.remaining_minor > lots.held_minor
             AND lots.expires_at > $2 AND lots.expires_at <= $3 AND ($4::uuid IS NULL OR wallets.customer_id > $4)
             AND NOT EXISTS (SELECT FROM lot_reminders WHERE tenant_id = $1 AND lot_id = lots.id)
           ORDER BY wallets.customer_id LIMIT $5""",
        tx.tenant_id,
        tx.now,
        until,
        after,
        limit,
    )
    return [row["customer_id"] for row in rows]


async def insert_reminded(tx: Tx, customer_ids: Sequence[UUID], until: datetime) -> list[Lapsing]:
    """Note that these customers are told of their lots that lapse by then; those that were not noted before, earliest first."""
    rows = await tx.fetch(
        """WITH lapsing AS (
               SELECT lots.id AS lot_id, lots.wallet_id, wallets.customer_id,
                      lots.remaining_minor - lots.held_minor AS amount_minor, wallets.currency, lots.expires_at
               FROM lots JOIN wallets ON wallets.tenant_id = $1 AND wallets.id = lots.wallet_id
               WHERE lots.tenant_id = $1 AND wallets.customer_id = ANY ($4::uuid[])
                 AND lots.remaining_minor > 0 AND lots.remaining_minor > lots.held_minor
                 AND lots.expires_at > $2 AND lots.expires_at <= $3
           ), told AS (
               INSERT INTO lot_reminders (tenant_id, lot_id, reminded_at) SELECT $1, lot_id, $2 FROM lapsing
               ON CONFLICT (tenant_id, lot_id) DO NOTHING RETURNING lot_id
           )
           SELECT lapsing.* FROM lapsing JOIN told USING (lot_id) ORDER BY lapsing.expires_at, lapsing.lot_id""",
        tx.tenant_id,
        tx.now,
        until,
        customer_ids,
    )
    return [Lapsing(**row) for row in rows]


async def select_day_done(tx: Tx, day: date) -> bool:
    """Whether the customers were told on this day."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM reminder_days WHERE tenant_id = $1 AND day = $2)", tx.tenant_id, day
    )
    return found


async def insert_day_done(tx: Tx, day: date) -> None:
    """Note that the customers were told on this day. Again: it is noted."""
    await tx.execute("INSERT INTO reminder_days (tenant_id, day) VALUES ($1, $2) ON CONFLICT DO NOTHING", tx.tenant_id, day)
