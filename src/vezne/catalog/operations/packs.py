"""Packs: making, changing and pricing items that put credits or coins into a wallet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from vezne import identity
from vezne.catalog import queries, queries_packs
from vezne.catalog.events import ItemChanged
from vezne.catalog.models import Item, NewItem, refuse_not_on_sale
from vezne.catalog.operations import items
from vezne.catalog.packs import (
    PACK,
    NewPack,
    Pack,
    PacksForPlatformOnly,
    PackTerms,
    PackUnknown,
    price_at,
    refuse_malformed_pack,
)
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings

TERMS = ("units", "per_units", "tiers", "min_units", "max_units", "bonus_units", "life_days")
"""What of a pack's terms may change: its manner, and what it fills, are what it is."""


async def create_pack(tx: Tx, new: NewPack) -> Pack:
    """Make an item that is a pack; each call another one.

    Raises PackMalformed, PacksForPlatformOnly, and what `create_item` does.
    """
    if tx.principal.payee_id is not None:
        raise PacksForPlatformOnly
    settings = await identity.settings_of(tx)
    unit = new.unit or (settings.coin_unit if new.wallet_kind == "coins" else settings.credit_unit)
    chosen = {name: getattr(new, name) for name in TERMS}
    terms = PackTerms(wallet_kind=new.wallet_kind, unit=unit, manner=new.manner, **chosen)
    refuse_malformed_pack(terms)
    details: dict[str, Any] = {"accepts": ("money", "gift_card"), **new.item}
    item = await items.create_item(tx, NewItem(name=new.name, kind=PACK, **details))
    await queries_packs.insert_pack(tx, item.id, terms)
    return _pack(item, {**chosen, "wallet_kind": new.wallet_kind, "unit": unit, "manner": new.manner})


async def pack(tx: Tx, item_id: UUID) -> Pack:
    """One pack. Raises PackUnknown."""
    found = (await _packs(tx, [item_id])).get(item_id)
    if found is None:
        raise PackUnknown(item_id=public_id("itm", item_id))
    return found


async def packs(
    tx: Tx, *, wallet_kind: str | None = None, active: bool | None = None, before: UUID | None = None, limit: int = 20
) -> list[Pack]:
    """Packs, newest first; those of one kind, only active or only archived ones."""
    ids = await queries_packs.select_pack_ids(tx, wallet_kind=wallet_kind, active=active, before=before, limit=limit)
    found = await _packs(tx, ids)
    return [found[item_id] for item_id in ids if item_id in found]


async def change_pack(
    tx: Tx,
    item_id: UUID,
    *,
    details: Mapping[str, Any] | None = None,
    terms: Mapping[str, Any] | None = None,
    prices: Mapping[str, int | None] | None = None,
) -> Pack:
    """Change details of the item, terms (see TERMS) and prices by currency (None withdraws one). The same again changes nothing.

    What was sold keeps what it was sold with. Raises PackUnknown, PackMalformed, PacksForPlatformOnly, and what `change_item`
    and `set_price` do.
    """
    if tx.principal.payee_id is not None:
        raise PacksForPlatformOnly
    await queries.lock_item(tx, item_id)
    before = await pack(tx, item_id)
    if details:
        await items.change_item(tx, item_id, **details)
    for currency, minor in (prices or {}).items():
        if minor is None:
            await items.withdraw_price(tx, item_id, currency)
        else:
            await items.set_price(tx, item_id, Money(minor, currency))
    after = replace(before, **(terms or {}))
    changed = [name for name in TERMS if getattr(before, name) != getattr(after, name)]
    if changed:
        refuse_malformed_pack(after)
        await queries_packs.update_pack(tx, item_id, after)
        await tx.publish(ItemChanged(item_id=item_id, changed=changed))
    return await pack(tx, item_id)


def price_of_pack(pack: Pack, units: int, currency: str, now: datetime) -> Money:
    """What so many units cost at `now`; a chosen pack without a price in the currency takes DEFAULT_CREDIT_PRICE.

    Raises NotOnSale, NoPriceIn, AmountOutOfRange.
    """
    refuse_not_on_sale(pack.item, now)
    return price_at(pack, units, currency, default_credit_price())


@cache
def default_credit_price() -> tuple[int, int, str] | None:
    """DEFAULT_CREDIT_PRICE as a whole number, how many decimals it has, and its currency: 1.00 is 100, 2, USD."""
    text = Settings().default_credit_price
    if text is None:
        return None
    number, _, currency = text.partition(" ")
    whole, _, decimals = number.partition(".")
    return int(whole + decimals), len(decimals), currency or "USD"


async def _packs(tx: Tx, item_ids: Sequence[UUID]) -> dict[UUID, Pack]:
    terms = await queries_packs.select_terms(tx, item_ids)
    found = await queries.select_items_by_id(tx, list(terms), tx.principal.payee_id)
    return {item_id: _pack(item, terms[item_id]) for item_id, item in found.items()}


def _pack(item: Item, terms: Mapping[str, Any]) -> Pack:
    return Pack(item=item, **terms)
