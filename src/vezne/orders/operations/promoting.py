"""Promo codes of an order: what they take off its lines, kept from the order's placing to its end.

A use is reserved when the order is placed and redeemed when it is paid; an order that ends unpaid sets it free. Money that comes
after that takes a use again if one is free; if none is, what was promised cannot be given at that price any more, and the money
goes the way of all late money. A refund gives no use back.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from vezne import promos
from vezne.kernel.db import Tx
from vezne.kernel.ids import parse_id
from vezne.kernel.money import Money
from vezne.orders import queries
from vezne.orders.lines import LINES, Details, Priced
from vezne.orders.models import Line


async def apply(
    tx: Tx, customer_id: UUID, asked: Sequence[Details], priced: Sequence[Priced], codes: Sequence[str]
) -> tuple[promos.Applied, list[Priced]]:
    """What the codes do for these lines, and the lines at what is left to pay. Raises PromoInvalid, PromoGuessing."""
    applied = await promos.evaluate(tx, await _basket(tx, customer_id, asked, priced), codes)
    discounts, trials, nothing = applied.discounts, applied.trial_lines, Money(0, applied.currency)
    return applied, [
        await LINES[line.kind].discounted(tx, price, discounts.get(number, nothing), trials.get(number, 0))
        if number in discounts or number in trials
        else price
        for number, (line, price) in enumerate(zip(asked, priced, strict=True), 1)
    ]


async def _basket(tx: Tx, customer_id: UUID, asked: Sequence[Details], priced: Sequence[Priced]) -> promos.Basket:
    return promos.Basket(
        customer_id=customer_id,
        currency=priced[0].amount.currency,
        lines=tuple(
            promos.BasketLine(
                number=number,
                kind=line.kind,
                amount=price.price,
                item_id=_named("itm", price.details.get("item_id")),
                plan_id=_named("pln", price.details.get("plan_id")),
                quantity=price.quantity,
                units=_credits(price),
            )
            for number, (line, price) in enumerate(zip(asked, priced, strict=True), 1)
            if price.discountable
        ),
        first_purchase=not await queries.select_has_paid(tx, customer_id),
    )


def _named(prefix: str, shown: Any) -> UUID | None:  # noqa: ANN401 - details are JSON
    return parse_id(prefix, shown) if isinstance(shown, str) else None


def _credits(price: Priced) -> int:
    units = price.details.get("units")
    return units if isinstance(units, int) else 0


async def settle_bonuses(tx: Tx, order_id: UUID) -> None:
    """Bring what was taken back of bonus credits to what stands refunded of the lines they were for."""
    redemptions = [each for each in await promos.redemptions_of(tx, [order_id]) if each.bonus_transaction_id is not None]
    if not redemptions:
        return
    lines = await queries.select_lines(tx, [order_id])
    for each in redemptions:
        mine = [line for line in lines if line.number in each.lines]
        refunded, whole = _refunded(mine)
        await promos.settle_bonus(tx, each, refunded, whole)


def _refunded(lines: Sequence[Line]) -> tuple[int, int]:
    """How much of these lines went back: of their money, and where they cost nothing of their number."""
    whole = sum(line.amount_minor for line in lines)
    if whole:
        return sum(line.refunded_minor for line in lines), whole
    return sum(line.refunded_quantity for line in lines), sum(line.quantity for line in lines)
