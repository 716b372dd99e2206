"""A real `vezne run` in a folder of its own, whose processes can be found and killed."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import httpx2
import psutil

Kind = Literal["http", "worker", "sandbox", "postgres", "nursery", "run"]
KINDS: tuple[Kind, ...] = ("http", "worker", "sandbox", "postgres", "nursery", "run")
READY_WITHIN = 120.0


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Running:
    """`vezne run` and what it started. Only its own processes are ever signalled."""

    folder: Path
    port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)
    database_url: str | None = None
    process: subprocess.Popen[bytes] | None = None
    secret_key: str = ""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What it is made of."""
        return KINDS if self.database_url is None else tuple(kind for kind in KINDS if kind != "postgres")

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """Where its sandbox answers."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def sandbox_key(self) -> str:
        """Our key at the simulated provider."""
        return str(json.loads((self.folder / "data" / "secrets.json").read_text())["simulated_api_key"])

    @property
    def environment(self) -> dict[str, str]:
        """What its commands are told."""
        return {
            **os.environ,
            "VEZNE_DATA_DIR": str(self.folder / "data"),
            "VEZNE_SANDBOX_PORT": str(self.sandbox_port),
            "PAYMENT_SERVICE_PORT": str(self.port),
            **({} if self.database_url is None else {"DATABASE_URL": self.database_url}),
        }

    async def start(self) -> None:
        """Start, and wait until it is ready."""
        with (self.folder / "out").open("wb") as out, (self.folder / "log").open("ab") as log:
            self.process = self._spawn(out, log)
        async with asyncio.timeout(READY_WITHIN):
            while not (said := (self.folder / "out").read_text()).strip().endswith("}"):
                assert self.process.poll() is None, (self.folder / "log").read_text()[-4000:]
                await asyncio.sleep(0.05)
        self.secret_key = json.loads(said)["secret_key"]

    def _spawn(self, out: IO[bytes], log: IO[bytes]) -> "subprocess.Popen[bytes]":
        vezne = str(Path(sys.executable).with_name("vezne"))
        return subprocess.Popen([vezne, "run", "--json"], env=self.environment, stdout=out, stderr=log, stdin=subprocess.DEVNULL)

    async def stop(self) -> None:
        """Stop in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            await asyncio.to_thread(self.process.wait, 60)

    def pids(self, kind: Kind) -> list[int]:
        """The processes of a kind that live just now."""
        assert self.process is not None
        if kind == "run":
            return [self.process.pid]
        return [found.pid for found in psutil.Process(self.process.pid).children(recursive=True) if self._kind(found) == kind]

    def _kind(self, found: psutil.Process) -> Kind | None:
        assert self.process is not None
        try:
            command, parent = found.cmdline(), found.ppid()
            ports = {at.laddr.port for at in found.net_connections("inet") if at.status == psutil.CONN_LISTEN}
        except psutil.Error:
            return None
        if any(word.endswith("bin/postgres") for word in command):
            return "postgres" if parent == self.process.pid else None
        if "vezne.app.nursery" not in command:
            return None
        if parent == self.process.pid:
            return "nursery"
        if self.port in ports:
            return "http"
        return "sandbox" if self.sandbox_port in ports else "worker"

    async def kill(self, kind: Kind, choice: float) -> bool:
        """kill -9 one process of a kind; False when none lives just now. `run` itself is then started again."""
        pids = self.pids(kind)
        if not pids:
            return False
        everyone = [] if kind != "run" else psutil.Process(pids[0]).children(recursive=True)
        with suppress(ProcessLookupError):
            os.kill(pids[int(choice * len(pids))], signal.SIGKILL)
        if kind == "run":
            assert self.process is not None
            self.process.wait()
            _, alive = await asyncio.to_thread(psutil.wait_procs, everyone, 20)
            assert not alive, f"outlived the process that started them: {alive}"
            await self.start()
        return True

    def kill_peer(self, port: int) -> Kind | None:
        """kill -9 the process that is connected to somewhere from this port; of which kind it was."""
        assert self.process is not None
        for found in psutil.Process(self.process.pid).children(recursive=True):
            if any(at.laddr.port == port and at.status == psutil.CONN_ESTABLISHED for at in found.net_connections("inet")):
                kind = self._kind(found)
                found.kill()
                return kind
        return None

    async def settled(self) -> None:
        """Wait until every kind of process lives and the service is ready."""
        async with asyncio.timeout(READY_WITHIN), httpx2.AsyncClient(trust_env=False) as http:
            while True:
                with suppress(httpx2.TransportError):
                    ready = await http.get(f"{self.url}/readyz", timeout=5)
                    if ready.status_code == 200 and all(self.pids(kind) for kind in self.kinds):
                        return
                await asyncio.sleep(0.1)

    async def command(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        """What `vezne … --json` answers; it must succeed."""
        vezne = str(Path(sys.executable).with_name("vezne"))
        process = await asyncio.create_subprocess_exec(
            vezne, *words, "--json", env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, error = await process.communicate()
        assert process.returncode == 0, (words, process.returncode, out.decode()[-2000:], error.decode()[-2000:])
        return json.loads(out)


@asynccontextmanager
async def vezne_run(folder: Path, database_url: str | None = None) -> AsyncIterator[Running]:
    """`vezne run` while the block runs, with a database of its own or on the one that is given."""
    running = Running(folder, database_url=database_url)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()
