"""PostgreSQL for the tests: one real server for the whole run, one database for each worker, cloned from a migrated template."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from vezne.kernel.db import open_pool
from vezne.kernel.migrate import migrate
from vezne.kernel.postgres import EmbeddedPostgres

TEMPLATE = "vezne_template"

T = TypeVar("T")


class BackgroundServer:
    """The server, kept by a loop in a thread that lives as long as the run: the kernel ties the server to that thread."""

    def __init__(self, data_dir: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="the tests' PostgreSQL", daemon=True)
        self._thread.start()
        # Checkpoints of a test run need no room: the folder stays small. Durability stays on.
        settings = {"shared_buffers": "128MB", "max_wal_size": "256MB"}
        self.postgres = EmbeddedPostgres(data_dir, settings=settings, sync=False)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something done in the server's loop."""
        done: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(timeout=120)

    def start(self) -> str:
        """Start, migrate the template, and answer the server's address."""
        self.run(self.postgres.start())
        template = database_of(self.postgres.dsn, TEMPLATE)
        self.run(create_database(self.postgres.dsn, TEMPLATE, template="template1"))
        self.run(migrate(template))
        return self.postgres.dsn

    def stop(self) -> None:
        """Stop the server, then its loop."""
        self.run(self.postgres.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def database_of(dsn: str, database: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


async def create_database(dsn: str, name: str, *, template: str = TEMPLATE) -> str:
    """Clone a database; its address."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()
    return database_of(dsn, name)


async def drop_database(dsn: str, name: str) -> None:
    """Drop a database and whoever is still connected to it."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


class SharedServer:
    """The xdist controller starts the server once and tells its workers the address."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._server: BackgroundServer | None = None
        self._dsn = ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - xdist publishes no types
        """Called for each worker before it starts."""
        if self._server is None:
            self._server = BackgroundServer(self._factory.mktemp("postgres"))
            self._dsn = self._server.start()
        node.workerinput["postgres_dsn"] = self._dsn

    def pytest_unconfigure(self) -> None:
        """The run is over."""
        if self._server is not None:
            self._server.stop()
            self._server = None


def pytest_configure(config: pytest.Config) -> None:
    """Be ready to serve workers, when this process is xdist's controller."""
    if config.pluginmanager.hasplugin("dsession"):
        config.pluginmanager.register(SharedServer(pytest.TempPathFactory.from_config(config, _ispytest=True)))


@pytest.fixture(scope="session")
def server_dsn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the run's server as superuser; its own database `vezne` is empty, for making others beside it."""
    given = getattr(request.config, "workerinput", {}).get("postgres_dsn")
    if given is not None:
        yield given
        return
    server = BackgroundServer(tmp_path_factory.mktemp("postgres"))
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def dsn(server_dsn: str, worker_id: str) -> str:
    """This worker's migrated database, as its owner. Tests share it: each works under a tenant of its own."""
    return asyncio.run(create_database(server_dsn, f"vezne_{worker_id}"))


@pytest_asyncio.fixture
async def fresh_dsn(server_dsn: str) -> AsyncIterator[str]:
    """A migrated database for one test alone, as its owner."""
    name = f"fresh_{uuid4().hex}"
    yield await create_database(server_dsn, name)
    await drop_database(server_dsn, name)


@pytest_asyncio.fixture
async def empty_dsn(server_dsn: str) -> AsyncIterator[str]:
    """A database with nothing in it, as its owner."""
    name = f"empty_{uuid4().hex}"
    yield await create_database(server_dsn, name, template="template1")
    await drop_database(server_dsn, name)


@pytest_asyncio.fixture
async def owner(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection as the owner, who may do what the service may not."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def pool(dsn: str) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    """The service's pool: its role may only what the migrations grant."""
    made = await open_pool(dsn, size=10)
    yield made
    await made.close()
