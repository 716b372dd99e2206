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
    """Payments whose sums of refunds are not those of their refunds."""
    rows = await tx.fetch(
        """SELECT payments.id FROM payments
           LEFT JOIN (
               SELECT refund.payment_id, sum(refund.amount_minor) FILTER (WHERE refund.status = 'pending') AS refunding,
                      sum(refund.amount_minor) FILTER (WHERE refund.status = 'succeeded') AS refunded
               FROM payment_refunds AS refund
               JOIN payment_attempts AS attempt ON attempt.tenant_id = refund.tenant_id AND attempt.id = refund.attempt_id
               WHERE refund.tenant_id = $1 AND attempt.is_final GROUP BY refund.payment_id
           ) AS sums ON sums.payment_id = payments.id
           WHERE payments.tenant_id = $1
             AND (payments.refunding_minor, payments.refunded_minor) <> (coalesce(sums.refunding, 0), coalesce(sums.refunded, 0))
           ORDER BY payments.id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_clearing(tx: Tx) -> dict[tuple[str, str], int]:
    """What each provider took less what it gave back, by provider and currency."""
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
           ) AS moves GROUP BY provider, currency""",
        tx.tenant_id,
    )
    return {(row["provider"], row["currency"]): row["amount"] for row in rows}
