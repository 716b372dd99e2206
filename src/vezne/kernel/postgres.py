"""PostgreSQL as our own child: started with us, restarted when killed, gone when we are gone. And what any server must be.

Only the owner of the data folder's lock runs it. It listens on a Unix socket in a 0700 folder and nowhere else. A kill -9
of either side loses nothing that was committed.
"""

import asyncio
import contextlib
import enum
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import asyncpg
import structlog

from vezne.kernel import postgres_cluster as cluster
from vezne.kernel.postgres_binaries import as_unprivileged, clean_environment, program, tied_to_parent

OLDEST_SERVER = 150000
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
HEALTHY_AFTER = 60.0
LOG_CHECK_EVERY = 60.0
SMALLEST_CACHE_MB, LARGEST_CACHE_MB = 32, 256

log = structlog.get_logger(__name__)


class StartFailed(RuntimeError):
    """The PostgreSQL server did not become ready."""


class ServerUnsafe(RuntimeError):
    """The PostgreSQL server is configured to lose committed money, or is too old."""


class State(enum.Enum):
    """What the launcher knows of its server."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPING = "stopping"


class EmbeddedPostgres:
    """A PostgreSQL server of our own in `data_dir`; `async with` starts and stops it.

    The kernel ties the server to the thread that starts it, so start it from a thread that lives as long as the
    server should (the main one). `settings` overrides single server settings; `restart=False` leaves a killed server dead
    (tests of outages); `sync=False` lets the first start not wait for the disk (tests).
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        restart: bool = True,
        sync: bool = True,
        start_timeout: float = 60.0,
        stop_timeout: float = 20.0,
    ) -> None:
        """Remember where and how; nothing is started or written. Timeouts in seconds."""
        self._layout = cluster.Layout(data_dir.expanduser().absolute())
        self._settings = {**_tuned(), **(settings or {})}
        self._restart = restart
        self._sync = sync
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._lock: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.state = State.STOPPED
        self.restarts = 0
        self.last_error: str | None = None

    @property
    def dsn(self) -> str:
        """Address of the database as its owner (superuser), the same after every start."""
        return self.dsn_of(cluster.DATABASE)

    def dsn_of(self, database: str) -> str:
        """Address of another database of this server, as the owner."""
        host = quote(str(self._layout.sockets), safe="")
        return f"postgresql://{cluster.SUPERUSER}@/{quote(database, safe='')}?host={host}"

    @property
    def pid(self) -> int | None:
        """Process id of the running postmaster; None between lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def log_path(self) -> Path:
        """File with what the server says."""
        return self._layout.log

    async def start(self) -> None:
        """Make the files if there are none, start the server and wait until it answers. Started already: nothing.

        Raises AlreadyOwned, InitFailed, StartFailed, BinariesMissing or NoUserNamespace, leaving nothing running.
        """
        if self.state is not State.STOPPED:
            return
        self.state = State.STARTING
        try:
            await asyncio.to_thread(cluster.prepare, self._layout)
            self._lock = await asyncio.to_thread(cluster.take_ownership, self._layout, self._stop_timeout / 4)
            await cluster.ensure_cluster(self._layout, sync=self._sync)
            await self._launch()
        except BaseException:
            await self.stop()
            raise
        self.state = State.RUNNING
        self._ready.set()
        self._supervisor = asyncio.create_task(self._supervise(), name="embedded PostgreSQL")

    async def stop(self) -> None:
        """Fast shutdown (an immediate one when that takes too long) and give the folder up. Stopped already: nothing."""
        self.state = State.STOPPING
        self._ready.clear()
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        await self._end_process()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self.state = State.STOPPED

    async def ready(self) -> None:
        """Wait until the server answers, for instance after it was killed and is being restarted."""
        await self._ready.wait()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        await self.stop()

    async def _launch(self) -> None:
        """Start one postmaster and wait until it answers. Raises StartFailed; nothing of it stays."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._start_timeout
        await cluster.dismiss_orphan(self._layout, patience=self._stop_timeout)
        while not await self._try_launch(deadline):
            # the backends of a killed postmaster still hold its shared memory: they leave within moments
            if loop.time() > deadline:
                raise StartFailed(f"{StartFailed.__doc__} {self.last_error}")
            await asyncio.sleep(FIRST_PAUSE)

    async def _try_launch(self, deadline: float) -> bool:
        said_before = self._log_size()
        process = self._process = await self._spawn()
        try:
            if await self._answers_before(deadline, process):
                return True
        except BaseException:
            await self._end_process()
            raise
        if process.returncode is None:
            await self._end_process()
            raise StartFailed(f"PostgreSQL did not answer within {self._start_timeout:g} s; see {self.log_path}")
        self.last_error = await asyncio.to_thread(self._said_since, said_before)
        if "pre-existing shared memory block" in self.last_error:
            return False
        raise StartFailed(f"PostgreSQL ended with {process.returncode}: {self.last_error}")

    async def _answers_before(self, deadline: float, process: asyncio.subprocess.Process) -> bool:
        loop = asyncio.get_running_loop()
        while process.returncode is None and loop.time() < deadline:
            if await self._answers():
                return True
            await asyncio.sleep(0.02)
        return False

    async def _spawn(self) -> asyncio.subprocess.Process:
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        with self.log_path.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *as_unprivileged(), *tied_to_parent(), program("postgres"),
                "-D", str(self._layout.cluster), "-k", str(self._layout.sockets), *options,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=self._layout.root, env=clean_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is for us, who then stop in our own order
            )  # fmt: skip

    async def _answers(self) -> bool:
        """Whether the server takes a connection to our database, which is made when it is not there yet."""
        try:
            connection = await asyncpg.connect(self.dsn, timeout=5)
        except asyncpg.InvalidCatalogNameError:
            await self._create_database()
            return True
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    async def _create_database(self) -> None:
        connection = await asyncpg.connect(self.dsn_of("postgres"), timeout=5)
        try:
            await connection.execute(f'CREATE DATABASE "{cluster.DATABASE}"')
        finally:
            await connection.close()

    async def _supervise(self) -> None:
        """Keep a server running until we are told to stop; the pause between tries grows while it keeps dying."""
        pause = FIRST_PAUSE
        while (process := self._process) is not None:
            lived = await self._wait_for_end(process)
            if not self._restart:
                self.state = State.STOPPED
                self._ready.clear()
                return
            self.state = State.RESTARTING
            self._ready.clear()
            pause = FIRST_PAUSE if lived > HEALTHY_AFTER else pause
            log.error("postgres_died", pid=process.pid, returncode=process.returncode, retry_in=pause)
            while not await self._relaunched(pause):
                pause = min(pause * 2, LONGEST_PAUSE)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _relaunched(self, pause: float) -> bool:
        await asyncio.sleep(pause)
        try:
            await self._launch()
        except (StartFailed, cluster.OrphanWillNotLeave, OSError) as failure:
            self.last_error = str(failure)
            log.exception("postgres_restart_failed")
            return False
        self.restarts += 1
        self.state = State.RUNNING
        self._ready.set()
        log.warning("postgres_restarted", pid=self.pid, restarts=self.restarts)
        return True

    async def _wait_for_end(self, process: asyncio.subprocess.Process) -> float:
        """Wait until the server ends, keeping its log bounded meanwhile. Answers how many seconds it lived."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while process.returncode is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), LOG_CHECK_EVERY)
            await asyncio.to_thread(cluster.rotate_log, self._layout)
        return loop.time() - begun

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for how, wait in ((signal.SIGINT, self._stop_timeout), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(how)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), wait)

    def _log_size(self) -> int:
        try:
            return self.log_path.stat().st_size
        except FileNotFoundError:
            return 0

    def _said_since(self, offset: int) -> str:
        with self.log_path.open("rb") as said:
            said.seek(offset)
            return said.read(4000).decode(errors="replace").strip() or f"no reason given; see {self.log_path}"


async def check_durability(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Refuse a server that may lose what it said was committed, or is older than PostgreSQL 15. Raises ServerUnsafe.

    A kill -9 does not show that loss, a power cut does; so the settings are looked at, as this session has them.
    """
    version = int(await connection.fetchval("SHOW server_version_num"))
    if version < OLDEST_SERVER:
        raise ServerUnsafe(f"PostgreSQL {version // 10000} is too old: Vezne needs 15 or newer")
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        value = await connection.fetchval("SELECT current_setting($1)", setting)
        if value == "off":
            raise ServerUnsafe(f"PostgreSQL has {setting} = off: a power cut would lose committed money. Turn it on.")


def _tuned() -> dict[str, str]:
    """Server settings for small durable transactions on a shared machine; all durability stays on."""
    return {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": f"{_cache_megabytes()}MB",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        # Right after a checkpoint every page is logged whole: make checkpoints rare and those pages small.
        "wal_compression": "on",
        "checkpoint_timeout": "30min",
        "max_wal_size": "4GB",
        "max_wal_senders": "0",
        "wal_level": "minimal",
        "max_logical_replication_workers": "0",
        "io_method": "sync",  # no extra worker processes for a database that fits in memory
        "autovacuum_max_workers": "2",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] ",
        "log_error_verbosity": "terse",  # the DETAIL of a refused row would put its contents into the log
        "log_parameter_max_length_on_error": "0",
    }


def _cache_megabytes() -> int:
    """An eighth of the memory, between 32 and 256 MB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)
    return max(SMALLEST_CACHE_MB, min(LARGEST_CACHE_MB, memory // 8))
