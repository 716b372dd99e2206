"""Payments: how each one went, attempt by attempt; and confirming the money that staff receive themselves."""

from typing import Literal
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from vezne import identity, orders, payments
from vezne.console.api.listing import ROWS, Window, id_of, window
from vezne.console.api.reading_forms import amount_of
from vezne.console.api.route import act, form_of, inside, pages
from vezne.console.api.visit import Visit
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.kernel.money import Money

api = pages()

_STATUSES = [status.value for status in payments.PaymentStatus]
_ACTIONS: tuple[Literal["refund", "wallet", "accept"], ...] = ("refund", "wallet", "accept")
_OVER = frozenset({payments.AttemptStatus.FAILED, payments.AttemptStatus.CANCELLED, payments.AttemptStatus.EXPIRED})


class ActionNotChosen(Invalid):
    """Choose what becomes of the money: refund, wallet or accept."""


@api.get("/payments")
async def show_payments(request: Request, slug: str) -> Response:
    """Payments, newest first."""
    visit = await inside(request, slug, "payments.read")
    asked = window(visit, "/payments", "pay", status=_STATUSES)
    async with visit.reading() as tx:
        part = asked.part(await _page(tx, asked))
        people = await identity.customers_by_id(tx, [each.customer_id for each in part.rows if each.customer_id is not None])
        tries = await payments.attempts(tx, [each.id for each in part.rows])
        waiting = await orders.unmatched_waiting(tx, limit=50)
    last = {attempt.payment_id: attempt for attempt in tries}
    return visit.show("payments", part=part, people=people, last=last, statuses=_STATUSES, waiting=waiting, amount=_amount)


async def _page(tx: Tx, asked: Window) -> list[payments.Payment]:
    """One more than is shown. One payee's staff see the payments of orders that are that payee's and nobody else's."""
    status, wanted, before = asked["status"], ROWS + 1, asked.before
    found: list[payments.Payment] = []
    while len(found) < wanted:
        more = await payments.payments_page(tx, limit=100, before=before, status=status)
        found += more if tx.principal.payee_id is None else [each for each in more if await _is_visible(tx, each)]
        if len(more) < 100:  # noqa: PLR2004 - a page, as above
            break
        before = more[-1].id
    return found[:wanted]


async def _is_visible(tx: Tx, payment: payments.Payment) -> bool:
    if tx.principal.payee_id is None:
        return True
    try:
        order = await orders.order(tx, parse_id("ord", payment.purpose))
    except (UnknownId, orders.UnknownOrder):
        return False
    return sum(line.amount_minor for line in await orders.lines_of(tx, [order.id])) == order.total_minor


@api.get("/payments/{payment_id}")
async def show_payment(request: Request, slug: str, payment_id: str) -> Response:
    """One payment with its attempts, refunds, and everything its providers said."""
    visit = await inside(request, slug, "payments.read")
    number = id_of("pay", payment_id)
    async with visit.reading() as tx:
        payment = await _seen(tx, number)
        tries = await payments.attempts(tx, [number])
        given_back = await payments.refunds(tx, number)
        told = await payments.transactions(tx, number)
        who = await identity.customers_by_id(tx, [payment.customer_id]) if payment.customer_id else {}
    promised = _promised(visit, tries)
    return visit.show(
        "payment",
        payment=payment,
        attempts=tries,
        refunds=given_back,
        transactions=told,
        customer=who.get(payment.customer_id) if payment.customer_id else None,
        order_id=payment.purpose if payment.purpose.startswith("ord_") else None,
        promised=promised,
        is_offline=_is_offline(visit, tries),
        amount=_amount,
    )


@api.post("/payments/{payment_id}/confirmation")
async def confirm(request: Request, slug: str, payment_id: str) -> Response:
    """Cash or a bank transfer came, or will not come."""
    visit = await inside(request, slug, "payments.confirm")
    form = await form_of(visit)
    number, shown = id_of("pay", payment_id), f"/payments/{payment_id}"

    async def work(tx: Tx) -> str:
        payment = await _seen(tx, number)
        note, reference = form["note"][:500], form["reference"][:200] or None
        if form["came"] == "no":
            await payments.reject(tx, visit.gateways, number, note=note)
            return shown
        received = Money(amount_of(form["amount"], payment.currency), payment.currency)
        other = form["other_amount"] == "yes"
        await payments.confirm(tx, visit.gateways, number, received, note=note, reference=reference, other_amount=other)
        return shown

    return await act(visit, form, shown, work, done="not_received" if form["came"] == "no" else "confirmed")


@api.post("/refunds/{refund_id}/confirmation")
async def confirm_refund(request: Request, slug: str, refund_id: str) -> Response:
    """Cash or a transfer was given back by hand, or could not be."""
    visit = await inside(request, slug, "payments.confirm")
    form = await form_of(visit)
    number, shown = id_of("ref", refund_id), f"/payments/{form['payment']}"

    async def work(tx: Tx) -> str:
        await _seen(tx, id_of("pay", form["payment"]))
        if form["came"] == "no":
            refund = await payments.reject_refund(tx, visit.gateways, number, note=form["note"][:500])
        else:
            refund = await payments.confirm_refund(tx, visit.gateways, number, note=form["note"][:500])
        return f"/payments/{public_id('pay', refund.payment_id)}"

    return await act(visit, form, shown, work, done="refund_decided")


@api.post("/unmatched/{unmatched_id}")
async def resolve(request: Request, slug: str, unmatched_id: str) -> Response:
    """Decide what becomes of money that no order could take."""
    visit = await inside(request, slug, "payments.write", platform=True)
    form = await form_of(visit)
    action = next((each for each in _ACTIONS if each == form["action"]), None)
    if action is None:
        raise ActionNotChosen(loc=("body", "action"))

    async def work(tx: Tx) -> str:
        await orders.resolve(tx, id_of("umt", unmatched_id), action)
        return "/payments"

    return await act(visit, form, "/payments", work, done="unmatched_decided")


async def _seen(tx: Tx, payment_id: UUID) -> payments.Payment:
    payment = await payments.payment(tx, payment_id)
    if not await _is_visible(tx, payment):
        raise payments.UnknownPayment(payment_id=public_id("pay", payment_id))
    return payment


def _promised(visit: Visit, tries: list[payments.Attempt]) -> payments.Attempt | None:
    """The attempt whose money staff wait for, if the last one is of that sort."""
    live = bool(tries) and tries[-1].status not in _OVER | {payments.AttemptStatus.CAPTURED, payments.AttemptStatus.MISMATCHED}
    return tries[-1] if live and _is_offline(visit, tries) else None


def _is_offline(visit: Visit, tries: list[payments.Attempt]) -> bool:
    try:
        return bool(tries) and visit.gateways.provider(tries[-1].provider).capabilities.offline
    except payments.ProviderUnknown:
        return False


def _amount(minor: int, currency: str) -> Money:
    return Money(minor, currency)
