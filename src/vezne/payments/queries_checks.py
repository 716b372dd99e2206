"""SQL of the audit of payments."""

from uuid import UUID

from vezne.kernel.db import Tx


async def select_payments_without_final(tx: Tx) -> list[UUID]:
    """Succeeded payments without exactly one final attempt of their amount, and others that have one."""
    rows = await tx.fetch(
        """SELECT payments.id FROM payments
           LEFT JOIN payment_attempts AS final
             ON final.tenant_id = payments.tenant_id AND final.payment_id = payments.id AND final.is_final
                AND final.captured_minor = payments.amount_minor
           WHERE payments.tenant_id = $1 AND (payments.status = 'succeeded') <> (final.id IS NOT NULL)
           ORDER BY payments.id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_payments_with_wrong_refunds(tx: Tx) -> list[UUID]:
    """Payments whose sums of refunds are not those of their refunds and disputes."""
    rows = await tx.fetch(
        """SELECT payments.id FROM payments
           LEFT JOIN (
               SELECT refund.payment_id, sum(refund.amount_minor) FILTER (WHERE refund.status = 'pending') AS refunding,
                      sum(refund.amount_minor) FILTER (WHERE refund.status = 'succeeded') AS refunded
               FROM payment_refunds AS refund
               JOIN payment_attempts AS attempt ON attempt.tenant_id = refund.tenant_id AND attempt.id = refund.attempt_id
               WHERE refund.tenant_id = $1 AND attempt.is_final GROUP BY refund.payment_id
           ) AS sums ON sums.payment_id = payments.id
           LEFT JOIN (
               SELECT payment_id, sum(reserved_minor) FILTER (WHERE ended_at IS NULL) AS reserved,
                      sum(reserved_minor) FILTER (WHERE status = 'lost') AS lost
               FROM disputes WHERE tenant_id = $1 GROUP BY payment_id
           ) AS disputed ON disputed.payment_id = payments.id
           WHERE payments.tenant_id = $1
             AND (payments.refunding_minor, payments.refunded_minor)
                 <> (coalesce(sums.refunding, 0) + coalesce(disputed.reserved, 0),
                     coalesce(sums.refunded, 0) + coalesce(disputed.lost, 0))
           ORDER BY payments.id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_clearing(tx: Tx) -> dict[tuple[str, str], int]:
    """What each provider took less what it gave back and what banks took back, by provider and currency."""
    rows = await tx.fetch(
        """SELECT provider, currency, sum(amount)::bigint AS amount FROM (
               SELECT attempt.provider, coalesce(heard.currency, payment.currency) AS currency, attempt.captured_minor AS amount
               FROM payment_attempts AS attempt
               JOIN payments AS payment ON payment.tenant_id = attempt.tenant_id AND payment.id = attempt.payment_id
               LEFT JOIN LATERAL (
                   SELECT said.currency FROM payment_transactions AS said
                   WHERE said.tenant_id = attempt.tenant_id AND said.payment_id = attempt.payment_id
                     AND said.attempt_id = attempt.id AND said.status = 'captured' AND NOT attempt.is_final
                   ORDER BY said.id DESC LIMIT 1
               ) AS heard ON true
               WHERE attempt.tenant_id = $1 AND attempt.status = 'captured'
               UNION ALL
               SELECT attempt.provider, refund.currency, -refund.amount_minor
               FROM payment_refunds AS refund
               JOIN payment_attempts AS attempt ON attempt.tenant_id = refund.tenant_id AND attempt.id = refund.attempt_id
               WHERE refund.tenant_id = $1 AND refund.status = 'succeeded'
               UNION ALL
               SELECT provider, currency, -amount_minor FROM disputes WHERE tenant_id = $1 AND status <> 'won'
           ) AS moves GROUP BY provider, currency""",
        tx.tenant_id,
    )
    return {(row["provider"], row["currency"]): row["amount"] for row in rows}


async def select_disputed(tx: Tx) -> dict[str, int]:
    """What banks have taken back and not decided about, by currency."""
    rows = await tx.fetch(
        """SELECT currency, sum(amount_minor)::bigint AS amount FROM disputes
           WHERE tenant_id = $1 AND ended_at IS NULL GROUP BY currency""",
        tx.tenant_id,
    )
    return {row["currency"]: row["amount"] for row in rows}


async def select_bills_without_payment(tx: Tx) -> list[UUID]:
    """Paid bills whose money is not there as one payment of its own that succeeded."""
    rows = await tx.fetch(
        """SELECT bill.id FROM subscription_invoices AS bill
           JOIN subscriptions AS found ON found.tenant_id = bill.tenant_id AND found.id = bill.subscription_id
           LEFT JOIN payments AS paid ON paid.tenant_id = bill.tenant_id AND paid.id = bill.payment_id
           WHERE bill.tenant_id = $1 AND bill.paid_minor > 0
             AND (paid.status = 'succeeded' AND paid.captured_minor = bill.paid_minor AND paid.currency = bill.currency
                  AND paid.reservation = found.purpose || '/' || bill.invoice_ref) IS NOT TRUE
           ORDER BY bill.id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]
