"""`vezne migrate`, `backup` and `restore`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from vezne.app.audit import audit_all
from vezne.app.cli_output import Exit, JsonOption, err, run_async, show
from vezne.app.desk import server
from vezne.app.reactions import REACTIONS
from vezne.kernel.backup import backup as make_backup
from vezne.kernel.backup import restore as restore_backup
from vezne.kernel.db import Database, open_pool
from vezne.kernel.migrate import migrate as apply_migrations

commands = typer.Typer()


@commands.command()
def migrate(*, as_json: JsonOption = False) -> None:
    """Bring the database to this version's schema. Again: nothing."""

    async def bring() -> list[str]:
        async with server(may_make=True) as deployment:
            return await apply_migrations(deployment.dsn)

    show({"applied": run_async(bring())}, as_json=as_json)


@commands.command()
def backup(
    file: Annotated[Path, typer.Argument(help="where to; nothing is overwritten")], *, as_json: JsonOption = False
) -> None:
    """Write the whole database, as it stands at one moment, into one file. The service may go on working."""

    async def write(progress: Progress) -> dict[str, Any]:
        bar = progress.add_task("backup", total=None)
        async with server() as deployment:
            made = await make_backup(
                deployment.dsn, file, progress=lambda done, whole: progress.update(bar, completed=done, total=whole)
            )
        return made.model_dump(mode="json")

    with Progress(console=err, disable=as_json or not err.is_terminal, transient=True) as progress:
        manifest = run_async(write(progress))
    show({"file": str(file), **manifest}, as_json=as_json, title="backed up")


@commands.command()
def restore(file: Annotated[Path, typer.Argument(help="a file that `backup` wrote")], *, as_json: JsonOption = False) -> None:
    """Restore a backup into an empty database, migrate it, and audit it. Exit 1: the audit found something wrong."""

    async def bring_back(progress: Progress) -> dict[str, Any]:
        bar = progress.add_task("restore", total=None)
        async with server(may_make=True) as deployment:
            await restore_backup(
                deployment.dsn, file, progress=lambda done, whole: progress.update(bar, completed=done, total=whole)
            )
            applied = await apply_migrations(deployment.dsn)
            findings = await _audit(deployment.dsn, progress)
        return {"file": str(file), "migrated": applied, "audit": "clean" if not findings else "wrong", "findings": findings}

    with Progress(console=err, disable=as_json or not err.is_terminal, transient=True) as progress:
        result = run_async(bring_back(progress))
    show(result, as_json=as_json, title="restored")
    if result["findings"]:
        raise typer.Exit(Exit.WRONG)


async def _audit(dsn: str, progress: Progress) -> list[str]:
    pool = await open_pool(dsn, size=2)
    try:
        bar = progress.add_task("audit", total=None)
        findings: list[str] = []
        async for tenant in audit_all(Database(pool, REACTIONS)):
            progress.update(bar, completed=tenant.done, total=tenant.total)
            findings += [f"{found.check}: {found.subject}: {found.message}" for found in tenant.findings]
    finally:
        await pool.close()
    return findings
