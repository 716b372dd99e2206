"""The SQLite file behind the simulated provider: one connection, one thread, one transaction at a time.

A transaction is on disk (`synchronous=FULL`) before its result is returned, so what has been answered survives kill -9.
It runs in a thread of its own because a slow disk would otherwise stop every page and every delivery.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from vezne.sandbox.settings import SandboxSettings
from vezne.sandbox.skins import Skin

T = TypeVar("T")
Clock = Callable[[], datetime]

_FOLDER = Path(__file__).parent
_SCHEMAS = (_FOLDER / "schema.sql", *sorted(_FOLDER.glob("*/schema.sql")))
"""What all providers share, and then the books of each that has some of its own."""
_UPGRADES = (("events", "provider", _FOLDER / "upgrade.sql"), ("payments", "save_card", _FOLDER / "upgrade_cards.sql"))
"""A table, a column that files of an earlier version lack there, and what brings them up to date."""


def stamp(at: datetime) -> str:
    """The instant as it is stored and shown: RFC 3339, UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """The instant that `stamp` wrote."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Tx:
    """The permission to read and write: all of it is kept, or nothing."""

    sql: sqlite3.Connection
    now: datetime
    settings: SandboxSettings
    skin: Skin

    @property
    def stamp(self) -> str:
        """Now, as text."""
        return stamp(self.now)

    def after(self, wait: timedelta) -> str:
        """`wait` from now, as text."""
        return stamp(self.now + wait)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What fails inside leaves nothing; what was done before it stays."""
        self.sql.execute("SAVEPOINT inner")
        try:
            yield
        except BaseException:
            self.sql.execute("ROLLBACK TO inner")
            raise
        finally:
            self.sql.execute("RELEASE inner")


class Store:
    """Opens the file and runs transactions on it. At the start of each runs `first`: what is due happens before all else."""

    def __init__(self, settings: SandboxSettings, skin: Skin, clock: Clock, first: Callable[[Tx], None]) -> None:
        self.changed = asyncio.Event()
        """Set after every transaction that wrote something."""
        self.clock = clock
        self.skin = skin
        self._settings = settings
        self._first = first
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-store")
        self._sql: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file, making it and its tables when they are missing."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def close(self) -> None:
        """Finish what runs and close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction of its own and return its result once that is on disk. An exception leaves nothing."""
        result, wrote = await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)
        if wrote:
            self.changed.set()
        return result

    def _open(self) -> None:
        path = self.skin.database(self._settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        sql = sqlite3.connect(path, isolation_level=None, timeout=5)
        sql.row_factory = sqlite3.Row
        sql.execute("PRAGMA journal_mode = WAL")
        sql.execute("PRAGMA synchronous = FULL")
        _upgrade(sql)
        sql.execute("PRAGMA foreign_keys = ON")
        for schema in _SCHEMAS:
            sql.executescript(schema.read_text("utf-8"))
        self._sql = sql

    def _close(self) -> None:
        if self._sql is not None:
            self._sql.close()
            self._sql = None

    def _run(self, work: Callable[[Tx], T]) -> tuple[T, bool]:
        if self._sql is None:
            raise RuntimeError("the sandbox's store is not open")
        sql = self._sql
        before = sql.total_changes
        sql.execute("BEGIN IMMEDIATE")
        try:
            tx = Tx(sql, self.clock(), self._settings, self.skin)
            self._first(tx)
            result = work(tx)
        except BaseException:
            sql.execute("ROLLBACK")
            raise
        sql.execute("COMMIT")
        return result, sql.total_changes != before


def _upgrade(sql: sqlite3.Connection) -> None:
    """Bring a file of an earlier version up to date. References by a table's name stay as they are while it is replaced."""
    for table, column, upgrade in _UPGRADES:
        columns = {row["name"] for row in sql.execute(f"PRAGMA table_info({table})")}
        if columns and column not in columns:
            sql.execute("PRAGMA legacy_alter_table = ON")
            sql.executescript(f"BEGIN; {upgrade.read_text('utf-8')} COMMIT;")
            sql.execute("PRAGMA legacy_alter_table = OFF")
