"""Orders: looking through them, placing one by hand, the link that pays one, cancelling, refunding."""

from datetime import date
from uuid import UUID

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from vezne import bookings, identity, orders, payments
from vezne.console.api.listing import ROWS, id_of, window
from vezne.console.api.reading_forms import amount_of, day_of, number_of
from vezne.console.api.route import Form, act, form_of, inside, pages, refused
from vezne.console.api.visit import Visit
from vezne.console.operations.refunding import Preview, preview
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid, Refusal
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.kernel.money import Money

api = pages()

_STATUSES = [status.value for status in orders.OrderStatus]
_OPEN = frozenset(
    {payments.PaymentStatus.REQUIRES_PAYMENT, payments.PaymentStatus.REQUIRES_ACTION, payments.PaymentStatus.PROCESSING}
)
_REFUNDABLE = frozenset({orders.OrderStatus.PAID, orders.OrderStatus.FULFILLED})


class GuestNotNamed(Invalid):
    """Name the guest: a name of 1 to 200 characters, and an e-mail address if there is one."""


@api.get("/orders")
async def show_orders(request: Request, slug: str) -> Response:
    """Orders, newest first."""
    visit = await inside(request, slug, "orders.read")
    asked = window(visit, "/orders", "ord", status=_STATUSES)
    async with visit.reading() as tx:
        part = asked.part(await orders.orders_page(tx, limit=ROWS + 1, before=asked.before, status=asked["status"]))
        lines = await orders.lines_of(tx, [order.id for order in part.rows])
        people = await identity.customers_by_id(tx, [order.customer_id for order in part.rows])
    bought = {order.id: [line for line in lines if line.order_id == order.id] for order in part.rows}
    totals = {order.id: total_for(visit, order, bought[order.id]) for order in part.rows}
    return visit.show("orders", part=part, bought=bought, people=people, totals=totals, statuses=_STATUSES)


def total_for(visit: Visit, order: orders.Order, lines: list[orders.Line]) -> Money:
    """What an order comes to; for one payee's staff what their lines come to."""
    if visit.principal.payee_id is None:
        return Money(order.total_minor, order.currency)
    return Money(sum(line.amount_minor for line in lines), order.currency)


@api.get("/orders/new")
async def show_new(request: Request, slug: str) -> Response:
    """Place an order for somebody."""
    visit = await inside(request, slug, "orders.write")
    async with visit.reading() as tx:
        offered = await bookings.resources_page(tx, limit=100, status="open")
    return visit.show("order_new", offered=offered, chosen=request.query_params.get("resource", ""))


@api.post("/orders")
async def place(request: Request, slug: str) -> Response:
    """Place it; the page of the order then makes the link that pays it."""
    visit = await inside(request, slug, "orders.write")
    form = await form_of(visit)

    async def work(tx: Tx) -> str:
        wanted = _wanted(form)
        guest = await _guest(tx, form)
        placed = await orders.place(tx, guest.id, [wanted])
        return f"/orders/{public_id('ord', placed.order.id)}"

    return await act(visit, form, "/orders/new", work, done="placed", query={"resource": form["resource"]})


@api.get("/orders/{order_id}")
async def show_order(request: Request, slug: str, order_id: str) -> Response:
    """One order with its lines, tenders, tickets and refunds."""
    visit = await inside(request, slug, "orders.read")
    return await _order(visit, id_of("ord", order_id))


@api.post("/orders/{order_id}/links")
async def make_link(request: Request, slug: str, order_id: str) -> Response:
    """A fresh link at which the order is paid; the one given before opens nothing any more."""
    visit = await inside(request, slug, "orders.write")
    await form_of(visit)
    shown = f"/orders/{order_id}"
    try:
        async with visit.edge.db.transaction(visit.principal) as tx:
            order = await _whole(tx, id_of("ord", order_id))
            if order.payment_id is None:
                return visit.onward(shown, problem="payment_not_open")
            secret = await payments.renew_client_secret(tx, order.payment_id)
            payment = await payments.payment(tx, order.payment_id)
    except Refusal as refusal:
        return refused(visit, refusal, shown)
    link = visit.gateways.checkout_url(secret)
    drawn = segno.make(link, error="m").svg_inline(scale=4, border=2, dark="#000", light="#fff", omitsize=True)
    return visit.show("order_link", order=order, payment=payment, link=link, picture=Markup(drawn))  # noqa: S704 - drawn by segno


@api.post("/orders/{order_id}/cancellation")
async def cancel(request: Request, slug: str, order_id: str) -> Response:
    """Cancel an order that was not paid."""
    visit = await inside(request, slug, "orders.write")
    form = await form_of(visit)
    shown = f"/orders/{order_id}"

    async def work(tx: Tx) -> str:
        await orders.cancel(tx, id_of("ord", order_id))
        return shown

    return await act(visit, form, shown, work, done="cancelled")


@api.get("/orders/{order_id}/refund")
async def show_refund(request: Request, slug: str, order_id: str) -> Response:
    """What is to go back?"""
    visit = await inside(request, slug, "orders.write")
    async with visit.reading() as tx:
        order = await _whole(tx, id_of("ord", order_id))
        lines = await orders.lines_of(tx, [order.id])
    if order.status not in _REFUNDABLE or not order.refundable_minor:
        return visit.onward(f"/orders/{order_id}", problem="order_not_refundable")
    return visit.show(
        "order_refund", order=order, lines=lines, found=None, asked=None, left=Money(order.refundable_minor, order.currency)
    )


@api.post("/orders/{order_id}/refund")
async def refund(request: Request, slug: str, order_id: str) -> Response:
    """First what it would do, nothing kept; then, confirmed, the refund itself."""
    visit = await inside(request, slug, "orders.write")
    form = await form_of(visit)
    shown, this = f"/orders/{order_id}", f"/orders/{order_id}/refund"
    number = id_of("ord", order_id)
    if form["confirmed"]:

        async def work(tx: Tx) -> str:
            _, _, amount, of_lines = await _asked(tx, number, form)
            await orders.refund(tx, number, amount, lines=of_lines, reason=form["reason"][:500])
            return shown

        return await act(visit, form, this, work, done="refunded")
    try:
        async with visit.edge.db.transaction(visit.principal) as tx:
            order, lines, amount, of_lines = await _asked(tx, number, form)
            found = await preview(tx, number, amount, of_lines)
    except Refusal as refusal:
        return refused(visit, refusal, this)
    return _confirm(visit, order, lines, found, form)


Asked = tuple[orders.Order, list[orders.Line], int | None, tuple[orders.AskedLineRefund, ...]]


async def _asked(tx: Tx, order_id: UUID, form: Form) -> Asked:
    order = await _whole(tx, order_id)
    lines = await orders.lines_of(tx, [order_id])
    return order, lines, *_back(form, order, lines)


def _confirm(visit: Visit, order: orders.Order, lines: list[orders.Line], found: Preview, form: Form) -> Response:
    return visit.show(
        "order_refund", order=order, lines=lines, found=found, asked=form, left=Money(order.refundable_minor, order.currency)
    )


def _back(form: Form, order: orders.Order, lines: list[orders.Line]) -> tuple[int | None, tuple[orders.AskedLineRefund, ...]]:
    """An amount, or so many seats of each line, or (None and none) everything that is left."""
    if form["what"] == "amount":
        return amount_of(form["amount"], order.currency), ()
    if form["what"] == "seats":
        seats = [(line, number_of(form[f"seats_{public_id('oli', line.id)}"] or "0", most=line.left)) for line in lines]
        return None, tuple(orders.AskedLineRefund(line_id=line.id, quantity=count) for line, count in seats if count)
    return None, ()


async def _order(visit: Visit, order_id: UUID) -> Response:
    async with visit.reading() as tx:
        seen = await orders.view(tx, order_id)
        refunds, shares = await orders.refunds_of(tx, order_id)
        people = await identity.customers_by_id(tx, [seen.order.customer_id])
        claims = [parse_id("clm", line.details["claim_id"]) for line in seen.lines if "claim_id" in line.details]
        tickets = await bookings.tickets_of(tx, claims) if visit.may("bookings.read") and claims else []
        payment = await payments.payment(tx, seen.order.payment_id) if seen.order.payment_id else None
    total = total_for(visit, seen.order, list(seen.lines))
    is_whole = total.minor == seen.order.total_minor
    return visit.show(
        "order",
        seen=seen,
        order=seen.order,
        total=total,
        is_whole=is_whole,
        customer=people.get(seen.order.customer_id),
        refunds=refunds if is_whole else [],
        tickets=tickets,
        payment=payment if is_whole else None,
        is_payable=is_whole and payment is not None and payment.status in _OPEN and payment.flag is None,
        is_refundable=is_whole and seen.order.status in _REFUNDABLE and seen.order.refundable_minor > 0,
        shares=shares,
        amount=Money,
    )


async def _whole(tx: Tx, order_id: UUID) -> orders.Order:
    """The order, to whoever may see all of it. Raises UnknownOrder."""
    order = await orders.order(tx, order_id)
    seen = sum(line.amount_minor for line in await orders.lines_of(tx, [order_id]))
    if tx.principal.payee_id is not None and seen != order.total_minor:
        raise orders.UnknownOrder(order_id=public_id("ord", order_id))
    return order


async def _guest(tx: Tx, form: Form) -> identity.Customer:
    name, email = form["name"], form["email"]
    if not 1 <= len(name) <= 200 or (email and ("@" not in email or len(email) > 254)):  # noqa: PLR2004 - as the API takes them
        raise GuestNotNamed(loc=("body", "name"))
    return await identity.create_customer(tx, name=name, email=email or None)


def _wanted(form: Form) -> orders.BookingDetails:
    try:
        resource_id = parse_id("rsc", form["resource"])
    except UnknownId:
        raise bookings.ResourceUnknown(resource_id=form["resource"][:64]) from None
    begins: date | None = day_of(form["checkin_date"]) if form["checkin_date"] else None
    ends: date | None = day_of(form["checkout_date"]) if form["checkout_date"] else None
    return orders.BookingDetails(
        resource_id=resource_id,
        quantity=number_of(form["quantity"] or "1", least=1, most=1000),
        checkin_date=begins,
        checkout_date=ends,
    )
