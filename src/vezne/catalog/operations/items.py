"""Items: making, changing and pricing what is sold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from vezne import identity
from vezne.catalog import queries
from vezne.catalog.events import ItemArchived, ItemChanged, ItemCreated, ItemPriced
from vezne.catalog.models import FeesForPlatformOnly, Item, ItemUnknown, NewItem, PriceRecord, refuse_malformed_item
from vezne.catalog.operations import fees
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money, exponent


async def create_item(tx: Tx, new: NewItem) -> Item:
    """Make an item; each call another one. Whoever acts for one payee makes that payee's items, under the platform's usual fee.

    Raises ItemMalformed, CurrencyUnknown, PayeeUnknown, PayeeInactive, FeeRuleUnknown, FeesForPlatformOnly.
    """
    only = tx.principal.payee_id
    item = Item(
        id=new_id(),
        name=new.name,
        description=new.description,
        kind=new.kind,
        payee_id=new.payee_id or only,
        fee_rule_id=new.fee_rule_id,
        per=new.per,
        prices=dict(new.prices),
        accepts=tuple(new.accepts),
        on_sale_from=new.on_sale_from,
        on_sale_until=new.on_sale_until,
        max_per_order=new.max_per_order,
        active=True,
        metadata=dict(new.metadata),
        created_at=tx.now,
    )
    refuse_malformed_item(item)
    if only is not None and new.fee_rule_id is not None:
        raise FeesForPlatformOnly
    await _refuse_strangers(tx, item.payee_id, item.fee_rule_id)
    await queries.insert_item(tx, item)
    await tx.publish(ItemCreated(item_id=item.id, kind=item.kind, payee_id=item.payee_id))
    if item.prices:
        await queries.insert_prices(tx, item.id, item.prices)
        await tx.publish(*[ItemPriced(item_id=item.id, currency=each, amount_minor=minor) for each, minor in item.prices.items()])
    return item


async def item(tx: Tx, item_id: UUID) -> Item:
    """One item with its present prices. Raises ItemUnknown."""
    return (await items_by_id(tx, [item_id]))[item_id]


async def items_by_id(tx: Tx, item_ids: Sequence[UUID]) -> dict[UUID, Item]:
    """These items with their present prices. Raises ItemUnknown for the first that is not there."""
    wanted = list(dict.fromkeys(item_ids))
    found = await queries.select_items_by_id(tx, wanted, tx.principal.payee_id)
    for item_id in wanted:
        if item_id not in found:
            raise ItemUnknown(item_id=public_id("itm", item_id))
    return found


async def items(
    tx: Tx,
    *,
    kind: str | None = None,
    payee_id: UUID | None = None,
    active: bool | None = None,
    before: UUID | None = None,
    limit: int = 20,
) -> list[Item]:
    """Items, newest first; those of one kind or payee, only active or only archived ones."""
    only = tx.principal.payee_id
    if only is not None and payee_id not in {None, only}:
        return []
    return await queries.select_items(tx, kind=kind, payee_id=only or payee_id, active=active, before=before, limit=limit)


async def change_item(tx: Tx, item_id: UUID, **changes: Any) -> Item:  # noqa: ANN401 - an item's own fields, checked below
    """Change those details that are given; prices are changed by `set_price`. The same again changes nothing.

    What was sold before keeps the price and the fee it was sold with. Raises ItemUnknown, ItemMalformed, PayeeUnknown,
    PayeeInactive, FeeRuleUnknown, FeesForPlatformOnly.
    """
    before = await _locked(tx, item_id)
    after = replace(before, **changes)
    changed = sorted(name for name in changes if getattr(before, name) != getattr(after, name))
    if not changed:
        return before
    refuse_malformed_item(after)
    if tx.principal.payee_id is not None and {"fee_rule_id", "payee_id"} & set(changed):
        raise FeesForPlatformOnly
    await _refuse_strangers(
        tx, after.payee_id if "payee_id" in changed else None, after.fee_rule_id if "fee_rule_id" in changed else None
    )
    await queries.update_item(tx, after)
    await tx.publish(ItemChanged(item_id=item_id, changed=changed))
    return after


async def archive_item(tx: Tx, item_id: UUID) -> Item:
    """Sell an item no longer; what was sold stays. Again: nothing more. Raises ItemUnknown."""
    before = await _locked(tx, item_id)
    if not before.active:
        return before
    after = replace(before, active=False)
    await queries.update_item(tx, after)
    await tx.publish(ItemArchived(item_id=item_id))
    return after


async def set_price(tx: Tx, item_id: UUID, amount: Money) -> Item:
    """Sell one unit, day or hour of the item for `amount` from now on; 0 is free. The former price stays in its history.

    The same price again changes nothing. Raises ItemUnknown, ItemMalformed for an amount below 0.
    """
    return await _price(tx, item_id, amount.currency, amount.minor)


async def withdraw_price(tx: Tx, item_id: UUID, currency: str) -> Item:
    """Sell the item in this currency no longer. Again, or where it had no price: nothing. Raises ItemUnknown."""
    return await _price(tx, item_id, currency, None)


async def price_history(
    tx: Tx, item_id: UUID, *, currency: str | None = None, before: int | None = None, limit: int = 20
) -> list[PriceRecord]:
    """What an item has cost, newest first. Raises ItemUnknown."""
    await item(tx, item_id)
    return await queries.select_price_history(tx, item_id, currency=currency, before=before, limit=limit)


async def _price(tx: Tx, item_id: UUID, currency: str, minor: int | None) -> Item:
    before = await _locked(tx, item_id)
    exponent(currency)
    if before.prices.get(currency) == minor:
        return before
    prices: Mapping[str, int | None] = {**before.prices, currency: minor}
    after = replace(before, prices={each: amount for each, amount in prices.items() if amount is not None})
    refuse_malformed_item(after)
    await queries.insert_prices(tx, item_id, {currency: minor})
    await tx.publish(ItemPriced(item_id=item_id, currency=currency, amount_minor=minor))
    return after


async def _locked(tx: Tx, item_id: UUID) -> Item:
    if not await queries.lock_item(tx, item_id):
        raise ItemUnknown(item_id=public_id("itm", item_id))
    return await item(tx, item_id)


async def _refuse_strangers(tx: Tx, payee_id: UUID | None, fee_rule_id: UUID | None) -> None:
    if payee_id is not None and not (await identity.payee(tx, payee_id)).active:
        raise identity.PayeeInactive(payee_id=public_id("pye", payee_id), loc=("body", "payee_id"))
    if fee_rule_id is not None:
        await fees.fee_rule(tx, fee_rule_id)
