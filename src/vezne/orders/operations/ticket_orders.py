"""Orders as the event documents know them: one event, seats that a capacity reservation holds, one provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from vezne import bookings, catalog, identity, payments
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Invalid
from vezne.kernel.ids import PREFIXES, parse_id, public_id
from vezne.orders.lines import BookingDetails
from vezne.orders.models import OrderStatus
from vezne.orders.operations import placing, reading
from vezne.orders.operations.reading import OrderView, UnknownOrder

_STATUSES = {
    OrderStatus.PAID: "paid",
    OrderStatus.FULFILLED: "completed",
    OrderStatus.FAILED: "failed",
    OrderStatus.CANCELLED: "cancelled",
    OrderStatus.EXPIRED: "unpaid",
    OrderStatus.REFUNDED: "refunded",
}


class CapacityReservationNeeded(Conflict):
    """Seats of a paid event are ordered from a capacity reservation: hold them first, and name the claim as `reservation`."""


class SeatsDiffer(Invalid):
    """The reservation holds {seats} seats, not {seats_count}."""


class ReservationElsewhere(Invalid):
    """The reservation is for another event."""


class UserNeeded(Invalid):
    """A ticket order names its user."""


class EventNeeded(Invalid):
    """A ticket order names its event, or a reservation of seats at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketWish:
    """What the documents let somebody ask for. `user`: a customer's id, or the tenant's own name for them."""

    user: str
    event: UUID | None
    reservation: UUID | None
    seats_count: int | None
    provider: str | None
    currency: str | None
    return_url: str | None
    expires_after: timedelta


@dataclass(frozen=True, slots=True)
class TicketOrderView:
    """An order with what the documents show of it."""

    view: OrderView
    transactions: Sequence[payments.ProviderTransaction]

    @property
    def status(self) -> str:
        """The documented word for where it stands: created until somebody has begun to pay, pending from then on."""
        begun = "pending" if self.view.attempts else "created"
        return _STATUSES.get(self.view.order.status, begun)

    @property
    def is_final(self) -> bool:
        """Whether one of its attempts, or stored value, has paid it."""
        return self.view.order.paid_at is not None

    @property
    def parent_order(self) -> UUID | None:
        """The order whose payment was tried before: a retry keeps the order, its seats and its price."""
        return self.view.order.id if len(self.view.attempts) > 1 else None


async def place_tickets(tx: Tx, wish: TicketWish) -> placing.Placed:
    """Order seats of one event. Those of a paid event come from a reservation, which also says how many; those of a free one are
    booked at once.

    Each call is another order. Raises CapacityReservationNeeded, SeatsDiffer, ReservationElsewhere, EventNeeded,
    ProviderNotOffered, CustomerNotFound, and what `place` does.
    """
    await _check_provider(tx, wish.provider)
    customer_id = await _customer(tx, wish.user)
    if wish.reservation is not None:
        held = await bookings.claim(tx, wish.reservation)
        if wish.event is not None and held.resource_id != wish.event:
            raise ReservationElsewhere(loc=("body", "event"))
        if wish.seats_count is not None and wish.seats_count != held.quantity:
            raise SeatsDiffer(loc=("body", "seats_count"), seats=held.quantity, seats_count=wish.seats_count)
        line = BookingDetails(claim_id=wish.reservation)
    elif wish.event is None:
        raise EventNeeded(loc=("body", "event"))
    else:
        await _refuse_paid(tx, wish.event)
        line = BookingDetails(resource_id=wish.event, quantity=wish.seats_count or 1)
    return await placing.place(
        tx,
        customer_id,
        [line],
        currency=wish.currency,
        provider=wish.provider,
        return_url=wish.return_url,
        expires_after=wish.expires_after,
    )


async def _customer(tx: Tx, user: str) -> UUID:
    if user.startswith(f"{PREFIXES['customer']}_"):
        return parse_id(PREFIXES["customer"], user)
    return (await identity.customers_by_reference(tx, [user]))[user].id


async def _refuse_paid(tx: Tx, resource_id: UUID) -> None:
    resource = await bookings.resource(tx, resource_id)
    if resource.item_id is not None and any((await catalog.item(tx, resource.item_id)).prices.values()):
        raise CapacityReservationNeeded(loc=("body", "reservation"))


async def _check_provider(tx: Tx, provider: str | None) -> None:
    settings = await identity.settings_of(tx)
    if provider is not None and provider not in {settings.payment_provider, *settings.other_providers}:
        raise payments.ProviderNotOffered(loc=("body", "payment_provider"), provider=provider[:64])


async def retry(tx: Tx, order_id: UUID, provider: str | None) -> TicketOrderView:
    """An order that is to be paid by another attempt, at `provider` if wished: it keeps its seats and its price.

    Raises UnknownOrder, ProviderNotOffered, PaymentNotOpen when it cannot be paid any more.
    """
    await _check_provider(tx, provider)
    found = await ticket_order(tx, order_id)
    order = found.view.order
    if order.payment_id is None or order.status is not OrderStatus.PENDING:
        raise payments.PaymentNotOpen(loc=("body", "parent_order"), payment_id=public_id("ord", order_id), status=order.status)
    return found


async def ticket_order(tx: Tx, order_id: UUID) -> TicketOrderView:
    """The order. Raises UnknownOrder, also for one that is of no booking."""
    view = await reading.view(tx, order_id)
    if any(line.kind != "booking" for line in view.lines):
        raise UnknownOrder(order_id=public_id("ord", order_id))
    payment_id = view.order.payment_id
    return TicketOrderView(view, [] if payment_id is None else await payments.transactions(tx, payment_id))
