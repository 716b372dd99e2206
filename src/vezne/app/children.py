"""The children of `vezne run`: each kept alive until it is told to stop, all forked by the nursery."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from vezne.app.processes import GRACE_SECONDS, LISTENER_FD
from vezne.kernel.postgres_binaries import tied_to_parent

FIRST_PAUSE, LONGEST_PAUSE, HEALTHY_AFTER = 0.1, 10.0, 30.0
_log = structlog.get_logger("vezne.run")


@dataclass(slots=True)
class Nursery:
    """Our end of `vezne.app.nursery`; one that died is started again when the next child is asked for."""

    environment: Mapping[str, str]
    listeners: tuple[socket.socket, ...]
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None
    _started: "asyncio.Queue[int]" = field(default_factory=asyncio.Queue)
    _ended: "dict[int, asyncio.Future[int]]" = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self, name: str, environment: Mapping[str, str]) -> tuple[int, "asyncio.Future[int]"]:
        """Fork a child: its process id, and its exit code once it has ended."""
        async with self._one_at_a_time:
            process = await self._alive()
            stdin = process.stdin
            if stdin is None:
                raise RuntimeError("the nursery was started without a pipe")
            stdin.write(json.dumps({"start": name, "environment": dict(environment)}).encode() + b"\n")
            await stdin.drain()
            pid = await self._started.get()
        if pid == 0:
            raise ConnectionResetError("the nursery ended")
        return pid, self._ended.setdefault(pid, asyncio.get_running_loop().create_future())

    async def close(self) -> None:
        """End the nursery, which has no children any more."""
        if self._reader is not None:
            self._reader.cancel()
        if self._process is not None and self._process.returncode is None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            await self._process.wait()

    async def _alive(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *tied_to_parent(), sys.executable, "-m", "vezne.app.nursery",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **self.environment},
                pass_fds=[listener.fileno() for listener in self.listeners],
                start_new_session=True,  # Ctrl-C in the terminal is for us, who then stop in our own order
            )  # fmt: skip
            self._started = asyncio.Queue()
            self._reader = asyncio.create_task(self._read(self._process), name="nursery")
        return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        while process.stdout is not None and (line := await process.stdout.readline()):
            message = json.loads(line)
            if "started" in message:
                self._started.put_nowait(message["started"])
            else:
                self._ended.setdefault(message["ended"], loop.create_future()).set_result(message["code"])
        await process.wait()
        self._started.put_nowait(0)
        for ended in self._ended.values():  # the kernel has told them to stop
            if not ended.done():
                ended.set_result(-signal.SIGINT)


@dataclass(slots=True)
class Child:
    """One process of ours, kept alive until it is told to stop."""

    name: str
    kind: str
    nursery: Nursery
    environment: Mapping[str, str]
    listener: socket.socket | None = None
    restarts: int = 0
    pid: int = 0
    _ended: "asyncio.Future[int] | None" = None
    _keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and keep it alive from now on."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep(), name=self.name)

    async def stop(self, patience: float = GRACE_SECONDS + 5) -> None:
        """Tell it to finish what it began and wait for that; kill it when `patience` (seconds) is over."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
            if self._ended is None or self._ended.done():
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._ended), wait)

    async def _spawn(self) -> None:
        own = {} if self.listener is None else {LISTENER_FD: str(self.listener.fileno())}
        self.pid, self._ended = await self.nursery.start(self.kind, {**self.environment, **own})

    async def _keep(self) -> None:
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        while self._ended is not None:
            begun = loop.time()
            code = await asyncio.shield(self._ended)
            if loop.time() - begun > HEALTHY_AFTER:
                pause = FIRST_PAUSE
            _log.error("process_died", process=self.name, pid=self.pid, code=code, retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self.restarts += 1
            with contextlib.suppress(OSError):  # the nursery died meanwhile: the old future is done, so we come by again
                await self._spawn()
