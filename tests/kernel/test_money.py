"""Money is exact: it never splits a minor unit, never loses one, never mixes currencies."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from vezne.kernel.money import (
    MAX_MINOR,
    AmountMinor,
    AmountOutOfRange,
    Currency,
    CurrencyMismatch,
    CurrencyUnknown,
    Money,
    currency_is_unit,
    exponent,
    format_money,
)

pytestmark = pytest.mark.unit

AMOUNTS = st.integers(-MAX_MINOR, MAX_MINOR)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(lambda weights: sum(weights) > 0)
ADAPT_AMOUNT: TypeAdapter[int] = TypeAdapter(AmountMinor)
ADAPT_CURRENCY: TypeAdapter[str] = TypeAdapter(Currency)


@given(AMOUNTS, WEIGHTS)
def test_shares_add_up_to_exactly_the_amount(minor: int, weights: list[int]) -> None:
    shares = Money(minor, "TRY").split(weights)
    assert sum(share.minor for share in shares) == minor
    assert len(shares) == len(weights)


@given(AMOUNTS, WEIGHTS)
def test_no_share_is_a_whole_unit_from_its_fair_part(minor: int, weights: list[int]) -> None:
    for share, weight in zip(Money(minor, "TRY").split(weights), weights, strict=True):
        assert abs(share.minor - Fraction(minor * weight, sum(weights))) < 1


@given(AMOUNTS, WEIGHTS)
def test_who_weighs_more_never_gets_less(minor: int, weights: list[int]) -> None:
    shares = [abs(share.minor) for share in Money(minor, "TRY").split(weights)]
    by_weight = sorted(zip(weights, shares, strict=True), key=lambda pair: pair[0])
    for (lighter, less), (heavier, more) in pairwise(by_weight):
        assert less <= more or lighter == heavier
        assert abs(less - more) <= 1 or lighter < heavier


@given(AMOUNTS, WEIGHTS)
def test_a_debt_splits_as_the_same_amount_the_other_way(minor: int, weights: list[int]) -> None:
    assert Money(-minor, "TRY").split(weights) == [-share for share in Money(minor, "TRY").split(weights)]


def test_on_a_tie_the_earlier_share_gets_the_unit_left_over() -> None:
    assert [share.minor for share in Money(100, "TRY").split([1, 1, 1])] == [34, 33, 33]
    assert [share.minor for share in Money(2, "TRY").split([1, 1, 1])] == [1, 1, 0]
    assert [share.minor for share in Money(-100, "TRY").split([1, 1, 1])] == [-34, -33, -33]


def test_the_largest_remainder_gets_the_unit_left_over() -> None:
    assert [share.minor for share in Money(10, "TRY").split([1, 2, 3])] == [2, 3, 5]  # 1.67, 3.33, 5.00


def test_no_weight_gets_nothing() -> None:
    assert [share.minor for share in Money(101, "TRY").split([0, 1, 1])] == [0, 51, 50]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [-1, 2], [5, -1]])
def test_weights_that_share_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Money(100, "TRY").split(weights)


@given(st.integers(-(2**52) + 1, 2**52), st.integers(-(2**52), 2**52 - 1))
def test_adding_and_taking_away_are_exact(left: int, right: int) -> None:
    together = Money(left, "TRY") + Money(right, "TRY")
    assert together.minor == left + right
    assert together - Money(right, "TRY") == Money(left, "TRY")
    assert (Money(left, "TRY") < Money(right, "TRY")) == (left < right)
    assert (Money(left, "TRY") <= Money(right, "TRY")) == (left <= right)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_amount_beyond_what_json_reads_exactly_is_refused(sign: int) -> None:
    assert Money(sign * MAX_MINOR, "TRY").minor == sign * MAX_MINOR
    with pytest.raises(AmountOutOfRange):
        Money(sign * 2**53, "TRY")
    with pytest.raises(AmountOutOfRange):
        Money(sign * MAX_MINOR, "TRY") + Money(sign, "TRY")


@pytest.mark.parametrize("minor", [True, 1.0, "1", None])
def test_only_an_int_is_an_amount(minor: object) -> None:
    with pytest.raises(AmountOutOfRange):
        Money(minor, "TRY")  # type: ignore[arg-type]  # that is the test


def test_different_currencies_are_neither_added_nor_compared() -> None:
    lira, euro = Money(1, "TRY"), Money(1, "EUR")
    assert lira != euro
    for mix in (lambda: lira + euro, lambda: lira - euro, lambda: lira < euro, lambda: lira <= euro):
        with pytest.raises(CurrencyMismatch):
            mix()


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("TRY", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("ISK", 0), ("HUF", 2), ("CREDIT", 0), ("COIN", 0), ("GIFT_CARD", 0)],
)
def test_a_currency_has_the_decimals_of_iso_4217(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@pytest.mark.parametrize(
    "currency",
    [
        "",
        "T",
        "try",
        "Try",
        "TRL€",
        "XXX",
        "XAU",
        "ABC",
        " TRY",
        "TRY ",
        "TRY\n",
        "coin",
        "1COIN",
        "_COIN",
        "COİN",
        "A" * 13,
    ],
)
def test_what_is_no_currency_is_refused_and_the_field_named(currency: str) -> None:
    with pytest.raises(CurrencyUnknown):
        exponent(currency)
    with pytest.raises(ValidationError):
        ADAPT_CURRENCY.validate_python(currency)


def test_a_unit_is_told_from_a_currency() -> None:
    assert currency_is_unit("COIN")
    assert not currency_is_unit("TRY")


@pytest.mark.parametrize(
    "amount", [0, -1, 1.0, 0.5, float("nan"), float("inf"), 2**53, 10**30, True, "1", "1.000", "１００", None, [1]]
)
def test_what_is_no_positive_whole_amount_is_refused(amount: object) -> None:
    with pytest.raises(ValidationError):
        ADAPT_AMOUNT.validate_python(amount)


@pytest.mark.parametrize("amount", [1, 10_000, MAX_MINOR])
def test_a_positive_whole_amount_is_taken(amount: int) -> None:
    assert ADAPT_AMOUNT.validate_python(amount) == amount


@pytest.mark.parametrize(
    ("money", "english", "turkish"),
    [
        (Money(123_456_789, "TRY"), "TRY 1,234,567.89", "₺1.234.567,89"),
        (Money(-5, "TRY"), "-TRY 0.05", "-₺0,05"),
        (Money(1234, "JPY"), "¥1,234", "¥1.234"),
        (Money(1_234_567, "KWD"), "KWD 1,234.567", "KWD 1.234,567"),
        (Money(1234, "CREDIT"), "1,234 CREDIT", "1.234 CREDIT"),
        (Money(0, "COIN"), "0 COIN", "0 COIN"),
    ],
)
def test_an_amount_reads_as_its_locale_writes_it(money: Money, english: str, turkish: str) -> None:
    assert format_money(money, "en").replace("\u00a0", " ") == english
    assert format_money(money, "tr").replace("\u00a0", " ") == turkish


@given(AMOUNTS)
def test_no_digit_is_lost_when_shown(minor: int) -> None:
    shown = format_money(Money(minor, "KWD"), "en")
    assert int("".join(char for char in shown if char.isdigit())) == abs(minor)
