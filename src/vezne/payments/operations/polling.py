"""Asking on our own, for webhooks that never came and customers who never returned."""

from uuid import UUID

from vezne.kernel.db import Database
from vezne.kernel.principal import Principal
from vezne.payments import queries
from vezne.payments.gateways import Gateways
from vezne.payments.models import wait_before
from vezne.payments.operations import settling
from vezne.payments.operations.trying import try_now


async def poll(db: Database, gateways: Gateways, principal: Principal, attempt_id: UUID) -> None:
    """Look an attempt up that is live, or that may still bring money late; the next look is enqueued beforehand, each later than
    the last. Of an ended one: nothing.
    """
    async with db.transaction(principal) as tx:
        polls = await queries.update_polls(tx, attempt_id)
        if polls is None:
            return
        attempt = await queries.select_attempt(tx, attempt_id)
        if attempt is None:
            return
        await tx.enqueue(
            "payments.poll", {"attempt_id": attempt.reference}, after=wait_before(polls + 1), dedupe=f"{attempt_id}:{polls}"
        )
    await try_now(attempt.reference, settling.look_up(db, gateways, principal, attempt))
