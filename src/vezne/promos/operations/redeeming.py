"""A use of a code from the order that reserves it to the payment that uses it up, or to the end that sets it free.

The order is locked before; promotions, codes and identities are locked in the order that `queries_counting` says.
"""

from collections.abc import Sequence
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.kernel.money import Money
from vezne.promos import queries, queries_counting
from vezne.promos.events import PromoRedeemed, PromoReleased, PromoReserved
from vezne.promos.models import Applied, Redemption, Use
from vezne.promos.refusals import PromoInvalid


async def reserve(tx: Tx, order_id: UUID, applied: Applied, total: Money) -> list[Redemption]:
    """Take one use of each code for a new order of `total` to pay, until it is redeemed or released.

    Raises PromoInvalid: exhausted, customer_exhausted or inactive, when others were faster; then nothing may be left of it.
    """
    uses = sorted(applied.uses, key=lambda use: use.promotion.id)
    for use in uses:
        await _take_promotion(tx, use)
    for use in sorted(uses, key=lambda use: use.code.id):
        await _take_code(tx, use)
    for use in uses:
        limit = use.promotion.uses_per_customer
        if not await queries_counting.take_identities(tx, use.promotion.id, applied.identities, limit):
            raise PromoInvalid(use.code.code, "customer_exhausted")
    made = [_redemption(tx, order_id, applied, use, total) for use in uses]
    await queries.insert_redemptions(tx, made)
    await tx.publish(*[_reserved(each) for each in made])
    return made


async def _take_promotion(tx: Tx, use: Use) -> None:
    limited = use.promotion.max_uses is not None
    found = await queries_counting.take(tx, queries_counting.PROMOTIONS, use.promotion.id, limited=limited)
    if found != "taken":
        raise PromoInvalid(use.code.code, found)


async def _take_code(tx: Tx, use: Use) -> None:
    limited = use.code.max_uses is not None
    found = await queries_counting.take(tx, queries_counting.CODES, use.code.id, limited=limited)
    if found != "taken":
        raise PromoInvalid(use.code.code, found)


def _redemption(tx: Tx, order_id: UUID, applied: Applied, use: Use, total: Money) -> Redemption:
    return Redemption(
        id=new_id(),
        promotion_id=use.promotion.id,
        code_id=use.code.id,
        code=use.code.code,
        kind=use.promotion.kind,
        order_id=order_id,
        customer_id=applied.customer_id,
        status="reserved",
        currency=applied.currency,
        discount_minor=use.discount_minor,
        order_minor=total.minor,
        line_discounts=use.discounts,
        lines=use.lines,
        trial_days=use.trial_days,
        bonus_units=use.bonus_units,
        bonus_transaction_id=None,
        bonus_taken=0,
        bonus_missing=0,
        bonus_moves=0,
        identities=applied.identities,
        reserved_at=tx.now,
        redeemed_at=None,
        released_at=None,
    )


def _reserved(redemption: Redemption) -> PromoReserved:
    return PromoReserved(
        promo_id=redemption.promotion_id,
        code_id=redemption.code_id,
        redemption_id=redemption.id,
        order_id=redemption.order_id,
        customer_id=redemption.customer_id,
        discount_minor=redemption.discount_minor,
        currency=redemption.currency,
    )


def without_codes(order_id: UUID) -> str:
    """The name under which a transaction remembers that an order has no codes."""
    return f"order without promo codes {order_id}"


async def redeem(tx: Tx, order_id: UUID) -> None:
    """The locked order is paid: its uses are used up, whatever becomes of it. Again: nothing.

    One that was set free before (the money came late) is taken again, whatever the promotion's time, if a use is free. Raises
    PromoInvalid when none is.
    """
    found = await queries.select_redemptions(tx, [order_id])
    if not found:
        tx.remembered[without_codes(order_id)] = True  # most orders have none, and each asks twice
        return
    waiting = [each for each in found if each.status != "redeemed"]
    await _take_again(tx, [each for each in waiting if each.status == "released"])
    for each in waiting:
        await queries.mark_redeemed(tx, each.id)
    await tx.publish(
        *[
            PromoRedeemed(
                promo_id=each.promotion_id,
                code_id=each.code_id,
                redemption_id=each.id,
                order_id=order_id,
                customer_id=each.customer_id,
                discount_minor=each.discount_minor,
                currency=each.currency,
            )
            for each in waiting
        ]
    )


async def _take_again(tx: Tx, released: Sequence[Redemption]) -> None:
    for each in released:
        if await _take_late(tx, queries_counting.PROMOTIONS, each.promotion_id) != "taken":
            raise PromoInvalid(each.code, "exhausted")
    for each in sorted(released, key=lambda each: each.code_id):
        if await _take_late(tx, queries_counting.CODES, each.code_id) != "taken":
            raise PromoInvalid(each.code, "exhausted")
    for each in released:
        promotion = await queries.select_promotion(tx, each.promotion_id)
        limit = None if promotion is None else promotion.uses_per_customer
        if not await queries_counting.take_identities(tx, each.promotion_id, each.identities, limit):
            raise PromoInvalid(each.code, "customer_exhausted")


async def _take_late(tx: Tx, counted: queries_counting.Counted, id_: UUID) -> queries_counting.Found:
    return await queries_counting.take(tx, counted, id_, limited=True, late=True)


async def release(tx: Tx, order_id: UUID) -> None:
    """The locked order ended unpaid: what it had reserved is free again. Again, or once it is paid: nothing."""
    reserved = [each for each in await queries.select_redemptions(tx, [order_id]) if each.status == "reserved"]
    for each in reserved:
        await queries_counting.give_up(tx, queries_counting.PROMOTIONS, each.promotion_id)
    for each in sorted(reserved, key=lambda each: each.code_id):
        await queries_counting.give_up(tx, queries_counting.CODES, each.code_id)
    for each in reserved:
        await queries_counting.give_up_identities(tx, each.promotion_id, each.identities)
        await queries.mark_released(tx, each.id)
    await tx.publish(
        *[
            PromoReleased(
                promo_id=each.promotion_id,
                code_id=each.code_id,
                redemption_id=each.id,
                order_id=order_id,
                customer_id=each.customer_id,
            )
            for each in reserved
        ]
    )
