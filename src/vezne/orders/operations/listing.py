"""Lists of orders for people who look through them, and what a day came to."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.money import Money
from vezne.orders import queries_lists, queries_unmatched
from vezne.orders.models import Order, Unmatched


@dataclass(frozen=True, slots=True)
class Takings:
    """How many orders were paid, and what with, in one currency."""

    orders: int
    amount: Money


async def orders_page(
    tx: Tx, *, limit: int, before: UUID | None = None, customer_id: UUID | None = None, status: str | None = None
) -> list[Order]:
    """At most `limit` orders, newest first, older than `before`; one payee's staff see those in which it sells something."""
    return await queries_lists.select_page(
        tx, limit=limit, before=before, customer_id=customer_id, status=status, payee_id=tx.principal.payee_id
    )


async def takings(tx: Tx, since: datetime) -> list[Takings]:
    """What was paid since then, each currency by itself; to one payee's staff what was paid for its lines."""
    rows = await queries_lists.select_takings(tx, since, tx.principal.payee_id)
    return [Takings(orders, Money(minor, currency)) for currency, orders, minor in rows]


async def unmatched_waiting(tx: Tx, *, limit: int) -> list[Unmatched]:
    """Money that no order could take and that waits for a person, newest first; one payee's staff have nothing to do with it."""
    if tx.principal.payee_id is not None:
        return []
    return await queries_unmatched.select_unmatched_page(tx, limit=limit, before=None, status="waiting", reason=None)
