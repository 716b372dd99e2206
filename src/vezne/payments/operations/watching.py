"""Watching: whose payments are declined, and given back, more often than is usual. It tells staff and changes nothing.

These run last of all that follows from their events: who counts waits for others who count for the same customer.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.payments import queries, queries_watching
from vezne.payments.events import PaymentFailed, RefundRequested

_Count = Callable[[Tx, UUID, datetime], Awaitable[int]]


async def watch_declines(tx: Tx, event: PaymentFailed) -> None:
    """Alert staff to a customer whose attempts to pay are declined again and again: cards are being tried."""
    await _watch(tx, "many_declines", event.payment_id, queries_watching.count_declines)


async def watch_refunds(tx: Tx, event: RefundRequested) -> None:
    """Alert staff to a customer who has much given back."""
    await _watch(tx, "many_refunds", event.payment_id, queries_watching.count_refunds)


async def _watch(tx: Tx, rule: identity.RuleName, payment_id: UUID, count: _Count) -> None:
    payment = await queries.select_payment(tx, payment_id)
    if payment is None or payment.customer_id is None:
        return
    since = await identity.counted_since(tx, rule, payment.customer_id)
    threshold = (await identity.thresholds(tx))[rule]
    counted = await count(tx, payment.customer_id, since)
    if counted >= threshold:
        facts = {"count": counted, "threshold": threshold, "since": since.isoformat()}
        await identity.raise_alert(tx, payment.customer_id, rule, subject=public_id("pay", payment_id), facts=facts)
