"""When periods of subscriptions begin and end: counted from the anchor, in UTC, so that a month's end is found again. Pure."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any

_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}


def after(anchor: int, interval: str, count: int) -> int:
    """The instant `count` intervals after the anchor. A day that the month does not have is its last day."""
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in _DAYS:
        return int((start + timedelta(days=_DAYS[interval] * count)).timestamp())
    months = start.year * 12 + start.month - 1 + _MONTHS[interval] * count
    year, month = months // 12, months % 12 + 1
    return int(start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1])).timestamp())


def period_at(anchor: int, recurring: dict[str, Any], at: int) -> tuple[int, int]:
    """The period around an instant. Before the anchor: from then until the anchor."""
    if at < anchor:
        return at, anchor
    interval, step = recurring["interval"], int(recurring["interval_count"])
    shortest = {"day": 86_400, "week": 7 * 86_400, "month": 28 * 86_400, "year": 365 * 86_400}[interval] * step
    number = (at - anchor) // (shortest * 31 // 28 + 86_400)  # not beyond the period that is sought
    while after(anchor, interval, step * (number + 1)) <= at:
        number += 1
    return after(anchor, interval, step * number), after(anchor, interval, step * (number + 1))


def share(amount: int, part: int, whole: int, currency: str) -> int:
    """The part of an amount that falls on a part of a period, to the nearest unit that the currency can be charged in."""
    step = 10 if currency in {"bhd", "jod", "kwd", "omr", "tnd"} else 100 if currency in {"isk", "ugx"} else 1
    if whole <= 0:
        return 0
    doubled = 2 * amount * part // step
    return (doubled + whole) // (2 * whole) * step
