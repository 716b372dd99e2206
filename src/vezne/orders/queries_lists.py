"""SQL of lists of orders, and of what a day came to."""

from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.orders.models import Order, OrderStatus


def _order(row: Record) -> Order:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["status"] = OrderStatus(facts["status"])
    facts["metadata"] = msgspec.json.decode(facts["metadata"])
    return Order(**facts)


async def select_page(
    tx: Tx, *, limit: int, before: UUID | None, customer_id: UUID | None, status: str | None, payee_id: UUID | None
) -> list[Order]:
    """Orders, newest first; with `payee_id`, those with a line of that payee."""
    rows = await tx.fetch(
        """SELECT * FROM orders
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR customer_id = $3)
             AND ($4::text IS NULL OR status = $4)
             AND ($5::uuid IS NULL OR EXISTS (
                 SELECT FROM order_lines
                 WHERE order_lines.tenant_id = $1 AND order_lines.order_id = orders.id AND order_lines.payee_id = $5))
           ORDER BY id DESC LIMIT $6""",
        tx.tenant_id,
        before,
        customer_id,
        status,
        payee_id,
        limit,
    )
    return [_order(row) for row in rows]


async def select_takings(tx: Tx, since: datetime, first_id: UUID, payee_id: UUID | None) -> list[tuple[str, int, int]]:
    """Of what was paid since then, of orders from `first_id` on: each currency, how many, and the sum of their lines; of one
    payee where named.
    """
    rows = await tx.fetch(
        """SELECT order_lines.currency, count(DISTINCT orders.id) AS orders, sum(order_lines.amount_minor)::bigint AS minor
           FROM orders JOIN order_lines ON order_lines.tenant_id = orders.tenant_id AND order_lines.order_id = orders.id
           WHERE orders.tenant_id = $1 AND orders.paid_at >= $2 AND orders.id >= $4
             AND ($3::uuid IS NULL OR order_lines.payee_id = $3)
           GROUP BY order_lines.currency ORDER BY order_lines.currency""",
        tx.tenant_id,
        since,
        payee_id,
        first_id,
    )
    return [(row["currency"], row["orders"], row["minor"]) for row in rows]
