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
