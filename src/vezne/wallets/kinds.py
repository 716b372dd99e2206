"""The kinds of stored value. To add one, add a row to KINDS; the tests pick it up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from vezne.kernel.errors import Invalid
from vezne.kernel.money import currency_is_unit, exponent

KindName = Literal["money", "credits", "coins", "gift_card"]
LotType = Literal["purchased", "membership", "promotional", "refunded"]
Transferable = Literal["anyone", "same_customer", "no"]


class CurrencyNotOfKind(Invalid):
    """A wallet of kind {kind} holds {expected}, not {currency}."""


class Dated(Protocol):
    """What the order of spending looks at in a lot."""

    @property
    def id(self) -> UUID:
        """The lot's id; later ones sort after earlier ones."""

    @property
    def granted_at(self) -> datetime:
        """When it was granted."""

    @property
    def expires_at(self) -> datetime | None:
        """When it lapses, if ever."""


SpendingOrder = tuple[bool, datetime, datetime, UUID]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of stored value behaves.

    `units`: it counts a tenant's own unit rather than an ISO 4217 currency. `lots`: each grant is a lot with type, origin and
    expiry; None: plain money that never lapses. `lots` is also the order in which lots are spent, the least key first.
    `transferable`: to whose wallets it may be transferred. How long a lot lives whose grant does not say is the tenant's choice.
    """

    name: KindName
    units: bool
    lots: Callable[[Dated], SpendingOrder] | None
    transferable: Transferable
    refundable: bool

    def demand_currency(self, currency: str) -> None:
        """Raise CurrencyNotOfKind, or CurrencyUnknown, unless wallets of this kind may hold `currency`."""
        exponent(currency)
        if currency_is_unit(currency) is not self.units:
            expected = "a unit such as CREDIT" if self.units else "an ISO 4217 currency"
            raise CurrencyNotOfKind(loc=("body", "currency"), kind=self.name, expected=expected, currency=currency)


def first_in_first_out(lot: Dated) -> SpendingOrder:
    """The oldest grant first."""
    return False, lot.granted_at, lot.granted_at, lot.id


def earliest_expiry_first(lot: Dated) -> SpendingOrder:
    """What lapses soonest first, what never lapses last; among equals the oldest grant first."""
    return lot.expires_at is None, lot.expires_at or lot.granted_at, lot.granted_at, lot.id


_ROWS = (
    Kind("money", units=False, lots=None, transferable="anyone", refundable=True),
    Kind("credits", units=True, lots=first_in_first_out, transferable="same_customer", refundable=True),
    Kind("coins", units=True, lots=earliest_expiry_first, transferable="no", refundable=True),
    Kind("gift_card", units=False, lots=earliest_expiry_first, transferable="no", refundable=True),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ROWS}

REFUND_LIFE = timedelta(days=30)
"""What comes back to a lot that has lapsed meanwhile lives on as a lot of type `refunded` for this long."""
