"""The committed picture of a migrated database: `python -m vezne.kernel.schema_snapshot` writes `migrations/schema.sql` anew.

It shows in review what a migration does to the whole, and its test shows that the migrations still lead there.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from vezne.kernel.migrate import migrate, migrations_dir
from vezne.kernel.postgres import EmbeddedPostgres
from vezne.kernel.postgres_binaries import clean_environment, program

HEADER = "-- Written by `python -m vezne.kernel.schema_snapshot` from the migrations; not to be edited, never run.\n"


class DumpFailed(RuntimeError):
    """pg_dump could not read the schema."""


async def snapshot(dsn: str) -> str:
    """The schema of a migrated database as normalised SQL: no comments, settings or owners, the same on every run."""
    dumping = await asyncio.create_subprocess_exec(
        program("pg_dump"), "--schema-only", "--no-owner", "--dbname", dsn,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    said, complained = await dumping.communicate()
    if dumping.returncode != 0:
        raise DumpFailed(f"{DumpFailed.__doc__} {complained.decode(errors='replace').strip()}")
    return HEADER + _normalised(said.decode())


def _normalised(dump: str) -> str:
    r"""Without what changes from run to run (pg_dump's \restrict token) or says nothing of the schema."""
    noise = ("--", "SET ", "SELECT pg_catalog.set_config", "\\restrict", "\\unrestrict")
    kept: list[str] = []
    for line in dump.splitlines():
        if line.startswith(noise):
            continue
        if line or (kept and kept[-1]):  # one empty line at most between statements
            kept.append(line)
    return "\n".join(kept).rstrip() + "\n"


async def _rewrite(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="vezne-schema-") as folder:
        async with EmbeddedPostgres(Path(folder), sync=False) as postgres:
            await migrate(postgres.dsn)
            drawn = await snapshot(postgres.dsn)
    await asyncio.to_thread(target.write_text, drawn, encoding="utf-8")


def main() -> None:
    """Write the snapshot of this checkout's migrations."""
    target = migrations_dir() / "schema.sql"
    asyncio.run(_rewrite(target))
    sys.stdout.write(f"{target} written\n")


if __name__ == "__main__":
    main()
