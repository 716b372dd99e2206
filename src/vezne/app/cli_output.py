"""What every command shares: how it speaks, and how it ends."""

import asyncio
import enum
import json
from collections.abc import Coroutine, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import asyncpg
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from vezne.kernel.errors import Refusal, Unavailable
from vezne.kernel.postgres import ServerUnsafe, StartFailed
from vezne.kernel.postgres_binaries import BinariesMissing, NoUserNamespace
from vezne.kernel.postgres_cluster import AlreadyOwned, InitFailed, OrphanWillNotLeave

T = TypeVar("T")

JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON on standard output.")]
TenantOption = Annotated[
    str | None, typer.Option("--tenant", help="The tenant: its id (ten_…) or slug. Default: the tenant of the first start.")
]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class Exit(enum.IntEnum):
    """How a command ends."""

    DONE = 0
    WRONG = 1
    USAGE = 2
    REFUSED = 3
    UNAVAILABLE = 4


class NotAvailable(RuntimeError):
    """Something the command needs is not there just now."""


_UNAVAILABLE = (
    NotAvailable,
    Unavailable,
    ServerUnsafe,
    StartFailed,
    BinariesMissing,
    NoUserNamespace,
    AlreadyOwned,
    InitFailed,
    OrphanWillNotLeave,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    ConnectionError,
    TimeoutError,
)


def exit_code_of(error: Exception) -> Exit | None:
    """How the command ends when `error` was raised; None for a bug."""
    if isinstance(error, _UNAVAILABLE):
        return Exit.UNAVAILABLE
    if isinstance(error, ValidationError):
        return Exit.USAGE
    if isinstance(error, Refusal | RuntimeError | OSError):
        return Exit.REFUSED
    return None


def report_error(error: Exception, *, as_json: bool) -> None:
    """Say on standard error why nothing came of it."""
    detail = _told(error)
    if as_json:
        code = error.code() if isinstance(error, Refusal) else Refusal.code.__func__(type(error))  # type: ignore[attr-defined]
        err.print_json(json.dumps({"detail": detail, "code": code}))
    else:
        err.print(f"vezne: {detail}", style="red", markup=False, soft_wrap=True)


def _told(error: Exception) -> str:
    if isinstance(error, ValidationError):  # of the settings: the values may be secret, the names are not
        return "; ".join(
            f"setting {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False)
        )
    return str(error) or (type(error).__doc__ or type(error).__name__).strip().splitlines()[0]


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work to its end."""
    return asyncio.run(work)


def show(facts: Mapping[str, Any], *, as_json: bool, title: str | None = None) -> None:
    """Print one thing."""
    if as_json:
        typer.echo(json.dumps(facts, default=str))
        return
    if title:
        out.print(title, style="bold", markup=False)
    for name, value in facts.items():
        text = json.dumps(value) if isinstance(value, dict | list) else value
        out.print(f"  {name}: {text}", markup=False, soft_wrap=True)


def show_all(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print a list of like things as a table."""
    if as_json:
        typer.echo(json.dumps({"data": list(rows)}, default=str))
        return
    if not rows:
        out.print(empty, markup=False)
        return
    table = Table(box=None, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table)
