"""The limit of selling seats: pgbench doing the durable SQL work of each buyer's try and nothing else."""

from pathlib import Path

import asyncpg

from bench.limit import ACCOUNTS, lay_out, printed_number
from bench.server import Server

EVENTS = 60
_FOLDER = Path(__file__).parent
_DATABASE = "bench_selling"


async def measure_selling(
    server: Server, *, seats: int, buyers: int, clients: tuple[int, ...] = (8, 32, 64)
) -> tuple[float, str]:
    """Tries a second of `buyers` buyers for `seats` seats of each of many events, at pgbench's best; and which that was.

    Raises RuntimeError when a seat was sold twice or a free one refused.
    """
    best, told = 0.0, ""
    for count in clients:
        dsn = await server.recreate(_DATABASE)
        await _prepare(dsn, seats)
        await server.settle()
        said = await server.run(
            "pgbench",
            *("--no-vacuum", "--protocol=prepared", f"--client={count}", "--jobs=2"),
            f"--transactions={EVENTS * buyers // count}",
            *(f"--define=accounts={ACCOUNTS}", f"--define=events={EVENTS}", f"--file={_FOLDER / 'buy.pgbench'}"),
            dsn,
        )
        await _verify(dsn, seats)
        if (reached := printed_number(said, r"tps = ([0-9.]+)")) > best:
            best, told = reached, f"pgbench, one stored function, {count} clients"
    return best, told


async def _prepare(dsn: str, seats: int) -> None:
    await lay_out(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute((_FOLDER / "seats.sql").read_text())
        await connection.execute(
            "INSERT INTO bench_limit.events_on_sale SELECT id, $2, 0 FROM generate_series(1, $1::bigint) AS id", EVENTS, seats
        )
    finally:
        await connection.close()


async def _verify(dsn: str, seats: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        sold = await connection.fetch("SELECT event, count(*) FROM bench_limit.tickets GROUP BY event")
    finally:
        await connection.close()
    if len(sold) != EVENTS or {row["count"] for row in sold} != {seats}:
        raise RuntimeError(f"the limit sold {sum(row['count'] for row in sold)} seats of {EVENTS * seats}")
