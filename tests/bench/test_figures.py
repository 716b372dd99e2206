import pytest
from bench.figures import Bench, Figure, at_least, at_most, columns, under
from bench.record import Results, record_figures, render_page
from bench.session import Session

pytestmark = pytest.mark.unit


async def _nothing(session: Session) -> list[Figure]:
    return []


def test_a_target_is_held_against_the_ratio_or_the_value() -> None:
    fast = Figure(what="debits", value=300, unit="/s", beside=100, beside_what="pgbench", target=at_least(3))
    slow = Figure(what="page", value=1.6, unit="ms", beside=1.0, beside_what="at 10,000", target=at_most(1.5))
    late = Figure(what="p99", value=59, unit="ms", target=under(60))
    assert (fast.ratio, fast.met) == (3, True)
    assert slow.met is False
    assert (late.ratio, late.met) == (None, True)
    assert Figure(what="rows", value=1, unit="/s").met is None


def test_a_row_says_what_stands_beside_the_figure_and_whether_the_target_is_met() -> None:
    row = columns(Figure(what="debits", value=12345.6, unit="/s", beside=10000, beside_what="pgbench", target=at_least(1)))
    assert row == ("debits", "12,346 /s", "10,000 /s (pgbench)", "1.23 ×", "at least 1 ×: met")


def test_the_page_keeps_each_bench_with_what_it_did_and_measured() -> None:
    bench = Bench(name="one", title="One thing", about="It does one thing.", measure=_nothing)
    unmeasured = Bench(name="other", title="Another thing", about="", measure=_nothing)
    results = Results(machine={"cores": "2"}, benches={})
    record_figures(results, bench, [Figure(what="things", value=7, unit="/s")], load_before=0.25)
    page = render_page(results, [bench, unmeasured])
    assert "| cores | 2 |" in page
    assert "## One thing\n\nIt does one thing. Measured on " in page
    assert "| things | 7.00 /s |  |  |  |" in page
    assert "Another thing" not in page
