"""SQL of the webhooks that providers, or others in their name, sent us."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.payments.models import InboundWebhook
from vezne.payments.providers.base import WebhookNotice


def _webhook(tx: Tx, row: Record) -> InboundWebhook:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["headers"] = msgspec.json.decode(facts["headers"])
    if facts["is_sealed"]:
        facts["raw_body"] = tx.vault.open(facts["raw_body"])
    return InboundWebhook(**facts)


async def insert_webhook(
    tx: Tx, webhook_id: UUID, provider: str, raw_body: bytes, headers: Mapping[str, str], received_at: datetime
) -> None:
    """Keep what came, encrypted, before anybody has understood it: it may name customers."""
    await tx.execute(
        """INSERT INTO inbound_webhooks (tenant_id, id, provider, headers, raw_body, is_sealed, received_at, outcome)
           VALUES ($1, $2, $3, $4, $5, true, $6, 'received')""",
        tx.tenant_id,
        webhook_id,
        provider,
        msgspec.json.encode(headers).decode(),
        tx.vault.seal(raw_body),
        received_at,
    )


async def mark_forged(tx: Tx, webhook_id: UUID, reason: str) -> None:
    """Not believed."""
    await tx.execute(
        """UPDATE inbound_webhooks SET signature_valid = false, outcome = 'forged', note = $3, processed_at = $4
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        webhook_id,
        reason,
        tx.now,
    )


async def select_webhook_by_event(tx: Tx, provider: str, event_id: str) -> InboundWebhook | None:
    """The believed webhook that brought this event first."""
    row = await tx.fetchrow(
        "SELECT * FROM inbound_webhooks WHERE tenant_id = $1 AND provider = $2 AND event_id = $3",
        tx.tenant_id,
        provider,
        event_id,
    )
    return None if row is None else _webhook(tx, row)


async def mark_believed(tx: Tx, webhook_id: UUID, notice: WebhookNotice) -> bool:
    """The first of its event, and what it is about; False, and nothing done, when another webhook brought the event before."""
    try:
        async with tx.savepoint():
            await tx.execute(
                """UPDATE inbound_webhooks
                   SET signature_valid = true, event_id = $3, type = $4, provider_ref = $5, outcome = 'waiting',
                       subscription_ref = $6, dispute_ref = $7
                   WHERE tenant_id = $1 AND id = $2""",
                tx.tenant_id,
                webhook_id,
                notice.event_id,
                notice.type,
                notice.provider_ref,
                notice.subscription_ref,
                notice.dispute_ref,
            )
    except asyncpg.UniqueViolationError:
        return False
    return True


async def mark_duplicate(tx: Tx, webhook_id: UUID, notice: WebhookNotice) -> None:
    """Another webhook brought the same event before."""
    await tx.execute(
        """UPDATE inbound_webhooks SET signature_valid = true, type = $3, provider_ref = $4, outcome = 'duplicate', note = $5,
                                       processed_at = $6, subscription_ref = $7, dispute_ref = $8
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        webhook_id,
        notice.type,
        notice.provider_ref,
        f"of event {notice.event_id}",
        tx.now,
        notice.subscription_ref,
        notice.dispute_ref,
    )


async def select_webhook(tx: Tx, webhook_id: UUID) -> InboundWebhook | None:
    """The webhook."""
    row = await tx.fetchrow("SELECT * FROM inbound_webhooks WHERE tenant_id = $1 AND id = $2", tx.tenant_id, webhook_id)
    return None if row is None else _webhook(tx, row)


async def select_webhooks(
    tx: Tx, *, limit: int, before: UUID | None, provider: str | None, outcome: str | None
) -> list[InboundWebhook]:
    """What was received, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM inbound_webhooks
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR provider = $3)
             AND ($4::text IS NULL OR outcome = $4)
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        before,
        provider,
        outcome,
        limit,
    )
    return [_webhook(tx, row) for row in rows]


async def mark_acted_on(tx: Tx, webhook_id: UUID, outcome: str, *, done: bool, about: str | None = None) -> None:
    """What became of it; one about a payment that is not known yet stays open, and `about` names the payment it waits for."""
    await tx.execute(
        """UPDATE inbound_webhooks SET outcome = $3, processed_at = $4, provider_ref = coalesce($5, provider_ref)
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        webhook_id,
        outcome,
        tx.now if done else None,
        about,
    )


async def select_unprocessed(tx: Tx, provider: str, provider_ref: str) -> list[UUID]:
    """Believed webhooks about this payment of the provider's that nothing has come of yet."""
    rows = await tx.fetch(
        """SELECT id FROM inbound_webhooks
           WHERE tenant_id = $1 AND provider = $2 AND provider_ref = $3 AND processed_at IS NULL AND signature_valid""",
        tx.tenant_id,
        provider,
        provider_ref,
    )
    return [row["id"] for row in rows]


async def select_unprocessed_of_subscription(tx: Tx, provider: str, subscription_ref: str) -> list[UUID]:
    """Believed webhooks about this subscription of the provider's that nothing has come of yet."""
    rows = await tx.fetch(
        """SELECT id FROM inbound_webhooks
           WHERE tenant_id = $1 AND provider = $2 AND subscription_ref = $3 AND processed_at IS NULL AND signature_valid""",
        tx.tenant_id,
        provider,
        subscription_ref,
    )
    return [row["id"] for row in rows]
