"""Promotions: making them, changing what may change, ending them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from vezne import catalog, identity
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.promos import queries
from vezne.promos.events import PromoChanged, PromoCreated
from vezne.promos.models import MOST_LISTED, Performance, Promotion, Terms, refuse_malformed
from vezne.promos.refusals import PromotionMalformed, PromotionUnknown, UsesBelowTaken

CHANGEABLE = frozenset({"name", "starts_at", "ends_at", "max_uses", "max_uses_per_customer", "metadata", "active"})
"""What was promised of amounts and products stays what it was: another promise is another promotion."""


async def create_promotion(tx: Tx, terms: Terms, *, customer_ids: Sequence[UUID] | None = None) -> Promotion:
    """Make a promotion, for the customers on the list alone where one is given; each call another one. It needs a code.

    Raises PromotionMalformed, CurrencyUnknown, CustomerNotFound, ItemUnknown.
    """
    refuse_malformed(terms)
    await _refuse_unknown_items(tx, terms)
    facts = {field.name: getattr(terms, field.name) for field in fields(Terms)}
    made = Promotion(**facts, id=new_id(), listed_only=customer_ids is not None, created_at=tx.now)
    await queries.insert_promotion(tx, made)
    if customer_ids is not None:
        await _list(tx, made.id, customer_ids)
    await tx.publish(PromoCreated(promo_id=made.id, kind=made.kind))
    return made


async def _refuse_unknown_items(tx: Tx, terms: Terms) -> None:
    try:
        await catalog.items_by_id(tx, terms.item_ids)
    except catalog.ItemUnknown as unknown:
        unknown.loc = ("body", "item_ids")
        raise


async def _list(tx: Tx, promotion_id: UUID, customer_ids: Sequence[UUID]) -> None:
    wanted = sorted(set(customer_ids))
    if len(wanted) > MOST_LISTED:
        raise PromotionMalformed(field="customer_ids", reason=f"names at most {MOST_LISTED}", loc=("body", "customer_ids"))
    known = await identity.customers_by_id(tx, wanted)
    for customer_id in wanted:
        if customer_id not in known:
            raise identity.CustomerNotFound(loc=("body", "customer_ids"), customer_id=public_id("cus", customer_id))
    await queries.insert_listed(tx, promotion_id, wanted)


async def change_promotion(
    tx: Tx, promotion_id: UUID, changes: Mapping[str, Any], *, customer_ids: Sequence[UUID] | None = None
) -> Promotion:
    """Change what is named of CHANGEABLE, and the list where one is given. What is reserved or redeemed stays.

    The same again changes nothing. Raises PromotionUnknown, PromotionMalformed, UsesBelowTaken, CustomerNotFound.
    """
    if not changes.keys() <= CHANGEABLE:
        raise ValueError(f"cannot be changed: {sorted(changes.keys() - CHANGEABLE)}")
    before = await queries.lock_promotion(tx, promotion_id)
    if before is None:
        raise PromotionUnknown(promo_id=public_id("prm", promotion_id))
    after = replace(before, **changes)
    refuse_malformed(after)
    if customer_ids is not None:
        await queries.delete_listed(tx, promotion_id)
        await _list(tx, promotion_id, customer_ids)
        after = replace(after, listed_only=True)
    if after.max_uses != before.max_uses:
        after = replace(after, uses=await _counted(tx, after))
    changed = sorted(name for name in {*changes, "listed_only"} if getattr(before, name) != getattr(after, name))
    if changed or after.uses != before.uses:
        await queries.update_promotion(tx, after)
        await tx.publish(PromoChanged(promo_id=promotion_id, changed=",".join(changed), ends_at=after.ends_at))
    return after


async def _counted(tx: Tx, promotion: Promotion) -> int:
    """What a locked promotion's count is to be: where there is no limit, nobody counts."""
    if promotion.max_uses is None:
        return 0
    uses = await queries.count_uses(tx, promotion_id=promotion.id)
    if uses > promotion.max_uses:
        raise UsesBelowTaken(loc=("body", "max_uses"), uses=uses, maximum=promotion.max_uses)
    return uses


async def promotion(tx: Tx, promotion_id: UUID) -> Promotion:
    """The promotion. Raises PromotionUnknown."""
    found = await queries.select_promotion(tx, promotion_id)
    if found is None:
        raise PromotionUnknown(promo_id=public_id("prm", promotion_id))
    return found


async def promotions(tx: Tx, *, limit: int, before: UUID | None = None, active: bool | None = None) -> list[Promotion]:
    """Promotions, newest first."""
    return await queries.select_promotions(tx, limit=limit, before=before, active=active)


async def performance(tx: Tx, promotion_id: UUID) -> list[Performance]:
    """What the promotion has done, in each currency. Raises PromotionUnknown."""
    await promotion(tx, promotion_id)
    return await queries.select_performance(tx, promotion_id=promotion_id)
