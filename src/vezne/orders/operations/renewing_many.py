"""Orders of memberships' periods that are paid where they are placed: by wallets, many at once, or by money that came already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from vezne import memberships, wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.ledger import Refused
from vezne.orders import queries, queries_renewals, queries_tenders
from vezne.orders.events import OrderFulfilled, OrderPaid, OrderPlaced
from vezne.orders.lines import membership as membership_line
from vezne.orders.lines.earning import earn
from vezne.orders.models import Line, Order, OrderStatus, Tender
from vezne.orders.operations import fulfilling

Memberships = Mapping[UUID, memberships.Membership]


class _OneIsRefused(Exception):
    """One of many could not be given; why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class _Sale:
    """A period, and the order that pays it."""

    period: memberships.Period
    order: Order
    line: Line
    wallet: wallets.Wallet


def details_of(period: memberships.Period) -> dict[str, str]:
    """What the line of a renewal keeps."""
    return {
        "membership_id": public_id("mbs", period.membership_id),
        "period_id": public_id("mpd", period.id),
        "plan_id": public_id("pln", period.plan_id),
    }


async def pay(tx: Tx, periods: Sequence[memberships.Period], held: Memberships) -> set[UUID]:
    """Have these open periods paid by their customers' wallets, those whose wallet covers all of it; which were.

    What is free is given without an order. All in a few statements; should one of them be refused by what is given, each is
    done for itself, and dunning told of those that cannot be.
    """
    free = [period for period in periods if not period.amount_minor]
    done = await _give_free(tx, free)
    sales = await _sales(tx, [period for period in periods if period.amount_minor], held)
    try:
        async with tx.savepoint():
            return done | await _sell(tx, sales)
    except _OneIsRefused:
        for sale in sales:
            done |= await _sell_one(tx, sale)
        return done


async def covered(tx: Tx, periods: Sequence[memberships.Period], held: Memberships) -> bool:
    """Whether the customers' wallets hold what all these periods cost."""
    sales = await _sales(tx, periods, held)
    available = await wallets.holdings(tx, [sale.wallet for sale in sales])
    return len(sales) == len(periods) and all(available[sale.wallet.id].available >= sale.period.amount_minor for sale in sales)


async def _give_free(tx: Tx, free: Sequence[memberships.Period]) -> set[UUID]:
    refused = await memberships.periods_paid(tx, dict.fromkeys((period.id for period in free), None))
    for period_id, refusal in refused.items():
        await memberships.period_failed(tx, period_id, refusal.code())
    return {period.id for period in free}


async def _sales(tx: Tx, periods: Sequence[memberships.Period], held: Memberships) -> list[_Sale]:
    """The periods whose customers have a wallet of their currency, each with its order as it will stand."""
    keys = {period.id: wallets.WalletKey(held[period.membership_id].customer_id, "money", period.currency) for period in periods}
    found = await wallets.existing_wallets(tx, list(keys.values()))
    plans = await memberships.plans_by_id(tx, list({period.plan_id for period in periods}))
    return [
        _sale(tx, period, held[period.membership_id].customer_id, plans[period.plan_id].name, found[keys[period.id]])
        for period in periods
        if keys[period.id] in found
    ]


def _sale(tx: Tx, period: memberships.Period, customer_id: UUID, description: str, wallet: wallets.Wallet) -> _Sale:
    order = _order(tx, period, customer_id, None, Money(period.amount_minor, period.currency))
    return _Sale(period, order, _line(order, period, description), wallet)


def _order(tx: Tx, period: memberships.Period, customer_id: UUID, payment_id: UUID | None, total: Money) -> Order:
    return Order(
        id=new_id(),
        customer_id=customer_id,
        status=OrderStatus.FULFILLED,
        currency=total.currency,
        total_minor=total.minor,
        refunded_minor=0,
        payment_id=payment_id,
        return_url=None,
        last_error=None,
        metadata={"membership_id": public_id("mbs", period.membership_id)},
        created_at=tx.now,
        paid_at=tx.now,
        fulfilled_at=tx.now,
    )


def _line(order: Order, period: memberships.Period, description: str) -> Line:
    return Line(
        id=new_id(),
        order_id=order.id,
        number=1,
        kind=membership_line.KIND,
        details=details_of(period),
        description=description,
        amount_minor=order.total_minor,
        currency=order.currency,
        applied_minor=order.total_minor,
        refunded_minor=0,
    )


async def _sell_one(tx: Tx, sale: _Sale) -> set[UUID]:
    try:
        async with tx.savepoint():
            return await _sell(tx, [sale])
    except _OneIsRefused as error:
        await memberships.period_failed(tx, sale.period.id, error.refusal.code())
        return {sale.period.id}


async def _sell(tx: Tx, sales: Sequence[_Sale]) -> set[UUID]:
    """Debit the wallets; what could be paid is ordered, paid and given. Raises _OneIsRefused when one cannot be given."""
    outcomes = await wallets.move(tx, [_debit(sale) for sale in sales]) if sales else []
    paid = [
        (sale, outcome.transaction) for sale, outcome in zip(sales, outcomes, strict=True) if not isinstance(outcome, Refused)
    ]
    if not paid:
        return set()
    orders = [sale.order for sale, _ in paid]
    await queries_renewals.insert_fulfilled(tx, orders, [sale.line for sale, _ in paid])
    await queries_tenders.insert_tenders(tx, [_tender(sale, taken.id) for sale, taken in paid])
    await earn(
        tx,
        membership_line.PAID,
        [(sale.line, Money(sale.line.amount_minor, sale.line.currency), public_id("oli", sale.line.id)) for sale, _ in paid],
    )
    refused = await memberships.periods_paid(tx, {sale.period.id: sale.order.id for sale, _ in paid})
    for refusal in refused.values():
        raise _OneIsRefused(refusal)
    for order in orders:
        await _tell(tx, order)
    return {sale.period.id for sale, _ in paid}


def _debit(sale: _Sale) -> wallets.Debit:
    return wallets.Debit(
        wallet_id=sale.wallet.id,
        amount=Money(sale.order.total_minor, sale.order.currency),
        reference=wallets.Reference("order", public_id("ord", sale.order.id)),
        description=sale.line.description,
        contra="unapplied",
    )


def _tender(sale: _Sale, transaction_id: UUID) -> Tender:
    return replace(
        _provider_tender(sale.order), kind="wallet", wallet_id=sale.wallet.id, transaction_id=transaction_id, status="captured"
    )


def _provider_tender(order: Order) -> Tender:
    return Tender(
        id=new_id(),
        order_id=order.id,
        number=1,
        kind="provider",
        status="waiting",
        amount_minor=order.total_minor,
        currency=order.currency,
        refunded_minor=0,
        wallet_id=None,
        units=order.total_minor,
        refunded_units=0,
        hold_id=None,
        transaction_id=None,
    )


async def _tell(tx: Tx, order: Order) -> None:
    await tx.publish(
        _placed(order),
        OrderPaid(order_id=order.id, payment_id=order.payment_id),
        OrderFulfilled(order_id=order.id, customer_id=order.customer_id),
    )


def _placed(order: Order) -> OrderPlaced:
    return OrderPlaced(
        order_id=order.id,
        customer_id=order.customer_id,
        payment_id=order.payment_id,
        total_minor=order.total_minor,
        currency=order.currency,
    )


async def adopt(
    tx: Tx, membership: memberships.Membership, period: memberships.Period, payment_id: UUID | None, paid: Money
) -> None:
    """An order for a period whose money came by itself and stands in `unapplied`, paid and fulfilled. Free: without an order.

    Raises what the period is refused with.
    """
    if payment_id is None or not paid.minor:
        await memberships.period_paid(tx, period.id, None)
        return
    plan = await memberships.plan(tx, period.plan_id)
    order = replace(
        _order(tx, period, membership.customer_id, payment_id, paid),
        status=OrderStatus.PENDING,
        paid_at=None,
        fulfilled_at=None,
    )
    line = replace(_line(order, period, plan.name), applied_minor=0)
    tender = _provider_tender(order)
    await queries.insert_order(tx, order)
    await queries.insert_lines(tx, [line])
    await queries_tenders.insert_tenders(tx, [tender])
    await tx.publish(_placed(order))
    await fulfilling.settle_at_once(tx, order, [line], [tender])
