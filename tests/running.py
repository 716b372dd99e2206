"""A whole deployment, started as its user starts it: `vezne run` in a folder of its own, on free ports."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

READY_WITHIN = 60
VEZNE = Path(sys.executable).parent / "vezne"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a command on this data folder, without the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VEZNE_") and name != "DATABASE_URL"}
    return {**kept, "VEZNE_DATA_DIR": str(folder), "VEZNE_SANDBOX_PORT": "0", "VEZNE_PROCESSES": "2", **more}


def vezne(folder: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    command = [str(VEZNE), *arguments]
    return subprocess.run(
        command, env=environment(folder, **more), cwd=folder, capture_output=True, text=True, timeout=90, check=False
    )


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until something holds; how long it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun


@dataclass
class Running:
    """A `vezne run` and where it answers."""

    folder: Path
    process: "subprocess.Popen[str]"
    ready: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.ready['secret_key']}"}

    def is_ready(self) -> bool:
        """Whether several connections in a row, spread over the HTTP processes, are served."""
        with contextlib.suppress(httpx2.TransportError):
            return all(httpx2.get(f"{self.url}/readyz", timeout=2).status_code == 200 for _ in range(6))
        return False

    def processes(self) -> list[psutil.Process]:
        """All processes below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def nursery(self) -> psutil.Process:
        """The process that the others are forked from."""
        return next(one for one in psutil.Process(self.process.pid).children() if "vezne.app.nursery" in one.cmdline())

    def forked(self) -> list[psutil.Process]:
        """HTTP processes, worker and sandbox."""
        return self.nursery().children()

    def postgres(self) -> psutil.Process:
        """The database's first process."""
        return next(one for one in psutil.Process(self.process.pid).children() if one.name() == "postgres")

    def stop(self) -> float:
        """Stop it as a service manager would; how long that took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(40)
        return time.monotonic() - begun


@contextlib.contextmanager
def running(folder: Path, **more: str) -> Iterator[Running]:
    """`vezne run` on a folder while the block runs."""
    with (folder / "run.log").open("a") as log:
        process = subprocess.Popen(
            [str(VEZNE), "run", "--port", "0", "--json"],
            env=environment(folder, **more),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    started = Running(folder, process)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "run.log").read_text()
        started.ready = json.loads(line)
        yield started
    finally:
        if process.poll() is None:
            started.stop()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A deployment that the tests of a worker share; they leave it whole."""
    with running(tmp_path_factory.mktemp("deployment")) as started:
        yield started
