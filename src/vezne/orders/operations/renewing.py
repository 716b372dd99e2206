"""Renewals: each period of a membership that we bill becomes an order: paid from the customer's wallet, else by a stored card.

The wallet pays a period when it covers all of it; money is not kept back in a wallet while a card is tried for days. What no
wallet covers is charged to the customer's default payment method, and dunning (`memberships.DUNNING`) says when again. The order
waits meanwhile, so that the customer can also pay it at the checkout.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from vezne import identity, memberships, payments
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import UnknownId, new_id, parse_id, public_id
from vezne.kernel.money import Money
from vezne.orders import queries
from vezne.orders.lines import Details, Priced
from vezne.orders.lines.membership import KIND
from vezne.orders.models import Line, Order, OrderStatus
from vezne.orders.operations import placing, renewing_many, returning

AT_ONCE = 500
WAITS = timedelta(days=60)
"""How long a period's order may be paid: longer than dunning takes by any of its ways."""
NO_METHOD = "no_method"


async def renew(tx: Tx, limit: int = AT_ONCE) -> int:
    """Open the next period of at most `limit` memberships whose time has come, and have each paid; how many those were.

    Of a membership that is behind, the oldest. Again: the next ones. What one customer's renewal is refused with is told to
    dunning, and harms no other.
    """
    held = {each.id: each for each in await memberships.due(tx, limit)}
    if not held:
        return 0
    periods = await memberships.open_periods(tx, list(held.values()))
    paid = await renewing_many.pay(tx, periods, held)
    for period in periods:
        if period.id not in paid:
            await _ask(tx, held[period.membership_id], period)
    return len(held)


async def retry(tx: Tx, period: memberships.Period) -> None:
    """Try once more to have a period paid that could not be charged: by the wallet, else by the customer's method.

    One that is being paid at this moment is left alone. Nothing else is locked in this transaction yet.
    """
    waiting = await _waiting_order(tx, period.id)
    now = await memberships.period(tx, period.id)
    if now.status != "open":
        return
    held = await memberships.membership(tx, period.membership_id)
    payment_id = None if waiting is None else waiting.payment_id
    covered = await renewing_many.covered(tx, [now], {held.id: held})
    if not covered:
        await _ask(tx, held, now)
        return
    if payment_id is not None:
        try:
            async with tx.savepoint():
                await payments.cancel(tx, payment_id)
        except payments.PaymentInFlight:
            return
    if now.id not in await renewing_many.pay(tx, [now], {held.id: held}):
        await _ask(tx, held, now)


async def _waiting_order(tx: Tx, period_id: UUID) -> Order | None:
    """The order that waits to pay this period, its payment locked; None when there is none."""
    found = await payment_of(tx, period_id)
    if found is None or found.status not in payments.OPEN:
        return None
    await payments.lock(tx, found.id)
    order = await queries.lock_order_of_payment(tx, found.id)
    return order if order is not None and order.status is OrderStatus.PENDING else None


async def payment_of(tx: Tx, period_id: UUID) -> payments.Payment | None:
    """The newest payment that is, or was, to pay this period."""
    return (await _newest(tx, period_id))[0]


async def _newest(tx: Tx, period_id: UUID) -> tuple[payments.Payment | None, int]:
    """The newest payment that is, or was, to pay this period, and how many there are."""
    newest, count = None, 0
    while (found := await payments.of_reservation(tx, _reservation(period_id, count + 1))) is not None:
        newest, count = found, count + 1
    return newest, count


def _reservation(period_id: UUID, number: int) -> str:
    shown = public_id("mpd", period_id)
    return shown if number == 1 else f"{shown}/{number}"


async def _ask(tx: Tx, membership: memberships.Membership, period: memberships.Period) -> None:
    """Have the period's order paid by the customer's default method; tell dunning when there is none."""
    try:
        async with tx.savepoint():
            methods = await payments.methods_of(tx, membership.customer_id)
            payment = await _order(tx, membership, period, methods)
            if methods:
                await payments.charge(tx, payment.id, methods[0].id)
                return
    except (payments.PaymentInFlight, payments.PaymentUnderReview):
        return
    except Refusal as refusal:
        await memberships.period_failed(tx, period.id, refusal.code())
        return
    await memberships.period_failed(tx, period.id, NO_METHOD)


async def _order(
    tx: Tx, membership: memberships.Membership, period: memberships.Period, methods: Sequence[payments.PaymentMethod]
) -> payments.Payment:
    """The payment of the order that waits to pay the period; placed when there is none."""
    there, count = await _newest(tx, period.id)
    if there is not None and there.status in payments.OPEN and there.expires_at > tx.now:
        return there
    settings = await identity.settings_of(tx)
    offered = {settings.payment_provider, *settings.other_providers}
    provider = next((method.provider for method in methods if method.provider in offered), None)
    wanted = placing.Wanted(
        customer_id=membership.customer_id,
        asked=(Details(kind=KIND),),
        currency=period.currency,
        expires_after=WAITS,
        provider=provider,
        reservation=_reservation(period.id, count + 1),
        save_method=True,
    )
    plan = await memberships.plan(tx, period.plan_id)
    priced = Priced(
        amount=Money(period.amount_minor, period.currency), description=plan.name, details=renewing_many.details_of(period)
    )
    placed = await placing.keep(tx, new_id(), wanted, placing.Draft((priced,), priced.amount))
    if placed.payment is None:
        raise RuntimeError("a period that costs something is paid by somebody")
    return placed.payment


async def on_charge_declined(tx: Tx, event: payments.PaymentFailed) -> None:
    """A stored method was declined for a period: dunning says when again, or gives the order up.

    A customer's own try at the checkout is not counted.
    """
    order = await queries.lock_order_of_payment(tx, event.payment_id)
    if order is None or order.status is not OrderStatus.PENDING:
        return
    period_id = _period_of(await queries.select_lines(tx, [order.id]))
    tried = {attempt.id: attempt for attempt in await payments.attempts(tx, [event.payment_id])}
    if period_id is None or tried[event.attempt_id].method_id is None:
        return
    await memberships.period_failed(tx, period_id, event.failure_code)
    given_up = (await memberships.period(tx, period_id)).status == "failed"
    if given_up and not event.final:
        await payments.cancel(tx, event.payment_id)


def _period_of(lines: Sequence[Line]) -> UUID | None:
    """The membership's period that an order of one such line pays."""
    found = [line.details.get("period_id") for line in lines if line.kind == KIND]
    return parse_id("mpd", found[0]) if len(found) == 1 and isinstance(found[0], str) else None


async def on_invoice_paid(tx: Tx, event: payments.InvoicePaid) -> None:
    """A provider that bills by itself was paid for a period: an order with that payment, paid and fulfilled at once.

    Money for what is no membership of ours waits for a person.
    """
    try:
        membership = await memberships.membership(tx, parse_id("mbs", event.purpose))
    except (UnknownId, memberships.MembershipUnknown):
        await _keep_apart(tx, event)
        return
    period = await memberships.period_of_invoice(
        tx, membership.id, event.period_start, event.period_end, event.amount_minor, event.reason
    )
    await renewing_many.adopt(tx, membership, period, event.payment_id, Money(event.amount_minor, event.currency))


async def _keep_apart(tx: Tx, event: payments.InvoicePaid) -> None:
    if event.payment_id is None:
        return
    final = next(attempt for attempt in await payments.attempts(tx, [event.payment_id]) if attempt.is_final)
    came = payments.PaymentSucceeded(
        payment_id=event.payment_id,
        attempt_id=final.id,
        purpose=event.purpose,
        amount_minor=event.amount_minor,
        currency=event.currency,
    )
    await returning.keep(tx, came, "no_order")
