"""What follows for an order from what becomes of its payment. All in the transaction that learns it, under the payment's lock."""

from uuid import UUID

import structlog

from vezne import payments
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Refusal
from vezne.kernel.ids import public_id
from vezne.orders import queries
from vezne.orders.events import (
    OrderCancelled,
    OrderExpired,
    OrderFailed,
    OrderFulfilled,
    OrderPaid,
    OrderStuck,
)
from vezne.orders.lines import LINES
from vezne.orders.models import ORDER_MOVES, Line, Order, OrderStatus
from vezne.orders.operations import placing

_log = structlog.get_logger("vezne.orders")


class OrderNotPaid(Conflict):
    """Order {order_id} is {status}; only a paid one can be fulfilled."""


async def on_payment_succeeded(tx: Tx, event: payments.PaymentSucceeded) -> None:
    """The order is paid: give everything that was bought, in this transaction.

    What cannot be given leaves the money in `unapplied` and the order paid, with its reason, for a person to fulfil or refund.
    Paid late, it is given only if every line's kind may be given late.
    """
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if order is None or OrderStatus.PAID not in ORDER_MOVES[order.status]:
        return
    await queries.mark_paid(tx, order.id)
    await tx.publish(OrderPaid(order_id=order.id, payment_id=event.payment_id))
    late = isinstance(event, payments.PaymentSucceededLate)
    lines = await queries.select_lines(tx, [order.id])
    if late and not all(LINES[line.kind].fulfils_late for line in lines):
        await _leave(tx, order, "paid_late")
        return
    await _give(tx, order, lines)


async def fulfil(tx: Tx, order_id: UUID) -> Order:
    """Give what a paid order still owes. Again once everything is given: nothing changes. Raises UnknownOrder, OrderNotPaid."""
    found = await placing.order(tx, order_id)
    await payments.lock(tx, found.payment_id)
    order = await queries.lock_order_of_payment(tx, found.payment_id) or found
    if order.status not in {OrderStatus.PAID, OrderStatus.FULFILLED}:
        raise OrderNotPaid(order_id=public_id("ord", order_id), status=order.status)
    if order.status is OrderStatus.PAID:
        await _give(tx, order, await queries.select_lines(tx, [order.id]))
    return await placing.order(tx, order_id)


async def _give(tx: Tx, order: Order, lines: list[Line]) -> None:
    for line in lines:
        reason = await _apply(tx, line)
        if reason is not None:
            await _leave(tx, order, reason)
            return
    await queries.mark_fulfilled(tx, order.id)
    await tx.publish(OrderFulfilled(order_id=order.id, customer_id=order.customer_id))


async def _apply(tx: Tx, line: Line) -> str | None:
    """Give what the line owes; why not, when it cannot be given."""
    if not line.owed.minor:
        return None
    try:
        async with tx.savepoint():
            await LINES[line.kind].fulfil(tx, line, line.owed, public_id("oli", line.id))
            await queries.update_line(tx, line.id, applied=line.owed.minor)
    except Refusal as refusal:
        return refusal.code()
    return None


async def _leave(tx: Tx, order: Order, reason: str) -> None:
    _log.warning("paid order could not be fulfilled", order=public_id("ord", order.id), reason=reason)
    await queries.mark_stuck(tx, order.id, reason)
    await tx.publish(OrderStuck(order_id=order.id, reason=reason))


async def on_payment_failed(tx: Tx, event: payments.PaymentFailed) -> None:
    """The order fails when its payment failed for good; while it may be tried again, it waits."""
    if event.final:
        await _end(tx, event.payment_id, OrderStatus.FAILED)


async def on_payment_cancelled(tx: Tx, event: payments.PaymentCancelled) -> None:
    """The order is cancelled with its payment."""
    await _end(tx, event.payment_id, OrderStatus.CANCELLED)


async def on_payment_expired(tx: Tx, event: payments.PaymentExpired) -> None:
    """The order expires with its payment."""
    await _end(tx, event.payment_id, OrderStatus.EXPIRED)


async def _end(tx: Tx, payment_id: UUID, status: OrderStatus) -> None:
    order = await queries.lock_order_of_payment(tx, payment_id)
    if order is None or status not in ORDER_MOVES[order.status]:
        return
    await queries.update_status(tx, order.id, status)
    facts = {OrderStatus.FAILED: OrderFailed, OrderStatus.CANCELLED: OrderCancelled, OrderStatus.EXPIRED: OrderExpired}
    await tx.publish(facts[status](order_id=order.id))
