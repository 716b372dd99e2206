"""Reward rules: what gives coins, how many, and how many at most. Amounts are whole coins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from vezne.kernel.money import MAX_MINOR, CurrencyUnknown, Money, currency_is_unit
from vezne.rewards.refusals import RuleMalformed, TierUnknown

Trigger = Literal["course_completion", "referral", "streak", "purchase"]
TRIGGERS: tuple[str, ...] = get_args(Trigger)
Every = Literal["day", "week"]
Period = Literal["day", "week", "month", "year", "total"]

MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Tier:
    """What a course, or a referral, of this tier gives; `referee_minor` is for whoever was referred."""

    name: str
    amount_minor: int
    referee_minor: int = 0


@dataclass(frozen=True, slots=True)
class Bonus:
    """What a streak gives when it has reached `length`, and, when it `repeats`, at every multiple of it."""

    length: int
    amount_minor: int
    repeats: bool = True

    def at(self, length: int) -> int:
        """What a streak of this length gets by this row."""
        reached = length % self.length == 0 if self.repeats else length == self.length
        return self.amount_minor if reached else 0


@dataclass(frozen=True, slots=True)
class Rate:
    """So many coins for every whole `per_minor` that was spent."""

    per_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTerms:
    """What a rule says. Limits: to one customer in a day, a week and for ever, and to all customers together; None: none.

    `tiers` and `default_tier` are for courses and referrals, `every` and `bonuses` for streaks, `rates` (by currency) for
    purchases. Coins are given `activation_days` after what gave them, and lapse `life_days` after that.
    """

    name: str
    active: bool = True
    tiers: tuple[Tier, ...] = ()
    default_tier: str | None = None
    every: Every = "day"
    bonuses: tuple[Bonus, ...] = ()
    rates: Mapping[str, Rate] = field(default_factory=dict)
    customer_day_minor: int | None = None
    customer_week_minor: int | None = None
    customer_total_minor: int | None = None
    budget_minor: int | None = None
    activation_days: int = 0
    life_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(RuleTerms):
    """One version of a rule; version 0, without an id, is what the deployment's settings say where there is no rule."""

    id: UUID | None
    version: int
    trigger: Trigger
    activity: str = ""
    valid_from: datetime

    def tier(self, name: str | None) -> Tier:
        """The tier of this name, or the default one. Without a rule of the tenant's every tier is the default one.

        Raises TierUnknown.
        """
        wanted = self.default_tier if name is None or self.id is None else name
        for tier in self.tiers:
            if tier.name == wanted:
                return tier
        known = ", ".join(tier.name for tier in self.tiers) or "none"
        raise TierUnknown(loc=("body", "tier"), tier=wanted, known=known)

    def bonus(self, length: int) -> int:
        """What a streak of this length gets: the sum of all rows that it has just reached."""
        return min(MAX_MINOR, sum(bonus.at(length) for bonus in self.bonuses)) if self.active else 0

    def coins_for(self, spent: Money) -> int:
        """What spending so much gives: whole steps only, rounded down."""
        rate = self.rates.get(spent.currency)
        if rate is None or not self.active or spent.minor <= 0:
            return 0
        return min(MAX_MINOR, spent.minor // rate.per_minor * rate.amount_minor)


@dataclass(frozen=True, slots=True)
class Budget:
    """What all rules together may give in a period of the tenant's zone; None: as much as they like."""

    version: int
    period: Period
    amount_minor: int | None
    created_at: datetime


def refuse_malformed_terms(trigger: Trigger, terms: RuleTerms) -> None:
    """Raise RuleMalformed unless the terms are those of a rule with this trigger."""
    tiered = trigger in {"course_completion", "referral"}
    _demand("tiers", tiered == bool(terms.tiers), "belong to rules for courses and referrals, which have at least one")
    _demand("bonuses", (trigger == "streak") == bool(terms.bonuses), "belong to rules for streaks, which have at least one")
    _demand("rates", (trigger == "purchase") == bool(terms.rates), "belong to rules for purchases, which have at least one")
    names = [tier.name for tier in terms.tiers]
    _demand("tiers", len(set(names)) == len(names), "have different names")
    _demand("default_tier", not tiered or terms.default_tier in names, "is one of its tiers")
    _demand("default_tier", tiered or terms.default_tier is None, "belongs to rules for courses and referrals")
    _demand("tiers", trigger == "referral" or not any(tier.referee_minor for tier in terms.tiers), "reward no referee here")
    lengths = [(bonus.length, bonus.repeats) for bonus in terms.bonuses]
    _demand("bonuses", len(set(lengths)) == len(lengths), "have different lengths")
    for currency in terms.rates:
        try:
            is_unit = currency_is_unit(Money(0, currency).currency)
        except CurrencyUnknown:
            is_unit = True
        _demand("rates", not is_unit, f"are for money; {currency} is none")


def _demand(field_: str, is_so: bool, reason: str) -> None:  # noqa: FBT001 - a condition is what it is given
    if not is_so:
        raise RuleMalformed(loc=("body", field_), field=field_, reason=reason)
