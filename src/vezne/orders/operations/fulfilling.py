"""What follows for an order when it is paid. All in the transaction that learns it, under the payment's lock."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from vezne import ledger, payments, promos
from vezne.kernel.db import Busy, Tx
from vezne.kernel.errors import Conflict, Refusal, Unavailable
from vezne.kernel.ids import public_id
from vezne.orders import queries, queries_tenders
from vezne.orders.events import OrderFulfilled, OrderPaid, OrderStuck
from vezne.orders.lines import LINES
from vezne.orders.models import ORDER_MOVES, Line, Order, OrderStatus, Tender, taken_from
from vezne.orders.operations import reading, returning, tendering

_log = structlog.get_logger("vezne.orders")
_PASSING = (Busy, Unavailable, ledger.ReferenceBusy)
"""Refusals that say only "not just now": the whole transaction is to be done again."""


class OrderNotPaid(Conflict):
    """Order {order_id} is {status}; only a paid one can be fulfilled."""


async def on_payment_succeeded(tx: Tx, event: payments.PaymentSucceeded) -> None:
    """The order is paid: take all its tenders and give everything that was bought, in this transaction.

    What is gone for good, or a wallet that no longer has its part, leaves nothing of that: then the money goes where
    `late_money` says. What may still be given later leaves the order paid, with its reason, for a person to fulfil or refund.
    """
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if order is None:
        await returning.keep(tx, event, "no_order")
        return
    if OrderStatus.PAID not in ORDER_MOVES[order.status]:
        return
    lines = await queries.select_lines(tx, [order.id])
    tenders = await queries_tenders.select_tenders(tx, [order.id])
    try:
        async with tx.savepoint():
            await _pay(tx, order, lines, tenders)
            await _give(tx, order, lines)
    except _PASSING:
        raise
    except Refusal as refusal:
        await returning.return_money(tx, order, event, refusal.code())


async def settle_at_once(tx: Tx, order: Order, lines: Sequence[Line], tenders: Sequence[Tender]) -> None:
    """Pay and fulfil a new order that needs no provider. Raises whatever stands in the way: then nothing may be left of it."""
    await _pay(tx, order, lines, tenders)
    for line in sorted(lines, key=taken_from):
        await _fulfil(tx, line)
    await promos.grant_bonus(tx, order.id)
    await _finish(tx, order)


async def _pay(tx: Tx, order: Order, lines: Sequence[Line], tenders: Sequence[Tender]) -> None:
    await promos.redeem(tx, order.id)
    await tendering.capture(tx, order, tenders)
    taken = [LINES[line.kind].snapshot(line, tx.now) for line in lines]
    await queries_tenders.insert_snapshots(tx, [snapshot for snapshot in taken if snapshot is not None])
    await queries.mark_paid(tx, order.id)
    await tx.publish(OrderPaid(order_id=order.id, payment_id=order.payment_id))


async def fulfil(tx: Tx, order_id: UUID) -> Order:
    """Give what a paid order still owes. Again once everything is given: nothing changes.

    Raises UnknownOrder, OrderNotPaid. What still cannot be given is told by `last_error`.
    """
    order = await reading.lock(tx, order_id)
    if order.status not in {OrderStatus.PAID, OrderStatus.FULFILLED}:
        raise OrderNotPaid(order_id=public_id("ord", order_id), status=order.status)
    if order.status is OrderStatus.PAID:
        for line in sorted(await queries.select_lines(tx, [order.id]), key=taken_from):
            reason = await try_to_give(tx, line)
            if reason is not None:
                await _leave(tx, order, reason)
                break
        else:
            await _finish_with_bonus(tx, order)
    return await reading.order(tx, order_id)


async def _give(tx: Tx, order: Order, lines: Sequence[Line]) -> None:
    """Give all lines. Raises what a scarce one is refused with."""
    reasons: list[str] = []
    for line in sorted(lines, key=taken_from):
        if LINES[line.kind].is_scarce:
            await _fulfil(tx, line)
            continue
        reason = await try_to_give(tx, line)
        if reason is not None:
            reasons.append(reason)
    if reasons:
        await _leave(tx, order, reasons[0])
    else:
        await _finish_with_bonus(tx, order)


async def try_to_give(tx: Tx, line: Line) -> str | None:
    """Give what the line owes; why not, when it cannot be given."""
    try:
        async with tx.savepoint():
            await _fulfil(tx, line)
    except _PASSING:
        raise
    except Refusal as refusal:
        return refusal.code()
    return None


async def _fulfil(tx: Tx, line: Line) -> None:
    if not line.left and not line.owed.minor:
        return
    if not line.owed.minor and line.amount_minor:
        return
    tries = await queries_tenders.count_shares(tx, line.id)
    cause = public_id("oli", line.id) if not tries else f"{public_id('oli', line.id)}/{tries}"
    await LINES[line.kind].fulfil(tx, line, line.owed, cause)
    await queries.update_line(tx, line.id, applied=line.owed.minor)


async def _finish_with_bonus(tx: Tx, order: Order) -> None:
    """Credits on top that cannot be given now may be given later: they send no money back."""
    try:
        async with tx.savepoint():
            await promos.grant_bonus(tx, order.id)
    except _PASSING:
        raise
    except Refusal as refusal:
        await _leave(tx, order, refusal.code())
    else:
        await _finish(tx, order)


async def _finish(tx: Tx, order: Order) -> None:
    await queries.mark_fulfilled(tx, order.id)
    await tx.publish(OrderFulfilled(order_id=order.id, customer_id=order.customer_id))


async def _leave(tx: Tx, order: Order, reason: str) -> None:
    _log.warning("paid order could not be fulfilled", order=public_id("ord", order.id), reason=reason)
    await queries.mark_stuck(tx, order.id, reason)
    await tx.publish(OrderStuck(order_id=order.id, reason=reason))
