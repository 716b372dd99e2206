"""Amounts as Stripe writes them. Its decimals are not always those of ISO 4217, so nothing is multiplied anywhere but here.

Source: Stripe's page on supported currencies (zero-decimal and three-decimal currencies, special cases), read in 2026.
"""

from typing import Final

from vezne.kernel.money import CurrencyUnknown, Money, currency_is_unit, exponent
from vezne.payments.providers.base import ProviderRefused, ProviderUnavailable

NAME: Final = "stripe"

_WHOLE: Final = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
"""Written without decimals. MGA has two in ISO 4217 and none here."""
_WHOLE_IN_HUNDREDTHS: Final = frozenset({"ISK", "UGX"})
"""No decimals in the world, but written with two that are always 00. HUF and TWD are so for payouts alone, not for charges."""
_THOUSANDTHS: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Written with three decimals of which the last is 0."""
_STEP: Final = 10


def decimals(currency: str) -> int:
    """How many decimals Stripe writes. Raises ProviderRefused for what it takes no payments in."""
    if currency in _WHOLE:
        return 0
    if currency in _THOUSANDTHS:
        return 3
    if currency not in _WHOLE_IN_HUNDREDTHS and (currency_is_unit(currency) or exponent(currency) != 2):  # noqa: PLR2004
        raise ProviderRefused(provider=NAME, failure_code="currency_not_supported")
    return 2


def to_stripe(amount: Money) -> int:
    """The amount in Stripe's units. What cannot be written exactly is refused, never rounded: raises ProviderRefused."""
    shift = decimals(amount.currency) - exponent(amount.currency)
    factor: int = 10 ** abs(shift)
    units, left = (amount.minor * factor, 0) if shift >= 0 else divmod(amount.minor, factor)
    if left:
        raise ProviderRefused(provider=NAME, failure_code="amount_needs_whole_units")
    if amount.currency in _THOUSANDTHS and units % _STEP:
        raise ProviderRefused(provider=NAME, failure_code="amount_needs_last_digit_zero")
    return units


def from_stripe(units: int, currency: str) -> Money:
    """The amount that Stripe wrote; its currency comes in small letters. Raises ProviderUnavailable for what is no amount."""
    code = currency.upper()
    try:
        shift = decimals(code) - exponent(code)
    except (ProviderRefused, CurrencyUnknown) as error:
        raise ProviderUnavailable(provider=NAME, reason="a currency that is not known") from error
    factor: int = 10 ** abs(shift)
    minor, left = divmod(units, factor) if shift >= 0 else (units * factor, 0)
    if left:
        raise ProviderUnavailable(provider=NAME, reason="an amount with a part of the smallest unit")
    return Money(minor, code)
