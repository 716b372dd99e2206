"""Work for later: a small port on a PostgreSQL queue, so that a job commits with what caused it.

A job is a coroutine `async def refund_at_provider(db, call)`; it may run more than once and must not mind. Payloads hold
ids only. Only this module and `vezne.app.worker` know which queue stands behind.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import msgspec
from asyncpg import Connection
from asyncpg.pool import PoolConnectionProxy
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings

from vezne.kernel.principal import Principal

if TYPE_CHECKING:
    from vezne.kernel.db import Database

QUEUE_SETTINGS = DBSettings(db_schema="jobs")


@dataclass(frozen=True, slots=True)
class JobCall:
    """One call of a job: its name, its tenant and the ids it is about; not before `after` has passed.

    A call whose `dedupe` text equals that of one still waiting is dropped.
    """

    name: str
    tenant_id: int
    payload: Mapping[str, str] = field(default_factory=dict)
    livemode: bool = False
    after: timedelta = timedelta()
    dedupe: str | None = None

    @property
    def principal(self) -> Principal:
        """The system, acting for the tenant in this job's name."""
        return Principal.system(self.tenant_id, self.name, livemode=self.livemode)

    def encode(self) -> bytes:
        """The call as the queue keeps it."""
        return msgspec.json.encode({"tenant_id": self.tenant_id, "livemode": self.livemode, "payload": self.payload})

    @classmethod
    def decode(cls, name: str, raw: bytes) -> "JobCall":
        """The call that `encode` wrote."""
        body = msgspec.json.decode(raw)
        return cls(name, body["tenant_id"], body["payload"], body["livemode"])


Job = Callable[["Database", JobCall], Awaitable[None]]


async def enqueue(connection: Connection | PoolConnectionProxy, calls: Sequence[JobCall]) -> None:
    """Put `calls` into the queue in the transaction that `connection` has open."""
    queries = Queries(AsyncpgDriver(cast("Connection", connection)), qbq=QueryQueueBuilder(QUEUE_SETTINGS))
    await queries.enqueue(
        [call.name for call in calls],
        [call.encode() for call in calls],
        [0] * len(calls),
        [call.after for call in calls],
        [call.dedupe and f"{call.tenant_id}:{call.name}:{call.dedupe}" for call in calls],
        on_conflict="skip",
    )
