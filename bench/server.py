"""A PostgreSQL to measure against: the one Vezne embeds, started fresh, or one named by its DSN."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from vezne.kernel.postgres import EmbeddedPostgres
from vezne.kernel.postgres_binaries import clean_environment, program


@dataclass(frozen=True, slots=True)
class Server:
    """A running PostgreSQL, addressed as a role that may create databases."""

    dsn: str

    def database(self, name: str) -> str:
        """The DSN of another database on this server."""
        parts = urlsplit(self.dsn)
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}/{name}{query}"

    async def recreate(self, name: str) -> str:
        """An empty database of this name, whatever was in it before; answers its DSN."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
        return self.database(name)

    async def settle(self) -> None:
        """Write out what is dirty, so that one measurement does not pay for the one before it."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()

    async def run(self, name: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs to its end; answers what it printed, raises with its complaint if it failed."""
        process = await asyncio.create_subprocess_exec(
            program(name), *arguments, env=clean_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        printed, complained = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{name} ended with {process.returncode}: {complained.decode()[:2000]}")
        return printed.decode()


@asynccontextmanager
async def running_server(folder: Path, dsn: str | None = None) -> AsyncIterator[Server]:
    """The server at `dsn`, or else a fresh embedded one whose data is in `folder` and which stops at the end."""
    if dsn is not None:
        yield Server(dsn)
        return
    async with EmbeddedPostgres(folder) as postgres:
        yield Server(postgres.dsn)
