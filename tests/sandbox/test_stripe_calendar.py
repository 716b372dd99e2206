"""When periods begin and end at the sandbox's Stripe, and what a part of one is worth."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vezne.sandbox.stripe.billing.calendar import after, period_at, share

pytestmark = pytest.mark.unit

INTERVALS = st.tuples(st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 12))
INSTANTS = st.integers(1_704_067_200, 1_925_000_000)  # 2024 to 2030
SHORTEST = {"day": 86_400, "week": 7 * 86_400, "month": 28 * 86_400, "year": 365 * 86_400}


def seconds(year: int, month: int, day: int) -> int:
    """Midnight."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("anchor", "interval", "count", "then"),
    [
        ((2026, 1, 31), "month", 1, (2026, 2, 28)),
        ((2026, 1, 31), "month", 2, (2026, 3, 31)),
        ((2026, 1, 31), "month", 25, (2028, 2, 29)),
        ((2024, 2, 29), "year", 1, (2025, 2, 28)),
        ((2024, 2, 29), "year", 4, (2028, 2, 29)),
        ((2026, 12, 31), "week", 1, (2027, 1, 7)),
    ],
)
def test_a_month_s_end_is_found_again(
    anchor: tuple[int, int, int], interval: str, count: int, then: tuple[int, int, int]
) -> None:
    assert after(seconds(*anchor), interval, count) == seconds(*then)


@given(INSTANTS, INTERVALS, st.integers(0, int(timedelta(days=2_000).total_seconds())))
def test_every_instant_is_in_one_period_that_begins_on_the_anchor_s_grid(anchor: int, often: tuple[str, int], later: int) -> None:
    interval, step = often
    start, end = period_at(anchor, {"interval": interval, "interval_count": step}, anchor + later)
    assert start <= anchor + later < end
    grid = {after(anchor, interval, step * number) for number in range(later // (SHORTEST[interval] * step) + 2)}
    assert {start, end} <= grid


@given(st.integers(0, 10**9), st.integers(0, 10**7), st.integers(1, 10**7), st.sampled_from(["try", "jpy", "kwd", "isk"]))
def test_a_part_is_never_more_than_the_whole_and_can_be_charged(amount: int, part: int, whole: int, currency: str) -> None:
    step = {"kwd": 10, "isk": 100}.get(currency, 1)
    amount -= amount % step
    found = share(amount, min(part, whole), whole, currency)
    assert 0 <= found <= amount
    assert found % step == 0
    assert abs(found * whole - amount * min(part, whole)) * 2 <= step * whole
    assert share(amount, whole, whole, currency) == amount
