"""SQL of payments, attempts and refunds. That of the webhooks received is in `queries_webhooks`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.payments.models import Attempt, AttemptStatus, Flag, Payment, PaymentStatus, Refund, RefundStatus

LATE_MONEY = timedelta(days=3)
"""So long a provider is asked about an attempt that we ended and it may not have."""


def _payment(row: Record) -> Payment:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["status"] = PaymentStatus(facts["status"])
    facts["flag"] = facts["flag"] and Flag(facts["flag"])
    facts["metadata"] = msgspec.json.decode(facts["metadata"])
    return Payment(**facts)


def _attempt(row: Record) -> Attempt:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["status"] = AttemptStatus(facts["status"])
    return Attempt(**facts)


def _refund(row: Record) -> Refund:
    facts = {name: value for name, value in row.items() if name not in {"tenant_id", "asking_until"}}
    facts["status"] = RefundStatus(facts["status"])
    return Refund(**facts)


async def insert_payment(tx: Tx, payment: Payment) -> bool:
    """A new payment; False, and nothing done, when its reservation has one (it waits for one that is being made)."""
    inserted = await tx.execute(
        """INSERT INTO payments (tenant_id, id, customer_id, purpose, amount_minor, currency, status, client_secret_hash,
                                 metadata, expires_at, created_at, reservation, provider, save_method)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
           ON CONFLICT (tenant_id, reservation) DO NOTHING""",
        tx.tenant_id,
        payment.id,
        payment.customer_id,
        payment.purpose,
        payment.amount_minor,
        payment.currency,
        payment.status,
        payment.client_secret_hash,
        msgspec.json.encode(payment.metadata).decode(),
        payment.expires_at,
        payment.created_at,
        payment.reservation,
        payment.provider,
        payment.save_method,
    )
    return inserted == 1


async def select_payment_of_reservation(tx: Tx, reservation: str) -> Payment | None:
    """The one payment of a reservation."""
    row = await tx.fetchrow("SELECT * FROM payments WHERE tenant_id = $1 AND reservation = $2", tx.tenant_id, reservation)
    return None if row is None else _payment(row)


async def update_reservation(tx: Tx, payment_id: UUID, reservation: str) -> bool:
    """Name the reservation of a payment that has none; False when the reservation has another payment, or the payment one."""
    try:
        async with tx.savepoint():
            linked = await tx.execute(
                "UPDATE payments SET reservation = $3 WHERE tenant_id = $1 AND id = $2 AND reservation IS NULL",
                tx.tenant_id,
                payment_id,
                reservation,
            )
    except asyncpg.UniqueViolationError:
        return False
    return linked == 1


async def update_expiry(tx: Tx, payment_id: UUID, until: datetime) -> datetime:
    """A locked payment may be paid until then, if that is later; until when it may."""
    expires_at: datetime = await tx.fetchval(
        "UPDATE payments SET expires_at = greatest(expires_at, $3) WHERE tenant_id = $1 AND id = $2 RETURNING expires_at",
        tx.tenant_id,
        payment_id,
        until,
    )
    return expires_at


async def update_secret(tx: Tx, payment_id: UUID, secret_hash: bytes) -> None:
    """Another client secret; the former one opens nothing any more."""
    await tx.execute(
        "UPDATE payments SET client_secret_hash = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, payment_id, secret_hash
    )


async def select_payment(tx: Tx, payment_id: UUID) -> Payment | None:
    """The payment, not locked."""
    row = await tx.fetchrow("SELECT * FROM payments WHERE tenant_id = $1 AND id = $2", tx.tenant_id, payment_id)
    return None if row is None else _payment(row)


async def lock_payment(tx: Tx, payment_id: UUID) -> Payment | None:
    """The payment, locked until this transaction ends. Always the first lock of a payment's things."""
    row = await tx.fetchrow("SELECT * FROM payments WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, payment_id)
    return None if row is None else _payment(row)


async def select_payments(
    tx: Tx, *, limit: int, before: UUID | None, customer_id: UUID | None, status: str | None
) -> list[Payment]:
    """Payments, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM payments
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR customer_id = $3)
             AND ($4::text IS NULL OR status = $4)
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        before,
        customer_id,
        status,
        limit,
    )
    return [_payment(row) for row in rows]


async def select_due_payments(tx: Tx, limit: int) -> list[UUID]:
    """Open payments whose time is over, the longest over first."""
    rows = await tx.fetch(
        """SELECT id FROM payments
           WHERE tenant_id = $1 AND expires_at <= $2 AND status IN ('requires_payment', 'requires_action', 'processing')
             AND flag IS NULL
           ORDER BY expires_at LIMIT $3""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    return [row["id"] for row in rows]


async def update_status(tx: Tx, payment_id: UUID, status: PaymentStatus, *, error: str | None) -> None:
    """Move a locked payment; `error` is why its last attempt failed."""
    await tx.execute(
        "UPDATE payments SET status = $3, last_error = coalesce($4, last_error) WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        payment_id,
        status,
        error,
    )


async def mark_succeeded(tx: Tx, payment_id: UUID) -> None:
    """The locked payment's money is ours."""
    await tx.execute(
        """UPDATE payments SET status = 'succeeded', captured_minor = amount_minor, succeeded_at = $3, last_error = NULL
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        payment_id,
        tx.now,
    )


async def mark_flagged(tx: Tx, payment_id: UUID, flag: Flag | None) -> None:
    """Leave the payment to staff; None: they have decided."""
    await tx.execute("UPDATE payments SET flag = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, payment_id, flag)


async def update_refunding(tx: Tx, payment_id: UUID, *, refunding: int, refunded: int) -> bool:
    """Add to what is on its way back and to what is back; False, and nothing done, when that is more than was captured."""
    moved = await tx.execute(
        """UPDATE payments SET refunding_minor = refunding_minor + $3, refunded_minor = refunded_minor + $4
           WHERE tenant_id = $1 AND id = $2 AND refunding_minor + refunded_minor + $3 + $4 <= captured_minor""",
        tx.tenant_id,
        payment_id,
        refunding,
        refunded,
    )
    return moved == 1


async def insert_attempt(tx: Tx, attempt: Attempt) -> None:
    """A new attempt; the index refuses a second live one."""
    await tx.execute(
        """INSERT INTO payment_attempts (tenant_id, id, payment_id, number, parent_id, provider, status, return_url, locale,
                                         created_at, method_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        tx.tenant_id,
        attempt.id,
        attempt.payment_id,
        attempt.number,
        attempt.parent_id,
        attempt.provider,
        attempt.status,
        attempt.return_url,
        attempt.locale,
        attempt.created_at,
        attempt.method_id,
    )


async def select_attempt(tx: Tx, attempt_id: UUID) -> Attempt | None:
    """The attempt."""
    row = await tx.fetchrow("SELECT * FROM payment_attempts WHERE tenant_id = $1 AND id = $2", tx.tenant_id, attempt_id)
    return None if row is None else _attempt(row)


async def select_attempt_by_ref(tx: Tx, provider: str, provider_ref: str) -> Attempt | None:
    """The attempt that the provider knows by this name."""
    row = await tx.fetchrow(
        "SELECT * FROM payment_attempts WHERE tenant_id = $1 AND provider = $2 AND provider_ref = $3",
        tx.tenant_id,
        provider,
        provider_ref,
    )
    return None if row is None else _attempt(row)


async def select_attempts(tx: Tx, payment_ids: Sequence[UUID]) -> list[Attempt]:
    """All attempts of these payments, each payment's in their order."""
    rows = await tx.fetch(
        "SELECT * FROM payment_attempts WHERE tenant_id = $1 AND payment_id = ANY ($2::uuid[]) ORDER BY payment_id, number",
        tx.tenant_id,
        payment_ids,
    )
    return [_attempt(row) for row in rows]


async def update_attempt_named(tx: Tx, attempt_id: UUID, provider_ref: str, redirect_url: str | None) -> None:
    """The provider's name for the attempt, and where the customer pays."""
    await tx.execute(
        """UPDATE payment_attempts SET provider_ref = $3, redirect_url = coalesce(redirect_url, $4)
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        attempt_id,
        provider_ref,
        redirect_url,
    )


async def update_attempt_status(tx: Tx, attempt_id: UUID, status: AttemptStatus, *, code: str | None, ended: bool) -> None:
    """Move an attempt of a locked payment."""
    await tx.execute(
        "UPDATE payment_attempts SET status = $3, failure_code = $4, ended_at = $5 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        attempt_id,
        status,
        code,
        tx.now if ended else None,
    )


async def mark_captured(tx: Tx, attempt_id: UUID, *, captured: int, entry_id: UUID, is_final: bool) -> None:
    """The attempt brought the money; `is_final` when it is the one that paid its payment."""
    await tx.execute(
        """UPDATE payment_attempts SET status = 'captured', captured_minor = $3, entry_id = $4, is_final = $5, ended_at = $6,
                                       failure_code = NULL
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        attempt_id,
        captured,
        entry_id,
        is_final,
        tx.now,
    )


async def update_polls(tx: Tx, attempt_id: UUID) -> int | None:
    """Count one more look at an attempt that is live, or that we ended ourselves within LATE_MONEY; how many there were before.

    None when it is neither.
    """
    before: int | None = await tx.fetchval(
        """UPDATE payment_attempts SET polls = polls + 1
           WHERE tenant_id = $1 AND id = $2
             AND (status IN ('starting', 'pending', 'requires_action', 'processing', 'authorised')
                  OR (failure_code IN ('left_for_another', 'not_paid_in_time') AND ended_at > $3))
           RETURNING polls - 1""",
        tx.tenant_id,
        attempt_id,
        tx.now - LATE_MONEY,
    )
    return before


async def insert_refund(tx: Tx, refund: Refund) -> None:
    """A new refund."""
    await tx.execute(
        """INSERT INTO payment_refunds (tenant_id, id, payment_id, attempt_id, amount_minor, currency, reason, status, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        tx.tenant_id,
        refund.id,
        refund.payment_id,
        refund.attempt_id,
        refund.amount_minor,
        refund.currency,
        refund.reason,
        refund.status,
        refund.created_at,
    )


async def select_refund(tx: Tx, refund_id: UUID) -> Refund | None:
    """The refund."""
    row = await tx.fetchrow("SELECT * FROM payment_refunds WHERE tenant_id = $1 AND id = $2", tx.tenant_id, refund_id)
    return None if row is None else _refund(row)


async def select_refunds(tx: Tx, payment_id: UUID) -> list[Refund]:
    """The payment's refunds, newest first."""
    rows = await tx.fetch(
        "SELECT * FROM payment_refunds WHERE tenant_id = $1 AND payment_id = $2 ORDER BY id DESC", tx.tenant_id, payment_id
    )
    return [_refund(row) for row in rows]


async def lease_refund(tx: Tx, refund_id: UUID, *, now: datetime, until: datetime) -> int | None:
    """Be the one who asks the provider until then; how often it was asked before. None while somebody else is at it."""
    before: int | None = await tx.fetchval(
        """UPDATE payment_refunds SET asks = asks + 1, asking_until = $4
           WHERE tenant_id = $1 AND id = $2 AND (asking_until IS NULL OR asking_until <= $3)
           RETURNING asks - 1""",
        tx.tenant_id,
        refund_id,
        now,
        until,
    )
    return before


async def end_lease(tx: Tx, refund_id: UUID) -> None:
    """Whoever asked is done."""
    await tx.execute("UPDATE payment_refunds SET asking_until = NULL WHERE tenant_id = $1 AND id = $2", tx.tenant_id, refund_id)


async def update_refund(
    tx: Tx,
    refund_id: UUID,
    status: RefundStatus,
    *,
    provider_ref: str | None,
    failure_code: str | None,
    entry_id: UUID | None,
    ended_at: datetime | None,
) -> None:
    """What became of a refund whose payment is locked."""
    await tx.execute(
        """UPDATE payment_refunds SET status = $3, provider_ref = coalesce($4, provider_ref), failure_code = $5, entry_id = $6,
                                      ended_at = $7
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        refund_id,
        status,
        provider_ref,
        failure_code,
        entry_id,
        ended_at,
    )
