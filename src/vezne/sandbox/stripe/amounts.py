"""Amounts as Stripe counts them: which currencies there are, how many decimals each has there, and the least and most."""

from iso4217 import Currency as Iso4217

from vezne.sandbox.stripe.errors import StripeRefused, invalid, missing
from vezne.sandbox.stripe.params import Params

_WITHOUT = frozenset(["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"])
_THREE = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
_ROUND = {"isk": 100, "ugx": 100, **dict.fromkeys(_THREE, 10)}
"""Written with decimals that must be nought."""
_CURRENCIES = frozenset(currency.code.lower() for currency in Iso4217 if currency.exponent is not None)
_LEAST = {"usd": 50, "eur": 50, "gbp": 30, "inr": 50, "jpy": 50, "chf": 50, "cad": 50, "aud": 50}
_MOST = 99_999_999


def exponent(currency: str) -> int:
    """How many decimals the currency has at Stripe, which is not always what ISO 4217 says."""
    return 0 if currency in _WITHOUT else 3 if currency in _THREE else 2


def currency_of(params: Params, name: str = "currency") -> str:
    """A currency, in small letters whatever was sent."""
    sent = params.needed(name)
    if sent.lower() not in _CURRENCIES:
        raise invalid(
            f"Invalid currency: {sent[:10]}. Stripe currently supports these currencies: usd, eur, …", params.name(name)
        )
    return sent.lower()


def check(amount: int, currency: str, param: str) -> int:
    """The amount, when Stripe takes it."""
    if amount % _ROUND.get(currency, 1):
        raise invalid(f"Invalid amount: in {currency} it must be divisible by {_ROUND[currency]}.", param)
    if amount < _LEAST.get(currency, 1):
        message = f"Amount must be at least {_LEAST.get(currency, 1)} {currency} in the smallest unit."
        raise StripeRefused(400, "invalid_request_error", message, code="amount_too_small", param=param)
    if amount > _MOST:
        message = f"Amount must be no more than {_MOST} {currency} in the smallest unit."
        raise StripeRefused(400, "invalid_request_error", message, code="amount_too_large", param=param)
    return amount


def amount_of(params: Params, currency: str, name: str = "amount") -> int:
    """An amount that must be there."""
    amount = params.integer(name)
    if amount is None:
        raise missing(params.name(name))
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, params.name(name), "parameter_invalid_integer")
    return check(amount, currency, params.name(name))
