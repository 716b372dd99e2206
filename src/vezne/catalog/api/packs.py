"""Packs of credits and coins over HTTP."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from vezne.catalog.api.fields import AmountOrNothing, Amounts, ItemId, Metadata, Text
from vezne.catalog.models import ItemMalformed, NoPriceIn, NotOnSale, StoredValue
from vezne.catalog.operations import packs
from vezne.catalog.packs import (
    MOST_UNITS,
    Manner,
    NewPack,
    Pack,
    PackMalformed,
    PacksForPlatformOnly,
    PackTier,
    PackUnknown,
    UnitsNeeded,
    UnitsNotOffered,
    WalletKind,
    units_of,
)
from vezne.kernel.clock import Moment
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.money import Currency
from vezne.kernel.paging import CursorUnknown, Page, PageParams, page_of

api = router("/v1/credit-packs", "Credit packs")

Units = Annotated[int, Field(strict=True, ge=1, le=MOST_UNITS)]
Bonus = Annotated[int, Field(strict=True, ge=0, le=MOST_UNITS, description="units that come with each purchase, for nothing")]
Days = Annotated[int, Field(strict=True, ge=1, le=36_500)]
Unit = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{3,11}$")]
Accepts = Annotated[list[StoredValue], Field(max_length=4, description="which stored value may pay")]
_PAID_BY: tuple[StoredValue, ...] = ("money", "gift_card")
LongText = Annotated[str, StringConstraints(max_length=2000)]


class PackNotChanged(Invalid):
    """Give at least one detail of the pack to change."""


class TierIn(RequestModel):
    """From so many units on, all of them at these prices."""

    from_units: Units
    prices: Amounts = Field(description="of `per_units` units, in minor units by currency")


Tiers = Annotated[list[TierIn], Field(max_length=50, description="of a tiered pack; all units cost what the highest tier says")]


class PackIn(RequestModel):
    """A pack to make."""

    name: Text
    description: LongText = ""
    wallet_kind: WalletKind = Field("credits", description="the kind of wallet it fills")
    unit: Unit | None = Field(None, description="the unit it puts in; null: the tenant's")
    manner: Manner = Field(
        "fixed", description="fixed: `units` for one price; tiered: the buyer says how many; chosen: so too, every unit alike"
    )
    units: Units | None = Field(None, description="of a fixed pack")
    prices: Amounts = Field(
        default_factory=dict, description="minor units by currency: of the whole fixed pack, or of `per_units` of a chosen one"
    )
    per_units: Units = Field(1, description="how many units a price of a tiered or chosen pack is for")
    tiers: Tiers = Field(default_factory=list)
    min_units: Units = Field(1, description="the fewest that are bought at once, of a tiered or chosen pack")
    max_units: Units = Field(MOST_UNITS, description="the most")
    bonus_units: Bonus = 0
    life_days: Days | None = Field(None, description="how long what was bought lives; null: as the tenant's grants do")
    accepts: Accepts = Field(default_factory=lambda: list(_PAID_BY))
    on_sale_from: Moment | None = None
    on_sale_until: Moment | None = None
    metadata: Metadata = Field(default_factory=dict)


class PackPatch(RequestModel):
    """What to change; what is not given stays, null removes where something may be absent."""

    name: Text = Field("", description="not to be removed")
    description: LongText = ""
    units: Units = Field(1, description="of a fixed pack")
    prices: Annotated[dict[Currency, AmountOrNothing | None], Field(max_length=50)] = Field(
        default_factory=dict, description="those that change, by currency; null withdraws one"
    )
    per_units: Units = 1
    tiers: Tiers = Field(default_factory=list)
    min_units: Units = 1
    max_units: Units = MOST_UNITS
    bonus_units: Bonus = 0
    life_days: Days | None = None
    accepts: Accepts = Field(default_factory=list)
    on_sale_from: Moment | None = None
    on_sale_until: Moment | None = None
    active: bool = True
    metadata: Metadata = Field(default_factory=dict)


class TierOut(BaseModel):
    """From so many units on, all of them at these prices."""

    from_units: int
    prices: dict[str, int]


class PackOut(BaseModel):
    """Credits or coins to be bought."""

    id: ItemId
    name: str
    description: str
    wallet_kind: WalletKind
    unit: str
    manner: Manner
    units: int | None
    prices: dict[str, int] = Field(description="minor units by currency: of the whole fixed pack, or of `per_units`")
    per_units: int
    tiers: list[TierOut]
    min_units: int
    max_units: int
    bonus_units: int
    life_days: int | None
    accepts: list[str]
    on_sale_from: datetime | None
    on_sale_until: datetime | None
    active: bool
    metadata: dict[str, str]
    created_at: datetime


class PackPrice(BaseModel):
    """What so many units cost now."""

    units: int
    bonus_units: int
    amount_minor: int
    currency: str


class PackDetailOut(PackOut):
    """A pack, with what `units` of it cost in `currency` where that is asked for."""

    price: PackPrice | None = None


class PackFilter(PageParams):
    """Which packs are asked for."""

    wallet_kind: WalletKind | None = None
    active: bool | None = Field(None, description="a customer's token sees the active ones")


class PriceAsked(BaseModel):
    """Which price is asked for."""

    units: int | None = Field(None, ge=1, le=MOST_UNITS, description="how many; of a fixed pack all it has")
    currency: Currency | None = Field(None, description="also tell what they cost in it")


@api.post(
    "",
    status_code=201,
    dependencies=[requires("catalog.write")],
    responses=refusals(PackMalformed, PacksForPlatformOnly, ItemMalformed),
)
async def post_pack(body: PackIn, tx: TxDep) -> PackOut:
    """Make a pack that can be bought."""
    details = ("description", "prices", "on_sale_from", "on_sale_until", "metadata")
    new = NewPack(
        name=body.name,
        wallet_kind=body.wallet_kind,
        unit=body.unit,
        manner=body.manner,
        item={name: getattr(body, name) for name in details} | {"accepts": tuple(body.accepts)},
        **_terms(body, packs.TERMS),
    )
    return _pack(await packs.create_pack(tx, new))


@api.get("", dependencies=[requires("catalog.read", own="own.read")], responses=refusals(CursorUnknown))
async def get_packs(tx: TxDep, asked: Annotated[PackFilter, Query()]) -> Page[PackOut]:
    """Packs, newest first; a customer's token sees those that can be bought."""
    active = True if _buyer(tx) else asked.active
    found = await packs.packs(tx, wallet_kind=asked.wallet_kind, active=active, before=asked.id_of("itm"), limit=asked.limit + 1)
    return page_of(found, asked, _pack, _position)


@api.get(
    "/{item_id}",
    dependencies=[requires("catalog.read", own="own.read")],
    responses=refusals(PackUnknown, UnitsNeeded, UnitsNotOffered, NotOnSale, NoPriceIn),
)
async def get_pack(item_id: ItemId, tx: TxDep, asked: Annotated[PriceAsked, Query()]) -> PackDetailOut:
    """One pack, and what so many units of it cost."""
    found = await packs.pack(tx, item_id)
    if _buyer(tx) and not found.item.active:
        raise PackUnknown(item_id=_position(found))
    price = None
    if asked.currency is not None:
        units = units_of(found, asked.units)
        amount = packs.price_of_pack(found, units, asked.currency, tx.now)
        price = PackPrice(units=units, bonus_units=found.bonus_units, amount_minor=amount.minor, currency=amount.currency)
    return PackDetailOut(**_pack(found).model_dump(), price=price)


@api.patch(
    "/{item_id}",
    dependencies=[requires("catalog.write")],
    responses=refusals(PackUnknown, PackNotChanged, PackMalformed, PacksForPlatformOnly, ItemMalformed),
)
async def patch_pack(item_id: ItemId, body: PackPatch, tx: TxDep) -> PackOut:
    """Change a pack. What was bought before stays as it was bought; `active` false ends its sale."""
    given = body.model_fields_set
    if not given:
        raise PackNotChanged(loc=("body",))
    details = {name: getattr(body, name) for name in given - {*packs.TERMS, "prices"}}
    if "accepts" in details:
        details["accepts"] = tuple(body.accepts)
    terms = _terms(body, [name for name in packs.TERMS if name in given])
    return _pack(await packs.change_pack(tx, item_id, details=details, terms=terms, prices=body.prices))


def _buyer(tx: Tx) -> bool:
    return tx.principal.kind == "customer"


def _position(pack: Pack) -> str:
    return public_id("itm", pack.item.id)


def _terms(body: PackIn | PackPatch, names: Iterable[str]) -> dict[str, Any]:
    terms = {name: getattr(body, name) for name in names}
    if "tiers" in terms:
        terms["tiers"] = tuple(PackTier(tier.from_units, tier.prices) for tier in body.tiers)
    return terms


def _pack(pack: Pack) -> PackOut:
    item = pack.item
    shown = ("name", "description", "on_sale_from", "on_sale_until", "active", "created_at")
    terms = ("wallet_kind", "unit", "manner", "units", "per_units", "min_units", "max_units", "bonus_units", "life_days")
    return PackOut(
        id=item.id,
        prices=dict(item.prices),
        tiers=[TierOut(from_units=tier.from_units, prices=dict(tier.prices)) for tier in pack.tiers],
        accepts=list(item.accepts),
        metadata=dict(item.metadata),
        **{name: getattr(item, name) for name in shown},
        **{name: getattr(pack, name) for name in terms},
    )
