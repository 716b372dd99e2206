"""Giving an order's money back: line by line, to each tender what it had paid, and what of it would go where beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from vezne import payments
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Invalid, NotFound, Refusal
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.orders import queries, queries_tenders
from vezne.orders.events import OrderRefunded, OrderRefundMade, OrderStuck
from vezne.orders.lines import LINES
from vezne.orders.models import (
    ORDER_MOVES,
    Line,
    LineRefund,
    Order,
    OrderRefund,
    OrderStatus,
    RefundShare,
    RefundStatus,
    Seats,
    Tender,
    allocate,
    share_out,
    taken_from,
    walk,
)
from vezne.orders.operations import promoting, reading, rehearsing, returning, tendering


class OrderNotRefundable(Conflict):
    """Order {order_id} is {status}; only one that was paid can be refunded."""


class OrderRefundTooLarge(Conflict):
    """Of order {order_id} {refundable_minor} {currency} (minor units) can still be refunded, less than {amount_minor}."""


class LineRefundTooLarge(Conflict):
    """Of line {line_id} {refundable_minor} {currency} (minor units) and {left} seats can still be refunded."""


class UnknownOrderLine(NotFound):
    """Order {order_id} has no line {line_id}."""


class RefundUnclear(Invalid):
    """A refund is of an amount or of lines; a line's by amount, or by seats or tickets, of which it names each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLineRefund:
    """What is to go back of one line: so many seats or these tickets at what was paid for them, or an amount; else all of it."""

    line_id: UUID
    quantity: int | None = None
    ticket_ids: tuple[UUID, ...] = ()
    amount_minor: int | None = None


async def refund(
    tx: Tx,
    order_id: UUID,
    amount_minor: int | None = None,
    *,
    lines: Sequence[AskedLineRefund] = (),
    reason: str = "",
) -> OrderRefund:
    """Take back what was bought, `amount_minor` of it, these lines or all that is left, and give its money back to each tender.

    Wallets have theirs at once, a provider's part is on its way. Each call is another refund. What the customer has no longer
    got is refused by its line's kind, and nothing happens. Raises UnknownOrder, OrderNotRefundable, OrderRefundTooLarge,
    LineRefundTooLarge, UnknownOrderLine, RefundUnclear.
    """
    order = await reading.lock(tx, order_id)
    if order.status not in {OrderStatus.PAID, OrderStatus.FULFILLED}:
        raise OrderNotRefundable(order_id=public_id("ord", order_id), status=order.status)
    bought = await queries.select_lines(tx, [order_id])
    asked = _asked(order, bought, amount_minor, lines)
    total = sum(each.amount_minor for each in asked)
    tenders = walk(await queries_tenders.select_tenders(tx, [order_id]))
    shares = share_out(asked, tenders)
    by_provider = sum(part for _, tender, part in shares if tender.kind == "provider")
    status: RefundStatus = "pending" if by_provider else "succeeded"
    made = OrderRefund(
        id=new_id(),
        order_id=order_id,
        amount_minor=total,
        currency=order.currency,
        reason=reason,
        status=status,
        created_at=tx.now,
    )
    await do(tx, made, asked, shares)
    if by_provider and order.payment_id is not None:
        await payments.refund(tx, order.payment_id, by_provider, reason=reason, refund_id=made.id)
    await _close(tx, order_id)
    return made


@dataclass(frozen=True, slots=True)
class Preview:
    """What a refund would do: what of it comes from which line and goes to which tender, and what is posted."""

    refund: OrderRefund
    shares: Sequence[RefundShare]
    tenders: Sequence[Tender]
    lines: Sequence[Line]
    postings: Sequence[rehearsing.Movement]


async def preview(tx: Tx, order_id: UUID, amount_minor: int | None = None, *, lines: Sequence[AskedLineRefund] = ()) -> Preview:
    """Rehearse a refund as if its provider gave its part back at once; nothing is kept of it. Raises what `refund` does."""

    async def act() -> Preview:
        made = await refund(tx, order_id, amount_minor, lines=lines)
        shares = await queries_tenders.select_shares(tx, [made.id])
        tenders = await queries_tenders.select_tenders(tx, [order_id])
        by_provider = {tender.id for tender in tenders if tender.kind == "provider"}
        back = sum(share.amount_minor for share in shares if share.tender_id in by_provider)
        order = await reading.order(tx, order_id)
        if back and order.payment_id is not None:
            final = next(attempt for attempt in await payments.attempts(tx, [order.payment_id]) if attempt.is_final)
            await rehearsing.post(tx, "payment.refunded", final.provider, order.currency, -back)
        return Preview(made, shares, tenders, await queries.select_lines(tx, [order_id]), ())

    seen, postings = await rehearsing.rehearse(tx, act)
    return replace(seen, postings=postings)


def _asked(order: Order, bought: Sequence[Line], amount_minor: int | None, lines: Sequence[AskedLineRefund]) -> list[LineRefund]:
    """What is to go back of each line. Raises what `refund` does."""
    if lines and amount_minor is not None:
        raise RefundUnclear(loc=("body", "amount_minor"))
    if lines:
        if len({each.line_id for each in lines}) < len(lines):
            raise RefundUnclear(loc=("body", "lines"))
        return [_of_line(order, bought, each, index) for index, each in enumerate(lines)]
    if amount_minor is None and (order.refundable_minor or any(line.left for line in bought)):
        return [_whole(line) for line in bought if line.refundable_minor or line.left]
    if amount_minor is None or not 0 < amount_minor <= order.refundable_minor:
        raise OrderRefundTooLarge(
            loc=("body", "amount_minor"),
            order_id=public_id("ord", order.id),
            refundable_minor=order.refundable_minor,
            currency=order.currency,
            amount_minor=order.refundable_minor if amount_minor is None else amount_minor,
        )
    return [by_amount(line, part) for line, part in allocate(amount_minor, bought)]


def _whole(line: Line) -> LineRefund:
    return LineRefund(line=line, amount_minor=line.refundable_minor, seats=Seats(count=line.left, all_left=True))


def by_amount(line: Line, amount: int) -> LineRefund:
    """So much of a line: an amount takes no seats, unless it is all that was left of the line's price."""
    return _whole(line) if amount == line.refundable_minor else LineRefund(line=line, amount_minor=amount, seats=Seats())


def _of_line(order: Order, bought: Sequence[Line], asked: AskedLineRefund, index: int) -> LineRefund:
    loc = ("body", "lines", index)
    line = next((line for line in bought if line.id == asked.line_id), None)
    if line is None:
        line_id = public_id("oli", asked.line_id)
        raise UnknownOrderLine(loc=(*loc, "line_id"), order_id=public_id("ord", order.id), line_id=line_id)
    count = len(asked.ticket_ids) or asked.quantity
    named = len(set(asked.ticket_ids)) == len(asked.ticket_ids) and not (asked.ticket_ids and asked.quantity)
    if not named or (asked.amount_minor is not None and count is not None):
        raise RefundUnclear(loc=loc)
    fits = (count is None or count <= line.left) and (asked.amount_minor or 0) <= line.refundable_minor
    if not fits or (not line.refundable_minor and not line.left):
        raise LineRefundTooLarge(
            loc=loc,
            line_id=public_id("oli", line.id),
            refundable_minor=line.refundable_minor,
            currency=line.currency,
            left=line.left,
        )
    if count is not None:
        seats = Seats(count=count, ticket_ids=asked.ticket_ids, all_left=count == line.left)
        return LineRefund(line=line, amount_minor=line.price_of_seats(count), seats=seats)
    return _whole(line) if asked.amount_minor is None else by_amount(line, asked.amount_minor)


async def do(tx: Tx, made: OrderRefund, asked: Sequence[LineRefund], shares: Sequence[tuple[LineRefund, Tender, int]]) -> None:
    """Take back what goes, line by line, and give it to its tenders. Raises what a line's kind refuses with."""
    await queries_tenders.insert_refund(tx, made)
    await _take_back(tx, made, asked, shares)
    await promoting.settle_bonuses(tx, made.order_id)
    await _to_tenders(tx, made, shares)
    await tx.publish(
        OrderRefundMade(
            order_id=made.order_id,
            refund_id=made.id,
            amount_minor=made.amount_minor,
            currency=made.currency,
            reason=made.reason,
        )
    )


async def _take_back(
    tx: Tx, made: OrderRefund, asked: Sequence[LineRefund], shares: Sequence[tuple[LineRefund, Tender, int]]
) -> None:
    """Take back, line by line, what the refunded money had bought. Raises what a line's kind refuses with.

    What was paid and never given is refunded first; only the rest is taken back.
    """
    for each in sorted(asked, key=lambda refund: taken_from(refund.line)):
        line, amount = each.line, each.amount_minor
        given = amount - min(amount, line.owed.minor)
        if given or each.seats.count:
            await LINES[line.kind].undo(tx, line, Money(given, line.currency), _cause(made.id, line), each.seats)
        await queries.update_line(tx, line.id, applied=-given, refunded=amount, seats=each.seats.count)
        await _keep_shares(tx, made, each, given, [share for share in shares if share[0] is each])
    await queries.update_refunded(tx, made.order_id, made.amount_minor)


async def _keep_shares(
    tx: Tx, made: OrderRefund, each: LineRefund, given: int, shares: Sequence[tuple[LineRefund, Tender, int]]
) -> None:
    """A provider's part may fail and be put back, so what was taken back for the refund counts for it first, and the seats."""
    seats = each.seats.count
    for _, tender, part in shares:
        taken = min(part, given)
        given -= taken
        share = RefundShare(
            refund_id=made.id, line_id=each.line.id, tender_id=tender.id, amount_minor=part, given_minor=taken, seats=seats
        )
        await queries_tenders.insert_share(tx, made.order_id, share, "pending" if tender.kind == "provider" else "succeeded")
        seats = 0


async def _to_tenders(tx: Tx, made: OrderRefund, shares: Sequence[tuple[LineRefund, Tender, int]]) -> None:
    for tender in {tender.id: tender for _, tender, _ in shares}.values():
        amount = sum(part for _, to, part in shares if to.id == tender.id)
        if tender.kind == "provider":
            await queries_tenders.update_tender_refunded(tx, tender.id, amount, amount)
        else:
            await tendering.give_back(tx, tender, amount, public_id("ref", made.id))


def _cause(refund_id: UUID, line: Line) -> str:
    return f"{public_id('ref', refund_id)}/{line.number}"


async def _close(tx: Tx, order_id: UUID) -> None:
    """The order is refunded when all its money, and everything that cost nothing, has gone back."""
    order = await queries.select_order(tx, order_id)
    if order is None or OrderStatus.REFUNDED not in ORDER_MOVES[order.status] or order.refundable_minor:
        return
    if any(line.left for line in await queries.select_lines(tx, [order_id])):
        return
    if await queries_tenders.shares_are_pending(tx, order_id):
        return
    await queries.update_status(tx, order_id, OrderStatus.REFUNDED)
    await tx.publish(OrderRefunded(order_id=order_id))


async def on_refund_requested(tx: Tx, event: payments.RefundRequested) -> None:
    """Take back what the money of a payment had bought, when somebody refunds the payment itself.

    Raises what a line's kind refuses with, and OrderRefundTooLarge.
    """
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if await returning.on_refund_requested(tx, event) or order is None:
        return
    if await queries_tenders.select_refund(tx, event.refund_id) is not None:
        return  # asked for by the order
    bought = await queries.select_lines(tx, [order.id])
    if event.amount_minor > order.refundable_minor:
        raise OrderRefundTooLarge(
            order_id=public_id("ord", order.id),
            refundable_minor=order.refundable_minor,
            currency=order.currency,
            amount_minor=event.amount_minor,
        )
    asked = [by_amount(line, part) for line, part in allocate(event.amount_minor, bought)]
    tenders = await queries_tenders.select_tenders(tx, [order.id])
    shares = share_out(asked, [tender for tender in tenders if tender.kind == "provider"])
    made = OrderRefund(
        id=event.refund_id,
        order_id=order.id,
        amount_minor=event.amount_minor,
        currency=event.currency,
        reason="",
        status="pending",
        created_at=tx.now,
    )
    await do(tx, made, asked, shares)


async def on_refund_failed(tx: Tx, event: payments.RefundFailed) -> None:
    """The provider's money stayed: give the customer again what was taken back for it.

    What cannot be given again (the seats were sold meanwhile) leaves the order paid and owing, for a person to decide.
    """
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if await returning.on_refund_ended(tx, event.refund_id, succeeded=False) or order is None:
        return
    shares = await queries_tenders.end_shares(tx, event.refund_id, "failed")
    for share in shares:
        await queries.update_line(tx, share.line_id, refunded=-share.amount_minor, seats=-share.seats)
        await queries_tenders.update_tender_refunded(tx, share.tender_id, -share.amount_minor, -share.amount_minor)
    await queries.update_refunded(tx, order.id, -sum(share.amount_minor for share in shares))
    await queries_tenders.update_refund_status(tx, event.refund_id, "failed")
    lines = {line.id: line for line in await queries.select_lines(tx, [order.id])}
    for share in sorted(shares, key=lambda share: taken_from(lines[share.line_id])):
        if share.given_minor:
            await _give_again(tx, order, lines[share.line_id], share)
    await promoting.settle_bonuses(tx, order.id)


async def _give_again(tx: Tx, order: Order, line: Line, share: RefundShare) -> None:
    amount = Money(share.given_minor, line.currency)
    try:
        async with tx.savepoint():
            await LINES[line.kind].fulfil(tx, line, amount, f"{_cause(share.refund_id, line)}/failed")
            await queries.update_line(tx, line.id, applied=amount.minor)
    except Refusal as refusal:
        if order.status is OrderStatus.FULFILLED:
            await queries.mark_owing(tx, order.id, refusal.code())
        await tx.publish(OrderStuck(order_id=order.id, reason=refusal.code()))


async def on_refund_succeeded(tx: Tx, event: payments.RefundSucceeded) -> None:
    """The order is refunded when all its money has gone back."""
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if await returning.on_refund_ended(tx, event.refund_id, succeeded=True) or order is None:
        return
    await end(tx, event.refund_id, order.id)


async def end(tx: Tx, refund_id: UUID, order_id: UUID) -> None:
    """The provider's part of a refund has gone back; with the last of them the order is refunded."""
    await queries_tenders.end_shares(tx, refund_id, "succeeded")
    await queries_tenders.update_refund_status(tx, refund_id, "succeeded")
    await _close(tx, order_id)
