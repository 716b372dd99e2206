"""Where results are kept: `build/bench.json` for programs, `docs/explanation/performance.md` for people."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from bench.figures import HEADINGS, Bench, Figure, columns

_ROOT = Path(__file__).parents[1]
_JSON = _ROOT / "build" / "bench.json"
_PAGE = _ROOT / "docs" / "explanation" / "performance.md"

_INTRODUCTION = """\
# Performance

What Vezne does in a second, beside what PostgreSQL alone does on the same machine in the same run. This page is written by
`make bench`; figures of your own machine replace these when you run it.

**How to read it.** The absolute figures belong to the machine below and move by a third with whatever else it is doing; the
*ratio* is what a change to the code should be judged by. The limit is `pgbench` doing the durable SQL work of one debit (two
balances, two postings, an entry, an idempotency row and an event row, committed) and nothing else, at 8 to 64 clients, as
single statements and as one stored function; its best figure is the limit. Vezne does the same work and besides parses HTTP,
authenticates, decides, and answers. The load generator is a closed loop on the same cores as the server and the database:
a latency is what one of the waiting callers waits, and a deployment with cores of its own for its clients is faster.
"""


class Recorded(TypedDict):
    """What is kept of one bench."""

    measured_on: str
    load_before: str
    rows: list[list[str]]
    figures: list[dict[str, object]]


class Results(TypedDict):
    """What is kept of all of them, for one machine."""

    machine: dict[str, str]
    benches: dict[str, Recorded]


def earlier_results(machine: dict[str, str]) -> Results:
    """What was measured before on this same machine; another machine's figures are not mixed with it."""
    if _JSON.exists():
        kept: Results = json.loads(_JSON.read_text())
        if all(kept["machine"].get(name) == value for name, value in machine.items()):
            return kept
    return Results(machine=dict(machine), benches={})


def record_figures(results: Results, bench: Bench, figures: Sequence[Figure], load_before: float) -> None:
    """Put this bench's figures in the place of its earlier ones."""
    results["benches"][bench.name] = Recorded(
        measured_on=time.strftime("%Y-%m-%d", time.gmtime()),
        load_before=f"{load_before:.1f}",
        rows=[list(columns(figure)) for figure in figures],
        figures=[
            {
                "what": f.what,
                "value": f.value,
                "unit": f.unit,
                "beside": f.beside,
                "beside_what": f.beside_what,
                "ratio": f.ratio,
                "met": f.met,
            }
            for f in figures
        ],
    )


def write_results(results: Results, benches: Sequence[Bench], *, page: bool) -> None:
    """Write the JSON and, if `page`, the documentation page."""
    _JSON.parent.mkdir(parents=True, exist_ok=True)
    _JSON.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    if page:
        _PAGE.parent.mkdir(parents=True, exist_ok=True)
        _PAGE.write_text(render_page(results, benches))


def render_page(results: Results, benches: Sequence[Bench]) -> str:
    """The documentation page: the machine, then each bench with what it did and what it measured."""
    parts = [_INTRODUCTION, "## The machine\n", _table(("", ""), [[name, value] for name, value in results["machine"].items()])]
    for bench in benches:
        recorded = results["benches"].get(bench.name)
        if recorded is None:
            continue
        when = f"Measured on {recorded['measured_on']}; the machine's load average before the run was {recorded['load_before']}."
        parts += [f"## {bench.title}\n", f"{bench.about} {when}\n", _table(HEADINGS, recorded["rows"])]
    return "\n".join(parts)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"
