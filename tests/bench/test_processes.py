import asyncio
import socket
import sys
from pathlib import Path

import psutil
import pytest
from bench.processes import Memory, running

pytestmark = pytest.mark.unit


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_program_is_watched_until_it_answers_and_stopped_at_the_end(tmp_path: Path) -> None:
    port = free_port()
    serve = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    async with running(serve, output=tmp_path / "said") as program:
        assert 0 < await program.answers(port, "/", within=20) < 20
        footprints = program.footprints()
        assert len(footprints) == 1
        assert "-m http.server" in footprints[0].command
        assert "/" not in footprints[0].command
        assert 1 < footprints[0].pss_mib < 200
    assert not psutil.pid_exists(program.process.pid)


async def test_a_program_that_ends_early_is_reported_with_what_it_said(tmp_path: Path) -> None:
    async with running([sys.executable, "-c", "raise SystemExit('no disk')"], output=tmp_path / "said") as program:
        with pytest.raises(RuntimeError, match="ended with 1:\nno disk"):
            await program.answers(free_port(), within=20)


async def test_memory_is_sampled_while_a_program_works(tmp_path: Path) -> None:
    memory = Memory()
    async with running(
        [sys.executable, "-c", "import time; x = bytearray(30_000_000); time.sleep(0.5)"], output=tmp_path / "said"
    ) as program:
        watching = asyncio.create_task(program.watch_memory(memory, every=0.05))
        await program.finish(within=20)
        watching.cancel()
    assert memory.peak > 30


def test_quarters_show_whether_memory_stays_flat() -> None:
    memory = Memory([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0])
    assert [memory.mean_of_quarter(quarter) for quarter in range(4)] == [1, 2, 3, 4]
    assert Memory().peak == Memory().mean_of_quarter(3) == 0
