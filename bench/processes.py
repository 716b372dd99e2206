"""Programs of the product run as a user would run them: started, watched for readiness and memory, and stopped again."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_STOP_SECONDS = 30.0
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Footprint:
    """A process's memory: what is its own, with its share of what it shares (PSS), in MiB."""

    command: str
    pss_mib: float


@dataclass(slots=True)
class Memory:
    """Samples of a process tree's memory in MiB while it worked, oldest first."""

    samples: list[float] = field(default_factory=list)

    @property
    def peak(self) -> float:
        """The largest sample."""
        return max(self.samples, default=0.0)

    def mean_of_quarter(self, quarter: int) -> float:
        """The mean of one quarter (0 to 3) of the samples: comparing the second with the last shows whether memory stays flat."""
        size = max(len(self.samples) // 4, 1)
        part = self.samples[quarter * size : (quarter + 1) * size] or self.samples[-1:]
        return sum(part) / len(part) if part else 0.0


class Program:
    """A running program with its children."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self.process = process
        self.output = output
        self.began = time.perf_counter()

    async def answers(self, port: int, path: str = "/readyz", within: float = 60.0) -> float:
        """Wait until GET `path` on the loopback `port` answers 200: the seconds since the start.

        Raises RuntimeError with what the program said if it ends before, or never answers.
        """
        while time.perf_counter() - self.began < within:
            if self.process.returncode is not None:
                raise RuntimeError(f"the program ended with {self.process.returncode}:\n{self.said()}")
            if await _is_answered(port, path):
                return time.perf_counter() - self.began
            await asyncio.sleep(0.02)
        raise RuntimeError(f"no answer on {path} within {within:g} s:\n{self.said()}")

    def said(self) -> str:
        """The end of what the program printed."""
        return self.output.read_text(errors="replace")[-3000:]

    def footprints(self) -> list[Footprint]:
        """The memory of each process of the tree, largest first."""
        found: list[Footprint] = []
        for process in _tree(self.process.pid):
            with contextlib.suppress(psutil.Error):
                found.append(Footprint(_short(process.cmdline()) or process.name(), process.memory_full_info().pss / _MIB))
        return sorted(found, key=lambda footprint: -footprint.pss_mib)

    async def watch_memory(self, memory: Memory, every: float = 0.25) -> None:
        """Add the tree's resident memory to `memory` again and again, until cancelled."""
        while True:
            memory.samples.append(sum(_resident(process) for process in _tree(self.process.pid)) / _MIB)
            await asyncio.sleep(every)

    async def finish(self, within: float) -> None:
        """Wait for the program's own end; raises RuntimeError with what it said if it failed."""
        if await asyncio.wait_for(self.process.wait(), within):
            raise RuntimeError(f"the program ended with {self.process.returncode}:\n{self.said()}")

    async def kill(self) -> None:
        """Kill the program at once (its children follow as they see fit) and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def running(
    argv: Sequence[str], *, output: Path, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> AsyncIterator[Program]:
    """A program started in a session of its own; at the end it is asked to stop, and its whole session killed if it will not."""
    with output.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield Program(process, output)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _short(command: Sequence[str]) -> str:
    """The command line without the folders in it: they say where things lie on this machine, not what runs."""
    return " ".join(word.rsplit("/", 1)[-1] if word.startswith("/") else word for word in command)[:80].strip()


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


async def _is_answered(port: int, path: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        return b" 200 " in await asyncio.wait_for(reader.readline(), 5.0)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
