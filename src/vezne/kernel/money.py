"""Money: exact whole minor units of one currency.

A currency is an ISO 4217 code, or a tenant's own unit such as `CREDIT` or `COIN`, which has no decimals.
Exponents come from the ISO 4217 table, never from a locale library, whose display digits differ (HUF, ISK, …).
"""

import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Self

from babel import Locale
from iso4217 import Currency as Iso4217
from pydantic import AfterValidator, Field, Strict
from pydantic_core import PydanticCustomError

from vezne.kernel.errors import Invalid

MAX_MINOR = 2**53 - 1
"""The largest amount: every JSON client reads it exactly (RFC 8259, section 6)."""

_CODE_BEFORE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")
_UNIT = re.compile(r"[A-Z][A-Z0-9_]{3,11}", re.ASCII)
_EXPONENTS = {known.code: known.exponent for known in Iso4217 if known.exponent is not None}


class CurrencyUnknown(Invalid):
    """{currency} is neither an ISO 4217 currency nor a unit of 4 to 12 capital letters, digits and underscores."""


class CurrencyMismatch(Invalid):
    """{left} and {right} are different currencies."""


class AmountOutOfRange(Invalid):
    """{minor} is outside -(2^53 - 1) … 2^53 - 1."""


def exponent(currency: str) -> int:
    """How many decimals the currency has: 2 for TRY, 0 for JPY and for a tenant's unit, 3 for KWD.

    Raises CurrencyUnknown. Source: ISO 4217 list one; its codes without a minor unit (metals, funds, tests) are no money.
    """
    digits = _EXPONENTS.get(currency)
    if digits is None:
        if not _UNIT.fullmatch(currency):
            raise CurrencyUnknown(currency=currency)
        return 0
    return digits


def currency_is_unit(currency: str) -> bool:
    """Whether this is a tenant's own unit rather than an ISO 4217 currency."""
    return currency not in _EXPONENTS


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` whole minor units of `currency`; equal only to the same amount of the same currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int or abs(self.minor) > MAX_MINOR:
            raise AmountOutOfRange(minor=self.minor)
        exponent(self.currency)

    def __add__(self, other: Self) -> "Money":
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Self) -> "Money":
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Self) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Self) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(left=self.currency, right=other.currency)

    def split(self, weights: Sequence[int]) -> list["Money"]:
        """Shares in proportion to `weights` that add up to exactly this amount.

        Largest remainder (Hamilton): each share is rounded towards zero, the minor units left over go one each to the
        largest remainders, the earlier share first on a tie. Raises ValueError when no weight is positive.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            message = "weights are not negative and at least one is positive"
            raise ValueError(message)
        sign = -1 if self.minor < 0 else 1
        shares = [divmod(abs(self.minor) * weight, total) for weight in weights]
        left = abs(self.minor) - sum(whole for whole, _ in shares)
        order = sorted(range(len(shares)), key=lambda index: -shares[index][1])
        lucky = set(order[:left])
        return [Money(sign * (whole + (index in lucky)), self.currency) for index, (whole, _) in enumerate(shares)]


def format_money(money: Money, locale: str) -> str:
    """The amount as a person reads it in `locale`: `100,00 ₺` for ten thousand minor units of TRY in `tr`."""
    digits = exponent(money.currency)
    value = Decimal(money.minor).scaleb(-digits)
    shapes = Locale.parse(locale)
    unit = currency_is_unit(money.currency)
    pattern = copy(shapes.decimal_formats[None] if unit else shapes.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    text: str = pattern.apply(value, locale, currency=money.currency, currency_digits=False)
    if unit:
        return f"{text} {money.currency}"
    return _CODE_BEFORE_DIGIT.sub("\u00a0", text)  # CLDR's currency spacing, which Babel leaves out


def _known(currency: str) -> str:
    try:
        exponent(currency)
    except CurrencyUnknown as unknown:
        raise PydanticCustomError("currency_unknown", "{detail}", {"detail": unknown.detail}) from None  # names the field
    return currency


Currency = Annotated[
    str,
    Field(min_length=3, max_length=12, description="ISO 4217 code, or the tenant's own unit such as CREDIT", examples=["TRY"]),
    AfterValidator(_known),
]
AmountMinor = Annotated[
    int,
    Strict(),
    Field(ge=1, le=MAX_MINOR, description="whole minor units of `currency`: 100 TRY is 10000", examples=[10000]),
]
