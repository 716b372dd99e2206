"""A backup of the whole database in one file, and its restoration into an empty one.

The file is in pg_dump's custom format; beside it lies `<file>.manifest.json` with its SHA-256, the schema's revision and the
versions that made it. Nothing is ever overwritten, and what stands under its final name is whole.
"""

import asyncio
import contextlib
import hashlib
import os
import subprocess
from asyncio.subprocess import Process
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg
from pydantic import BaseModel, ConfigDict, ValidationError

import vezne
from vezne.kernel import clock
from vezne.kernel.migrate import SERVICE_ROLE_SQL, current_revision, revisions
from vezne.kernel.postgres_binaries import clean_environment, program
from vezne.kernel.postgres_cluster import sync_folder

Progress = Callable[[int, int], None]
"""Told (done, whole). A backup counts bytes, against the database's size; a restoration the objects restored, of all."""

LOOK_EVERY = 0.25  # seconds between two looks at the growing file

_NOT_EMPTY = """
SELECT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
) OR EXISTS (
    SELECT FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'public')
)
"""


class BackupFailed(RuntimeError):
    """The backup could not be made; nothing was left behind."""


class BackupUnusable(RuntimeError):
    """The backup is missing, damaged, or made by a newer Vezne; the database was not touched."""


class DatabaseNotEmpty(RuntimeError):
    """A backup is restored into an empty database only: make a new one, or drop this one yourself."""


class RestoreFailed(RuntimeError):
    """The backup could not be restored; the database is as empty as it was."""


class Manifest(BaseModel):
    """What is known of a backup without opening it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    made_at: datetime
    vezne: str
    postgres: str
    revision: str
    size: int
    sha256: str


def manifest_path(backup_file: Path) -> Path:
    """Where a backup's manifest lies."""
    return backup_file.with_name(backup_file.name + ".manifest.json")


async def backup(dsn: str, target: Path, *, progress: Progress | None = None) -> Manifest:
    """Write the database, as it stands at one moment, to `target`; the service may go on working meanwhile.

    Raises FileExistsError rather than overwrite, BackupFailed with the reason.
    """
    for taken in (target, manifest_path(target)):
        if taken.exists():
            raise FileExistsError(f"{taken} exists already; a backup never overwrites")
    revision, postgres, size = await _facts(dsn)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        await _dump(dsn, partial, size, progress or _quiet)
        manifest = Manifest(
            made_at=clock.real_now(),
            vezne=vezne.__version__,
            postgres=postgres,
            revision=revision,
            size=partial.stat().st_size,
            sha256=await asyncio.to_thread(_sha256, partial),
        )
        await asyncio.to_thread(_publish, partial, target, manifest)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def verify(source: Path) -> Manifest:
    """Read a backup's manifest and check the file against it. Raises BackupUnusable."""
    try:
        manifest = Manifest.model_validate_json(manifest_path(source).read_bytes())
        if source.stat().st_size != manifest.size or _sha256(source) != manifest.sha256:
            raise BackupUnusable(f"{source} is damaged: it is not what its manifest says")
    except FileNotFoundError as missing:
        raise BackupUnusable(f"{missing.filename} is missing") from missing
    except ValidationError as unreadable:
        raise BackupUnusable(f"{manifest_path(source)} is not a backup's manifest") from unreadable
    if manifest.revision not in {script.revision for script in revisions()}:
        raise BackupUnusable(f"{source} holds revision {manifest.revision}, which this Vezne {vezne.__version__} does not know")
    return manifest


async def restore(dsn: str, source: Path, *, progress: Progress | None = None) -> Manifest:
    """Restore a backup into an empty database, whole or not at all; `migrate` then brings it to this code's schema.

    Raises BackupUnusable, DatabaseNotEmpty, RestoreFailed with the reason.
    """
    manifest = await asyncio.to_thread(verify, source)
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval(_NOT_EMPTY):
            raise DatabaseNotEmpty(DatabaseNotEmpty.__doc__)
        await connection.execute(SERVICE_ROLE_SQL)  # a dump holds grants to roles, never the roles
    finally:
        await connection.close()
    await _load(dsn, source, progress or _quiet)
    return manifest


def _quiet(_done: int, _whole: int) -> None:
    """Nobody asked."""


async def _facts(dsn: str) -> tuple[str, str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        revision = await current_revision(connection)
        if revision is None:
            raise BackupFailed("this is not a database of Vezne: it was never migrated")
        version, size = await connection.fetchrow(
            "SELECT current_setting('server_version'), pg_database_size(current_database())"
        ) or ("", 0)
        return revision, version, size
    finally:
        await connection.close()


async def _dump(dsn: str, partial: Path, expected: int, progress: Progress) -> None:
    dumping = await _start("pg_dump", dsn, "--format=custom", "--no-owner", f"--file={partial}")
    telling = asyncio.create_task(dumping.communicate())
    try:
        while not (await asyncio.wait({telling}, timeout=LOOK_EVERY))[0]:
            progress(min(await asyncio.to_thread(_size, partial), expected), expected)
        _, complaint = await telling
    finally:
        await _end(dumping)
    if dumping.returncode != 0:
        raise BackupFailed(f"{BackupFailed.__doc__} {complaint.decode(errors='replace').strip()}")
    progress(expected, expected)


async def _load(dsn: str, source: Path, progress: Progress) -> None:
    whole = await _objects(source)
    loading = await _start("pg_restore", dsn, "--single-transaction", "--exit-on-error", "--no-owner", "--verbose", str(source))
    done = 0
    said: list[str] = []
    try:
        while line := await loading.stderr.readline() if loading.stderr else b"":
            said = [*said[-9:], line.decode(errors="replace").strip()]
            if line.startswith((b"pg_restore: creating", b"pg_restore: executing")):
                done += 1
                progress(min(done, whole), whole)
        await loading.wait()
    finally:
        await _end(loading)
    if loading.returncode != 0:
        errors = [line for line in said if "error:" in line or "detail:" in line.lower()]
        raise RestoreFailed(f"{RestoreFailed.__doc__} {' '.join(errors or said)}")
    progress(whole, whole)


async def _objects(source: Path) -> int:
    listing = await asyncio.create_subprocess_exec(
        program("pg_restore"), "--list", str(source),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    entries, complaint = await listing.communicate()
    if listing.returncode != 0:
        raise BackupUnusable(f"{source} is not a backup: {complaint.decode(errors='replace').strip()}")
    return sum(1 for line in entries.splitlines() if line and not line.startswith(b";"))


async def _start(name: str, dsn: str, *words: str) -> Process:
    """One of PostgreSQL's programs at work on a database; a password goes by the environment, where `ps` does not show it."""
    address = urlsplit(dsn)
    environment = clean_environment()
    if address.password:
        environment["PGPASSWORD"] = unquote(address.password)
        user_and_host = address.netloc.replace(f":{address.password}@", "@", 1)
        address = address._replace(netloc=user_and_host)
    return await asyncio.create_subprocess_exec(
        program(name), "--dbname", urlunsplit(address), *words,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, umask=0o077,
    )  # fmt: skip


async def _end(process: Process) -> None:
    """Leave no program behind when we are cancelled."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _publish(partial: Path, target: Path, manifest: Manifest) -> None:
    """Give the file its name, the manifest first: a backup under its name has one. A link, unlike a rename, never overwrites."""
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    beside = manifest_path(target)
    with beside.open("x", encoding="utf-8") as told:
        told.write(manifest.model_dump_json(indent=2) + "\n")
        told.flush()
        os.fsync(told.fileno())
    try:
        os.link(partial, target)
    except OSError:
        beside.unlink()
        raise
    sync_folder(target.parent)
