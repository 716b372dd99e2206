"""Bringing a database to this code's schema: Alembic over numbered SQL files, forward only.

Each `migrations/versions/NNNN_name.sql` is one Alembic revision, whose predecessor is the file before it. A file runs as one
script in a transaction of its own, together with its row in `alembic_version`, and gives up when it waits for a lock.
"""

import logging
import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, cast

import asyncpg
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import Script
from alembic.script.revision import RevisionMap
from pydantic import BaseModel, ConfigDict, TypeAdapter
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

import vezne

LOCK_TIMEOUT = "5s"
ONE_AT_A_TIME = 0x76657A6E65  # "vezne" in ASCII: the advisory lock a migrating session holds

_FILE_NAME = re.compile(r"(\d{4})_[a-z][a-z0-9_]*\.sql")


class NewerDatabase(RuntimeError):
    """The database was migrated by a newer Vezne than this one: run that one, or restore a backup of before."""


class BrokenMigrations(RuntimeError):
    """The migration files do not form one numbered line."""


class RoleMissing(RuntimeError):
    """The owner may not make the role vezne_service: a superuser must CREATE ROLE vezne_service NOLOGIN and grant it."""


class TableRule(BaseModel):
    """What `distribution.toml` says of one table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    distribution: Literal["tenant", "reference", "local"]
    append_only: bool = False


def migrations_dir() -> Path:
    """The migrations: inside the installed package, or at the root of a checkout."""
    package = Path(vezne.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parents[1] / "migrations"


def table_rules(file: Path | None = None) -> dict[str, TableRule]:
    """Each table, as `schema.name` (`public.` left out), and how it is distributed."""
    listed = tomllib.loads((file or migrations_dir() / "distribution.toml").read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, TableRule]).validate_python(listed["tables"])


def revisions(folder: Path | None = None) -> list[Script]:
    """The SQL files as Alembic revisions, oldest first. Raises BrokenMigrations when two share a number or a name is off."""
    files = sorted((folder or migrations_dir() / "versions").glob("*.sql"))
    found: list[Script] = []
    for file in files:
        name = _FILE_NAME.fullmatch(file.name)
        if name is None:
            raise BrokenMigrations(f"{BrokenMigrations.__doc__} {file.name} is not called NNNN_name.sql.")
        previous = found[-1].revision if found else None
        if previous is not None and previous.startswith(name[1]):
            raise BrokenMigrations(f"{BrokenMigrations.__doc__} {previous} and {file.stem} have the same number.")
        found.append(_revision(file, previous))
    return found


async def migrate(dsn: str, folder: Path | None = None) -> list[str]:
    """Apply what is missing and answer the revisions applied; again: an empty list. `dsn` is the owner's.

    Two at once take turns. Makes the role `vezne_service`, which owns nothing and may only do what the migrations grant. Raises
    NewerDatabase, BrokenMigrations, RoleMissing, or asyncpg's error of the statement that failed; files before it stay applied.
    """
    scripts = revisions(folder)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"SELECT pg_advisory_lock({ONE_AT_A_TIME})"))  # let go when the session ends
            await _ensure_role(connection)
            await connection.commit()
            return await connection.run_sync(_upgrade, scripts)
    finally:
        await engine.dispose()


async def current_revision(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    """The last revision applied to this database; None when it was never migrated."""
    if await connection.fetchval("SELECT to_regclass('public.alembic_version')") is None:
        return None
    return cast("str | None", await connection.fetchval("SELECT version_num FROM public.alembic_version"))


def _revision(file: Path, previous: str | None) -> Script:
    """An Alembic revision as its own loader would make from a Python file that runs this SQL."""
    module = ModuleType(file.stem)
    module.__dict__.update(revision=file.stem, down_revision=previous, upgrade=_upgrade_from(file))
    return Script(module, file.stem, str(file))


def _upgrade_from(file: Path) -> Callable[[Connection], None]:
    def upgrade(connection: Connection) -> None:
        # SQLAlchemy opens its transaction with its first statement: this one, so the raw script cannot escape it.
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        driver = cast("asyncpg.Connection[asyncpg.Record]", connection.connection.driver_connection)
        await_only(driver.execute(file.read_text(encoding="utf-8")))

    return upgrade


def _upgrade(connection: Connection, scripts: Sequence[Script]) -> list[str]:
    line = RevisionMap(lambda: scripts)
    if len(line.heads) > 1:  # asking also makes the map read its revisions, which it otherwise leaves for later
        raise BrokenMigrations(BrokenMigrations.__doc__)
    applied: list[str] = []

    def steps(heads: tuple[str, ...], _context: MigrationContext) -> list[MigrationStep]:
        known = [script.revision for script in scripts]
        if unknown := set(heads) - set(known):
            raise NewerDatabase(f"{NewerDatabase.__doc__} It is at {', '.join(sorted(unknown))}.")
        done = known.index(heads[0]) + 1 if heads else 0
        applied.extend(known[done:])
        return [MigrationStep.upgrade_from_script(line, script) for script in scripts[done:]]

    options: dict[str, Any] = {"fn": steps, "transaction_per_migration": True, "version_table_schema": "public"}
    logging.getLogger("alembic").setLevel(logging.WARNING)
    context = MigrationContext.configure(connection, opts=options)
    with context.begin_transaction():
        context.run_migrations(connection=connection)
    connection.commit()
    return applied


async def _ensure_role(connection: AsyncConnection) -> None:
    """The service's role, and the owner's membership in it. Another database of the server may have made them."""
    try:
        await connection.execute(text(SERVICE_ROLE_SQL))
    except DBAPIError as refused:
        if getattr(refused.orig, "sqlstate", None) == asyncpg.InsufficientPrivilegeError.sqlstate:
            raise RoleMissing(RoleMissing.__doc__) from refused
        raise


SERVICE_ROLE_SQL = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vezne_service') THEN
        BEGIN
            CREATE ROLE vezne_service NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of this server made it meanwhile
        END;
    END IF;
    IF NOT pg_has_role(current_user, 'vezne_service', 'MEMBER') THEN
        GRANT vezne_service TO CURRENT_USER;
    END IF;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO vezne_service;
END
$$
"""
