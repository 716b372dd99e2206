"""The database: one transaction for one tenant and one actor.

`Tx` is the permission to write: rows, events and jobs that commit together or not at all. A function that takes `tx` joins
its caller's transaction; one that takes `db` opens short ones and waits on the network only between them.
"""

import itertools
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import asyncpg
import msgspec
from asyncpg import Connection, Record
from asyncpg.pool import PoolConnectionProxy

from vezne.kernel import clock, jobs
from vezne.kernel.errors import Conflict, Unavailable
from vezne.kernel.events import Event, Reactions
from vezne.kernel.ids import new_id
from vezne.kernel.principal import Principal
from vezne.kernel.vault import Vault

SERVICE_ROLE = "vezne_service"
STATEMENT_TIMEOUT = timedelta(seconds=30)
ANSWER_WITHIN = STATEMENT_TIMEOUT + timedelta(seconds=2)
"""How long a service waits for a statement's answer: after that the connection is lost, whatever its other end thinks."""

_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a server killed while it greets leaves asyncpg's connection in a state it does not expect
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    OSError,
    TimeoutError,
)
_BUSY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


_SELECT_CLOCK = "SELECT held_at FROM clocks WHERE tenant_id = $1"
_SELECT_CLOCK_IN_TURN = """
    SELECT (SELECT held_at FROM clocks WHERE tenant_id = $1)
    FROM pg_advisory_xact_lock(hashtextextended('vezne.turn', $1))"""

_INSERT_EVENTS = """
    INSERT INTO events (tenant_id, occurred_at, actor, id, type, subject, payload, request_id)
    SELECT $1, $2, $3, fact.* FROM unnest($4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::text[]) AS fact"""


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached just now; the same request may be sent again with the same key."""


class TookTooLong(Unavailable):
    """This took longer than a request may; nothing was done. Ask for less at a time, or again later."""


class Busy(Conflict):
    """Another request is working on the same thing; send the same request again."""


async def open_pool(
    dsn: str, *, size: int = 10, statement_timeout: timedelta = STATEMENT_TIMEOUT, answer_within: timedelta | None = None
) -> asyncpg.Pool:
    """A pool of at most `size` connections in the service's role, which may not change what is immutable.

    With `answer_within`, a connection that died without a word is noticed after so long; not for work that takes its time.
    """
    milliseconds = str(statement_timeout // timedelta(milliseconds=1))
    return await asyncpg.create_pool(
        dsn,
        min_size=0,  # a process starts without its database, and asks again at each request
        max_size=size,
        command_timeout=None if answer_within is None else answer_within.total_seconds(),
        reset=_nothing_to_reset,
        server_settings={
            "role": SERVICE_ROLE,
            "application_name": "vezne",
            "statement_timeout": milliseconds,
            "lock_timeout": "5000",
            "idle_in_transaction_session_timeout": milliseconds,
            "timezone": "UTC",
        },
    )


async def _nothing_to_reset(_connection: Connection) -> None:
    """Sessions carry no state of their own here; the default reset costs a round trip a transaction."""


_turns = itertools.count(os.getpid())


@dataclass(slots=True)
class Tx:
    """An open transaction of one tenant by one actor, at one moment of the tenant's clock."""

    connection: "Connection | PoolConnectionProxy"
    principal: Principal
    now: datetime
    reactions: Reactions
    vault: Vault
    _events: list[tuple[UUID, Event, str | None]] = field(default_factory=list)
    _jobs: list[jobs.JobCall] = field(default_factory=list)
    turn: int = field(default_factory=_turns.__next__)
    """Which of its process's transactions this is: what may be spread over many rows is spread by it."""
    remembered: dict[str, Any] = field(default_factory=dict)
    """What was read once and is asked for again and again; whoever changes it forgets it."""
    made: set[object] = field(default_factory=set)
    """What this transaction made that others will know by heart once it stands: until then nobody may, whatever is undone."""
    known: dict[object, Any] = field(default_factory=dict)
    """What this process knows by heart of the database, since it never changes there; shared by all its transactions."""

    @property
    def tenant_id(self) -> int:
        """The tenant whose rows this transaction may touch."""
        return self.principal.tenant_id

    async def fetch(self, sql: LiteralString, *values: object) -> list[Record]:
        """All rows."""
        return await self.connection.fetch(sql, *values)

    async def fetchrow(self, sql: LiteralString, *values: object) -> Record | None:
        """The first row, or None."""
        return await self.connection.fetchrow(sql, *values)

    async def fetchval(self, sql: LiteralString, *values: object) -> Any:  # noqa: ANN401 - a column of any type
        """The first column of the first row, or None."""
        return await self.connection.fetchval(sql, *values)

    async def execute(self, sql: LiteralString, *values: object) -> int:
        """Run a statement; how many rows it touched."""
        status = await self.connection.execute(sql, *values)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write many rows at once by binary COPY."""
        await self.connection.copy_records_to_table(table, records=rows, columns=columns)

    async def publish(self, *events: Event, request_id: str | None = None) -> None:
        """Record facts: they are stored with this transaction, what follows now runs now, what follows later is enqueued.

        `request_id` names the request that asked for them, where a transaction serves several.
        """
        for event in events:
            self._events.append((new_id(), event, request_id or self.principal.request_id))
            ids = (
                {name: value for name, value in event.payload().items() if name.endswith("_id") and value is not None}
                if type(event) in self.reactions.later
                else {}
            )
            for name in self.reactions.later.get(type(event), ()):
                await self.enqueue(name, ids)
            for reaction in self.reactions.now.get(type(event), ()):
                await reaction(self, event)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail alone: when the block raises, its rows, events and jobs are undone and the rest stands."""
        events, calls = len(self._events), len(self._jobs)
        try:
            async with self.connection.transaction():
                yield
        except BaseException:
            del self._events[events:]
            del self._jobs[calls:]
            self.remembered.clear()
            raise

    async def enqueue(
        self, name: str, payload: dict[str, str] | None = None, *, after: timedelta = timedelta(), dedupe: str | None = None
    ) -> None:
        """Call the job `name` with `payload` (ids only) once this transaction has committed, not before `after` has passed."""
        self._jobs.append(
            jobs.JobCall(name, self.tenant_id, payload or {}, livemode=self.principal.livemode, after=after, dedupe=dedupe)
        )

    async def flush(self) -> None:
        """Write the events and jobs gathered so far; `Database.transaction` does so before it commits."""
        calls, self._jobs = self._jobs, []
        if self._events:
            await self.execute(_INSERT_EVENTS, *self.take_events())
        if calls:
            await jobs.enqueue(self.connection, calls)

    def take_events(self) -> tuple[object, ...]:
        """The events gathered so far, as arguments of a statement that writes them, for whoever does so in place of `flush`."""
        events, self._events = self._events, []
        encode = msgspec.json.encode
        return (
            self.tenant_id,
            self.now,
            self.principal.actor,
            [id_ for id_, _, _ in events],
            [event.type for _, event, _ in events],
            [event.subject() for _, event, _ in events],
            [encode(event.payload()).decode() for _, event, _ in events],
            [request_id for _, _, request_id in events],
        )


@dataclass(slots=True)
class Database:
    """Where transactions come from."""

    pool: asyncpg.Pool
    reactions: Reactions = field(default_factory=Reactions)
    vault: Vault = field(default_factory=Vault)
    known: dict[object, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def transaction(self, principal: Principal, *, read_only: bool = False, in_turn: bool = False) -> AsyncIterator[Tx]:
        """One transaction: committed when the block ends, undone when it raises.

        `in_turn`: of all transactions of the tenant that ask for it, in whatever process, one is under way at a time; the
        block begins when it is this one's turn.

        Raises DatabaseUnavailable when the database cannot be reached: whether a commit that was under way took place is then
        unknown, and the idempotency key of the request tells. Raises Busy when a lock was not to be had in time.
        """
        try:
            async with self.pool.acquire(timeout=5) as connection, connection.transaction(readonly=read_only):
                select = _SELECT_CLOCK_IN_TURN if in_turn else _SELECT_CLOCK
                held_at = await connection.fetchval(select, principal.tenant_id)
                tx = Tx(connection, principal, held_at or clock.real_now(), self.reactions, self.vault, known=self.known)
                yield tx
                await tx.flush()
        except _BUSY as error:
            raise Busy(retry_after=1) from error
        except asyncpg.QueryCanceledError as error:
            raise TookTooLong(retry_after=5) from error
        except _GONE as error:
            if isinstance(error, ValueError):  # asyncpg could not encode an argument: a bug of ours, not an absent server
                raise
            raise DatabaseUnavailable(retry_after=1) from error

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[PoolConnectionProxy]:
        """A connection without a tenant, for what stands above tenants: finding one by its key, health checks."""
        try:
            async with self.pool.acquire(timeout=5) as connection:
                yield connection
        except _GONE as error:
            raise DatabaseUnavailable(retry_after=1) from error
