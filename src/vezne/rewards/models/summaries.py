"""Daily summaries: what became of a tenant's coins on a day. Amounts are whole coins, never negative."""

from dataclasses import dataclass, fields
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """How often, and how many coins, by what it was. `other` is what was done outside of rewards: orders, wallets' own API."""

    granted: int = 0
    granted_minor: int = 0
    clawed_back: int = 0
    clawed_back_minor: int = 0
    adjusted_up: int = 0
    adjusted_up_minor: int = 0
    adjusted_down: int = 0
    adjusted_down_minor: int = 0
    redeemed: int = 0
    redeemed_minor: int = 0
    returned: int = 0
    returned_minor: int = 0
    expired: int = 0
    expired_minor: int = 0
    other_in: int = 0
    other_in_minor: int = 0
    other_out: int = 0
    other_out_minor: int = 0

    @property
    def net_minor(self) -> int:
        """By how much all wallets together became fuller."""
        into = self.granted_minor + self.adjusted_up_minor + self.returned_minor + self.other_in_minor
        out = self.clawed_back_minor + self.adjusted_down_minor + self.redeemed_minor + self.expired_minor + self.other_out_minor
        return into - out


SUMS = tuple(each.name for each in fields(Sums))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Sums):
    """A day of the tenant's zone, in one currency. `difference_minor`: what the sums say less what the ledger says."""

    day: date
    currency: str
    begins_at: datetime
    ends_at: datetime
    opening_minor: int
    balance_minor: int
    difference_minor: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a tenant's summaries stand: which day is next (None: the first), and since when it counts."""

    next_on: date | None
    begins_at: datetime
