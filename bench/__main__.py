"""`python -m bench [NAME …]`: run all benches or the named ones, print each figure beside its limit, and record the results.

Its exit code says whether the benches ran, never whether the product is fast enough: a busy machine is not a defect.
"""

import argparse
import sys
from collections.abc import Sequence

import uvloop
from rich.console import Console
from rich.table import Table

from bench.figures import HEADINGS, Bench, Figure, columns, quantity
from bench.machine import describe_machine, durable_write_ms, load_average
from bench.measures import BENCHES
from bench.record import earlier_results, record_figures, write_results
from bench.session import open_session


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which to run (default: all): {', '.join(bench.name for bench in BENCHES)}"
    )
    parser.add_argument("--quick", action="store_true", help="short runs that show whether the benches work; nothing is recorded")
    parser.add_argument(
        "--dsn", help="measure against this PostgreSQL, as a role that may create databases, and not the embedded one"
    )
    asked = parser.parse_args()
    unknown = set(asked.names) - {bench.name for bench in BENCHES}
    if unknown:
        parser.error(f"no bench is named {', '.join(sorted(unknown))}")
    chosen = [bench for bench in BENCHES if not asked.names or bench.name in asked.names]
    return uvloop.run(_run(chosen, quick=asked.quick, dsn=asked.dsn))


async def _run(benches: Sequence[Bench], *, quick: bool, dsn: str | None) -> int:
    console, failed = Console(width=None if sys.stdout.isatty() else 180), 0
    machine, load_before = describe_machine(), load_average()
    results = earlier_results(machine)
    results["machine"]["one durable write"] = quantity(durable_write_ms(), "ms")
    async with open_session(quick=quick, dsn=dsn) as session:
        for bench in benches:
            console.rule(bench.title)
            try:
                figures = await bench.measure(session)
            except Exception:  # noqa: BLE001  # one broken bench must not hide the others; it is shown and counted
                console.print_exception()
                failed += 1
                continue
            _show(console, figures)
            record_figures(results, bench, figures, load_before)
        results["machine"].update(await session.describe_server())
    if not quick:
        write_results(results, BENCHES, page=True)
    return 1 if failed else 0


def _show(console: Console, figures: Sequence[Figure]) -> None:
    table = Table(*HEADINGS)
    for figure in figures:
        style = {True: "green", False: "red", None: None}[figure.met]
        table.add_row(*columns(figure), style=style)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
