"""Starting: from the command to the first answer, and what the whole holds in memory."""

import asyncio
import shutil
from pathlib import Path

from bench.figures import Bench, Figure, under
from bench.processes import Program, running
from bench.service import Folder, free_port, vezne
from bench.session import Session

_STARTS = 3
_ROOT = Path(__file__).parents[2]


async def _measure(session: Session) -> list[Figure]:
    data = session.folder / "starting"
    data.mkdir()
    first, memory, processes = await _start(session, data)
    seconds = []
    for number in range(1 if session.quick else _STARTS):
        session.say(f"`vezne run`, start {number + 2}")
        again, memory, processes = await _start(session, data)
        seconds.append(again)
    figures = [
        Figure(what="`vezne run`, the first start", value=first, unit="s", note="makes the database and the first tenant"),
        Figure(what="`vezne run` thereafter, the slowest", value=max(seconds), unit="s", target=under(3)),
        Figure(what="memory of all processes together, idle", value=memory, unit="MiB", note=f"PSS: {processes}"),
    ]
    if not session.quick:
        figures.append(await _start_from_a_clone(session))
    return figures


async def _start(session: Session, data: Path) -> tuple[float, float, str]:
    """Seconds until it answers, then its memory in MiB and the largest parts of it."""
    port = free_port()
    async with running(
        vezne("run", "--port", str(port)), output=session.folder / "starting.log", environment=_environment(data), folder=data
    ) as program:
        seconds = await program.answers(port)
        await asyncio.sleep(2.0)  # what is loaded in the first moments counts too
        return seconds, *_memory(program)


def _memory(program: Program) -> tuple[float, str]:
    footprints = program.footprints()
    database = sum(each.pss_mib for each in footprints if each.command.startswith("postgres"))
    whole = sum(each.pss_mib for each in footprints)
    return whole, f"PostgreSQL {database:.0f}, all others {whole - database:.0f}"


def _environment(data: Path) -> dict[str, str]:
    return Folder(data).told


async def _start_from_a_clone(session: Session) -> Figure:
    """`make run` in a fresh clone of the last commit; package caches are as warm as this machine's."""
    session.say("`make run` in a fresh clone")
    clone, port = session.folder / "clone", free_port()
    await _run("git", "clone", "--quiet", "--no-hardlinks", str(_ROOT), str(clone))
    environment = Folder(clone / "var", {"PAYMENT_SERVICE_PORT": str(port)}).told
    async with running(["make", "run"], output=session.folder / "clone.log", environment=environment, folder=clone) as program:
        seconds = await program.answers(port, within=600.0)
    await asyncio.to_thread(shutil.rmtree, clone, ignore_errors=True)
    return Figure(what="`make run` in a fresh clone", value=seconds, unit="s", note="package cache warm", target=under(60))


async def _run(*argv: str) -> None:
    process = await asyncio.create_subprocess_exec(*argv)
    assert await process.wait() == 0, argv


STARTING = Bench(
    name="start",
    title="Starting, and memory",
    about=(
        "From the command until `/readyz` answers 200: PostgreSQL, the HTTP processes, the worker and the sandbox. Memory is "
        "the proportional set size (a page that several processes share counts once) of all of them two seconds later. The "
        "fresh clone makes its virtual environment, installs packages and builds the pages' assets first."
    ),
    measure=_measure,
)
