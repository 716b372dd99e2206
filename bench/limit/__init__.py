"""The limit: pgbench doing the durable SQL work of one debit and nothing else, on the same server in the same run.

Two balances, two postings, an entry, an idempotency row and an event row, committed; once as the statements an application
would send one by one, once as a single call of a stored function. No application stands in the way, so the better of the
two at its best number of clients is what PostgreSQL gives to anyone who commits each debit by itself.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg

from bench.server import Server

Spread = Literal["random", "hot"]
Method = Literal["statements", "function"]

SPREADS: dict[Spread, str] = {"random": "random accounts", "hot": "one hot account"}
ACCOUNTS = 10_000
CLIENTS = (8, 16, 32, 64)
_FOLDER = Path(__file__).parent
_HOT_ACCOUNT = ACCOUNTS + 1  # the highest id, so it is locked last and held for as short a time as can be
_OPENING_BALANCE = 10**15
_DATABASE = "bench_limit"


@dataclass(frozen=True, slots=True)
class Reading:
    """One pgbench run: debits a second and their average latency in milliseconds."""

    spread: Spread
    method: Method
    clients: int
    per_second: float
    latency_ms: float

    def __str__(self) -> str:
        how = "one stored function" if self.method == "function" else "single statements"
        return f"pgbench, {how}, {self.clients} clients"


@dataclass(frozen=True, slots=True)
class Limit:
    """All readings of one spread of accounts."""

    readings: tuple[Reading, ...]

    @property
    def best(self) -> Reading:
        """The fastest reading of all."""
        return max(self.readings, key=lambda reading: reading.per_second)

    def best_of(self, method: Method) -> Reading:
        """The fastest reading of one method."""
        return max((r for r in self.readings if r.method == method), key=lambda reading: reading.per_second)


async def measure_limit(
    server: Server,
    spread: Spread,
    *,
    seconds: int = 5,
    clients: Sequence[int] = CLIENTS,
    methods: Sequence[Method] = ("statements", "function"),
) -> Limit:
    """Run pgbench with each method at each number of clients, on tables made anew, and check that the books it kept are whole."""
    dsn = await server.recreate(_DATABASE)
    await lay_out(dsn)
    await _run(server, dsn, spread, "function", clients[0], 1)  # warms the caches and the WAL; not counted
    readings: list[Reading] = []
    for method in methods:
        await server.settle()
        readings += [await _run(server, dsn, spread, method, count, seconds) for count in clients]
    await _verify(dsn)
    return Limit(tuple(readings))


async def lay_out(dsn: str) -> None:
    """The tables of the limit, with its accounts."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute((_FOLDER / "schema.sql").read_text())
        await connection.execute(
            "INSERT INTO bench_limit.accounts SELECT id, $2, 0, 0 FROM generate_series(1, $1::bigint) AS id",
            _HOT_ACCOUNT,
            _OPENING_BALANCE,
        )
        await connection.execute("VACUUM ANALYZE bench_limit.accounts")
    finally:
        await connection.close()


async def _run(server: Server, dsn: str, spread: Spread, method: Method, clients: int, seconds: int) -> Reading:
    cores = len(os.sched_getaffinity(0))
    printed = await server.run(
        "pgbench",
        *("--no-vacuum", "--protocol=prepared", f"--client={clients}", f"--jobs={min(cores, clients)}", f"--time={seconds}"),
        *(f"--define=accounts={ACCOUNTS}", f"--define=hot={_HOT_ACCOUNT if spread == 'hot' else 0}"),
        f"--file={_FOLDER / f'{method}.pgbench'}",
        dsn,
    )
    return Reading(
        spread,
        method,
        clients,
        printed_number(printed, r"tps = ([0-9.]+)"),
        printed_number(printed, r"latency average = ([0-9.]+) ms"),
    )


def printed_number(text: str, pattern: str) -> float:
    """A number that a program printed. Raises RuntimeError when it did not."""
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"pgbench printed no {pattern!r}: {text}")
    return float(found.group(1))


async def _verify(dsn: str) -> None:
    """The work was really done: no money appeared, every debit left its two postings and one row of everything else."""
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow((_FOLDER / "verify.sql").read_text(), _OPENING_BALANCE * _HOT_ACCOUNT)
    finally:
        await connection.close()
    if row is None or not all(row.values()):
        raise RuntimeError(f"the limit's books are not whole: {dict(row) if row else None}")
