"""Items over HTTP: what is sold, at which price in which currency."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from vezne import identity
from vezne.catalog.api.fields import AmountOrNothing, Amounts, FeeRuleId, ItemId, Metadata, PayeeId, Text
from vezne.catalog.models import (
    ACCEPTED,
    FeeRuleUnknown,
    FeesForPlatformOnly,
    Item,
    ItemMalformed,
    ItemUnknown,
    NewItem,
    Per,
    PriceRecord,
    StoredValue,
)
from vezne.catalog.operations import items
from vezne.kernel.clock import Moment
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.money import Currency, Money
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, by_id, page_of

api = router("/v1/items", "Items")

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Accepts = Annotated[
    list[StoredValue], Field(max_length=4, description="which stored value may pay; coins only where they are named")
]
MaxPerOrder = Annotated[int, Field(ge=1, le=1_000_000)]
STRANGERS = (identity.PayeeUnknown, identity.PayeeInactive, FeeRuleUnknown, FeesForPlatformOnly, ItemMalformed)


class ItemNotChanged(Invalid):
    """Give at least one detail of the item to change; its prices are set one by one."""


class ItemIn(RequestModel):
    """An item to make."""

    name: Text
    description: Annotated[str, StringConstraints(max_length=2000)] = ""
    kind: Kind = Field("ticket", description="your own word for what it is", examples=["ticket", "meal", "storage"])
    payee_id: PayeeId | None = Field(None, description="who is owed the payee's share; null: the tenant itself")
    fee_rule_id: FeeRuleId | None = Field(None, description="what the platform keeps; null: the tenant's commission_rate")
    per: Per = Field("unit", description="what a price is for: one, a day, or an hour begun")
    prices: Amounts = Field(default_factory=dict)
    accepts: Accepts = Field(default_factory=lambda: list(ACCEPTED))
    on_sale_from: Moment | None = None
    on_sale_until: Moment | None = None
    max_per_order: MaxPerOrder | None = None
    metadata: Metadata = Field(default_factory=dict)


class ItemPatch(RequestModel):
    """What to change; what is not given stays, null removes where something may be absent."""

    name: Text = Field("", description="not to be removed")
    description: Annotated[str, StringConstraints(max_length=2000)] = ""
    kind: Kind = "ticket"
    payee_id: PayeeId | None = None
    fee_rule_id: FeeRuleId | None = None
    per: Per = "unit"
    accepts: Accepts = Field(default_factory=lambda: list(ACCEPTED))
    on_sale_from: Moment | None = None
    on_sale_until: Moment | None = None
    max_per_order: MaxPerOrder | None = None
    active: bool = True
    metadata: Metadata | None = None


class PriceIn(RequestModel):
    """A price of one unit, day or hour."""

    amount_minor: AmountOrNothing | None = Field(description="0 is free; null withdraws the price")
    currency: Currency


class ItemOut(BaseModel):
    """Something that is sold."""

    id: ItemId
    name: str
    description: str
    kind: str
    payee_id: PayeeId | None
    fee_rule_id: FeeRuleId | None
    per: Per
    prices: dict[str, int] = Field(description="minor units by currency, of one unit, day or hour")
    accepts: list[str]
    on_sale_from: datetime | None
    on_sale_until: datetime | None
    max_per_order: int | None
    active: bool
    metadata: dict[str, str]
    created_at: datetime


class PriceOut(BaseModel):
    """What an item cost from a time on."""

    number: int = Field(description="the item's own count of its prices")
    currency: str
    amount_minor: int | None = Field(description="null: it had no price in this currency any more")
    set_at: datetime


@api.post("", status_code=201, dependencies=[requires("catalog.write")], responses=refusals(*STRANGERS))
async def post_item(body: ItemIn, tx: TxDep) -> ItemOut:
    """Make an item that can be sold."""
    fields = {name: getattr(body, name) for name in ItemIn.model_fields}
    return _item(await items.create_item(tx, NewItem(**fields | {"accepts": tuple(body.accepts)})))


@api.get("", dependencies=[requires("catalog.read")], responses=refusals(CursorUnknown))
async def get_items(
    page: PageQuery,
    tx: TxDep,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    payee_id: Annotated[PayeeId | None, Query()] = None,
    active: Annotated[bool | None, Query()] = None,
) -> Page[ItemOut]:
    """Items with their present prices, newest first."""
    before = page.id_of("itm")
    found = await items.items(tx, kind=kind, payee_id=payee_id, active=active, before=before, limit=page.limit + 1)
    return page_of(found, page, _item, by_id("itm"))


@api.get("/{item_id}", dependencies=[requires("catalog.read")], responses=refusals(ItemUnknown))
async def get_item(item_id: ItemId, tx: TxDep) -> ItemOut:
    """One item with its present prices."""
    return _item(await items.item(tx, item_id))


@api.patch("/{item_id}", dependencies=[requires("catalog.write")], responses=refusals(ItemUnknown, ItemNotChanged, *STRANGERS))
async def patch_item(item_id: ItemId, body: ItemPatch, tx: TxDep) -> ItemOut:
    """Change an item's details. What was sold before keeps the price and fee it was sold with."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    if not changes:
        raise ItemNotChanged(loc=("body",))
    if changes.get("metadata", {}) is None:
        changes["metadata"] = {}
    if "accepts" in changes:
        changes["accepts"] = tuple(body.accepts)
    return _item(await items.change_item(tx, item_id, **changes))


@api.delete("/{item_id}", dependencies=[requires("catalog.write")], responses=refusals(ItemUnknown))
async def delete_item(item_id: ItemId, tx: TxDep) -> ItemOut:
    """Archive an item: it is sold no longer, and stays to be seen. `active` sells it again."""
    return _item(await items.archive_item(tx, item_id))


@api.put("/{item_id}/prices", dependencies=[requires("catalog.write")], responses=refusals(ItemUnknown))
async def put_price(item_id: ItemId, body: PriceIn, tx: TxDep) -> ItemOut:
    """Set the item's price in one currency from now on, or withdraw it. The former one stays in the history."""
    if body.amount_minor is None:
        return _item(await items.withdraw_price(tx, item_id, body.currency))
    return _item(await items.set_price(tx, item_id, Money(body.amount_minor, body.currency)))


@api.get("/{item_id}/prices", dependencies=[requires("catalog.read")], responses=refusals(ItemUnknown, CursorUnknown))
async def get_prices(
    item_id: ItemId, page: PageQuery, tx: TxDep, currency: Annotated[str | None, Query(max_length=12)] = None
) -> Page[PriceOut]:
    """What an item has cost, newest first."""
    found = await items.price_history(tx, item_id, currency=currency, before=page.number(), limit=page.limit + 1)
    return page_of(found, page, _price, lambda each: each.number)


def _item(item: Item) -> ItemOut:
    return ItemOut(
        id=item.id,
        name=item.name,
        description=item.description,
        kind=item.kind,
        payee_id=item.payee_id,
        fee_rule_id=item.fee_rule_id,
        per=item.per,
        prices=dict(item.prices),
        accepts=list(item.accepts),
        on_sale_from=item.on_sale_from,
        on_sale_until=item.on_sale_until,
        max_per_order=item.max_per_order,
        active=item.active,
        metadata=dict(item.metadata),
        created_at=item.created_at,
    )


def _price(price: PriceRecord) -> PriceOut:
    return PriceOut(number=price.number, currency=price.currency, amount_minor=price.amount_minor, set_at=price.set_at)
