"""Placing orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import add
from typing import Any
from uuid import UUID

from vezne import identity, payments, promos
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Invalid
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.orders import queries, queries_tenders
from vezne.orders.asked import ProviderTender, Tenders
from vezne.orders.events import OrderPlaced
from vezne.orders.lines import LINES, Details, Priced
from vezne.orders.models import Line, Order, OrderStatus, Tender, taken_from
from vezne.orders.operations import fulfilling, promoting, tendering

LIFE = timedelta(minutes=30)
"""How long an order may be paid when nobody says otherwise."""


class NothingOrdered(Invalid):
    """An order has at least one line."""


class ClaimOrdered(Conflict):
    """This claim stands in an order already."""


class ReservationOrdered(Conflict):
    """There is a payment for {reservation} already."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A new order. One that waits for its payment has the payment, and the client secret that opens the checkout page."""

    order: Order
    lines: Sequence[Line]
    payment: payments.Payment | None
    client_secret: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """An order's lines at today's prices, and what promo codes did to them."""

    priced: Sequence[Priced]
    total: Money
    applied: promos.Applied | None = None

    def life(self, asked: timedelta | None) -> timedelta:
        """How long it may be paid: as long as asked for, and no longer than what is bought can be kept."""
        return min([asked or LIFE, *(priced.life for priced in self.priced if priced.life is not None)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to order, and how it is to be paid; see `place`."""

    customer_id: UUID
    asked: Sequence[Details]
    currency: str | None = None
    tenders: Tenders = ()
    expires_after: timedelta | None = None
    return_url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None
    reservation: str | None = None
    promo_codes: Sequence[str] = ()
    save_method: bool = False
    """Ask the provider to keep what is paid with, for later charges."""

    @property
    def named_provider(self) -> str | None:
        """Who is to take the rest, where that is said."""
        named = (tender.provider for tender in self.tenders if isinstance(tender, ProviderTender))
        return self.provider or next(named, None)


async def draft(tx: Tx, wanted: Wanted) -> Draft:
    """Price what is wanted; nothing is kept. Raises what `place` does."""
    if not wanted.asked:
        raise NothingOrdered(loc=("body", "lines"))
    await identity.customer(tx, wanted.customer_id)
    currency = wanted.currency or (await identity.settings_of(tx)).default_currency
    priced = [await LINES[line.kind].price(tx, wanted.customer_id, line, currency) for line in wanted.asked]
    reduce(add, [each.amount for each in priced])  # of one currency, or refused, before codes are looked at
    applied = None
    if wanted.promo_codes:
        applied, priced = await promoting.apply(tx, wanted.customer_id, wanted.asked, priced, wanted.promo_codes)
    return Draft(priced, reduce(add, [each.amount for each in priced]), applied)


async def place(
    tx: Tx,
    customer_id: UUID,
    asked: Sequence[Details],
    *,
    currency: str | None = None,
    tenders: Tenders = (),
    expires_after: timedelta | None = None,
    return_url: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    provider: str | None = None,
    reservation: str | None = None,
    promo_codes: Sequence[str] = (),
) -> Placed:
    """Order these lines for the customer, at today's prices; what is bought and the stored value that pays is held.

    What stored value does not cover is to be paid before `expires_after` has passed, or before what is bought can be kept no
    longer. An order that needs no provider is paid and fulfilled here and now; what cannot be given is refused and leaves
    nothing. Each call is another order. `reservation` names what its payment is the one payment of; else the order itself.
    A use of each of `promo_codes` is reserved with the order.

    Raises CustomerNotFound, NothingOrdered, CurrencyMismatch when the lines are of several currencies, AmountOutOfRange,
    PromoInvalid, PromoGuessing, and what a line's kind, the tenders or a wallet refuse with.
    """
    wanted = Wanted(
        customer_id=customer_id,
        asked=asked,
        currency=currency,
        tenders=tenders,
        expires_after=expires_after,
        return_url=return_url,
        metadata=metadata or {},
        provider=provider,
        reservation=reservation,
        promo_codes=promo_codes,
    )
    return await keep(tx, new_id(), wanted, await draft(tx, wanted))


async def keep(tx: Tx, order_id: UUID, wanted: Wanted, drafted: Draft) -> Placed:
    """Place a drafted order under this number; see `place`."""
    total, life = drafted.total, drafted.life(wanted.expires_after)
    wanted = replace(wanted, save_method=wanted.save_method or any(priced.recurs for priced in drafted.priced))
    if drafted.applied is not None:
        await promos.reserve(tx, order_id, drafted.applied, total)
    chosen = await tendering.choose(tx, order_id, wanted.customer_id, total, drafted.priced, wanted.tenders)
    rest = sum(tender.amount_minor for tender in chosen if tender.kind == "provider")
    payment, secret = await _ask_for(tx, order_id, wanted, Money(rest, total.currency), life) if rest else (None, None)
    order = _order(tx, order_id, wanted, total, payment)
    lines = [
        _line(order_id, number, line.kind, price)
        for number, (line, price) in enumerate(zip(wanted.asked, drafted.priced, strict=True), 1)
    ]
    lines = await _hold(tx, lines, wanted.customer_id, tx.now + life)
    if payment is not None:
        chosen = await tendering.hold(tx, order, chosen, payment.expires_at)
    await _insert(tx, order, lines, chosen)
    if payment is None:
        await fulfilling.settle_at_once(tx, order, lines, chosen)
        order = await queries.select_order(tx, order_id) or order
        lines = await queries.select_lines(tx, [order_id])
    return Placed(order, lines, payment, secret)


async def _ask_for(tx: Tx, order_id: UUID, wanted: Wanted, rest: Money, life: timedelta) -> tuple[payments.Payment, str | None]:
    """The payment for what stored value does not cover."""
    provider = wanted.named_provider
    settings = await identity.settings_of(tx)
    if provider is not None and provider not in {settings.payment_provider, *settings.other_providers}:
        raise payments.ProviderNotOffered(loc=("body", "tenders"), provider=provider[:64])
    payment, made, secret = await payments.get_or_create(
        tx,
        rest,
        public_id("ord", order_id),
        reservation=wanted.reservation or public_id("ord", order_id),
        expires_after=life,
        customer_id=wanted.customer_id,
        metadata=wanted.metadata,
        provider=provider,
        save_method=wanted.save_method,
    )
    if not made:
        raise ReservationOrdered(reservation=wanted.reservation)
    return payment, secret


def _order(tx: Tx, order_id: UUID, wanted: Wanted, total: Money, payment: payments.Payment | None) -> Order:
    return Order(
        id=order_id,
        customer_id=wanted.customer_id,
        status=OrderStatus.PENDING,
        currency=total.currency,
        total_minor=total.minor,
        refunded_minor=0,
        payment_id=None if payment is None else payment.id,
        return_url=wanted.return_url,
        last_error=None,
        metadata=wanted.metadata,
        created_at=tx.now,
        paid_at=None,
        fulfilled_at=None,
    )


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
        quantity=price.quantity,
        payee_id=price.payee_id,
        discount_minor=price.discount_minor,
    )


async def _hold(tx: Tx, lines: Sequence[Line], customer_id: UUID, until: datetime) -> list[Line]:
    """Keep what is bought, in the order of what it is taken from: two orders never wait for each other in a circle."""
    held: dict[UUID, Line] = {}
    for line in sorted(lines, key=taken_from):
        more = await LINES[line.kind].hold(tx, line, customer_id, until)
        held[line.id] = replace(line, details={**line.details, **more})
    return [held[line.id] for line in lines]


async def _insert(tx: Tx, order: Order, lines: Sequence[Line], tenders: Sequence[Tender]) -> None:
    await queries.insert_order(tx, order)
    if not await queries.insert_lines(tx, lines):
        raise ClaimOrdered(loc=("body", "lines", "claim_id"))
    await queries_tenders.insert_tenders(tx, tenders)
    await tx.publish(
        OrderPlaced(
            order_id=order.id,
            customer_id=order.customer_id,
            payment_id=order.payment_id,
            total_minor=order.total_minor,
            currency=order.currency,
        )
    )
