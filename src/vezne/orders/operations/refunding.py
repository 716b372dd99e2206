"""Taking back what was sold, and putting it back when the provider will not return the money.

The payment is always locked before its order: refunds and cancellations are asked of the payment, and the order follows.
"""

from uuid import UUID

from vezne import payments
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.orders import queries
from vezne.orders.events import OrderRefunded
from vezne.orders.lines import LINES
from vezne.orders.models import ORDER_MOVES, Line, Order, OrderStatus, RefundShare, allocate
from vezne.orders.operations import placing


async def refund(tx: Tx, order_id: UUID, amount_minor: int | None = None, *, reason: str = "") -> payments.Refund:
    """Take back what was bought for `amount_minor` (all that is left when None), and give its money back to who paid.

    Each call is another refund. What the customer has no longer got is refused by its line's kind, and nothing happens.
    Raises UnknownOrder, NotRefundable, RefundTooLarge.
    """
    found = await placing.order(tx, order_id)
    return await payments.refund(tx, found.payment_id, amount_minor, reason=reason)


async def cancel(tx: Tx, order_id: UUID) -> Order:
    """Want it no longer. Again: nothing changes. Raises UnknownOrder, PaymentNotOpen once it is paid, PaymentInFlight."""
    found = await placing.order(tx, order_id)
    await payments.cancel(tx, found.payment_id)
    return await placing.order(tx, order_id)


async def on_refund_requested(tx: Tx, event: payments.RefundRequested) -> None:
    """Take back, line by line, what the refunded money had bought. Raises what a line's kind refuses with."""
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if order is None:
        return
    for line, amount in allocate(event.amount_minor, await queries.select_lines(tx, [order.id])):
        await _take_back(tx, order, line, amount, event.refund_id)
    await queries.update_refunded(tx, order.id, event.amount_minor)


async def _take_back(tx: Tx, order: Order, line: Line, amount: int, refund_id: UUID) -> None:
    """What was paid and never given is refunded first; only the rest is taken back."""
    given = amount - min(amount, line.owed.minor)
    if given:
        await LINES[line.kind].undo(tx, line, Money(given, line.currency), _cause(refund_id, line))
    await queries.update_line(tx, line.id, applied=-given, refunded=amount)
    share = RefundShare(refund_id=refund_id, line_id=line.id, amount_minor=amount, was_applied=given > 0)
    await queries.insert_share(tx, order.id, share)


def _cause(refund_id: UUID, line: Line) -> str:
    return f"{public_id('ref', refund_id)}/{line.number}"


async def on_refund_failed(tx: Tx, event: payments.RefundFailed) -> None:
    """The money stayed: give the customer again what was taken back for it. Raises what a line's kind refuses with."""
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if order is None:
        return
    for share in await queries.end_shares(tx, event.refund_id, "failed"):
        await queries.update_line(tx, share.line_id, refunded=-share.amount_minor)
        if share.was_applied:
            line = next(line for line in await queries.select_lines(tx, [order.id]) if line.id == share.line_id)
            await LINES[line.kind].fulfil(tx, line, line.owed, f"{_cause(event.refund_id, line)}/failed")
            await queries.update_line(tx, line.id, applied=line.owed.minor)
    await queries.update_refunded(tx, order.id, -event.amount_minor)


async def on_refund_succeeded(tx: Tx, event: payments.RefundSucceeded) -> None:
    """The order is refunded when all its money has gone back."""
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if order is None:
        return
    await queries.end_shares(tx, event.refund_id, "succeeded")
    if OrderStatus.REFUNDED not in ORDER_MOVES[order.status] or order.refunded_minor < order.total_minor:
        return
    if await queries.shares_are_pending(tx, order.id):
        return
    await queries.update_status(tx, order.id, OrderStatus.REFUNDED)
    await tx.publish(OrderRefunded(order_id=order.id))
