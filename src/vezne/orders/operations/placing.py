"""Placing orders and looking at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import add
from typing import Any
from uuid import UUID

from vezne import identity, payments
from vezne.kernel.db import Tx
from vezne.kernel.errors import NotFound
from vezne.kernel.ids import new_id, public_id
from vezne.orders import queries
from vezne.orders.events import OrderPlaced
from vezne.orders.lines import LINES, Details, Priced
from vezne.orders.models import Line, Order, OrderStatus


class UnknownOrder(NotFound):
    """There is no order {order_id}."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that waits for its payment. The client secret opens the checkout page."""

    order: Order
    lines: Sequence[Line]
    payment: payments.Payment
    client_secret: str


@dataclass(frozen=True, slots=True)
class CheckoutView:
    """What a checkout page shows; `order` is None for a payment that is for no order."""

    payment: payments.Payment
    attempts: Sequence[payments.Attempt]
    order: Order | None
    lines: Sequence[Line]


async def place(
    tx: Tx,
    customer_id: UUID,
    asked: Sequence[Details],
    *,
    expires_after: timedelta,
    return_url: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Placed:
    """Order these lines for the customer, at today's prices, with a payment to be paid before `expires_after` has passed.

    Each call is another order. Raises CustomerNotFound, CurrencyMismatch when the lines are of several currencies,
    AmountOutOfRange, and what a line's kind refuses with.
    """
    await identity.customer(tx, customer_id)
    order_id = new_id()
    priced = [await LINES[line.kind].price(tx, customer_id, line) for line in asked]
    total = reduce(add, [each.amount for each in priced])
    payment, secret = await payments.create(
        tx, total, public_id("ord", order_id), expires_after=expires_after, customer_id=customer_id, metadata=metadata
    )
    order = Order(
        id=order_id,
        customer_id=customer_id,
        status=OrderStatus.PENDING,
        currency=total.currency,
        total_minor=total.minor,
        refunded_minor=0,
        payment_id=payment.id,
        return_url=return_url,
        last_error=None,
        metadata=metadata or {},
        created_at=tx.now,
        paid_at=None,
        fulfilled_at=None,
    )
    lines = [_line(order_id, number, line.kind, price) for number, (line, price) in enumerate(zip(asked, priced, strict=True), 1)]
    await _keep(tx, order, lines)
    return Placed(order, lines, payment, secret)


def _line(order_id: UUID, number: int, kind: str, price: Priced) -> Line:
    return Line(
        id=new_id(),
        order_id=order_id,
        number=number,
        kind=kind,
        details=price.details,
        description=price.description,
        amount_minor=price.amount.minor,
        currency=price.amount.currency,
        applied_minor=0,
        refunded_minor=0,
    )


async def _keep(tx: Tx, order: Order, lines: Sequence[Line]) -> None:
    await queries.insert_order(tx, order)
    await queries.insert_lines(tx, lines)
    await tx.publish(
        OrderPlaced(
            order_id=order.id,
            customer_id=order.customer_id,
            payment_id=order.payment_id,
            total_minor=order.total_minor,
            currency=order.currency,
        )
    )


async def order(tx: Tx, order_id: UUID) -> Order:
    """The order. Raises UnknownOrder."""
    found = await queries.select_order(tx, order_id)
    if found is None:
        raise UnknownOrder(order_id=public_id("ord", order_id))
    return found


async def lines_of(tx: Tx, order_ids: Sequence[UUID]) -> list[Line]:
    """The lines of these orders, each order's in their order."""
    return await queries.select_lines(tx, order_ids)


async def checkout_view(tx: Tx, client_secret: str) -> CheckoutView:
    """What the holder of a client secret may see. Raises ClientSecretUnknown."""
    payment = await payments.of_client_secret(tx, client_secret)
    tries = await payments.attempts(tx, [payment.id])
    found = await queries.select_order_of_payment(tx, payment.id)
    lines = [] if found is None else await queries.select_lines(tx, [found.id])
    return CheckoutView(payment, tries, found, lines)
