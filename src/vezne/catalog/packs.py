"""Packs: items that put credits or coins into a wallet, and what so many units of them cost. Whole numbers only.

A fixed pack has its units and one price. Of a tiered one the buyer chooses how many, and all of them cost what the highest tier
costs that they reach (by volume: no unit has a price of its own). Of a chosen one every unit costs the same. The price of
`per_units` units is a whole number of minor units; a purchase is rounded once, for all its units together, exactly half to the
even neighbour. So currencies with no decimals, and with three, are exact too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args
from uuid import UUID

from vezne.catalog.models import Item, NoPriceIn
from vezne.kernel.errors import Forbidden, Invalid, NotFound
from vezne.kernel.ids import public_id
from vezne.kernel.money import MAX_MINOR, Money, currency_is_unit, exponent

Manner = Literal["fixed", "tiered", "chosen"]
WalletKind = Literal["credits", "coins"]

MOST_UNITS = 1_000_000_000
"""The most units that one purchase can have."""
PACK = "credit_pack"
"""The kind of items that are packs."""


class PackUnknown(NotFound):
    """There is no pack {item_id}."""


class PackMalformed(Invalid):
    """A pack's {field} {reason}."""


class PacksForPlatformOnly(Forbidden):
    """Packs are made by the platform, not by a payee."""


class UnitsNotOffered(Invalid):
    """Of pack {item_id}, {minimum} to {maximum} units are bought at once, not {units}."""


class UnitsNeeded(Invalid):
    """Say how many units of pack {item_id} are bought."""


@dataclass(frozen=True, slots=True)
class PackTier:
    """From so many units on, all of them at these prices: minor units for `per_units`, by currency."""

    from_units: int
    prices: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackTerms:
    """What a pack puts into a wallet. `bonus_units` come with each purchase; `life_days`: None, as the tenant's grants live."""

    wallet_kind: WalletKind
    unit: str
    manner: Manner
    units: int | None = None
    per_units: int = 1
    tiers: tuple[PackTier, ...] = ()
    min_units: int = 1
    max_units: int = MOST_UNITS
    bonus_units: int = 0
    life_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPack:
    """A pack to make: an item's own fields, and the terms; without `unit` it is the tenant's unit of that kind."""

    name: str
    wallet_kind: WalletKind = "credits"
    unit: str | None = None
    manner: Manner = "fixed"
    units: int | None = None
    per_units: int = 1
    tiers: tuple[PackTier, ...] = ()
    min_units: int = 1
    max_units: int = MOST_UNITS
    bonus_units: int = 0
    life_days: int | None = None
    item: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack(PackTerms):
    """An item that is a pack."""

    item: Item

    @property
    def item_id(self) -> UUID:
        """The item's."""
        return self.item.id


def units_of(pack: Pack, asked: int | None) -> int:
    """How many units are bought. Raises UnitsNeeded, UnitsNotOffered."""
    shown = public_id("itm", pack.item.id)
    if pack.units is not None:
        if asked not in {None, pack.units}:
            raise UnitsNotOffered(loc=("body", "units"), item_id=shown, minimum=pack.units, maximum=pack.units, units=asked)
        return pack.units
    if asked is None:
        raise UnitsNeeded(loc=("body", "units"), item_id=shown)
    if not pack.min_units <= asked <= pack.max_units:
        raise UnitsNotOffered(loc=("body", "units"), item_id=shown, minimum=pack.min_units, maximum=pack.max_units, units=asked)
    return asked


def price_at(pack: Pack, units: int, currency: str, default: tuple[int, int, str] | None) -> Money:
    """What `units` cost in `currency`. Raises NoPriceIn.

    `default` is what one credit costs where a chosen pack of credits has no price of its own in the currency: a whole number,
    how many decimals it has, and its currency.
    """
    if pack.manner == "fixed":
        return Money(_price(pack, pack.item.prices, currency), currency)
    if pack.manner == "tiered":
        reached = [tier for tier in pack.tiers if tier.from_units <= units]
        return _of(units * _price(pack, reached[-1].prices if reached else {}, currency), pack.per_units, currency)
    price = pack.item.prices.get(currency)
    if price is None and default is not None and pack.wallet_kind == "credits" and default[2] == currency:
        number, decimals, _ = default
        return _of(units * number * 10 ** exponent(currency), 10**decimals, currency)
    return _of(units * _price(pack, pack.item.prices, currency), pack.per_units, currency)


def _price(pack: Pack, prices: Mapping[str, int], currency: str) -> int:
    price = prices.get(currency)
    if price is None:
        raise NoPriceIn(item_id=public_id("itm", pack.item.id), currency=currency[:12])
    return price


def _of(numerator: int, denominator: int, currency: str) -> Money:
    """Whole minor units; exactly half goes to the even neighbour."""
    whole, rest = divmod(numerator, denominator)
    up = 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
    return Money(whole + up, currency)


def refuse_malformed_pack(terms: PackTerms) -> None:
    """Raise PackMalformed, naming the field, for terms that nothing could be bought by."""
    if not currency_is_unit(terms.unit):
        raise _pack("unit", "is a unit of the tenant's own, not a currency")
    exponent(terms.unit)
    if terms.manner not in get_args(Manner):
        raise _pack("manner", "is fixed, tiered or chosen")
    if (terms.manner == "fixed") is not (terms.units is not None):
        raise _pack("units", "stand in a fixed pack, and only there")
    for name in ("units", "per_units", "min_units", "max_units"):
        if not 1 <= (getattr(terms, name) or 1) <= MOST_UNITS:
            raise _pack(name, f"is 1 to {MOST_UNITS}")
    if terms.max_units < terms.min_units:
        raise _pack("max_units", "is not below min_units")
    if not 0 <= terms.bonus_units <= MOST_UNITS:
        raise _pack("bonus_units", f"is 0 to {MOST_UNITS}")
    _refuse_malformed_tiers(terms)


def _refuse_malformed_tiers(terms: PackTerms) -> None:
    if (terms.manner == "tiered") is not bool(terms.tiers):
        raise _pack("tiers", "stand in a tiered pack, and only there")
    starts = [tier.from_units for tier in terms.tiers]
    if starts != sorted(set(starts)) or any(not 1 <= start <= MOST_UNITS for start in starts):
        raise _pack("tiers", "begin at 1 unit or more, each above the one before")
    if starts and starts[0] > terms.min_units:
        raise _pack("tiers", "begin at min_units, or below it")
    for tier in terms.tiers:
        for currency, price in tier.prices.items():
            exponent(currency)
            if not 0 <= price <= MAX_MINOR:
                raise _pack("tiers", f"in {currency} lie within 0 … 2^53 - 1")


def _pack(name: str, reason: str) -> PackMalformed:
    return PackMalformed(field=name, reason=reason, loc=("body", name))
