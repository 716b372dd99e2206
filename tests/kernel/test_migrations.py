"""Migrations: numbered files, forward only, safe to run twice and at once."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings

from vezne.kernel.migrate import (
    BrokenMigrations,
    NewerDatabase,
    current_revision,
    migrate,
    migrations_dir,
    revisions,
)
from vezne.kernel.schema_snapshot import snapshot

VERSIONS = migrations_dir() / "versions"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, sql in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(sql)
    return folder


async def value(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_an_empty_database_gets_every_revision_and_a_migrated_one_none(empty_dsn: str) -> None:
    assert await migrate(empty_dsn) == [file.stem for file in sorted(VERSIONS.glob("*.sql"))]
    assert await migrate(empty_dsn) == []


async def test_two_at_once_take_turns(empty_dsn: str) -> None:
    first, second = await asyncio.gather(migrate(empty_dsn), migrate(empty_dsn))
    assert sorted([len(first), len(second)]) == [0, len(revisions())]


async def test_only_what_is_missing_is_applied(empty_dsn: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "versions", m0000_one="CREATE TABLE one (id int PRIMARY KEY)")
    assert await migrate(empty_dsn, folder) == ["0000_one"]
    write(folder, m0007_two="CREATE TABLE two (id int PRIMARY KEY); INSERT INTO two VALUES (1)")
    assert await migrate(empty_dsn, folder) == ["0007_two"]
    assert await value(empty_dsn, "SELECT id FROM two") == 1


async def test_a_file_that_fails_leaves_nothing_and_those_before_it_stay(empty_dsn: str, tmp_path: Path) -> None:
    good, bad = "CREATE TABLE one (id int PRIMARY KEY)", "CREATE TABLE two (id int PRIMARY KEY); SELECT 1 / 0"
    folder = write(tmp_path / "versions", m0000_good=good, m0001_bad=bad)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_dsn, folder)
    assert await value(empty_dsn, "SELECT to_regclass('one') IS NOT NULL AND to_regclass('two') IS NULL")
    write(folder, m0001_bad=bad.replace("1 / 0", "1"))
    assert await migrate(empty_dsn, folder) == ["0001_bad"]


async def test_a_migration_does_not_wait_long_for_a_lock(empty_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vezne.kernel.migrate.LOCK_TIMEOUT", "100ms")
    folder = write(tmp_path / "versions", m0000_one="CREATE TABLE one (id int PRIMARY KEY)")
    await migrate(empty_dsn, folder)
    write(folder, m0001_two="ALTER TABLE one ADD COLUMN name text")
    reader = await asyncpg.connect(empty_dsn)
    async with reader.transaction():
        await reader.execute("SELECT FROM one")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await migrate(empty_dsn, folder)
    await reader.close()
    assert await migrate(empty_dsn, folder) == ["0001_two"]


async def test_a_database_newer_than_the_code_is_refused(empty_dsn: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "versions", m0000_one="SELECT 1", m0001_later="SELECT 1")
    await migrate(empty_dsn, folder)
    (folder / "0001_later.sql").unlink()
    with pytest.raises(NewerDatabase, match="0001_later"):
        await migrate(empty_dsn, folder)


async def test_a_database_tells_its_revision(dsn: str, empty_dsn: str) -> None:
    for address, expected in ((dsn, revisions()[-1].revision), (empty_dsn, None)):
        connection = await asyncpg.connect(address)
        assert await current_revision(connection) == expected
        await connection.close()


@pytest.mark.unit
@pytest.mark.parametrize("name", ["m0000_other", "m1_short", "m0001_Upper", "m0001-dash"])
def test_files_that_form_no_line_are_refused(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "versions", m0000_one="SELECT 1", **{name: "SELECT 1"})
    with pytest.raises(BrokenMigrations):
        revisions(folder)


@pytest.mark.unit
@pytest.mark.parametrize("file", sorted(VERSIONS.glob("*.sql")), ids=lambda file: file.stem)
def test_a_migration_passes_the_linter(file: Path) -> None:
    squawk = shutil.which("squawk", path=str(Path(sys.executable).parent))
    assert squawk is not None
    config = migrations_dir() / "squawk.toml"
    said = subprocess.run([squawk, "--config", config, file], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.unit
def test_the_linter_would_notice_a_dangerous_migration(tmp_path: Path) -> None:
    bad = tmp_path / "0001_bad.sql"
    bad.write_text("ALTER TABLE postings ALTER COLUMN amount TYPE numeric;")
    command = ["squawk", "--config", str(migrations_dir() / "squawk.toml"), str(bad)]
    path = str(Path(sys.executable).parent)
    said = subprocess.run(command, capture_output=True, check=False, env={"PATH": path})
    assert said.returncode != 0


@pytest.mark.unit
def test_the_job_tables_are_those_of_the_locked_pgqueuer() -> None:
    ours = (VERSIONS / "0000_jobs.sql").read_text().replace("CREATE SCHEMA jobs;", "CREATE SCHEMA IF NOT EXISTS jobs;")
    installed = QueryBuilderEnvironment(DBSettings(db_schema="jobs")).build_install_query()
    statements = installed.split("\n\n")[1:]  # the first is a comment with the version
    assert [s for s in statements if s.strip() not in ours] == []


async def test_the_snapshot_shows_what_the_migrations_make(fresh_dsn: str) -> None:
    """When it fails after a migration was added: `python -m vezne.kernel.schema_snapshot`, and commit the file."""
    assert (migrations_dir() / "schema.sql").read_text() == await snapshot(fresh_dsn)
