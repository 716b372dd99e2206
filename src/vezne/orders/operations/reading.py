"""Looking at orders, and taking hold of one before it is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from vezne import payments, promos
from vezne.kernel.db import Tx
from vezne.kernel.errors import NotFound
from vezne.kernel.ids import public_id
from vezne.orders import queries, queries_tenders
from vezne.orders.models import Line, Order, OrderRefund, RefundShare, Snapshot, Tender


class UnknownOrder(NotFound):
    """There is no order {order_id}."""


@dataclass(frozen=True, slots=True)
class CheckoutView:
    """What a checkout page shows; `order` is None for a payment that is for no order."""

    payment: payments.Payment
    attempts: Sequence[payments.Attempt]
    order: Order | None
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with all that belongs to it. One payee's staff see that payee's lines."""

    order: Order
    lines: Sequence[Line]
    tenders: Sequence[Tender]
    snapshots: Sequence[Snapshot]
    attempts: Sequence[payments.Attempt]
    redemptions: Sequence[promos.Redemption] = ()


async def order(tx: Tx, order_id: UUID) -> Order:
    """The order; to one payee's staff one in which that payee sells something, to a customer its own. Raises UnknownOrder."""
    found = await queries.select_order(tx, order_id)
    if found is None or not tx.principal.concerns(found.customer_id) or not await _is_visible(tx, order_id):
        raise UnknownOrder(order_id=public_id("ord", order_id))
    return found


async def order_of_claim(tx: Tx, claim_id: UUID) -> Order:
    """The one order that a claim on capacity was ordered in; visible as `order` is. Raises UnknownOrder."""
    order_id = await queries.select_order_of_claim(tx, public_id("clm", claim_id))
    if order_id is None:
        raise UnknownOrder(order_id=f"of claim {public_id('clm', claim_id)}")
    return await order(tx, order_id)


async def _is_visible(tx: Tx, order_id: UUID) -> bool:
    payee_id = tx.principal.payee_id
    return payee_id is None or any(line.payee_id == payee_id for line in await queries.select_lines(tx, [order_id]))


async def lines_of(tx: Tx, order_ids: Sequence[UUID]) -> list[Line]:
    """The lines of these orders, each order's in their order; one payee's staff see that payee's."""
    payee_id = tx.principal.payee_id
    lines = await queries.select_lines(tx, order_ids)
    return lines if payee_id is None else [line for line in lines if line.payee_id == payee_id]


async def tenders_of(tx: Tx, order_ids: Sequence[UUID]) -> list[Tender]:
    """What pays these orders, each order's in their order."""
    return await queries_tenders.select_tenders(tx, order_ids)


async def views(tx: Tx, orders: Sequence[Order]) -> list[OrderView]:
    """The orders with all that belongs to them."""
    ids = [found.id for found in orders]
    lines, tenders = await lines_of(tx, ids), await tenders_of(tx, ids)
    snapshots = await queries_tenders.select_snapshots(tx, ids)
    attempts = await payments.attempts(tx, [found.payment_id for found in orders if found.payment_id is not None])
    redemptions = await promos.redemptions_of(tx, ids)
    return [
        OrderView(
            found,
            mine := [line for line in lines if line.order_id == found.id],
            [tender for tender in tenders if tender.order_id == found.id],
            [snapshots[line.id] for line in mine if line.id in snapshots],
            [attempt for attempt in attempts if attempt.payment_id == found.payment_id],
            [each for each in redemptions if each.order_id == found.id],
        )
        for found in orders
    ]


async def view(tx: Tx, order_id: UUID) -> OrderView:
    """One order with all that belongs to it. Raises UnknownOrder."""
    (found,) = await views(tx, [await order(tx, order_id)])
    return found


async def lock(tx: Tx, order_id: UUID) -> Order:
    """The order, its payment locked before it, to be changed; by one payee's staff only where all of it is that payee's.

    Raises UnknownOrder.
    """
    found = await order(tx, order_id)
    payee_id = tx.principal.payee_id
    if payee_id is not None and any(line.payee_id != payee_id for line in await queries.select_lines(tx, [order_id])):
        raise UnknownOrder(order_id=public_id("ord", order_id))
    if found.payment_id is not None:
        await payments.lock(tx, found.payment_id)
    return await queries.lock_order(tx, order_id) or found


async def refunds_of(tx: Tx, order_id: UUID) -> tuple[list[OrderRefund], list[RefundShare]]:
    """The refunds of an order, newest first, and what of each went from which line to which tender. Raises UnknownOrder."""
    await order(tx, order_id)
    found = await queries_tenders.select_refunds(tx, order_id)
    return found, await queries_tenders.select_shares(tx, [refund.id for refund in found])


async def checkout_view(tx: Tx, client_secret: str) -> CheckoutView:
    """What the holder of a client secret may see. Raises ClientSecretUnknown."""
    payment = await payments.of_client_secret(tx, client_secret)
    tries = await payments.attempts(tx, [payment.id])
    found = await queries.select_order_of_payment(tx, payment.id)
    lines = [] if found is None else await queries.select_lines(tx, [found.id])
    return CheckoutView(payment, tries, found, lines)
