"""`vezne run`: PostgreSQL, the HTTP processes, the worker and the sandbox as children of one process.

Children are forked by the nursery and wait for each other by themselves. One that dies is started again, after a pause that
grows while it keeps dying. The kernel ends them when this process dies. The listening sockets are held here: a connection
that arrives while an HTTP process is between two lives waits in the backlog.
"""

import asyncio
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from vezne.app.children import Child, Nursery
from vezne.app.cli_output import NotAvailable
from vezne.app.deployment import Connection, Deployment, postgres_folder
from vezne.app.gate import NOT_MIGRATED, UNREACHABLE, unfit
from vezne.app.processes import listen
from vezne.kernel.postgres import EmbeddedPostgres
from vezne.kernel.postgres_binaries import tied_to_parent
from vezne.kernel.settings import Settings

READY_WITHIN = 120.0
_PROCESS = re.compile(rb"vezne-process: ([0-9]+)")


class CannotStart(NotAvailable):
    """The service could not be started."""


@dataclass(slots=True)
class Running:
    """A started deployment."""

    deployment: Deployment
    connection: Connection
    nursery: Nursery
    children: list[Child] = field(default_factory=list)
    listeners: list[socket.socket] = field(default_factory=list)
    seen_ready: set[int | None] = field(default_factory=set)

    async def stop(self) -> None:
        """Stop in order: no new connections, HTTP finishes, then jobs, then the sandbox."""
        self.deployment.announce(None)
        for listener in self.listeners:
            listener.close()
        for kind in ("http", "worker", "sandbox"):
            await asyncio.gather(*(child.stop() for child in self.children if child.kind == kind))
        await self.nursery.close()


def with_ports(settings: Settings) -> tuple[Settings, list[socket.socket]]:
    """Settings with every port decided, and the listening sockets, one for each HTTP process. Raises CannotStart."""
    try:
        listen(settings.host, settings.port).close()  # unshared: finds out whether anybody has the port already
        first = listen(settings.host, settings.port, shared=True)
        port = first.getsockname()[1]
        count = settings.processes or os.cpu_count() or 1
        listeners = [first, *(listen(settings.host, port, shared=True) for _ in range(count - 1))]
        with listen("127.0.0.1", settings.sandbox_port) as probe:
            sandbox_port = probe.getsockname()[1]
    except OSError as taken:
        raise CannotStart(
            f"{taken.strerror or taken}: {settings.host} port {settings.port}, sandbox {settings.sandbox_port}"
        ) from taken
    return settings.model_copy(update={"port": port, "sandbox_port": sandbox_port}), listeners


@asynccontextmanager
async def database(deployment: Deployment) -> AsyncIterator[EmbeddedPostgres | None]:
    """The embedded PostgreSQL while the block runs, unless the deployment has a database of its own."""
    if not deployment.embedded:
        yield None
        return
    async with EmbeddedPostgres(postgres_folder(deployment.folder)) as postgres:
        yield postgres


async def run(deployment: Deployment, listeners: list[socket.socket], on_ready: Callable[[Running], None]) -> None:
    """Run everything until SIGTERM, SIGINT or SIGHUP, then stop in order. Raises CannotStart."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _sole_owner(deployment):
        await _run(_assemble(deployment, listeners), on_ready, stop)


async def _run(running: Running, on_ready: Callable[[Running], None], stop: asyncio.Event) -> None:
    deployment = running.deployment
    try:
        # children first: they load while the database starts
        await asyncio.gather(*(child.start() for child in running.children))
        async with database(deployment):
            try:
                await _or_stopped(_make_ready(running), stop)
                if not stop.is_set():
                    deployment.announce(running.connection)
                    on_ready(running)
                await stop.wait()
            finally:
                await running.stop()
    finally:
        await running.stop()


@contextmanager
def _sole_owner(deployment: Deployment) -> Iterator[None]:
    """Two supervisors on one data folder would start everything twice. Raises CannotStart."""
    with (deployment.folder / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"Another `vezne run` uses {deployment.folder}.") from None
        yield


def _assemble(deployment: Deployment, listeners: list[socket.socket]) -> Running:
    settings = deployment.settings
    shutil.rmtree(deployment.metrics_folder, ignore_errors=True)  # counts of processes that are gone
    deployment.metrics_folder.mkdir(mode=0o700, parents=True)
    environment = environment_of(deployment)
    nursery = Nursery()
    children = [Child(f"http {number}", "http", nursery, environment, listener) for number, listener in enumerate(listeners, 1)]
    children += [Child(kind, kind, nursery, environment) for kind in ("worker", "sandbox")]
    connection = Connection(f"http://{_host(settings)}:{settings.port}", f"http://127.0.0.1:{settings.sandbox_port}", os.getpid())
    return Running(deployment, connection, nursery, children, listeners)


def environment_of(deployment: Deployment) -> dict[str, str]:
    """What a child is told beside our own environment: what was decided here. Secrets it reads from the data folder itself."""
    settings = deployment.settings
    return {
        "VEZNE_DATA_DIR": str(deployment.folder),
        "VEZNE_HOST": settings.host,
        "PAYMENT_SERVICE_PORT": str(settings.port),
        "VEZNE_SANDBOX_PORT": str(settings.sandbox_port),
        "VEZNE_LOG_LEVEL": settings.log_level,
        "VEZNE_LOG_JSON": str(settings.log_json),
        "PROMETHEUS_MULTIPROC_DIR": str(deployment.metrics_folder),
    }


async def _make_ready(running: Running) -> None:
    """Migrate, make the first tenant where there is none, and wait until the service answers."""
    deployment = running.deployment
    deadline = asyncio.get_running_loop().time() + READY_WITHIN
    reason = await unfit(deployment.dsn)
    while reason == UNREACHABLE and asyncio.get_running_loop().time() < deadline:  # a server of one's own may start later
        await asyncio.sleep(0.2)
        reason = await unfit(deployment.dsn)
    if reason not in {None, NOT_MIGRATED}:
        raise CannotStart(f"The database cannot be used: {reason}.")
    if reason is not None or deployment.demo_tenant() is None:
        await prepare(deployment)
    await _until_all_are_ready(running, deadline)


async def _until_all_are_ready(running: Running, deadline: float) -> None:
    waiting = True
    while waiting:
        ready = {await ready_process(running.connection.url) for _ in range(4)}
        running.seen_ready |= ready
        every = {child.pid for child in running.children if child.kind == "http"}
        waiting = not every <= running.seen_ready or not await _accepts(running.deployment.settings.sandbox_port)
        if asyncio.get_running_loop().time() > deadline:
            raise CannotStart(f"The service was not ready within {READY_WITHIN:g} s; what it logged above says why.")
        await asyncio.sleep(0.03)


async def prepare(deployment: Deployment) -> None:
    """Migrate and make the first tenant, in a process of its own: what that loads is not needed afterwards."""
    process = await asyncio.create_subprocess_exec(
        *tied_to_parent(),
        sys.executable,
        "-m",
        "vezne.app",
        "prepare",
        env={**os.environ, **environment_of(deployment)},
        stdin=subprocess.DEVNULL,
    )
    if await process.wait() != 0:
        raise CannotStart("The database could not be prepared; what was logged above says why.")


async def ready_process(url: str) -> int | None:
    """The process that answers GET /readyz with 200, of those that share the port; None when the one asked is not ready."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: vezne\r\nConnection: close\r\n\r\n")
            answer = (await reader.read()).lower()
            writer.close()
    except (OSError, TimeoutError):
        return None
    found = _PROCESS.search(answer) if b" 200 " in answer.partition(b"\r\n")[0] else None
    return int(found[1]) if found else None


async def _accepts(port: int) -> bool:
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
    except (OSError, TimeoutError):
        return False
    return True


async def _or_stopped(work: "Coroutine[Any, Any, None]", stop: asyncio.Event) -> None:
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if doing.done():
        doing.result()
    doing.cancel()


def _host(settings: Settings) -> str:
    if settings.host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{settings.host}]" if ":" in settings.host else settings.host
