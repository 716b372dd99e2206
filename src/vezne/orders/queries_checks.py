"""SQL of the audit of orders."""

from uuid import UUID

from vezne.kernel.db import Tx


async def select_applied(tx: Tx) -> dict[str, int]:
    """What all lines have given, by currency."""
    rows = await tx.fetch(
        "SELECT currency, sum(applied_minor)::bigint AS applied FROM order_lines WHERE tenant_id = $1 GROUP BY currency",
        tx.tenant_id,
    )
    return {row["currency"]: row["applied"] for row in rows}


async def select_stored_value(tx: Tx) -> dict[str, int]:
    """What wallets and coins have paid and not got back, by the currency of the orders."""
    rows = await tx.fetch(
        """SELECT currency, sum(amount_minor - refunded_minor)::bigint AS paid FROM order_tenders
           WHERE tenant_id = $1 AND kind <> 'provider' AND status = 'captured' GROUP BY currency""",
        tx.tenant_id,
    )
    return {row["currency"]: row["paid"] for row in rows}


async def select_taken_out(tx: Tx) -> dict[str, int]:
    """What of money that no order could take went to a wallet or was kept, by currency."""
    rows = await tx.fetch(
        """SELECT currency, sum(amount_minor)::bigint AS gone FROM unmatched_money
           WHERE tenant_id = $1 AND (transaction_id IS NOT NULL OR entry_id IS NOT NULL) GROUP BY currency""",
        tx.tenant_id,
    )
    return {row["currency"]: row["gone"] for row in rows}


async def select_wrong_totals(tx: Tx) -> list[UUID]:
    """Orders whose total, or refunded sum, is not that of their lines, or that gave something before they were paid."""
    rows = await tx.fetch(
        """SELECT orders.id FROM orders
           JOIN order_lines AS line ON line.tenant_id = orders.tenant_id AND line.order_id = orders.id
           WHERE orders.tenant_id = $1
           GROUP BY orders.tenant_id, orders.id
           HAVING sum(line.amount_minor) <> max(orders.total_minor) OR sum(line.refunded_minor) <> max(orders.refunded_minor)
               OR (max(orders.paid_at) IS NULL AND sum(line.applied_minor) > 0)
           ORDER BY orders.id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_unfulfilled(tx: Tx) -> list[UUID]:
    """Orders that are fulfilled and yet owe something."""
    rows = await tx.fetch(
        """SELECT DISTINCT orders.id FROM orders
           JOIN order_lines AS line ON line.tenant_id = orders.tenant_id AND line.order_id = orders.id
           WHERE orders.tenant_id = $1 AND orders.status = 'fulfilled'
             AND line.applied_minor + line.refunded_minor < line.amount_minor
           ORDER BY orders.id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_wrong_tenders(tx: Tx) -> list[UUID]:
    """Orders whose tenders do not make the total, are not all captured once it is paid, or got back another sum than it."""
    rows = await tx.fetch(
        """SELECT orders.id FROM orders
           LEFT JOIN order_tenders AS tender ON tender.tenant_id = orders.tenant_id AND tender.order_id = orders.id
           WHERE orders.tenant_id = $1
           GROUP BY orders.tenant_id, orders.id
           HAVING coalesce(sum(tender.amount_minor), 0) <> max(orders.total_minor)
               OR (max(orders.paid_at) IS NOT NULL
                   AND (bool_or(tender.status <> 'captured')
                        OR coalesce(sum(tender.refunded_minor), 0) <> max(orders.refunded_minor)))
               OR (max(orders.paid_at) IS NULL AND bool_or(tender.status = 'captured'))
               OR (max(orders.status) IN ('failed', 'cancelled', 'expired') AND bool_or(tender.status = 'waiting'))
           ORDER BY orders.id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_holdless_tenders(tx: Tx) -> list[UUID]:
    """Wallets' and coins' tenders that wait with no hold of their size, or that were released and still hold."""
    rows = await tx.fetch(
        """SELECT tender.order_id AS id FROM order_tenders AS tender
           LEFT JOIN holds AS hold ON hold.tenant_id = tender.tenant_id AND hold.id = tender.hold_id
           WHERE tender.tenant_id = $1 AND tender.kind <> 'provider'
             AND ((tender.status = 'waiting' AND (hold.id IS NULL OR hold.amount_minor <> tender.units
                                                  OR hold.status NOT IN ('open', 'expired')))
                  OR (tender.status = 'released' AND hold.status = 'open')
                  OR (tender.status = 'captured' AND hold.status = 'open'))
           ORDER BY tender.order_id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_wrong_refunds(tx: Tx) -> list[UUID]:
    """Orders whose refunded sum is not that of the parts of their refunds that stand."""
    rows = await tx.fetch(
        """SELECT orders.id FROM orders
           LEFT JOIN order_refunds AS share ON share.tenant_id = orders.tenant_id AND share.order_id = orders.id
                                           AND share.status <> 'failed'
           WHERE orders.tenant_id = $1
           GROUP BY orders.tenant_id, orders.id
           HAVING coalesce(sum(share.amount_minor), 0) <> max(orders.refunded_minor)
           ORDER BY orders.id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_wrong_discounts(tx: Tx) -> list[UUID]:
    """Orders with a line whose amount is not its price less its discount (and with the fee a buyer bears)."""
    rows = await tx.fetch(
        """SELECT DISTINCT line.order_id AS id
           FROM order_lines AS line
           CROSS JOIN LATERAL (SELECT CASE WHEN jsonb_typeof(line.details -> 'charge') = 'object'
                                      THEN line.details -> 'charge' END AS charge) AS made
           WHERE line.tenant_id = $1 AND line.discount_minor > 0
             AND (coalesce(made.charge ->> 'discount_minor', line.details ->> 'discount_minor')::bigint
                      IS DISTINCT FROM line.discount_minor
                  OR coalesce(made.charge ->> 'base_minor', line.details ->> 'price_minor')::bigint
                     + coalesce((made.charge ->> 'buyer_fee_minor')::bigint, 0) - line.discount_minor
                     IS DISTINCT FROM line.amount_minor)
           ORDER BY id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]


async def select_wrong_redemptions(tx: Tx) -> list[UUID]:
    """Orders whose promo codes take off another sum than its lines say, or stand otherwise than the order does."""
    rows = await tx.fetch(
        """SELECT orders.id FROM orders
           JOIN (SELECT order_id, sum(discount_minor) AS off FROM order_lines WHERE tenant_id = $1 GROUP BY order_id) AS line
               ON line.order_id = orders.id
           LEFT JOIN (SELECT order_id, sum(discount_minor) AS off, bool_or(status = 'reserved') AS reserved,
                             bool_or(status = 'redeemed') AS redeemed, bool_or(status = 'released') AS released
                      FROM promo_redemptions WHERE tenant_id = $1 GROUP BY order_id) AS used ON used.order_id = orders.id
           WHERE orders.tenant_id = $1 AND (line.off <> coalesce(used.off, 0)
               OR (used.reserved AND orders.status <> 'pending') OR (used.redeemed AND orders.paid_at IS NULL)
               OR (used.released AND (orders.paid_at IS NOT NULL OR orders.status = 'pending')))
           ORDER BY orders.id LIMIT 100""",
        tx.tenant_id,
    )
    return [row["id"] for row in rows]
