"""The children of `vezne run`: each kept alive until it is told to stop, all forked by the nursery."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from vezne.app import early
from vezne.app.processes import GRACE_SECONDS

FIRST_PAUSE, LONGEST_PAUSE, HEALTHY_AFTER = 0.1, 10.0, 30.0
LARGEST_PACKET = 4096
_log = structlog.get_logger("vezne.run")


@dataclass(slots=True)
class Nursery:
    """Our end of `vezne.app.nursery`; one that died is started again when the next child is asked for."""

    _process: "subprocess.Popen[bytes] | None" = None
    _orders: socket.socket | None = None
    _started: "asyncio.Future[int] | None" = None
    _ended: "dict[int, asyncio.Future[int]]" = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(
        self, name: str, environment: Mapping[str, str], listener: socket.socket | None
    ) -> tuple[int, "asyncio.Future[int]"]:
        """Fork a child: its process id, and its exit code once it has ended. Raises OSError when the nursery died."""
        async with self._one_at_a_time:
            orders = self._orders or self._open()
            self._started = asyncio.get_running_loop().create_future()
            order = json.dumps({"start": name, "environment": dict(environment)}).encode()
            socket.send_fds(orders, [order], [] if listener is None else [listener.fileno()])
            pid = await self._started
        return pid, self._ended[pid]

    async def close(self) -> None:
        """End the nursery, which has no children any more."""
        if self._orders is not None:
            self._close(self._orders)

    def _open(self) -> socket.socket:
        self._process, orders = early.take()
        orders.setblocking(False)
        asyncio.get_running_loop().add_reader(orders, self._read, orders)
        self._orders = orders
        return orders

    def _read(self, orders: socket.socket) -> None:
        try:
            packet = orders.recv(LARGEST_PACKET)
        except ConnectionError:
            packet = b""
        if not packet:
            self._close(orders)
            return
        message = json.loads(packet)
        if "ended" in message:
            self._ended.pop(message["ended"]).set_result(message["code"])
            return
        pid = message["started"]
        self._ended[pid] = asyncio.get_running_loop().create_future()
        if self._started is not None and not self._started.done():
            self._started.set_result(pid)

    def _close(self, orders: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(orders)
        orders.close()
        self._orders = None
        if self._process is not None:
            self._process.wait()  # it ends with its socket
        if self._started is not None and not self._started.done():
            self._started.set_exception(ConnectionResetError("the nursery died"))
        for ended in self._ended.values():  # the kernel has told its children to stop
            ended.set_result(-signal.SIGINT)
        self._ended.clear()


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
        self.pid, self._ended = await self.nursery.start(self.kind, self.environment, self.listener)

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
