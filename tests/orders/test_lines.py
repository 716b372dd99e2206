"""What every kind of order line must keep to, and how a refund is shared out among lines."""

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vezne.orders import LINES
from vezne.orders.models import ORDER_MOVES, Line, OrderStatus, allocate

pytestmark = pytest.mark.unit

SCHEMA = Path(__file__).parents[2] / "migrations" / "versions" / "0006_orders.sql"
KINDS = Path(__file__).parents[2] / "src" / "vezne" / "orders" / "lines"


@pytest.mark.parametrize("name", LINES)
def test_a_kind_is_listed_under_its_own_name_and_has_a_file(name: str) -> None:
    assert LINES[name].name == name
    assert isinstance(LINES[name].is_scarce, bool)
    assert (KINDS / f"{name}.py").is_file()


def test_every_status_has_its_moves_and_the_database_knows_it() -> None:
    sql = SCHEMA.read_text()
    assert ORDER_MOVES.keys() == set(OrderStatus)
    assert all(f"'{status}'" in sql for status in OrderStatus)


def line(number: int, amount: int, refunded: int) -> Line:
    return Line(
        id=UUID(int=number),
        order_id=UUID(int=0),
        number=number,
        kind="top_up",
        details={},
        description="",
        amount_minor=amount,
        currency="TRY",
        applied_minor=amount - refunded,
        refunded_minor=refunded,
    )


@given(st.data(), st.lists(st.integers(1, 10_000), min_size=1, max_size=8))
def test_a_refund_is_shared_out_whole_and_no_line_gives_more_than_it_has(data: st.DataObject, amounts: list[int]) -> None:
    lines = [line(number, amount, data.draw(st.integers(0, amount))) for number, amount in enumerate(amounts, 1)]
    left = sum(each.refundable_minor for each in lines)
    asked = data.draw(st.integers(0, left))
    shares = allocate(asked, lines)
    assert sum(share for _, share in shares) == asked
    assert all(0 < share <= each.refundable_minor for each, share in shares)
    with pytest.raises(ValueError):
        allocate(left + 1, lines)
