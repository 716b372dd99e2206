"""What a line comes to and who gets which part: exact for every rule, amount, quantity and discount."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vezne.catalog import (
    Charge,
    DiscountOutOfRange,
    FeeRule,
    FeeRuleMalformed,
    FeeTerms,
    QuantityNotPositive,
    Tier,
    charge,
    percentage_at,
)
from vezne.catalog.models import DiscountBearer, FeeBearer, refuse_malformed_terms
from vezne.kernel.ids import new_id
from vezne.kernel.money import MAX_MINOR, AmountOutOfRange, CurrencyMismatch, Money

pytestmark = pytest.mark.unit

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PARTS = ("base", "discount", "fee", "buyer_fee", "total", "payee_share", "platform_share")


def rule(
    percentage: int = 0,
    *,
    fixed: Mapping[str, int] | None = None,
    least: Mapping[str, int] | None = None,
    most: Mapping[str, int] | None = None,
    tiers: tuple[Tier, ...] = (),
    fee_borne_by: FeeBearer = "payee",
    discount_borne_by: DiscountBearer = "payee",
) -> FeeRule:
    return FeeRule(
        id=new_id(),
        version=3,
        name="a rule",
        percentage=percentage,
        fixed_minor=fixed or {},
        minimum_minor=least or {},
        maximum_minor=most or {},
        tiers=tiers,
        fee_borne_by=fee_borne_by,
        discount_borne_by=discount_borne_by,
        valid_from=BEGAN,
    )


def lira(minor: int) -> Money:
    return Money(minor, "TRY")


def minors(charged: Charge) -> dict[str, int]:
    return {name: getattr(charged, name).minor for name in PARTS}


@st.composite
def rules(draw: st.DrawFn) -> FeeRule:
    amounts = st.integers(0, 10**9)
    least, most = sorted((draw(amounts), draw(amounts)))
    starts = sorted(draw(st.sets(st.integers(1, 10**9), max_size=4)))
    return rule(
        draw(st.integers(0, 10_000)),
        fixed=draw(st.sampled_from([{}, {"TRY": draw(amounts)}, {"USD": draw(amounts)}])),
        least=draw(st.sampled_from([{}, {"TRY": least}])),
        most=draw(st.sampled_from([{}, {"TRY": most}])),
        tiers=tuple(Tier(start, draw(st.integers(0, 10_000))) for start in starts),
        fee_borne_by=draw(st.sampled_from(["buyer", "payee"])),
        discount_borne_by=draw(st.sampled_from(["payee", "platform"])),
    )


@settings(max_examples=400)
@given(rules(), st.integers(0, 10**9), st.integers(1, 1000), st.integers(0, 10_000))
def test_nothing_is_lost_and_nothing_made(terms: FeeRule, unit: int, quantity: int, off: int) -> None:
    discount = unit * quantity * off // 10_000
    charged = charge(terms, lira(unit), quantity, lira(discount))
    parts = minors(charged)
    assert parts["base"] == unit * quantity
    assert parts["total"] == parts["base"] - parts["discount"] + parts["buyer_fee"]
    assert parts["total"] == parts["payee_share"] + parts["platform_share"]
    assert parts["buyer_fee"] == (parts["fee"] if terms.fee_borne_by == "buyer" else 0)
    assert parts["payee_share"] >= 0
    assert parts["platform_share"] >= -parts["discount"]
    if terms.discount_borne_by == "payee":
        assert parts["platform_share"] == parts["fee"]
    if terms.fee_borne_by == "payee":
        assert parts["fee"] <= parts["base"]
    assert (charged.rule_id, charged.rule_version) == (terms.id, 3)


@settings(max_examples=300)
@given(rules(), st.integers(1, 10**9), st.integers(1, 100))
def test_a_fee_lies_between_its_minimum_and_its_maximum(terms: FeeRule, unit: int, quantity: int) -> None:
    charged = charge(terms, lira(unit), quantity)
    asked, fee = charged.base.minor, charged.fee.minor
    assert fee <= terms.maximum_minor.get("TRY", MAX_MINOR)
    least = terms.minimum_minor.get("TRY", 0)
    assert fee >= (least if terms.fee_borne_by == "buyer" else min(least, asked))


@settings(max_examples=300)
@given(st.integers(0, 10_000), st.integers(0, 10**12))
def test_a_percentage_is_right_to_half_a_minor_unit_and_halves_go_to_the_even(percentage: int, unit: int) -> None:
    fee = charge(rule(percentage), lira(unit), 1).fee.minor
    twice_off = 2 * (fee * 10_000 - unit * percentage)
    assert abs(twice_off) <= 10_000
    if abs(twice_off) == 10_000:
        assert fee % 2 == 0


@given(rules(), st.integers(1, 10**9))
def test_the_percentage_shown_is_the_one_that_was_applied(terms: FeeRule, minor: int) -> None:
    applied = charge(terms, lira(minor), 1).percentage
    reached = [tier for tier in terms.tiers if tier.from_minor <= minor]
    assert applied == percentage_at(terms, minor) == (reached[-1].percentage if reached else terms.percentage)


@given(rules(), st.integers(1, 100))
def test_what_is_free_bears_no_fee(terms: FeeRule, quantity: int) -> None:
    assert set(minors(charge(terms, lira(0), quantity)).values()) == {0}


@pytest.mark.parametrize(
    ("terms", "discount", "expected"),
    [
        # Three seats at 100.00 TRY and 10 %: who bears fee and discount.
        (rule(1000), 0, (3_000, 0, 30_000, 27_000, 3_000)),
        (rule(1000, fee_borne_by="buyer"), 0, (3_000, 3_000, 33_000, 30_000, 3_000)),
        (rule(1000), 5_000, (2_500, 0, 25_000, 22_500, 2_500)),
        (rule(1000, discount_borne_by="platform"), 5_000, (3_000, 0, 25_000, 27_000, -2_000)),
        (rule(1000, fee_borne_by="buyer", discount_borne_by="platform"), 5_000, (3_000, 3_000, 28_000, 30_000, -2_000)),
        (rule(1000, fee_borne_by="buyer"), 30_000, (0, 0, 0, 0, 0)),
        # A fixed part once a line; a minimum; a maximum; tiers of the whole amount; other currencies' parts do not count.
        (rule(1000, fixed={"TRY": 250}), 0, (3_250, 0, 30_000, 26_750, 3_250)),
        (rule(100, least={"TRY": 500}), 0, (500, 0, 30_000, 29_500, 500)),
        (rule(1000, most={"TRY": 2_000}), 0, (2_000, 0, 30_000, 28_000, 2_000)),
        (rule(1000, tiers=(Tier(20_000, 500), Tier(30_001, 100))), 0, (1_500, 0, 30_000, 28_500, 1_500)),
        (rule(1000, fixed={"USD": 250}, least={"USD": 9_999}), 0, (3_000, 0, 30_000, 27_000, 3_000)),
        # A payee who bears the fee never owes: more than everything is not taken.
        (rule(10_000, fixed={"TRY": 5_000}), 0, (30_000, 0, 30_000, 0, 30_000)),
        (rule(0, least={"TRY": 99_999}), 1, (29_999, 0, 29_999, 0, 29_999)),
    ],
)
def test_worked_examples(terms: FeeRule, discount: int, expected: tuple[int, ...]) -> None:
    parts = minors(charge(terms, lira(10_000), 3, lira(discount)))
    assert tuple(parts[name] for name in ("fee", "buyer_fee", "total", "payee_share", "platform_share")) == expected


@pytest.mark.parametrize(("minor", "fee"), [(50, 0), (150, 2), (250, 2), (350, 4), (151, 2), (149, 1)])
def test_half_a_minor_unit_goes_to_the_even(minor: int, fee: int) -> None:
    assert charge(rule(100), lira(minor), 1).fee == lira(fee)


def test_without_decimals_and_in_units_of_the_tenants_own_it_is_exact_too() -> None:
    assert charge(rule(333), Money(1, "JPY"), 3000).fee == Money(100, "JPY")
    assert charge(rule(1000), Money(3, "CREDIT"), 5).payee_share == Money(13, "CREDIT")


def test_the_largest_amount_is_charged_and_one_more_is_refused() -> None:
    assert charge(rule(10_000), lira(MAX_MINOR), 1).platform_share == lira(MAX_MINOR)
    with pytest.raises(AmountOutOfRange):
        charge(rule(), lira(MAX_MINOR), 2)
    with pytest.raises(AmountOutOfRange):
        charge(rule(1, fee_borne_by="buyer"), lira(MAX_MINOR), 1)
    with pytest.raises(AmountOutOfRange):
        charge(rule(fixed={"TRY": MAX_MINOR}, fee_borne_by="buyer"), lira(1), 1)


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_that_is_none_is_refused(quantity: int) -> None:
    with pytest.raises(QuantityNotPositive):
        charge(rule(), lira(1), quantity)


@pytest.mark.parametrize("discount", [-1, 101])
def test_a_discount_below_nothing_or_above_the_price_is_refused(discount: int) -> None:
    with pytest.raises(DiscountOutOfRange):
        charge(rule(), lira(100), 1, lira(discount))
    with pytest.raises(CurrencyMismatch):
        charge(rule(), lira(100), 1, Money(1, "USD"))


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (FeeTerms(name=" "), "name"),
        (FeeTerms(name="x", percentage=10_001), "percentage"),
        (FeeTerms(name="x", percentage=-1), "percentage"),
        (FeeTerms(name="x", fixed_minor={"TRY": -1}), "fixed_minor"),
        (FeeTerms(name="x", maximum_minor={"TRY": MAX_MINOR + 1}), "maximum_minor"),
        (FeeTerms(name="x", minimum_minor={"TRY": 2}, maximum_minor={"TRY": 1}), "minimum_minor"),
        (FeeTerms(name="x", tiers=(Tier(1, 10_001),)), "tiers"),
        (FeeTerms(name="x", tiers=(Tier(0, 1),)), "tiers"),
        (FeeTerms(name="x", tiers=(Tier(5, 1), Tier(5, 2))), "tiers"),
        (FeeTerms(name="x", tiers=(Tier(5, 1), Tier(4, 2))), "tiers"),
        (FeeTerms(name="x", fee_borne_by="nobody"), "fee_borne_by"),  # type: ignore[arg-type]
        (FeeTerms(name="x", discount_borne_by="buyer"), "discount_borne_by"),  # type: ignore[arg-type]
    ],
)
def test_terms_that_cannot_be_are_refused_by_name(terms: FeeTerms, field: str) -> None:
    with pytest.raises(FeeRuleMalformed) as refused:
        refuse_malformed_terms(terms)
    assert refused.value.loc == ("body", field)
