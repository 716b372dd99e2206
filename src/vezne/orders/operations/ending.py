"""Orders that are being paid live on; those that were not paid give free what was kept for them."""

from uuid import UUID

from vezne import payments, promos
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict
from vezne.kernel.ids import public_id
from vezne.orders import queries, queries_tenders
from vezne.orders.events import OrderCancelled, OrderExpired, OrderFailed
from vezne.orders.lines import LINES
from vezne.orders.models import ORDER_MOVES, Order, OrderStatus, taken_from
from vezne.orders.operations import reading, tendering

_FACTS = {OrderStatus.FAILED: OrderFailed, OrderStatus.CANCELLED: OrderCancelled, OrderStatus.EXPIRED: OrderExpired}


class OrderPaidAlready(Conflict):
    """Order {order_id} is {status}: what was bought is given back by a refund."""


async def on_attempt_started(tx: Tx, event: payments.AttemptStarted) -> None:
    """A live attempt, and nothing else, makes what is kept last as long as the customer may pay it."""
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if order is None or order.status is not OrderStatus.PENDING:
        return
    until = (await payments.extend(tx, event.payment_id, event.pay_until)).expires_at
    for line in sorted(await queries.select_lines(tx, [order.id]), key=taken_from):
        await LINES[line.kind].extend(tx, line, until)
    await tendering.extend(tx, await queries_tenders.select_tenders(tx, [order.id]), until)


async def cancel(tx: Tx, order_id: UUID) -> Order:
    """Want it no longer. Again: nothing changes.

    Raises UnknownOrder, PaymentNotOpen once it is paid, OrderPaidAlready when no payment paid it, PaymentInFlight.
    """
    order = await reading.lock(tx, order_id)
    if order.payment_id is not None:
        await payments.cancel(tx, order.payment_id)
    else:
        raise OrderPaidAlready(order_id=public_id("ord", order_id), status=order.status)
    return await reading.order(tx, order_id)


async def on_payment_failed(tx: Tx, event: payments.PaymentFailed) -> None:
    """The order fails when its payment failed for good; while it may be tried again, it waits, and keeps what it holds."""
    if event.final:
        await _end_of_payment(tx, event.payment_id, OrderStatus.FAILED)


async def on_payment_cancelled(tx: Tx, event: payments.PaymentCancelled) -> None:
    """The order is cancelled with its payment."""
    await _end_of_payment(tx, event.payment_id, OrderStatus.CANCELLED)


async def on_payment_expired(tx: Tx, event: payments.PaymentExpired) -> None:
    """The order expires with its payment."""
    await _end_of_payment(tx, event.payment_id, OrderStatus.EXPIRED)


async def _end_of_payment(tx: Tx, payment_id: UUID, status: OrderStatus) -> None:
    order = await queries.lock_order_of_payment(tx, payment_id)
    if order is not None and status in ORDER_MOVES[order.status]:
        await end(tx, order, status)


async def end(tx: Tx, order: Order, status: OrderStatus) -> None:
    """End a locked order that was not paid: what was bought, its promo codes and what was to pay it is free again."""
    await promos.release(tx, order.id)
    for line in sorted(await queries.select_lines(tx, [order.id]), key=taken_from):
        await LINES[line.kind].release(tx, line)
    await tendering.release(tx, order, await queries_tenders.select_tenders(tx, [order.id]))
    await queries.update_status(tx, order.id, status)
    await tx.publish(_FACTS[status](order_id=order.id))
