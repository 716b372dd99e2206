"""Days as a zone counts them: across changes of the clocks, and where they skip midnight."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vezne.bookings import Ask, DatesBackwards, DatesTooFar, PeriodNeeded, Resource, period_of_days, units_of_price
from vezne.bookings.periods import days_of

pytestmark = pytest.mark.unit

ISTANBUL, BERLIN = ZoneInfo("Europe/Istanbul"), ZoneInfo("Europe/Berlin")
SAO_PAULO, HAVANA, APIA = ZoneInfo("America/Sao_Paulo"), ZoneInfo("America/Havana"), ZoneInfo("Pacific/Apia")


def resource(**details: object) -> Resource:
    """Anything priced."""
    plain: dict[str, object] = {
        "id": uuid4(), "kind": "storage", "manner": "exclusive", "name": "Depo", "item_id": None, "payee_id": None,
        "starts_at": None, "ends_at": None, "capacity": 1, "held": 0, "taken": 0, "going_count": 0, "status": "open",
        "admission": "open", "hold_seconds": None, "waiting_list": False, "metadata": {},
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return Resource(**(plain | details))  # type: ignore[arg-type]


def ask(starts_at: datetime | None, ends_at: datetime | None, quantity: int = 1) -> Ask:
    """Somebody wants it."""
    return Ask(resource_id=uuid4(), customer_id=uuid4(), purpose="t", quantity=quantity, starts_at=starts_at, ends_at=ends_at)


def test_a_period_is_from_local_midnight_to_local_midnight() -> None:
    starts_at, ends_at = period_of_days(ISTANBUL, date(2025, 12, 10), date(2025, 12, 12))
    assert (starts_at, ends_at) == (datetime(2025, 12, 9, 21, tzinfo=UTC), datetime(2025, 12, 11, 21, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 10, 25), 25),
        (SAO_PAULO, date(2018, 11, 4), 23),  # the clocks skipped midnight: the day began at one
        (SAO_PAULO, date(2018, 2, 17), 25),
        (HAVANA, date(2025, 11, 2), 25),
        (HAVANA, date(2025, 3, 9), 23),
        (ISTANBUL, date(2026, 3, 29), 24),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it_and_costs_one_day(zone: ZoneInfo, day: date, hours: int) -> None:
    starts_at, ends_at = period_of_days(zone, day, day + timedelta(days=1))
    assert ends_at - starts_at == timedelta(hours=hours)
    assert days_of(zone, starts_at, ends_at) == 1
    assert starts_at.astimezone(zone).date() == day


def test_a_day_that_a_zone_left_out_is_no_period() -> None:
    with pytest.raises(DatesBackwards):
        period_of_days(APIA, date(2011, 12, 30), date(2011, 12, 31))
    starts_at, ends_at = period_of_days(APIA, date(2011, 12, 29), date(2012, 1, 1))
    assert ends_at - starts_at == timedelta(days=2)


def test_dates_backwards_and_out_of_all_calendars_are_refused_by_name() -> None:
    for checkout in (date(2025, 12, 10), date(2025, 12, 9)):
        with pytest.raises(DatesBackwards) as refused:
            period_of_days(ISTANBUL, date(2025, 12, 10), checkout)
        assert refused.value.loc == ("body", "checkout_date")
    for checkin, checkout, field in (
        (date.min, date(2025, 1, 1), "checkin_date"),
        (date(2025, 1, 1), date.max, "checkout_date"),
    ):
        with pytest.raises(DatesTooFar) as far:
            period_of_days(ISTANBUL, checkin, checkout)
        assert far.value.loc == ("body", field)


@given(
    zone=st.sampled_from([ISTANBUL, BERLIN, SAO_PAULO, HAVANA, ZoneInfo("Africa/Cairo"), ZoneInfo("Asia/Beirut")]),
    day=st.dates(date(1990, 1, 1), date(2037, 1, 1)),
    nights=st.integers(1, 60),
)
def test_nights_are_counted_whatever_the_clocks_do(zone: ZoneInfo, day: date, nights: int) -> None:
    starts_at, ends_at = period_of_days(zone, day, day + timedelta(days=nights))
    assert days_of(zone, starts_at, ends_at) == nights
    assert starts_at.astimezone(zone).date() == day
    assert (starts_at - timedelta(seconds=1)).astimezone(zone).date() < day


def test_a_price_is_for_a_piece_a_day_touched_or_an_hour_begun() -> None:
    noon = datetime(2026, 6, 1, 9, tzinfo=UTC)
    asked = ask(noon, noon + timedelta(hours=25, minutes=1), 2)
    assert units_of_price(resource(), "unit", asked, ISTANBUL) == 2
    assert units_of_price(resource(), "day", asked, ISTANBUL) == 4
    assert units_of_price(resource(), "hour", asked, ISTANBUL) == 52
    exact = ask(noon, noon + timedelta(hours=3))
    assert units_of_price(resource(), "hour", exact, ISTANBUL) == 3


def test_seats_priced_by_time_take_the_resources_own() -> None:
    noon = datetime(2026, 6, 1, 9, tzinfo=UTC)
    assert units_of_price(resource(starts_at=noon, ends_at=noon + timedelta(hours=2)), "hour", ask(None, None, 3), BERLIN) == 6
    with pytest.raises(PeriodNeeded):
        units_of_price(resource(), "day", ask(None, None), BERLIN)
