"""CM3: when periods end, for every start day of four years, checked against an oracle of another make."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from dateutil.tz import resolve_imaginary

from vezne.memberships.calendar import Interval, days_later, first_end_after, period_end

pytestmark = pytest.mark.unit

ZONES = (
    "Europe/Istanbul",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Asia/Tokyo",
    "Pacific/Auckland",
)
FIRST, DAYS = date(2023, 1, 1), 4 * 365 + 1  # 2024 is a leap year
BILLED: tuple[tuple[Interval, int, relativedelta], ...] = (
    ("month", 1, relativedelta(months=1)),
    ("month", 3, relativedelta(months=3)),
    ("year", 1, relativedelta(years=1)),
)
PERIODS = {"month": 13, "year": 5}
"""So many ends are looked at: a year of months and more, three years of quarters, and years to the next leap year and on."""


def oracle(start: datetime, step: relativedelta, number: int) -> datetime:
    """dateutil's: so many steps from the anchor's wall-clock time; what the clock leaves out is as much later as it jumps."""
    return resolve_imaginary(start + step * number).replace(fold=0)


@pytest.mark.parametrize("zone_name", ZONES)
@pytest.mark.parametrize(("interval", "count", "step"), BILLED, ids=["monthly", "quarterly", "yearly"])
def test_every_start_day_of_four_years_keeps_its_day_and_its_time(
    zone_name: str, interval: Interval, count: int, step: relativedelta
) -> None:
    zone = ZoneInfo(zone_name)
    for offset in range(DAYS):
        day = FIRST + timedelta(days=offset)
        at = time(2, 30) if offset % 2 else time(0, 0)  # the two times that changes of the clock take away or give twice
        start = datetime.combine(day, at, zone)
        if start.astimezone(UTC).astimezone(zone).time() != at:
            continue  # on this day the clock left it out: nobody can start then
        anchor = start.astimezone(UTC)
        before = anchor
        for number in range(1, PERIODS[interval] + 1):
            end = period_end(anchor, number, interval, count, zone)
            assert end > before
            assert end == oracle(start, step, number).astimezone(UTC)
            before = end


@pytest.mark.parametrize("zone_name", ZONES)
def test_days_and_weeks_keep_the_time_of_day_over_every_change_of_the_clock(zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    for interval, step in (("day", timedelta(days=1)), ("week", timedelta(days=7))):
        start = datetime(2023, 1, 1, 2, 30, tzinfo=zone)
        anchor, before = start.astimezone(UTC), start.astimezone(UTC)
        for number in range(1, 1 + DAYS // step.days):
            end = period_end(anchor, number, interval, 1, zone)  # type: ignore[arg-type]
            assert end > before
            assert end == resolve_imaginary(start + step * number).replace(fold=0).astimezone(UTC)
            before = end


def ends(start: datetime, count: int, interval: Interval = "month") -> list[datetime]:
    zone = start.tzinfo
    assert isinstance(zone, ZoneInfo)
    return [period_end(start.astimezone(UTC), number, interval, 1, zone).astimezone(zone) for number in range(1, count + 1)]


def test_the_thirty_first_comes_back_after_a_short_month() -> None:
    start = datetime(2023, 1, 31, 9, 0, tzinfo=ZoneInfo("Europe/Istanbul"))
    assert [end.date().isoformat() for end in ends(start, 4)] == ["2023-02-28", "2023-03-31", "2023-04-30", "2023-05-31"]


def test_a_leap_day_is_the_twenty_eighth_until_it_comes_again() -> None:
    start = datetime(2024, 2, 29, 0, 0, tzinfo=ZoneInfo("Europe/London"))
    days = [end.date().isoformat() for end in ends(start, 4, "year")]
    assert days == ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]


def test_a_time_that_the_clock_leaves_out_is_as_much_later_and_the_month_after_it_is_back() -> None:
    zone = ZoneInfo("America/New_York")  # 10 March 2024: 02:00 becomes 03:00
    april, *_ = ends(datetime(2024, 2, 10, 2, 30, tzinfo=zone), 1)
    assert april.replace(tzinfo=None) == datetime(2024, 3, 10, 3, 30)  # noqa: DTZ001 - a wall clock
    assert [end.hour for end in ends(datetime(2024, 2, 10, 2, 30, tzinfo=zone), 2)] == [3, 2]


def test_a_time_that_comes_twice_is_the_first_of_the_two() -> None:
    zone = ZoneInfo("America/New_York")  # 3 November 2024: 02:00 becomes 01:00 again
    (end,) = ends(datetime(2024, 10, 3, 1, 30, tzinfo=zone), 1)
    assert end.fold == 0
    assert end.astimezone(UTC) == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)


def test_an_anchor_in_the_second_of_two_equal_hours_still_goes_on_by_the_wall_clock() -> None:
    zone = ZoneInfo("America/New_York")
    start = datetime(2024, 11, 3, 1, 30, fold=1, tzinfo=zone)
    assert [end.replace(tzinfo=None).isoformat() for end in ends(start, 2)] == ["2024-12-03T01:30:00", "2025-01-03T01:30:00"]


@pytest.mark.parametrize("interval", ["day", "week", "month", "year"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_first_end_after_a_moment_is_the_one_that_counting_finds(interval: Interval, count: int) -> None:
    zone = ZoneInfo("Europe/London")
    anchor = datetime(2024, 1, 31, 1, 30, tzinfo=zone).astimezone(UTC)
    for hours in range(0, 24 * 800, 97):
        moment = anchor + timedelta(hours=hours)
        counted = next(n for n in range(1, 2000) if period_end(anchor, n, interval, count, zone) > moment)
        assert first_end_after(anchor, 1, interval, count, zone, moment) == (
            counted,
            period_end(anchor, counted, interval, count, zone),
        )


def test_days_before_a_time_keep_its_hour_too() -> None:
    zone = ZoneInfo("Europe/London")  # 31 March 2024: 01:00 becomes 02:00
    end = datetime(2024, 4, 2, 9, 0, tzinfo=zone)
    assert days_later(end.astimezone(UTC), -3, zone) == datetime(2024, 3, 30, 9, 0, tzinfo=zone).astimezone(UTC)
