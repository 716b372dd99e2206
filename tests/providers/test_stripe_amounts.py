"""Amounts as Stripe writes them: both ways, exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vezne.kernel.money import Money
from vezne.payments.providers.base import ProviderRefused, ProviderUnavailable
from vezne.payments.providers.stripe_amounts import decimals, from_stripe, to_stripe

pytestmark = pytest.mark.unit

WRITTEN = {
    ("TRY", 10_000): 10_000,
    ("USD", 1_099): 1_099,
    ("JPY", 500): 500,
    ("KRW", 1_000): 1_000,
    ("KWD", 5_120): 5_120,
    ("TND", 10): 10,
    ("ISK", 5): 500,
    ("UGX", 5): 500,
    ("HUF", 1_045): 1_045,
    ("TWD", 80_000): 80_000,
    ("MGA", 500_00): 500,
}


@pytest.mark.parametrize(("currency", "minor"), WRITTEN)
def test_an_amount_is_written_as_stripe_counts(currency: str, minor: int) -> None:
    """CM12: currencies without minor units and with three, and those that Stripe counts in its own way."""
    units = to_stripe(Money(minor, currency))
    assert units == WRITTEN[currency, minor]
    assert from_stripe(units, currency.lower()) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (Money(5_124, "KWD"), "amount_needs_last_digit_zero"),
        (Money(1, "BHD"), "amount_needs_last_digit_zero"),
        (Money(50_001, "MGA"), "amount_needs_whole_units"),
        (Money(5, "CREDIT"), "currency_not_supported"),
        (Money(1_000, "IQD"), "currency_not_supported"),
    ],
)
def test_an_amount_that_cannot_be_written_is_refused_and_never_rounded(amount: Money, code: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        to_stripe(amount)
    assert refused.value.facts["failure_code"] == code


@pytest.mark.parametrize(("units", "currency"), [(501, "isk"), (99, "ugx"), (100, "nothing"), (100, "credit"), (100, "")])
def test_an_amount_that_is_none_is_no_usable_answer(units: int, currency: str) -> None:
    with pytest.raises(ProviderUnavailable):
        from_stripe(units, currency)


@given(st.sampled_from(["TRY", "JPY", "KWD", "ISK", "UGX", "MGA", "HUF", "TWD", "XOF", "OMR"]), st.integers(0, 99_999_999))
def test_whatever_is_written_is_read_back(currency: str, units: int) -> None:
    step = {"KWD": 10, "OMR": 10, "ISK": 100, "UGX": 100}.get(currency, 1)
    units -= units % step
    assert to_stripe(from_stripe(units, currency.lower())) == units
    assert decimals(currency) in {0, 2, 3}
