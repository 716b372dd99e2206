"""The embedded PostgreSQL: whatever is killed, what was committed stays, and it comes back."""

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import asyncpg
import psutil
import pytest

from vezne.kernel.postgres import EmbeddedPostgres, ServerUnsafe, StartFailed, State, check_durability
from vezne.kernel.postgres_binaries import as_unprivileged, program
from vezne.kernel.postgres_cluster import LONGEST_SOCKET_PATH, SOCKET_NAME, AlreadyOwned, Layout, rotate_log

OWNER = """
import asyncio, sys
from pathlib import Path
from vezne.kernel.postgres import EmbeddedPostgres

async def main():
    async with EmbeddedPostgres(Path(sys.argv[1]), sync=False) as postgres:
        print(postgres.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def made(folder: Path, **options: object) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder / "data", sync=False, settings={"shared_buffers": "32MB"}, **options)  # type: ignore[arg-type]


@pytest.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    async with made(tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def connected(postgres: EmbeddedPostgres) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(postgres.dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def write_a_note(postgres: EmbeddedPostgres) -> None:
    async with connected(postgres) as connection:
        await connection.execute("CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes VALUES (1)")


async def notes(postgres: EmbeddedPostgres) -> int:
    async with connected(postgres) as connection:
        count: int = await connection.fetchval("SELECT count(*) FROM notes")
        return count


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.02)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_it_starts_stops_and_starts_again_with_its_data(tmp_path: Path) -> None:
    async with made(tmp_path) as first:
        await write_a_note(first)
        pid, address = first.pid, first.dsn
        assert pid is not None
    assert first.state is State.STOPPED
    assert is_gone(pid)
    begun = time.monotonic()
    async with made(tmp_path) as second:
        print(f"later start: {time.monotonic() - begun:.3f} s")
        assert second.dsn == address
        assert await notes(second) == 1


async def test_starting_a_started_server_and_stopping_a_stopped_one_change_nothing(postgres: EmbeddedPostgres) -> None:
    pid = postgres.pid
    await postgres.start()
    assert postgres.pid == pid
    await postgres.stop()
    await postgres.stop()
    assert postgres.pid is None


async def test_it_listens_on_a_private_socket_and_nowhere_else(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    listening = [c for c in psutil.Process(postgres.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == []
    for folder in (tmp_path / "data", tmp_path / "data" / "cluster"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_long_folder_name_still_gets_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)
    layout = Layout(deep / "data")
    assert len(os.fsencode(layout.sockets / SOCKET_NAME)) <= LONGEST_SOCKET_PATH
    async with made(deep) as postgres, connected(postgres) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert stat.S_IMODE(layout.sockets.stat().st_mode) == 0o700
    layout.sockets.rmdir()


async def test_a_second_owner_is_refused_and_told_who_the_first_is(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with pytest.raises(AlreadyOwned, match=str(os.getpid())):
        await made(tmp_path, stop_timeout=0.4).start()
    assert await _answers(postgres)


async def test_a_killed_postmaster_is_restarted_and_keeps_what_was_committed(postgres: EmbeddedPostgres) -> None:
    await write_a_note(postgres)
    for lives in (1, 2):
        pid = postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(partial(_has_restarted, postgres, lives))
        await asyncio.wait_for(postgres.ready(), 20)
        assert postgres.state is State.RUNNING
        assert postgres.pid != pid
        assert await notes(postgres) == 1


async def test_a_killed_postmaster_stays_dead_when_asked_so(tmp_path: Path) -> None:
    async with made(tmp_path, restart=False) as postgres:
        assert postgres.pid is not None
        os.kill(postgres.pid, signal.SIGKILL)
        await until(lambda: postgres.state is State.STOPPED)
        assert postgres.pid is None


async def test_the_next_start_after_a_killed_owner_works_at_once(tmp_path: Path) -> None:
    owner = await _owner_process(tmp_path / "data")
    pid = await _said_pid(owner)
    owner.kill()
    await owner.wait()
    async with made(tmp_path) as postgres:  # at once: the old server may still be shutting down
        assert await _answers(postgres)
        assert postgres.pid != pid
        assert is_gone(pid)


async def test_a_killed_owner_takes_its_server_along(tmp_path: Path) -> None:
    owner = await _owner_process(tmp_path / "data")
    pid = await _said_pid(owner)
    assert not is_gone(pid)
    owner.kill()
    await owner.wait()
    await until(lambda: is_gone(pid))


async def test_a_server_left_without_an_owner_is_dismissed(tmp_path: Path) -> None:
    """As after a kill where no parent-death signal was to be had."""
    async with made(tmp_path) as first:
        await write_a_note(first)
    orphan = await asyncio.create_subprocess_exec(
        *as_unprivileged(),
        program("postgres"),
        "-D", str(tmp_path / "data" / "cluster"), "-k", str(tmp_path / "data" / "socket"),
        "-c", "listen_addresses=", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    await until((tmp_path / "data" / "socket" / SOCKET_NAME).exists)
    async with made(tmp_path) as postgres:
        assert await notes(postgres) == 1
        assert await orphan.wait() is not None


async def test_a_pid_file_that_names_another_living_program_is_no_hindrance(tmp_path: Path) -> None:
    """As after a reboot, when the number has been given to someone else."""
    async with made(tmp_path):
        pass
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    (tmp_path / "data" / "cluster" / "postmaster.pid").write_text(f"{stranger.pid}\n/elsewhere\n")
    async with made(tmp_path) as postgres:
        assert await _answers(postgres)
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


async def test_a_death_half_way_through_the_first_start_leaves_nothing_half_made(tmp_path: Path) -> None:
    half = tmp_path / "data" / "cluster.unfinished"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with made(tmp_path) as postgres:
        assert await _answers(postgres)
    assert not half.exists()


async def test_a_server_that_cannot_start_says_why_and_gives_the_folder_up(tmp_path: Path) -> None:
    broken = EmbeddedPostgres(tmp_path / "data", sync=False, settings={"shared_buffers": "nonsense"})
    with pytest.raises(StartFailed, match="nonsense"):
        await broken.start()
    assert broken.state is State.STOPPED
    async with made(tmp_path) as postgres:
        assert await _answers(postgres)


async def test_the_embedded_server_is_durable(postgres: EmbeddedPostgres) -> None:
    async with connected(postgres) as connection:
        await check_durability(connection)
        assert await connection.fetchval("SHOW data_checksums") == "on"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"


@pytest.mark.parametrize("weakened", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_may_lose_money_is_refused(tmp_path: Path, weakened: str) -> None:
    unsafe = EmbeddedPostgres(tmp_path / "data", sync=False, settings={weakened: "off"})
    async with unsafe, connected(unsafe) as connection:
        with pytest.raises(ServerUnsafe, match=weakened):
            await check_durability(connection)


def test_the_log_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vezne.kernel.postgres_cluster.LARGEST_LOG", 10)
    layout = Layout(tmp_path)
    layout.log.write_text("a line too many")
    rotate_log(layout)
    assert layout.log.read_text() == ""
    assert layout.log.with_suffix(".log.old").read_text() == "a line too many"


def _has_restarted(postgres: EmbeddedPostgres, times: int) -> bool:
    return postgres.restarts >= times


async def _answers(postgres: EmbeddedPostgres) -> bool:
    async with connected(postgres) as connection:
        return bool(await connection.fetchval("SELECT true"))


async def _owner_process(data_dir: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, str(data_dir), stdout=subprocess.PIPE)


async def _said_pid(owner: asyncio.subprocess.Process) -> int:
    assert owner.stdout is not None
    return int(await asyncio.wait_for(owner.stdout.readline(), 60))
