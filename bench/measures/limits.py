"""The limit itself: pgbench at each number of clients."""

from bench.figures import Bench, Figure
from bench.limit import SPREADS, Limit, Spread
from bench.session import Session


async def _measure(session: Session) -> list[Figure]:
    figures: list[Figure] = []
    for spread in SPREADS:
        figures += _figures(spread, await session.limit(spread))
    return figures


def _figures(spread: Spread, limit: Limit) -> list[Figure]:
    function, statements = limit.best_of("function"), limit.best_of("statements")
    return [
        Figure(
            what=f"{SPREADS[spread]}: {function}",
            value=function.per_second,
            unit="/s",
            note=f"average {function.latency_ms:.1f} ms",
        ),
        Figure(
            what=f"{SPREADS[spread]}: {statements}",
            value=statements.per_second,
            unit="/s",
            beside=function.per_second,
            beside_what=str(function),
            note=f"average {statements.latency_ms:.1f} ms",
        ),
    ]


LIMITS = Bench(
    name="limit",
    title="The limit: pgbench",
    about=(
        "What PostgreSQL does when every debit commits by itself and no application stands in between: "
        "the best of 8, 16, 32 and 64 clients."
    ),
    measure=_measure,
)
