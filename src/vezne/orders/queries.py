"""SQL of orders and their lines."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from asyncpg import Record, UniqueViolationError

from vezne.kernel.db import Tx
from vezne.orders.models import Line, Order, OrderStatus


def _order(row: Record) -> Order:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["status"] = OrderStatus(facts["status"])
    facts["metadata"] = msgspec.json.decode(facts["metadata"])
    return Order(**facts)


def _line(row: Record) -> Line:
    facts = {name: value for name, value in row.items() if name != "tenant_id"}
    facts["details"] = msgspec.json.decode(facts["details"])
    return Line(**facts)


async def insert_order(tx: Tx, order: Order) -> None:
    """A new order."""
    await tx.execute(
        """INSERT INTO orders (tenant_id, id, customer_id, status, currency, total_minor, payment_id, return_url, metadata,
                               created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        tx.tenant_id,
        order.id,
        order.customer_id,
        order.status,
        order.currency,
        order.total_minor,
        order.payment_id,
        order.return_url,
        msgspec.json.encode(order.metadata).decode(),
        order.created_at,
    )


async def insert_lines(tx: Tx, lines: Sequence[Line]) -> bool:
    """The lines of a new order; False when one is of a claim that was ordered before, and then nothing more may be done."""
    columns = (
        "tenant_id",
        "id",
        "order_id",
        "number",
        "kind",
        "details",
        "description",
        "amount_minor",
        "currency",
        "quantity",
        "payee_id",
        "discount_minor",
    )
    rows = [
        (
            tx.tenant_id,
            line.id,
            line.order_id,
            line.number,
            line.kind,
            msgspec.json.encode(line.details).decode(),
            line.description,
            line.amount_minor,
            line.currency,
            line.quantity,
            line.payee_id,
            line.discount_minor,
        )
        for line in lines
    ]
    try:
        await tx.copy("order_lines", columns, rows)
    except UniqueViolationError:
        return False
    return True


async def select_order(tx: Tx, order_id: UUID) -> Order | None:
    """The order, not locked."""
    row = await tx.fetchrow("SELECT * FROM orders WHERE tenant_id = $1 AND id = $2", tx.tenant_id, order_id)
    return None if row is None else _order(row)


async def select_order_of_payment(tx: Tx, payment_id: UUID) -> Order | None:
    """The order a payment is for, not locked."""
    row = await tx.fetchrow("SELECT * FROM orders WHERE tenant_id = $1 AND payment_id = $2", tx.tenant_id, payment_id)
    return None if row is None else _order(row)


async def lock_order_of_payment(tx: Tx, payment_id: UUID) -> Order | None:
    """The order a payment is for, locked; its payment is locked before it, always in that order."""
    row = await tx.fetchrow("SELECT * FROM orders WHERE tenant_id = $1 AND payment_id = $2 FOR UPDATE", tx.tenant_id, payment_id)
    return None if row is None else _order(row)


async def lock_order(tx: Tx, order_id: UUID) -> Order | None:
    """The order, locked; one that has a payment only after its payment."""
    row = await tx.fetchrow("SELECT * FROM orders WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, order_id)
    return None if row is None else _order(row)


async def select_orders(tx: Tx, *, limit: int, before: UUID | None, customer_id: UUID | None, status: str | None) -> list[Order]:
    """Orders, newest first; for one payee's staff those in which that payee sells something."""
    rows = await tx.fetch(
        """SELECT * FROM orders
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR customer_id = $3)
             AND ($4::text IS NULL OR status = $4)
             AND ($6::uuid IS NULL OR EXISTS (
                 SELECT FROM order_lines AS line
                 WHERE line.tenant_id = orders.tenant_id AND line.order_id = orders.id AND line.payee_id = $6))
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        before,
        customer_id,
        status,
        limit,
        tx.principal.payee_id,
    )
    return [_order(row) for row in rows]


async def select_lines(tx: Tx, order_ids: Sequence[UUID]) -> list[Line]:
    """The lines of these orders, each order's in their order."""
    rows = await tx.fetch(
        "SELECT * FROM order_lines WHERE tenant_id = $1 AND order_id = ANY ($2::uuid[]) ORDER BY order_id, number",
        tx.tenant_id,
        order_ids,
    )
    return [_line(row) for row in rows]


async def update_status(tx: Tx, order_id: UUID, status: OrderStatus) -> None:
    """Move a locked order."""
    await tx.execute("UPDATE orders SET status = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, order_id, status)


async def mark_paid(tx: Tx, order_id: UUID) -> None:
    """The locked order's money is ours."""
    await tx.execute(
        "UPDATE orders SET status = 'paid', paid_at = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, order_id, tx.now
    )


async def mark_fulfilled(tx: Tx, order_id: UUID) -> None:
    """The locked order's customer has everything."""
    await tx.execute(
        "UPDATE orders SET status = 'fulfilled', fulfilled_at = $3, last_error = NULL WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        order_id,
        tx.now,
    )


async def mark_stuck(tx: Tx, order_id: UUID, reason: str) -> None:
    """Why the locked order could not be fulfilled."""
    await tx.execute("UPDATE orders SET last_error = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, order_id, reason)


async def select_has_paid(tx: Tx, customer_id: UUID) -> bool:
    """Whether the customer has ever paid an order, or had one that cost nothing."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM orders WHERE tenant_id = $1 AND customer_id = $2 AND paid_at IS NOT NULL)",
        tx.tenant_id,
        customer_id,
    )
    return found


async def select_order_of_claim(tx: Tx, claim: str) -> UUID | None:
    """The order whose line is of this claim, named by its public id."""
    found: UUID | None = await tx.fetchval(
        """SELECT order_id FROM order_lines
           WHERE tenant_id = $1 AND details ? 'claim_id' AND details ->> 'claim_id' = $2""",
        tx.tenant_id,
        claim,
    )
    return found


async def update_refunded(tx: Tx, order_id: UUID, by_minor: int) -> None:
    """Add to what was refunded of a locked order."""
    await tx.execute(
        "UPDATE orders SET refunded_minor = refunded_minor + $3 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        order_id,
        by_minor,
    )


async def mark_owing(tx: Tx, order_id: UUID, reason: str) -> None:
    """The locked order was fulfilled and owes something again."""
    await tx.execute(
        "UPDATE orders SET status = 'paid', last_error = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant_id, order_id, reason
    )


async def update_line(tx: Tx, line_id: UUID, *, applied: int = 0, refunded: int = 0, seats: int = 0) -> None:
    """Add to what a line of a locked order has given, and to what was refunded of it."""
    await tx.execute(
        """UPDATE order_lines SET applied_minor = applied_minor + $3, refunded_minor = refunded_minor + $4,
                                  refunded_quantity = refunded_quantity + $5
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        line_id,
        applied,
        refunded,
        seats,
    )
