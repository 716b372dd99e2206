"""Items with their prices, and fee rules with their versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from vezne.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from vezne.kernel.ids import public_id
from vezne.kernel.money import MAX_MINOR, Money, exponent

Per = Literal["unit", "day", "hour"]
FeeBearer = Literal["buyer", "payee"]
DiscountBearer = Literal["payee", "platform"]
StoredValue = Literal["money", "gift_card", "credits", "coins"]

WHOLE = 10_000
"""A hundred percent in basis points, the hundredths of a percent in which percentages are written."""
ACCEPTED: tuple[StoredValue, ...] = ("money", "gift_card", "credits")
"""Which stored value may pay an item that does not say; coins must be named."""
STORED_VALUES: tuple[str, ...] = get_args(StoredValue)


class ItemUnknown(NotFound):
    """There is no item {item_id}."""


class FeeRuleUnknown(NotFound):
    """There is no fee rule {fee_rule_id} with this version."""


class NotOnSale(Conflict):
    """Item {item_id} is not on sale: {reason}."""


class NoPriceIn(Conflict):
    """Item {item_id} has no price in {currency}."""


class TooManyInOrder(Invalid):
    """At most {maximum} of item {item_id} may stand in one order, not {quantity}."""


class ItemMalformed(Invalid):
    """An item's {field} {reason}."""


class FeeRuleMalformed(Invalid):
    """A fee rule's {field} {reason}."""


class FeesForPlatformOnly(Forbidden):
    """What the platform keeps is chosen by the platform, not by a payee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """An item to make. Amounts are of one unit, day or hour, in minor units by currency; 0 is free."""

    name: str
    kind: str = "ticket"
    description: str = ""
    payee_id: UUID | None = None
    fee_rule_id: UUID | None = None
    per: Per = "unit"
    prices: Mapping[str, int] = field(default_factory=dict)
    accepts: tuple[str, ...] = ACCEPTED
    on_sale_from: datetime | None = None
    on_sale_until: datetime | None = None
    max_per_order: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that is sold, with its present prices: minor units of one unit, day or hour (`per`), by currency."""

    id: UUID
    name: str
    description: str
    kind: str
    payee_id: UUID | None
    fee_rule_id: UUID | None
    per: Per
    prices: Mapping[str, int]
    accepts: tuple[str, ...]
    on_sale_from: datetime | None
    on_sale_until: datetime | None
    max_per_order: int | None
    active: bool
    metadata: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PriceRecord:
    """What an item cost from `set_at` on; no amount: from then on it had no price in this currency."""

    number: int
    currency: str
    amount_minor: int | None
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Tier:
    """From this amount on, this percentage (basis points) of the whole amount."""

    from_minor: int
    percentage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTerms:
    """What the platform keeps of each line sold, and who bears what.

    `percentage`: basis points of the line's amount, or those of the highest tier that it reaches. `fixed_minor` is added once a
    line; what comes out is raised to `minimum_minor` and lowered to `maximum_minor`. Each of the three by currency.
    """

    name: str
    percentage: int = 0
    fixed_minor: Mapping[str, int] = field(default_factory=dict)
    minimum_minor: Mapping[str, int] = field(default_factory=dict)
    maximum_minor: Mapping[str, int] = field(default_factory=dict)
    tiers: tuple[Tier, ...] = ()
    fee_borne_by: FeeBearer = "payee"
    discount_borne_by: DiscountBearer = "payee"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRule(FeeTerms):
    """One version of a fee rule. It is never changed; a newer one replaces it from its own `valid_from` on.

    The tenant's plain commission, which holds for items without a rule, has no id and the version 0.
    """

    id: UUID | None
    version: int
    valid_from: datetime


def price_of(item: Item, currency: str, now: datetime) -> Money:
    """What one unit, day or hour of the item costs at `now`. Raises NotOnSale, NoPriceIn."""
    refuse_not_on_sale(item, now)
    amount = item.prices.get(currency)
    if amount is None:
        raise NoPriceIn(item_id=public_id("itm", item.id), currency=currency[:12])
    return Money(amount, currency)


def refuse_not_on_sale(item: Item, now: datetime) -> None:
    """Raise NotOnSale when the item cannot be bought at `now`."""
    shown = public_id("itm", item.id)
    if not item.active:
        raise NotOnSale(item_id=shown, reason="it was archived")
    if item.on_sale_from is not None and now < item.on_sale_from:
        raise NotOnSale(item_id=shown, reason=f"its sale begins at {item.on_sale_from.isoformat()}")
    if item.on_sale_until is not None and now >= item.on_sale_until:
        raise NotOnSale(item_id=shown, reason=f"its sale ended at {item.on_sale_until.isoformat()}")


def refuse_too_many(item: Item, quantity: int) -> None:
    """Raise TooManyInOrder when the item is not sold so often in one order."""
    if item.max_per_order is not None and quantity > item.max_per_order:
        raise TooManyInOrder(item_id=public_id("itm", item.id), maximum=item.max_per_order, quantity=quantity)


def refuse_malformed_item(item: Item) -> None:
    """Raise ItemMalformed, naming the field, for an item that cannot be sold as it says."""
    if not item.name.strip():
        raise _item("name", "is empty")
    if item.per not in get_args(Per):
        raise _item("per", "is unit, day or hour")
    strange = [name for name in item.accepts if name not in STORED_VALUES]
    if strange or len(set(item.accepts)) != len(item.accepts):
        raise _item("accepts", f"names each of {', '.join(STORED_VALUES)} at most once")
    if item.on_sale_from is not None and item.on_sale_until is not None and item.on_sale_until <= item.on_sale_from:
        raise _item("on_sale_until", "lies after on_sale_from")
    if item.max_per_order is not None and item.max_per_order < 1:
        raise _item("max_per_order", "is at least 1")
    for currency, amount in item.prices.items():
        exponent(currency)
        if not 0 <= amount <= MAX_MINOR:
            raise _item("prices", f"in {currency} lies outside 0 … 2^53 - 1")


def _item(name: str, reason: str) -> ItemMalformed:
    return ItemMalformed(field=name, reason=reason, loc=("body", name))


def refuse_malformed_terms(terms: FeeTerms) -> None:
    """Raise FeeRuleMalformed, naming the field: a commission above 100 %, a minimum above its maximum, tiers out of order."""
    if not terms.name.strip():
        raise _rule("name", "is empty")
    if not 0 <= terms.percentage <= WHOLE:
        raise _rule("percentage", f"is 0 to {WHOLE} basis points: {WHOLE} is 100 %")
    _refuse_malformed_amounts(terms)
    _refuse_malformed_tiers(terms.tiers)
    if terms.fee_borne_by not in get_args(FeeBearer):
        raise _rule("fee_borne_by", "is buyer or payee")
    if terms.discount_borne_by not in get_args(DiscountBearer):
        raise _rule("discount_borne_by", "is payee or platform")


def _refuse_malformed_amounts(terms: FeeTerms) -> None:
    for name in ("fixed_minor", "minimum_minor", "maximum_minor"):
        amounts: Mapping[str, int] = getattr(terms, name)
        for currency, amount in amounts.items():
            exponent(currency)
            if not 0 <= amount <= MAX_MINOR:
                raise _rule(name, f"in {currency} lies outside 0 … 2^53 - 1")
    for currency, least in terms.minimum_minor.items():
        if least > terms.maximum_minor.get(currency, MAX_MINOR):
            raise _rule("minimum_minor", f"in {currency} is above maximum_minor")


def _refuse_malformed_tiers(tiers: tuple[Tier, ...]) -> None:
    if any(not 0 <= tier.percentage <= WHOLE for tier in tiers):
        raise _rule("tiers", f"each take 0 to {WHOLE} basis points: {WHOLE} is 100 %")
    starts = [tier.from_minor for tier in tiers]
    if any(not 0 < start <= MAX_MINOR for start in starts) or starts != sorted(set(starts)):
        raise _rule("tiers", "begin above 0, each above the one before")


def _rule(name: str, reason: str) -> FeeRuleMalformed:
    return FeeRuleMalformed(field=name, reason=reason, loc=("body", name))
