"""One run of the benches: a server shared by all of them, and the limit measured in the same minutes."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from bench.limit import CLIENTS, SPREADS, Limit, Spread, measure_limit
from bench.machine import describe_postgres
from bench.server import Server, running_server

_LIMIT_HOLDS_SECONDS = 180  # a machine's speed drifts with its other work; an older lim


@dataclass(slots=True)
class Session:
    """What every bench is given. `quick` asks for short runs that show whether a bench works, not how fast the product is."""

    folder: Path
    quick: bool
    dsn: str | None
    _stack: AsyncExitStack
    _server: Server | None = None
    _limits: dict[Spread, tuple[float, Limit]] = field(default_factory=dict)

    @property
    def seconds(self) -> int:
        """How long one load lasts."""
        return 2 if self.quick else 10

    def say(self, progress: str) -> None:
        """Tell whoever waits what is being done."""
        print(f"  {progress}", flush=True)

    async def server(self) -> Server:
        """The PostgreSQL of this run, started when first needed and stopped at the end of the run."""
        if self._server is None:
            self.say("starting PostgreSQL")
            self._server = await self._stack.enter_async_context(running_server(self.folder / "postgres", self.dsn))
        return self._server

    async def limit(self, spread: Spread) -> Limit:
        """What pgbench reaches at its best, measured not longer ago than three minutes."""
        measured_at, limit = self._limits.get(spread, (0.0, None))
        if limit is None or time.monotonic() - measured_at > _LIMIT_HOLDS_SECONDS:
            server = await self.server()
            self.say(f"pgbench, {SPREADS[spread]}")
            clients = (8, 32) if self.quick else CLIENTS
            limit = await measure_limit(server, spread, seconds=2 if self.quick else 5, clients=clients)
            self._limits[spread] = (time.monotonic(), limit)
        return limit

    async def describe_server(self) -> dict[str, str]:
        """The server's version and settings, if any bench needed one."""
        if self._server is None:
            return {}
        connection = await asyncpg.connect(self._server.dsn)
        try:
            return await describe_postgres(connection)
        finally:
            await connection.close()


@asynccontextmanager
async def open_session(*, quick: bool, dsn: str | None) -> AsyncIterator[Session]:
    """A session whose server and files are gone when it ends."""
    with TemporaryDirectory(prefix="vezne-bench-") as folder:
        async with AsyncExitStack() as stack:
            yield Session(Path(folder), quick, dsn, stack)
