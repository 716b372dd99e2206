"""Lists of orders for people who look through them, and what a day came to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from vezne.kernel.clock import real_now
from vezne.kernel.db import Tx
from vezne.kernel.money import Money
from vezne.orders import queries_lists, queries_unmatched
from vezne.orders.models import Order, Unmatched

LONGEST_WAIT = timedelta(days=40)
"""Longer than any order waits for its payment: a promised bank transfer has at most 30 days."""


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
    """What was paid since then, each currency by itself; to one payee's staff what was paid for its lines.

    Looks back no further than an order can wait for its payment: the newest orders are read, however many there are.
    """
    rows = await queries_lists.select_takings(tx, since, _oldest_paid(since), tx.principal.payee_id)
    return [Takings(orders, Money(minor, currency)) for currency, orders, minor in rows]


def _oldest_paid(since: datetime) -> UUID:
    """The least id an order paid since then may have: ids begin with the real time at which they were made."""
    placed = min(since, real_now()) - LONGEST_WAIT
    return UUID(int=(int(placed.timestamp()) * 1000) << 80)


async def unmatched_waiting(tx: Tx, *, limit: int) -> list[Unmatched]:
    """Money that no order could take and that waits for a person, newest first; one payee's staff have nothing to do with it."""
    if tx.principal.payee_id is not None:
        return []
    return await queries_unmatched.select_unmatched_page(tx, limit=limit, before=None, status="waiting", reason=None)
