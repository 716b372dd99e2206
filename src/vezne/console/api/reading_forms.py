"""What people type, read strictly: an amount as they write it, a whole number, a day."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation

from vezne.kernel.errors import Invalid
from vezne.kernel.money import MAX_MINOR, exponent

_PLAIN = re.compile(r"(?P<whole>[0-9]+)(?:[.,](?P<part>[0-9]+))?", re.ASCII)


class AmountUnreadable(Invalid):
    """An amount is a number such as 125,50 or 125.50, above nothing, without separators between thousands."""


class NumberUnreadable(Invalid):
    """A whole number from {least} to {most} is asked for."""


class FilterDayUnreadable(Invalid):
    """A day is asked for, such as 2026-03-01."""


def amount_of(text: str, currency: str) -> int:
    """Minor units of what somebody typed: a comma or a point before the decimals. `1.250` could mean either, and is refused.

    Raises AmountUnreadable.
    """
    places = exponent(currency)
    found = _PLAIN.fullmatch(text.strip())
    if found is None or len(found["part"] or "") > places:
        raise AmountUnreadable(loc=("body", "amount"))
    try:
        minor = int(Decimal(f"{found['whole']}.{found['part'] or '0'}").scaleb(places))
    except InvalidOperation:
        raise AmountUnreadable(loc=("body", "amount")) from None
    if not 0 < minor <= MAX_MINOR:
        raise AmountUnreadable(loc=("body", "amount"))
    return minor


def number_of(text: str, *, least: int = 0, most: int) -> int:
    """A whole number. Raises NumberUnreadable."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):  # noqa: PLR2004 - digits
        raise NumberUnreadable(least=least, most=most)
    return int(text)


def day_of(text: str) -> date:
    """A day as browsers send it. Raises FilterDayUnreadable."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise FilterDayUnreadable from None
