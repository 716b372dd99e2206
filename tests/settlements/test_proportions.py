"""However a sale is clawed back and given again, step by step, its parts are exact."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vezne.kernel.ids import new_id
from vezne.kernel.money import Money
from vezne.settlements.models import Due, fitting, reserve_of, share_of

pytestmark = pytest.mark.unit

GROSS = st.integers(1, 2**53 - 1) | st.integers(1, 50)


@given(gross=GROSS, data=st.data())
def test_any_steps_back_and_forth_end_at_exactly_nothing_and_exactly_all(gross: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(-gross, 2 * gross))
    stops = [0, *data.draw(st.lists(st.integers(0, gross), max_size=12)), gross]
    shares = [share_of(share, stop, gross) for stop in stops]
    parts = [after - before for before, after in pairwise(shares)]
    assert (shares[0], shares[-1], sum(parts)) == (0, share, share)
    fees = [(after - before) - part for before, after, part in zip(stops, stops[1:], parts, strict=False)]
    assert sum(fees) == gross - share


@given(gross=GROSS, data=st.data())
def test_a_part_is_the_largest_remainder_of_its_sum_and_never_runs_against_it(gross: int, data: st.DataObject) -> None:
    share, clawed = data.draw(st.integers(0, gross)), data.draw(st.integers(0, gross))
    payees, platforms = Money(clawed, "TRY").split([share, gross - share])
    assert share_of(share, clawed, gross) == payees.minor
    assert clawed - share_of(share, clawed, gross) == platforms.minor
    further = data.draw(st.integers(clawed, gross))
    assert 0 <= share_of(share, further, gross) - share_of(share, clawed, gross) <= further - clawed


@given(share=st.integers(-(2**53), 2**53), rate=st.integers(0, 10_000))
def test_a_reserve_is_never_more_than_its_part_nor_less_than_nothing(share: int, rate: int) -> None:
    reserve = reserve_of(share, rate)
    assert 0 <= reserve <= max(share, 0)
    assert reserve * 10_000 <= max(share, 0) * rate < (reserve + 1) * 10_000


@given(amounts=st.lists(st.integers(-50, 50), max_size=10), data=st.data())
def test_what_fits_is_the_oldest_and_every_deduction(amounts: list[int], data: st.DataObject) -> None:
    due = [Due(new_id(), amount, ()) for amount in amounts]
    everything, more = fitting(due, None)
    assert (sum(each.amount_minor for each in everything), more) == (sum(amounts), None)
    asked = data.draw(st.integers(1, 200))
    taken, above = fitting(due, asked)
    assert {each.settlement_id for each in due if each.amount_minor <= 0} <= {each.settlement_id for each in taken}
    positive = [each for each in due if each.amount_minor > 0]
    chosen = [each for each in taken if each.amount_minor > 0]
    assert chosen == positive[: len(chosen)]
    assert sum(each.amount_minor for each in taken) <= max(
        asked, sum(each.amount_minor for each in taken if each.amount_minor <= 0)
    )
    assert (above is None) == (len(taken) == len(due))
    assert above is None or above > asked
