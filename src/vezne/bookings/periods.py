"""Periods: days as the tenant's zone counts them, and how often a price is due for one."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from vezne.bookings.models import FURTHEST_YEARS, Ask, Resource
from vezne.bookings.refusals import DatesBackwards, DatesTooFar, PeriodNeeded

Per = Literal["unit", "day", "hour"]
_DAY, _HOUR, _SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2299
_FARTHEST_SHIFT = timedelta(hours=50)  # a zone that crossed the date line, and then some


def period_of_days(zone: ZoneInfo, checkin_date: date, checkout_date: date) -> tuple[datetime, datetime]:
    """From the first moment of one day to the first moment of another, as `zone` counts them, in UTC.

    A day is 23 or 25 hours long where the clocks change; where they skip midnight, it begins when they have.
    Raises DatesBackwards, DatesTooFar.
    """
    for field, day in (("checkin_date", checkin_date), ("checkout_date", checkout_date)):
        if not _EARLIEST_YEAR <= day.year <= _LATEST_YEAR:
            raise DatesTooFar(years=FURTHEST_YEARS, loc=("body", field))
    starts_at, ends_at = _first_moment(zone, checkin_date), _first_moment(zone, checkout_date)
    if starts_at >= ends_at:
        raise DatesBackwards(loc=("body", "checkout_date"))
    return starts_at, ends_at


def units_of_price(resource: Resource, per: Per, ask: Ask, zone: ZoneInfo) -> int:
    """How many times the item's price an ask costs: its quantity, for each day the period touches in `zone` or each hour begun.

    Seats that are priced by time take the resource's own time. Raises PeriodNeeded when there is none.
    """
    if per == "unit":
        return ask.quantity
    starts_at, ends_at = ask.starts_at or resource.starts_at, ask.ends_at or resource.ends_at
    if starts_at is None or ends_at is None:
        raise PeriodNeeded(loc=("body", "starts_at" if starts_at is None else "ends_at"))
    if per == "hour":
        return ask.quantity * -((starts_at - ends_at) // _HOUR)
    return ask.quantity * max(1, days_of(zone, starts_at, ends_at))


def days_of(zone: ZoneInfo, starts_at: datetime, ends_at: datetime) -> int:
    """How many days of `zone` a half-open period touches; from midnight to midnight they are the nights."""
    first = starts_at.astimezone(zone).date()
    last = (ends_at - timedelta.resolution).astimezone(zone).date()
    return (last - first).days + 1


def start_of_today(zone: ZoneInfo, now: datetime) -> datetime:
    """When the day began, in UTC."""
    return _first_moment(zone, now.astimezone(zone).date())


def _first_moment(zone: ZoneInfo, day: date) -> datetime:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    moment = midnight.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return moment
    # The clocks skipped midnight: the day began when they did, which is found by halving.
    before, after = moment - _FARTHEST_SHIFT, moment + _FARTHEST_SHIFT
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).date() < day:
            before = middle
        else:
            after = middle
    return after
