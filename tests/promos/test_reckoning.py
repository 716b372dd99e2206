"""CM4: what codes take off is exact, never more than there is, and the same in whatever order they are typed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promos_fixtures import line
from vezne import promos
from vezne.promos.models import Offer
from vezne.promos.reckoning import eligible, reckon

pytestmark = pytest.mark.unit

SOME_DAY = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = ("booking", "credit_pack", "membership", "course")


def offer(number: int, kind: promos.PromotionKind, **terms: object) -> Offer:
    facts = {"name": "x", "kind": kind, "stackable": True, "id": UUID(int=number), "created_at": SOME_DAY, **terms}
    promotion = promos.Promotion(**facts)  # type: ignore[arg-type]
    code = promos.Code(
        id=UUID(int=1_000 + number),
        promotion_id=promotion.id,
        code=f"C{number}",
        folded=f"C{number}",
        max_uses=None,
        uses=0,
        active=True,
        created_at=SOME_DAY,
    )
    return Offer(code, promotion, listed=False)


def taken(uses: Sequence[promos.Use]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for use in uses:
        for number, minor in use.discounts.items():
            sums[number] = sums.get(number, 0) + minor
    return sums


def test_fixed_amounts_come_off_before_percentages_of_what_is_left() -> None:
    offers = [offer(1, "percentage", percentage=1_000), offer(2, "fixed", amount_minor={"TRY": 1_000})]
    uses = reckon(offers, [line(10_000)], "TRY")
    assert [use.discount_minor for use in uses] == [1_000, 900]


def test_a_percentage_is_rounded_half_up_and_kept_to_its_cap() -> None:
    (use,) = reckon([offer(1, "percentage", percentage=1_500)], [line(999)], "TRY")
    assert use.discount_minor == 150
    (use,) = reckon([offer(1, "percentage", percentage=5_000, cap_minor={"TRY": 2_000})], [line(10_000)], "TRY")
    assert use.discount_minor == 2_000
    (use,) = reckon([offer(1, "percentage", percentage=5_000, cap_minor={"EUR": 2_000})], [line(10_000)], "TRY")
    assert use.discount_minor == 5_000


def test_a_discount_is_split_over_its_lines_by_largest_remainder() -> None:
    lines = [line(100, 1), line(100, 2), line(100, 3)]
    (use,) = reckon([offer(1, "fixed", amount_minor={"TRY": 100})], lines, "TRY")
    assert use.discounts == {1: 34, 2: 33, 3: 33}


def test_it_touches_only_the_lines_it_is_for() -> None:
    pack = UUID(int=77)
    lines = [line(5_000, 1), line(5_000, 2, "credit_pack", item_id=pack), line(5_000, 3, "membership", plan_id=UUID(int=78))]
    by_item = offer(1, "percentage", percentage=1_000, item_ids=(pack,)).promotion
    by_kind = offer(1, "percentage", percentage=1_000, line_kinds=("booking",)).promotion
    by_plan = offer(1, "percentage", percentage=1_000, plan_ids=(UUID(int=78),)).promotion
    assert [each.number for each in eligible(by_item, lines)] == [2]
    assert [each.number for each in eligible(by_kind, lines)] == [1]
    assert [each.number for each in eligible(by_plan, lines)] == [3]


def test_a_bonus_is_of_the_credits_bought_or_fixed() -> None:
    lines = [line(5_000, 1, "credit_pack", units=55), line(5_000, 2)]
    (use,) = reckon([offer(1, "bonus_credits", percentage=1_000)], lines, "TRY")
    assert (use.bonus_units, use.lines, use.discount_minor) == (5, (1,), 0)
    (use,) = reckon([offer(1, "bonus_credits", bonus_units=20)], lines, "TRY")
    assert (use.bonus_units, use.lines) == (20, (1, 2))


def test_a_line_that_begins_with_a_trial_has_nothing_left_to_take_off() -> None:
    offers = [offer(1, "percentage", percentage=5_000), offer(2, "free_trial", trial_days=14)]
    uses = reckon(offers, [line(5_000, 1, "membership"), line(1_000, 2)], "TRY")
    assert [(use.trial_days, use.discounts) for use in uses] == [(14, {1: 5_000}), (0, {2: 500})]


amounts = st.integers(0, 2_000_000)
offers_ = st.lists(
    st.one_of(
        st.tuples(st.just("percentage"), st.integers(1, 10_000), st.one_of(st.none(), st.integers(1, 100_000))),
        st.tuples(st.just("fixed"), st.integers(1, 500_000), st.none()),
    ),
    max_size=5,
)


@given(st.lists(st.tuples(amounts, st.sampled_from(KINDS)), min_size=1, max_size=8), offers_, st.data())
def test_no_line_falls_below_nothing_sums_are_exact_and_typing_order_does_not_matter(
    lines: list[tuple[int, str]], terms: list[tuple[str, int, int | None]], data: st.DataObject
) -> None:
    shown = [line(minor, number, kind) for number, (minor, kind) in enumerate(lines, 1)]
    offers = []
    for number, (kind, value, cap) in enumerate(terms, 1):
        limits = {"priority": data.draw(st.integers(-1, 1)), "line_kinds": tuple(data.draw(st.sets(st.sampled_from(KINDS))))}
        if kind == "fixed":
            offers.append(offer(number, "fixed", amount_minor={"TRY": value}, **limits))
        else:
            capped = {} if cap is None else {"TRY": cap}
            offers.append(offer(number, "percentage", percentage=value, cap_minor=capped, **limits))
    uses = reckon(offers, shown, "TRY")
    off = taken(uses)
    for each in shown:
        assert 0 <= off.get(each.number, 0) <= each.amount.minor
    for use in uses:
        mine = {each.number for each in eligible(use.promotion, shown)}
        assert set(use.discounts) <= mine
        assert use.discount_minor == sum(use.discounts.values())
        assert use.discount_minor <= use.promotion.cap_minor.get("TRY", use.discount_minor)
        if use.promotion.kind == "fixed":
            assert use.discount_minor <= use.promotion.amount_minor["TRY"]
    assert reckon(data.draw(st.permutations(offers)), shown, "TRY") == uses


@given(st.lists(amounts, min_size=1, max_size=8), st.integers(1, 10_000))
def test_a_percentage_of_a_basket_is_that_percentage_to_the_minor_unit(minors: list[int], percentage: int) -> None:
    shown = [line(minor, number) for number, minor in enumerate(minors, 1)]
    (use,) = reckon([offer(1, "percentage", percentage=percentage)], shown, "TRY")
    assert abs(use.discount_minor * 10_000 - sum(minors) * percentage) * 2 <= 10_000
    if percentage == 10_000:
        assert use.discount_minor == sum(minors)
    for each in shown:  # each line has its share, to less than one minor unit
        if sum(minors):
            assert abs(use.discounts.get(each.number, 0) * sum(minors) - use.discount_minor * each.amount.minor) < sum(minors)
