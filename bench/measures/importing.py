"""A million grants from a CSV: rows a second, memory that does not grow, and an import that was killed and goes on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Bench, Figure, at_most
from bench.processes import Memory, Program, running
from bench.product import gather_statistics
from bench.service import Folder, Service, running_service, vezne
from bench.session import Session

_ROWS = 1_000_000
_ROWS_QUICK = 50_000
_MINOR = 100
_FLAT = 1.1
_WITHIN_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class _Import:
    """A file to import, and where to."""

    service: Service
    folder: Folder
    file: Path
    rows: int

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Program]:
        """`vezne import grants` on the file."""
        output = self.file.with_suffix(".json")
        async with running(
            vezne("import", "grants", str(self.file), "--json"),
            output=output,
            environment=self.folder.told,
            folder=self.folder.path,
        ) as program:
            yield program


async def _measure(session: Session) -> list[Figure]:
    rows = _ROWS_QUICK if session.quick else _ROWS
    async with running_service(session) as service:
        data = session.folder / "service"
        folder = Folder(data, {"DATABASE_URL": service.dsn})
        whole = _Import(service, folder, _write_file(session.folder / "whole.csv", "whole", rows), rows)
        session.say(f"importing {rows:,} grants")
        memory = Memory()
        async with whole.run() as program:
            watch = asyncio.create_task(program.watch_memory(memory))
            await program.finish(_WITHIN_SECONDS)
            watch.cancel()
        told = _told(whole)
        assert told["granted"] == rows, told
        cut = _Import(service, folder, _write_file(session.folder / "cut.csv", "cut", rows // 5), rows // 5)
        session.say(f"importing {cut.rows:,} more, killed half-way and started again")
        resumed_at = await _kill_and_resume(cut)
        await _verify(service, whole.rows + cut.rows)
    return _figures(told, memory, cut.rows, resumed_at)


def _figures(told: dict[str, float], memory: Memory, cut_rows: int, resumed_at: int) -> list[Figure]:
    half = len(memory.samples) // 2
    first, second = max(memory.samples[:half], default=0.0), max(memory.samples[half:], default=0.0)
    rows = int(told["rows"])
    return [
        Figure(what=f"{rows:,} grants imported", value=rows / told["seconds"], unit="rows/s", note=f"{told['seconds']:.0f} s"),
        Figure(
            what="largest resident memory in the second half",
            value=second,
            unit="MiB",
            beside=first,
            beside_what="in the first half",
            target=at_most(_FLAT),
        ),
        Figure(
            what=f"{cut_rows:,} grants, killed with kill -9 and started again",
            value=resumed_at,
            unit="rows",
            note="where it went on; each row granted once",
        ),
    ]


async def _kill_and_resume(cut: _Import) -> int:
    """Kill the import when about half of its rows are granted, run it again to its end, and answer where it went on."""
    before = await cut.service.count("wallet.credited")
    async with cut.run() as program:
        while await cut.service.count("wallet.credited") - before < cut.rows // 2:
            assert program.process.returncode is None, program.said()
            await asyncio.sleep(0.05)
        await program.kill()
    granted = await cut.service.count("wallet.credited") - before
    assert granted < cut.rows, "the import was through before it was killed"
    async with cut.run() as program:
        await program.finish(_WITHIN_SECONDS)
    told = _told(cut)
    assert told["granted"] == cut.rows - granted, (told, granted)
    return int(told["resumed_at_row"])


def _told(done: _Import) -> dict[str, float]:
    """What the import printed."""
    text = done.file.with_suffix(".json").read_text()
    told: dict[str, float] = json.loads(text[text.index("{") :])
    return told


def _write_file(file: Path, name: str, rows: int) -> Path:
    """Grants of money and of credits, which are lots, each to a customer of its own."""
    with file.open("w") as out:
        out.write("customer,kind,currency,amount_minor,type,expires_at,reference\n")
        for number in range(rows):
            kind, currency = ("credits", "CREDIT") if number % 2 else ("money", "TRY")
            out.write(f"{name}-{number},{kind},{currency},{_MINOR},purchased,,{name}-{number}\n")
    return file


async def _verify(service: Service, rows: int) -> None:
    """Every row is there once, and the books are whole."""
    events, held = await service.count("wallet.credited"), await service.held_by_wallets()
    if (events, held) != (rows, rows * _MINOR):
        raise RuntimeError(f"{rows} rows were imported, but {events} grants made and {held} minor units granted")
    await gather_statistics(service.dsn)
    await service.audit()


IMPORTING = Bench(
    name="import",
    title="Importing a million grants",
    about=(
        "`vezne import grants` of a CSV, half of its rows money and half credits (which are lots), every row for a new customer "
        "with a new wallet, beside a running service. Then a fifth as many rows once more: killed with kill -9 when half of them "
        "are granted, and started again. Afterwards every row is there once and the audit is clean."
    ),
    measure=_measure,
)
