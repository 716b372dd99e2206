"""Promotions, their codes and uses as plain values. Amounts are minor units by currency, percentages hundredths of a percent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from vezne.kernel.money import MAX_MINOR, Money, exponent
from vezne.promos.refusals import PromotionMalformed

PromotionKind = Literal["percentage", "fixed", "bonus_credits", "free_trial"]
RedemptionStatus = Literal["reserved", "redeemed", "released"]

WHOLE = 10_000
"""A hundred percent."""
MOST_BONUS = 10 * WHOLE
MOST_CODES = 10
"""How many codes one order takes at most."""
MOST_LISTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a promotion gives, to whom, for what and when; see `Promotion`."""

    name: str
    kind: PromotionKind
    percentage: int | None = None
    cap_minor: Mapping[str, int] = field(default_factory=dict)
    amount_minor: Mapping[str, int] = field(default_factory=dict)
    bonus_units: int | None = None
    trial_days: int | None = None
    stackable: bool = False
    priority: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_uses: int | None = None
    max_uses_per_customer: int | None = None
    minimum_minor: Mapping[str, int] = field(default_factory=dict)
    currencies: tuple[str, ...] = ()
    item_ids: tuple[UUID, ...] = ()
    plan_ids: tuple[UUID, ...] = ()
    line_kinds: tuple[str, ...] = ()
    first_purchase_only: bool = False
    customer_metadata: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion(Terms):
    """What its codes give.

    `percentage` (of what is left to pay, at most `cap_minor`; of a bonus: of the credits bought), `amount_minor` off, so many
    `bonus_units`, or a trial of so many days. `stackable`: it may stand beside others that are; of them, the least `priority`
    is reckoned first. `listed_only`: it is for the customers on its list alone. `uses` is counted where `max_uses` is set.
    """

    id: UUID
    listed_only: bool = False
    active: bool = True
    uses: int = 0
    created_at: datetime

    @property
    def uses_per_customer(self) -> int | None:
        """How often one person may use it: a first purchase is made once."""
        return 1 if self.first_purchase_only else self.max_uses_per_customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code that a customer types; `folded` is what is left of it without case and strokes."""

    id: UUID
    promotion_id: UUID
    code: str
    folded: str
    max_uses: int | None
    uses: int
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketLine:
    """Something in a basket whose `amount` may be lessened; `units`: how many credits it brings."""

    number: int
    kind: str
    amount: Money
    item_id: UUID | None = None
    plan_id: UUID | None = None
    quantity: int = 1
    units: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """What a customer wants to buy. `first_purchase`: they have bought nothing before."""

    customer_id: UUID
    currency: str
    lines: tuple[BasketLine, ...]
    first_purchase: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A code with its promotion; `listed`: the customer who types it is on the promotion's list."""

    code: Code
    promotion: Promotion
    listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one code does for a basket: what it takes off which line (by number), and what it adds."""

    promotion: Promotion
    code: Code
    lines: tuple[int, ...]
    discounts: Mapping[int, int]
    bonus_units: int = 0
    trial_days: int = 0

    @property
    def discount_minor(self) -> int:
        """What it takes off in all."""
        return sum(self.discounts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What all codes together do for a basket; nothing of it is reserved yet."""

    customer_id: UUID
    currency: str
    uses: tuple[Use, ...]
    identities: tuple[bytes, ...]

    @property
    def discounts(self) -> dict[int, Money]:
        """What is taken off each line that has something taken off."""
        sums: dict[int, int] = {}
        for use in self.uses:
            for number, minor in use.discounts.items():
                sums[number] = sums.get(number, 0) + minor
        return {number: Money(minor, self.currency) for number, minor in sorted(sums.items())}

    @property
    def bonus_credits(self) -> int:
        """How many credits come on top."""
        return sum(use.bonus_units for use in self.uses)

    @property
    def trial_days(self) -> int:
        """How long a membership is free at first."""
        return max((use.trial_days for use in self.uses), default=0)

    @property
    def trial_lines(self) -> dict[int, int]:
        """The lines that begin with a trial, and how long each."""
        trials: dict[int, int] = {}
        for use in self.uses:
            for number in use.lines if use.trial_days else ():
                trials[number] = max(trials.get(number, 0), use.trial_days)
        return trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """One use of a code by an order.

    Of its bonus `bonus_taken` came back by refunds, and `bonus_missing` should have and was spent.
    """

    id: UUID
    promotion_id: UUID
    code_id: UUID
    code: str
    kind: PromotionKind
    order_id: UUID
    customer_id: UUID
    status: RedemptionStatus
    currency: str
    discount_minor: int
    order_minor: int
    line_discounts: Mapping[int, int]
    lines: tuple[int, ...]
    trial_days: int
    bonus_units: int
    bonus_transaction_id: UUID | None
    bonus_taken: int
    bonus_missing: int
    bonus_moves: int
    identities: tuple[bytes, ...]
    reserved_at: datetime
    redeemed_at: datetime | None
    released_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What a promotion, or one of its codes, has done in one currency: what redeemed uses gave, and what their orders brought."""

    currency: str
    reserved: int
    redeemed: int
    released: int
    discount_minor: int
    revenue_minor: int
    bonus_units: int


def refuse_malformed(terms: Terms) -> None:
    """Raise PromotionMalformed, naming the field, for terms that cannot be kept."""
    if not terms.name.strip():
        raise _malformed("name", "is empty")
    _REFUSE_KIND[terms.kind](terms)
    _refuse_strangers(terms)
    if terms.starts_at is not None and terms.ends_at is not None and terms.ends_at <= terms.starts_at:
        raise _malformed("ends_at", "lies after starts_at")
    for name in ("max_uses", "max_uses_per_customer"):
        value = getattr(terms, name)
        if value is not None and value < 1:
            raise _malformed(name, "is at least 1")
    for name in ("cap_minor", "amount_minor", "minimum_minor"):
        for currency, minor in getattr(terms, name).items():
            exponent(currency)
            if not 0 < minor <= MAX_MINOR:
                raise _malformed(name, f"in {currency} lies outside 1 … 2^53 - 1")


def _refuse_percentage(terms: Terms) -> None:
    if terms.percentage is None or not 0 < terms.percentage <= WHOLE:
        raise _malformed("percentage", f"is 1 to {WHOLE} hundredths of a percent: {WHOLE} is 100 %")


def _refuse_fixed(terms: Terms) -> None:
    if not terms.amount_minor:
        raise _malformed("amount_minor", "names what is taken off in at least one currency")


def _refuse_bonus(terms: Terms) -> None:
    if (terms.percentage is None) == (terms.bonus_units is None):
        raise _malformed("bonus_units", "or a percentage of the credits bought is named, and not both")
    if terms.percentage is not None and not 0 < terms.percentage <= MOST_BONUS:
        raise _malformed("percentage", f"of a bonus is 1 to {MOST_BONUS} hundredths of a percent")
    if terms.bonus_units is not None and not 0 < terms.bonus_units <= MAX_MINOR:
        raise _malformed("bonus_units", "lies outside 1 … 2^53 - 1")


def _refuse_trial(terms: Terms) -> None:
    if terms.trial_days is None or not 0 < terms.trial_days <= 3650:  # noqa: PLR2004 - ten years, as the table holds
        raise _malformed("trial_days", "is 1 to 3650")


_REFUSE_KIND = {
    "percentage": _refuse_percentage,
    "fixed": _refuse_fixed,
    "bonus_credits": _refuse_bonus,
    "free_trial": _refuse_trial,
}
_OF_KIND: Mapping[str, tuple[PromotionKind, ...]] = {
    "percentage": ("percentage", "bonus_credits"),
    "cap_minor": ("percentage",),
    "amount_minor": ("fixed",),
    "bonus_units": ("bonus_credits",),
    "trial_days": ("free_trial",),
}


def _refuse_strangers(terms: Terms) -> None:
    """What only another kind has would be said and never done."""
    if terms.kind not in get_args(PromotionKind):
        raise _malformed("kind", f"is one of {', '.join(get_args(PromotionKind))}")
    for name, kinds in _OF_KIND.items():
        if getattr(terms, name) and terms.kind not in kinds:
            raise _malformed(name, f"is no part of a promotion of kind {terms.kind}")


def _malformed(name: str, reason: str) -> PromotionMalformed:
    return PromotionMalformed(field=name, reason=reason, loc=("body", name))
