"""`vezne import`: what comes from elsewhere."""

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vezne import ledger, wallets
from vezne.app import grants_file
from vezne.app.cli_output import Exit, JsonOption, TenantOption, err, run_async, show
from vezne.app.desk import Desk, desk
from vezne.app.grants_file import Row
from vezne.app.tenants import find_tenant
from vezne.kernel.principal import Principal

ROWS_AT_ONCE = 2000
MOST_REFUSALS_LISTED = 100

commands = typer.Typer()
imports = typer.Typer(no_args_is_help=True, help="Bring in what was kept elsewhere.")
commands.add_typer(imports, name="import")


@imports.callback()
def describe() -> None:
    """Bring in what was kept elsewhere."""


@dataclass(slots=True)
class Outcome:
    """What an import has done so far."""

    rows: int = 0
    granted: int = 0
    granted_before: int = 0
    refused: int = 0
    refusals: list[dict[str, Any]] = field(default_factory=list)


class Bookmark:
    """How many rows of a file are done, for a tenant: kept in the data folder until the file is whole.

    Losing it costs time only: a row granted before is known by its reference and not granted again.
    """

    def __init__(self, open_desk: Desk, tenant_id: int, fingerprint: str) -> None:
        self._file = open_desk.deployment.folder / "imports" / f"{tenant_id}-{fingerprint}.json"

    def read(self) -> int:
        """Rows done so far."""
        try:
            return int(json.loads(self._file.read_text())["rows"])
        except (FileNotFoundError, ValueError, KeyError):
            return 0

    def write(self, rows: int) -> None:
        """These many rows are committed."""
        self._file.parent.mkdir(mode=0o700, exist_ok=True)
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps({"rows": rows}))
        beside.replace(self._file)

    def remove(self) -> None:
        """The file is whole."""
        self._file.unlink(missing_ok=True)


@imports.command()
def grants(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="a CSV; see the documentation")],
    *,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Grant balances from a CSV with the columns customer, kind, currency, amount_minor, type, expires_at, reference.

    All rows are checked before the first is granted. An import that was interrupted goes on where it stopped when it is
    started again; a row is known by its reference and granted once. Exit 1 when rows were refused.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    begun = time.monotonic()
    with Progress(*columns, console=err, disable=as_json or not err.is_terminal, transient=True) as progress:
        checking = progress.add_task("checking", total=None)
        total = grants_file.check(file)
        progress.remove_task(checking)
        bar = progress.add_task("granting", total=total)
        outcome, resumed_at = run_async(_grant_all(file, tenant, lambda rows: progress.update(bar, completed=rows)))
    seconds = time.monotonic() - begun
    facts = {
        "file": str(file),
        "rows": total,
        "resumed_at_row": resumed_at,
        "granted": outcome.granted,
        "granted_before": outcome.granted_before,
        "refused": outcome.refused,
        "refusals": outcome.refusals,
        "seconds": round(seconds, 2),
        "rows_per_second": round((total - resumed_at) / seconds) if seconds else None,
    }
    show(facts, as_json=as_json, title="imported")
    if outcome.refused:
        raise typer.Exit(Exit.WRONG)


async def _grant_all(file: Path, tenant: str | None, tell: Callable[[int], None]) -> tuple[Outcome, int]:
    async with desk() as open_desk:
        principal = (await find_tenant(open_desk, tenant)).principal("import")
        bookmark = Bookmark(open_desk, principal.tenant_id, grants_file.fingerprint(file))
        done = resumed_at = bookmark.read()
        outcome = Outcome()
        for rows in _chunks(itertools.islice(grants_file.rows_of(file), done, None)):
            await _grant(open_desk, principal, rows, outcome)
            done += len(rows)
            bookmark.write(done)
            tell(done)
        bookmark.remove()
    return outcome, resumed_at


def _chunks(rows: Iterator[Row]) -> Iterable[list[Row]]:
    while chunk := list(itertools.islice(rows, ROWS_AT_ONCE)):
        yield chunk


async def _grant(open_desk: Desk, principal: Principal, rows: list[Row], outcome: Outcome) -> None:
    asked = [row.grant for row in rows if row.grant is not None]
    async with open_desk.db.transaction(principal) as tx:
        answers = await wallets.grant_many(tx, asked)
    outcome.rows += len(rows)
    for row, answer in zip(rows, answers, strict=True):
        if isinstance(answer, ledger.Refused):
            outcome.refused += 1
            if len(outcome.refusals) < MOST_REFUSALS_LISTED:
                outcome.refusals.append({"line": row.line, "code": answer.error.code(), "detail": answer.error.detail})
        elif answer.again:
            outcome.granted_before += 1
        else:
            outcome.granted += 1
