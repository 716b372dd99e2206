"""Events: what the merchant is told, kept with the change it tells of, and the deliveries that will carry it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from vezne.sandbox import faults
from vezne.sandbox.ids import new_id
from vezne.sandbox.models import Payment
from vezne.sandbox.refusals import no_such
from vezne.sandbox.store import Tx

SIMULATED = "simulated"
_REORDER_HOLD = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Event:
    """What one provider tells its merchant. `body` is the message before its sender signs it, as JSON or a form."""

    id: str
    provider: str
    type: str
    payment_id: str
    webhook_url: str | None
    body: str


def announce(tx: Tx, event_type: str, payment: Payment, data: Mapping[str, object]) -> None:
    """Keep the event and, when the payment names a webhook address, queue its delivery as the armed faults have it."""
    event_id = new_id(tx.skin.event_id)
    body = json.dumps({"id": event_id, "type": event_type, "created_at": tx.stamp, "data": data}, separators=(",", ":"))
    tell(tx, Event(event_id, tx.skin.name, event_type, payment.id, payment.webhook_url, body))


def tell(tx: Tx, event: Event) -> None:
    """Keep an event of any provider and, when it names an address, queue its delivery as the armed faults have it."""
    tx.sql.execute(
        "INSERT INTO events (id, provider, type, payment_id, webhook_url, body, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (event.id, event.provider, event.type, event.payment_id, event.webhook_url, event.body, tx.stamp),
    )
    if event.webhook_url is not None:
        _queue(tx, event.id)


def _queue(tx: Tx, event_id: str) -> None:
    spec = faults.armed(tx)
    wait = timedelta(milliseconds=spec.webhooks.delay_ms or 0)
    if wait:
        faults.fire(tx, "webhooks.delay_ms")
    due, goes_after = tx.after(wait), None
    for kind, on in (("forged", spec.webhooks.forge), ("stale", spec.webhooks.stale)):
        if on:
            goes_after = _insert_delivery(tx, event_id, kind, due, goes_after)
    genuine = _insert_delivery(tx, event_id, "genuine", due, goes_after)
    for _ in range(faults.copies(tx, spec)):
        _insert_delivery(tx, event_id, "duplicate", due, goes_after)
    if spec.webhooks.reorder is not False:
        hold = _REORDER_HOLD if spec.webhooks.reorder is True else timedelta(milliseconds=spec.webhooks.reorder)
        _hold_or_swap(tx, genuine, tx.after(wait + hold))


def _hold_or_swap(tx: Tx, delivery: int, until: str) -> None:
    """Let the event that is being held go after this one; when none is, hold this one for the next."""
    held = tx.sql.execute(
        "UPDATE deliveries SET held = 0, due_at = ?, goes_after = ?"
        " WHERE held = 1 AND state = 'pending' AND tries = 0 RETURNING id",
        (tx.stamp, delivery),
    ).fetchone()
    if held is None:
        tx.sql.execute("UPDATE deliveries SET held = 1, due_at = ? WHERE id = ?", (until, delivery))
    else:
        faults.fire(tx, "webhooks.reorder")


def redeliver(tx: Tx, event_id: str) -> dict[str, object]:
    """Queue the event once more, whatever became of its other deliveries. Same id, same body, new signature."""
    event = select_event(tx, event_id)
    if event["webhook_url"] is None:
        raise no_such("webhook address of event", event_id)
    _insert_delivery(tx, event_id, "redelivery", tx.stamp, None)
    return shown_event(tx, event)


def _insert_delivery(tx: Tx, event_id: str, kind: str, due: str, goes_after: int | None) -> int:
    row = tx.sql.execute(
        "INSERT INTO deliveries (event_id, kind, state, due_at, goes_after) VALUES (?, ?, 'pending', ?, ?) RETURNING id",
        (event_id, kind, due, goes_after),
    ).fetchone()
    return int(row["id"])


def select_event(tx: Tx, event_id: str) -> Mapping[str, Any]:
    """The event's row; Refused with 404 when there is none."""
    row = tx.sql.execute("SELECT * FROM events WHERE id = ?", (event_id,)).fetchone()
    if row is None:
        raise no_such("event", event_id)
    return dict(row)


def select_events(tx: Tx, *, limit: int, after: str | None, payment: str | None) -> list[Mapping[str, Any]]:
    """Events, newest first, those older than `after` and of one payment when these are given."""
    rows = tx.sql.execute(
        "SELECT * FROM events WHERE (?1 IS NULL OR payment_id = ?1)"
        " AND rowid < coalesce((SELECT rowid FROM events WHERE id = ?2), 9223372036854775807) ORDER BY rowid DESC LIMIT ?3",
        (payment, after, limit),
    )
    return [dict(row) for row in rows]


def shown_event(tx: Tx, event: Mapping[str, Any]) -> dict[str, object]:
    """The event, its body as it is sent, and the log of its deliveries."""
    deliveries = []
    for row in tx.sql.execute("SELECT * FROM deliveries WHERE event_id = ? ORDER BY id", (event["id"],)).fetchall():
        tries = tx.sql.execute(
            "SELECT number, at, outcome, status, milliseconds FROM tries WHERE delivery_id = ? ORDER BY number", (row["id"],)
        )
        log = [dict(entry) for entry in tries]
        due = row["due_at"] if row["state"] == "pending" else None
        deliveries.append({"kind": row["kind"], "state": row["state"], "next_try_at": due, "tries": log})
    return {
        "id": event["id"],
        "object": "event",
        "provider": event["provider"],
        "type": event["type"],
        "payment": event["payment_id"],
        "webhook_url": event["webhook_url"],
        "created_at": event["created_at"],
        "body": json.loads(event["body"]) if event["body"].startswith("{") else event["body"],
        "deliveries": deliveries,
    }
