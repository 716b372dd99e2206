"""When periods end: by the calendar of the tenant's time zone, always counted from one anchor, so that dates never drift.

A day that a month lacks is its last day (31 January, 28 February, 31 March). The local time of the anchor is kept over changes
of the clock; where such a time does not exist (02:30 on the day the clock goes from 02:00 to 03:00) it is as much later as the
clock jumps (03:30), and where it comes twice it is the first (RFC 5545, section 3.3.5).
"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Interval = Literal["day", "week", "month", "year"]

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def period_end(anchor: datetime, number: int, interval: Interval, count: int, zone: ZoneInfo) -> datetime:
    """When the period `number` (from 1) after the anchor ends, in UTC; 0 is the anchor itself. Each is `count` intervals long."""
    if not number:
        return anchor.astimezone(UTC)
    local = anchor.astimezone(zone)
    steps = number * count
    day = _days_on(local.date(), steps * _DAYS[interval]) if interval in _DAYS else _months_on(local, steps * _MONTHS[interval])
    return datetime.combine(day, local.time().replace(fold=0), zone).astimezone(UTC)


def first_end_after(
    anchor: datetime, number: int, interval: Interval, count: int, zone: ZoneInfo, moment: datetime
) -> tuple[int, datetime]:
    """The first period from `number` on that ends after `moment`: its number and its end."""
    end = period_end(anchor, number, interval, count, zone)
    while end <= moment:
        # no interval is longer than so many days: a step that never passes the one looked for
        longest = count * (_DAYS[interval] if interval in _DAYS else 31 * _MONTHS[interval])
        number += max(1, (moment - end).days // longest)
        end = period_end(anchor, number, interval, count, zone)
    return number, end


def days_later(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same local time so many days later (earlier, where negative), in UTC."""
    return period_end(moment, days, "day", 1, zone)


def _days_on(day: date, days: int) -> date:
    return day + timedelta(days=days)


def _months_on(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
