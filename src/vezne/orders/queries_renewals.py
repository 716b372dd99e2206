"""SQL of orders that are paid and fulfilled in the transaction that places them, many at once."""

from collections.abc import Sequence

import msgspec

from vezne.kernel.db import Tx
from vezne.orders.models import Line, Order

_ORDER = ("id", "customer_id", "status", "currency", "total_minor", "payment_id", "created_at", "paid_at", "fulfilled_at")
_LINE = ("id", "order_id", "number", "kind", "description", "amount_minor", "currency", "applied_minor", "quantity")


async def insert_fulfilled(tx: Tx, orders: Sequence[Order], lines: Sequence[Line]) -> None:
    """New orders with their lines, as they stand; their tenders are written beside them."""
    await tx.copy(
        "orders",
        ("tenant_id", "metadata", *_ORDER),
        [(tx.tenant_id, "{}", *(getattr(order, name) for name in _ORDER)) for order in orders],
    )
    await tx.copy(
        "order_lines",
        ("tenant_id", "details", *_LINE),
        [(tx.tenant_id, msgspec.json.encode(line.details).decode(), *(getattr(line, name) for name in _LINE)) for line in lines],
    )
