"""Cursors are opaque, and one that was not given out is refused by name."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vezne.kernel.paging import CursorUnknown, PageParams, cursor

pytestmark = pytest.mark.unit


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=200))
def test_a_cursor_stands_for_its_position(position: str) -> None:
    assert PageParams(after=cursor(position)).position() == position


@given(st.integers(0, 10**18 - 1))
def test_a_number_is_a_position_too(number: int) -> None:
    assert PageParams(after=cursor(number)).number() == number


@given(st.text(max_size=60))
def test_any_other_text_is_refused_or_read_but_never_crashes(text: str) -> None:
    for read in (PageParams(after=text).position, PageParams(after=text).number):
        with contextlib.suppress(CursorUnknown):
            read()


@pytest.mark.parametrize("position", ["", "-1", "1.5", "x", "9" * 19, "１２", "1 "])
def test_what_is_no_number_is_no_number(position: str) -> None:
    with pytest.raises(CursorUnknown):
        PageParams(after=cursor(position)).number()


def test_without_a_cursor_the_list_begins_at_its_beginning() -> None:
    assert PageParams().position() is None
    assert PageParams().number() is None
    assert PageParams().limit == 20


@pytest.mark.parametrize("limit", [0, -1, 101, 10**30])
def test_a_page_has_one_to_a_hundred_rows(limit: int) -> None:
    with pytest.raises(ValidationError):
        PageParams(limit=limit)
