"""The end of a payment that was not paid: cancelled by its asker, or expired."""

from datetime import timedelta
from uuid import UUID

from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal
from vezne.payments import queries
from vezne.payments.events import PaymentCancelled, PaymentExpired
from vezne.payments.gateways import Gateways
from vezne.payments.models import LIVE, OPEN, Attempt, AttemptStatus, Payment, PaymentStatus
from vezne.payments.operations import settling
from vezne.payments.operations.paying import refuse_unless_open
from vezne.payments.operations.settling import PaymentInFlight
from vezne.payments.operations.trying import try_now

_SOONEST, _LATEST = timedelta(minutes=1), timedelta(hours=1)
_SWEEP = 500


async def cancel(tx: Tx, payment_id: UUID) -> Payment:
    """Ask for the money no longer; a job closes the attempt at its provider. Again: nothing changes.

    Raises UnknownPayment, PaymentNotOpen when it came to another end, PaymentInFlight while the provider takes the money.
    """
    asked = await settling.lock(tx, payment_id)
    if asked.status is PaymentStatus.CANCELLED:
        return asked
    refuse_unless_open(asked)
    if asked.status is PaymentStatus.PROCESSING:
        raise PaymentInFlight(payment_id=public_id("pay", payment_id))
    await settling.move(tx, asked, PaymentStatus.CANCELLED)
    for attempt in await queries.select_attempts(tx, [payment_id]):
        if attempt.status in LIVE:
            await tx.enqueue("payments.cancel_at_provider", {"attempt_id": attempt.reference})
    await tx.publish(PaymentCancelled(payment_id=payment_id))
    return await settling.payment(tx, payment_id)


async def cancel_at_provider(db: Database, gateways: Gateways, principal: Principal, attempt_id: UUID) -> None:
    """Close an attempt at its provider, unless money is on its way already; then its outcome counts.

    Again: nothing changes. Raises ProviderUnavailable.
    """
    async with db.transaction(principal, read_only=True) as tx:
        attempt = await queries.select_attempt(tx, attempt_id)
    if attempt is None or attempt.status not in LIVE:
        return
    provider = gateways.provider(attempt.provider)
    if attempt.provider_ref is None:
        found = await provider.find(attempt.reference, tenant_id=principal.tenant_id)
        if found is None:
            async with db.transaction(principal) as tx:
                await settling.end_unstarted(tx, attempt.payment_id, attempt.id, AttemptStatus.CANCELLED, "not_started")
            return
        ref = found.provider_ref
    else:
        ref = attempt.provider_ref
    seen = await provider.cancel(ref)
    await settling.act_on(db, provider, principal, attempt, seen)


async def watch_expiry(db: Database, gateways: Gateways, principal: Principal, payment_id: UUID) -> None:
    """End the payment when its time is over; before that, or while money is on its way, look again later.

    Of a payment that has ended: nothing. Raises UnknownPayment.
    """
    async with db.transaction(principal) as tx:
        asked = await settling.payment(tx, payment_id)
        if asked.status not in OPEN:
            return
        wait = min(max(asked.expires_at - tx.now, _SOONEST), _LATEST)
        await tx.enqueue("payments.expire", {"payment_id": public_id("pay", payment_id)}, after=wait)
    await try_now(public_id("pay", payment_id), expire(db, gateways, principal, payment_id))


async def expire(db: Database, gateways: Gateways, principal: Principal, payment_id: UUID) -> Payment:
    """End an open payment whose time is over: its live attempt is closed at the provider first; money on its way is waited for.

    Before its time, under review, or ended already: nothing changes. Raises UnknownPayment, ProviderUnavailable.
    """
    async with db.transaction(principal, read_only=True) as tx:
        asked = await settling.payment(tx, payment_id)
        if asked.status not in OPEN or asked.flag is not None or asked.expires_at > tx.now:
            return asked
        live = await _live(tx, payment_id)
    for attempt in live:
        await cancel_at_provider(db, gateways, principal, attempt.id)
    async with db.transaction(principal) as tx:
        for attempt in live:
            if not gateways.provider(attempt.provider).capabilities.cancel:
                await settling.give_up(tx, payment_id, attempt.id)
        return await _end(tx, payment_id)


async def _live(tx: Tx, payment_id: UUID) -> list[Attempt]:
    return [attempt for attempt in await queries.select_attempts(tx, [payment_id]) if attempt.status in LIVE]


async def _end(tx: Tx, payment_id: UUID) -> Payment:
    asked = await settling.lock(tx, payment_id)
    if asked.status not in OPEN or asked.flag is not None or await _live(tx, payment_id):
        return asked
    await settling.move(tx, asked, PaymentStatus.EXPIRED)
    await tx.publish(PaymentExpired(payment_id=payment_id))
    return await settling.payment(tx, payment_id)


async def expire_due(db: Database, gateways: Gateways, principal: Principal) -> int:
    """End every payment of the tenant whose time is over by its clock (up to 500); how many were looked at.

    Each payment also has a job of its own in real time; this is for a test clock that was moved. One that cannot be closed just
    now does not keep the others waiting.
    """
    async with db.transaction(principal, read_only=True) as tx:
        due = await queries.select_due_payments(tx, _SWEEP)
    for payment_id in due:
        await try_now(public_id("pay", payment_id), expire(db, gateways, principal, payment_id))
    return len(due)
