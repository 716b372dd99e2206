"""A backup brings back what was there, and is refused when it is not what it says."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from vezne.kernel.backup import (
    BackupFailed,
    BackupUnusable,
    DatabaseNotEmpty,
    RestoreFailed,
    backup,
    manifest_path,
    restore,
)
from vezne.kernel.db import open_pool
from vezne.kernel.migrate import migrate, revisions
from vezne.kernel.schema_snapshot import snapshot

EVENT = "INSERT INTO events VALUES (7, $1, 'wallet.debited', 'wal_1', '{}', 'key:1', 'req', $2)"


@pytest.fixture
async def filled(fresh_dsn: str) -> str:
    pool = await open_pool(fresh_dsn, size=1)
    await pool.execute(EVENT, UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC))
    await pool.close()
    return fresh_dsn


async def test_a_backup_restores_rows_schema_and_grants(filled: str, empty_dsn: str, tmp_path: Path) -> None:
    target = tmp_path / "monday.dump"
    seen: list[tuple[int, int]] = []
    made = await backup(filled, target, progress=lambda done, whole: seen.append((done, whole)))
    assert seen[-1][0] == seen[-1][1]
    assert made.revision == revisions()[-1].revision
    seen.clear()
    assert await restore(empty_dsn, target, progress=lambda done, whole: seen.append((done, whole))) == made
    assert seen[-1][0] == seen[-1][1]
    assert await snapshot(empty_dsn) == await snapshot(filled)
    assert await migrate(empty_dsn) == []
    pool = await open_pool(empty_dsn, size=1)
    assert await pool.fetchval("SELECT id FROM events") == UUID(int=1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("DELETE FROM events")
    await pool.close()


async def test_a_backup_is_private_and_leaves_nothing_else(filled: str, tmp_path: Path) -> None:
    target = tmp_path / "monday.dump"
    await backup(filled, target)
    assert sorted(tmp_path.iterdir()) == [target, manifest_path(target)]
    assert target.stat().st_mode & 0o077 == 0


async def test_a_backup_never_overwrites(filled: str, tmp_path: Path) -> None:
    target = tmp_path / "monday.dump"
    target.write_text("last week's")
    with pytest.raises(FileExistsError):
        await backup(filled, target)
    assert target.read_text() == "last week's"
    assert list(tmp_path.iterdir()) == [target]


async def test_a_backup_that_fails_leaves_nothing(empty_dsn: str, filled: str, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="never migrated"):
        await backup(empty_dsn, tmp_path / "monday.dump")
    with pytest.raises(BackupFailed, match="nowhere"):
        await backup(filled, tmp_path / "nowhere" / "monday.dump")
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_backup_leaves_nothing(filled: str, tmp_path: Path) -> None:
    working = asyncio.create_task(backup(filled, tmp_path / "monday.dump"))
    await asyncio.sleep(0.05)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert list(tmp_path.iterdir()) == []


async def test_a_database_with_anything_in_it_is_not_restored_into(filled: str, tmp_path: Path) -> None:
    target = tmp_path / "monday.dump"
    await backup(filled, target)
    with pytest.raises(DatabaseNotEmpty):
        await restore(filled, target)


async def test_a_damaged_or_foreign_backup_is_refused(filled: str, empty_dsn: str, tmp_path: Path) -> None:
    target = tmp_path / "monday.dump"
    await backup(filled, target)
    whole, manifest = target.read_bytes(), json.loads(manifest_path(target).read_text())

    target.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BackupUnusable, match="damaged"):
        await restore(empty_dsn, target)
    target.write_bytes(whole)

    manifest_path(target).write_text(json.dumps(manifest | {"revision": "9999_later"}))
    with pytest.raises(BackupUnusable, match="9999_later"):
        await restore(empty_dsn, target)

    manifest_path(target).write_text("{}")
    with pytest.raises(BackupUnusable, match="not a backup's manifest"):
        await restore(empty_dsn, target)

    manifest_path(target).unlink()
    with pytest.raises(BackupUnusable, match="missing"):
        await restore(empty_dsn, target)


async def test_a_restoration_that_fails_leaves_the_database_empty(filled: str, empty_dsn: str, tmp_path: Path) -> None:
    target = tmp_path / "monday.dump"
    owner = await asyncpg.connect(filled)
    await owner.execute("CREATE ROLE stranger_of_this_test; GRANT SELECT ON events TO stranger_of_this_test")
    await backup(filled, target)
    await owner.execute("DROP OWNED BY stranger_of_this_test; DROP ROLE stranger_of_this_test")
    await owner.close()
    with pytest.raises(RestoreFailed, match="stranger_of_this_test"):
        await restore(empty_dsn, target)
    emptied = await asyncpg.connect(empty_dsn)
    assert await emptied.fetchval("SELECT to_regclass('events')") is None
    await emptied.close()
