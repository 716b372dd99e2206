"""Alerts' SQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.identity.alerts import Alert, Decision
from vezne.kernel.db import Tx


async def lock_counting(tx: Tx, rule: str, customer_id: UUID) -> None:
    """Count alone until the transaction ends: who comes next sees what this one did."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('vezne.alerts:' || $2 || ':' || $3::text, $1))",
        tx.tenant_id,
        rule,
        str(customer_id),
    )


async def insert_alert(tx: Tx, alert: Alert) -> bool:
    """Write a new alert; False, and nothing done, while the customer has an open one of the same rule."""
    return bool(
        await tx.execute(
            """INSERT INTO alerts (tenant_id, id, customer_id, rule, subject, facts, raised_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (tenant_id, customer_id, rule) WHERE status = 'open' DO NOTHING""",
            tx.tenant_id,
            alert.id,
            alert.customer_id,
            alert.rule,
            alert.subject,
            msgspec.json.encode(alert.facts).decode(),
            alert.raised_at,
        )
    )


async def select_alert(tx: Tx, alert_id: UUID, *, lock: bool = False) -> Alert | None:
    """One alert, held until the transaction ends when it is to be changed."""
    if lock:
        await tx.execute("SELECT 1 FROM alerts WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.tenant_id, alert_id)
    row = await tx.fetchrow("SELECT * FROM alerts WHERE tenant_id = $1 AND id = $2", tx.tenant_id, alert_id)
    return None if row is None else _alert(row)


async def update_decided(tx: Tx, alert_id: UUID, decision: Decision, note: str) -> None:
    """Write what was decided, by whom and when."""
    await tx.execute(
        """UPDATE alerts SET status = $3, decided_at = greatest(raised_at, $4), decided_by = $5, note = $6
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        alert_id,
        decision,
        tx.now,
        tx.principal.actor,
        note,
    )


async def select_alerts(
    tx: Tx, *, status: str | None, rule: str | None, customer_id: UUID | None, before: UUID | None, limit: int
) -> list[Alert]:
    """Alerts, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM alerts
           WHERE tenant_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR rule = $3)
             AND ($4::uuid IS NULL OR customer_id = $4) AND ($5::uuid IS NULL OR id < $5)
           ORDER BY id DESC LIMIT $6""",
        tx.tenant_id,
        status,
        rule,
        customer_id,
        before,
        limit,
    )
    return [_alert(row) for row in rows]


async def select_decided_at(tx: Tx, rule: str, customer_id: UUID) -> datetime | None:
    """When an alert of the rule about this customer was last decided."""
    found: datetime | None = await tx.fetchval(
        "SELECT max(decided_at) FROM alerts WHERE tenant_id = $1 AND customer_id = $2 AND rule = $3",
        tx.tenant_id,
        customer_id,
        rule,
    )
    return found


async def select_decided_since(tx: Tx, rule: str, since: datetime) -> list[tuple[UUID, datetime]]:
    """The customers about whom an alert of the rule was decided since then, and when last."""
    rows = await tx.fetch(
        """SELECT customer_id, max(decided_at) AS decided_at FROM alerts
           WHERE tenant_id = $1 AND rule = $2 AND decided_at > $3 GROUP BY customer_id""",
        tx.tenant_id,
        rule,
        since,
    )
    return [(row["customer_id"], row["decided_at"]) for row in rows]


async def select_wrong(tx: Tx, rules: Sequence[str]) -> list[tuple[UUID, str]]:
    """Alerts that cannot be as they are, and why."""
    rows = await tx.fetch(
        """SELECT id, rule || ', ' || status || ' at ' || coalesce(decided_at::text, 'no time') AS message FROM alerts
           WHERE tenant_id = $1 AND (rule <> ALL ($2::text[]) OR decided_at < raised_at
                                     OR (status = 'open') <> (decided_at IS NULL)
                                     OR (decided_at IS NULL) <> (decided_by IS NULL))
           ORDER BY id LIMIT 10""",
        tx.tenant_id,
        rules,
    )
    return [(row["id"], row["message"]) for row in rows]


def _alert(row: Record) -> Alert:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    return Alert(**facts | {"facts": msgspec.json.decode(row["facts"])})
