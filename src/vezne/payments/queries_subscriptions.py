"""SQL of subscriptions that a provider bills by itself, and of their bills."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.payments.models_subscriptions import InvoiceStatus, Subscription, SubscriptionInvoice, SubscriptionStatus


def _subscription(row: Record) -> Subscription:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    return Subscription(**{**facts, "status": SubscriptionStatus(facts["status"])})


def _invoice(row: Record) -> SubscriptionInvoice:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    return SubscriptionInvoice(**{**facts, "status": InvoiceStatus(facts["status"])})


async def insert_subscription(tx: Tx, made: Subscription) -> bool:
    """A new subscription; False, and nothing done, when its purpose has one (it waits for one that is being made)."""
    inserted = await tx.execute(
        """INSERT INTO subscriptions (tenant_id, id, customer_id, provider, purpose, status, plan_reference, trial_until, look_at,
                                      created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           ON CONFLICT (tenant_id, purpose) WHERE status <> 'cancelled' DO NOTHING""",
        tx.tenant_id,
        made.id,
        made.customer_id,
        made.provider,
        made.purpose,
        made.status,
        made.plan_reference,
        made.trial_until,
        made.look_at,
        made.created_at,
    )
    return inserted == 1


async def select_subscription(tx: Tx, subscription_id: UUID) -> Subscription | None:
    """The subscription, not locked."""
    row = await tx.fetchrow("SELECT * FROM subscriptions WHERE tenant_id = $1 AND id = $2", tx.tenant_id, subscription_id)
    return None if row is None else _subscription(row)


async def lock_subscription(tx: Tx, subscription_id: UUID) -> Subscription | None:
    """The subscription, locked until this transaction ends; before any of its bills and payments."""
    row = await tx.fetchrow(
        "SELECT * FROM subscriptions WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, subscription_id
    )
    return None if row is None else _subscription(row)


async def select_subscription_of_purpose(tx: Tx, purpose: str) -> Subscription | None:
    """The subscription of a purpose that has not ended."""
    row = await tx.fetchrow(
        "SELECT * FROM subscriptions WHERE tenant_id = $1 AND purpose = $2 AND status <> 'cancelled'", tx.tenant_id, purpose
    )
    return None if row is None else _subscription(row)


async def select_subscription_by_ref(tx: Tx, provider: str, subscription_ref: str) -> Subscription | None:
    """The subscription that the provider knows by this name."""
    row = await tx.fetchrow(
        "SELECT * FROM subscriptions WHERE tenant_id = $1 AND provider = $2 AND subscription_ref = $3",
        tx.tenant_id,
        provider,
        subscription_ref,
    )
    return None if row is None else _subscription(row)


async def select_subscriptions(
    tx: Tx, *, limit: int, before: UUID | None, customer_id: UUID | None, status: str | None
) -> list[Subscription]:
    """Subscriptions, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM subscriptions
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR customer_id = $3)
             AND ($4::text IS NULL OR status = $4)
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        before,
        customer_id,
        status,
        limit,
    )
    return [_subscription(row) for row in rows]


async def update_page(tx: Tx, subscription_id: UUID, page_ref: str, redirect_url: str) -> None:
    """The page on which the customer subscribes."""
    await tx.execute(
        "UPDATE subscriptions SET page_ref = $3, redirect_url = $4 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        subscription_id,
        page_ref,
        redirect_url,
    )


async def begin_look(tx: Tx, subscription_id: UUID) -> Subscription | None:
    """The subscription as it is before its provider is asked; `looks` is the number of this question."""
    row = await tx.fetchrow(
        "UPDATE subscriptions SET looks = looks + 1 WHERE tenant_id = $1 AND id = $2 RETURNING *", tx.tenant_id, subscription_id
    )
    return None if row is None else _subscription(row)


async def update_subscription(tx: Tx, moved: Subscription) -> None:
    """The locked subscription as it now is."""
    await tx.execute(
        """UPDATE subscriptions
           SET status = $3, plan_reference = $4, subscription_ref = $5, period_start = $6, period_end = $7,
               cancels_at_period_end = $8, trial_until = $9, settled_look = $10, look_at = $11, ended_at = $12
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        moved.id,
        moved.status,
        moved.plan_reference,
        moved.subscription_ref,
        moved.period_start,
        moved.period_end,
        moved.cancels_at_period_end,
        moved.trial_until,
        moved.settled_look,
        moved.look_at,
        moved.ended_at,
    )


async def lock_due_subscriptions(tx: Tx, limit: int) -> list[Subscription]:
    """Subscriptions that are to be looked at, the longest due first, locked; those that somebody else looks at are left out."""
    rows = await tx.fetch(
        """SELECT * FROM subscriptions WHERE tenant_id = $1 AND look_at <= $2
           ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED""",
        tx.tenant_id,
        tx.now,
        limit,
    )
    return [_subscription(row) for row in rows]


async def update_look(tx: Tx, looked: Subscription) -> None:
    """How often a locked subscription was looked at without being asked to, and when it is to be the next time."""
    await tx.execute(
        "UPDATE subscriptions SET polls = $3, look_at = $4 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        looked.id,
        looked.polls,
        looked.look_at,
    )


async def upsert_invoice(tx: Tx, invoice: SubscriptionInvoice) -> None:
    """A bill of a locked subscription as it now is; one that was paid stays as it is."""
    await tx.execute(
        """INSERT INTO subscription_invoices AS known (
               tenant_id, id, subscription_id, provider, invoice_ref, status, reason, total_minor, paid_minor, currency,
               period_start, period_end, payment_id, failure_code, attempts, created_at, paid_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
           ON CONFLICT (tenant_id, provider, invoice_ref) DO UPDATE
           SET status = excluded.status, reason = excluded.reason, total_minor = excluded.total_minor,
               paid_minor = excluded.paid_minor, period_start = excluded.period_start, period_end = excluded.period_end,
               payment_id = excluded.payment_id, failure_code = excluded.failure_code, attempts = excluded.attempts,
               paid_at = excluded.paid_at
           WHERE known.status <> 'paid'""",
        tx.tenant_id,
        invoice.id,
        invoice.subscription_id,
        invoice.provider,
        invoice.invoice_ref,
        invoice.status,
        invoice.reason,
        invoice.total_minor,
        invoice.paid_minor,
        invoice.currency,
        invoice.period_start,
        invoice.period_end,
        invoice.payment_id,
        invoice.failure_code,
        invoice.attempts,
        invoice.created_at,
        invoice.paid_at,
    )


async def select_invoices_by_refs(tx: Tx, provider: str, refs: Sequence[str]) -> dict[str, SubscriptionInvoice]:
    """The bills that the provider knows by these names."""
    rows = await tx.fetch(
        "SELECT * FROM subscription_invoices WHERE tenant_id = $1 AND provider = $2 AND invoice_ref = ANY ($3::text[])",
        tx.tenant_id,
        provider,
        refs,
    )
    return {row["invoice_ref"]: _invoice(row) for row in rows}


async def select_invoices(tx: Tx, subscription_id: UUID, *, limit: int, before: UUID | None) -> list[SubscriptionInvoice]:
    """A subscription's bills, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM subscription_invoices
           WHERE tenant_id = $1 AND subscription_id = $2 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4""",
        tx.tenant_id,
        subscription_id,
        before,
        limit,
    )
    return [_invoice(row) for row in rows]
