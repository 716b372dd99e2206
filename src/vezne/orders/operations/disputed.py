"""Disputes that were lost: the payer's bank has taken the money back, and what it had paid for is taken back with it."""

from vezne import ledger, payments
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id
from vezne.orders import queries, queries_tenders
from vezne.orders.events import OrderLossBorne
from vezne.orders.models import Order, OrderRefund, OrderStatus, allocate, share_out
from vezne.orders.operations import refunding

LOSSES = "dispute_losses"
"""What was disputed away and could not be taken back: the customer has used it, or had the money back already."""
REASON = "disputed"


async def on_dispute_lost(tx: Tx, event: payments.DisputeLost) -> None:
    """The order is refunded by so much, as if its provider had given it back; `unapplied` is made whole again.

    What the customer has used, or had back before, is the tenant's loss: it is posted from `dispute_losses` and told.
    """
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    taken = 0
    if order is not None and order.status in {OrderStatus.PAID, OrderStatus.FULFILLED}:
        taken = await _take_back(tx, order, event)
    loss = event.amount_minor - taken
    if loss:
        await _bear(tx, event, loss)
    if loss and order is not None:
        await tx.publish(
            OrderLossBorne(order_id=order.id, dispute_id=event.dispute_id, amount_minor=loss, currency=event.currency)
        )


async def _take_back(tx: Tx, order: Order, event: payments.DisputeLost) -> int:
    """Take back what the disputed money had bought; how much of it. Nothing when a line's kind refuses."""
    tenders = [each for each in await queries_tenders.select_tenders(tx, [order.id]) if each.kind == "provider"]
    amount = min(event.amount_minor, sum(tender.refundable_minor for tender in tenders), order.refundable_minor)
    if not amount or event.currency != order.currency:
        return 0
    made = OrderRefund(
        id=new_id(),
        order_id=order.id,
        amount_minor=amount,
        currency=order.currency,
        reason=REASON,
        status="pending",
        created_at=tx.now,
    )
    lines = await queries.select_lines(tx, [order.id])
    asked = [refunding.by_amount(line, part) for line, part in allocate(amount, lines)]
    try:
        async with tx.savepoint():
            await refunding.do(tx, made, asked, share_out(asked, tenders))
            await refunding.end(tx, made.id, order.id)
    except Refusal:
        return 0
    return amount


async def _bear(tx: Tx, event: payments.DisputeLost, loss_minor: int) -> None:
    losses = await ledger.house_account(tx, LOSSES, event.currency)
    unapplied = await ledger.house_account(tx, "unapplied", event.currency)
    postings = (ledger.Posting(losses, -loss_minor), ledger.Posting(unapplied, loss_minor))
    reference = f"dispute:{event.dispute_id}:borne"
    (posted,) = await ledger.post(tx, [ledger.Entry(new_id(), "dispute.borne", postings, reference=reference)])
    if isinstance(posted, ledger.Refused):
        raise posted.error
