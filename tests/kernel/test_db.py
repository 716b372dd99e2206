"""A transaction is all or nothing: rows, events, what follows from them now, and jobs for later."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from tenancy_fixtures import TestTenant
from vezne.kernel.db import Busy, Database, DatabaseUnavailable, TookTooLong, Tx, open_pool
from vezne.kernel.events import Event, Reactions
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.migrate import migrate
from vezne.kernel.postgres import EmbeddedPostgres
from vezne.kernel.principal import Principal

Owner = asyncpg.Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletLent(Event):
    wallet_id: UUID
    order_id: UUID | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletReturned(Event):
    wallet_id: UUID


class Deliberate(Exception):
    """What a test raises to undo a transaction."""


def lent() -> WalletLent:
    return WalletLent(wallet_id=new_id())


async def run(db: Database, tenant: TestTenant, *works: Callable[[Tx], Awaitable[None]]) -> None:
    """Works of one transaction."""
    async with db.transaction(tenant.principal) as tx:
        for work in works:
            await work(tx)


async def claim_a(tx: Tx) -> None:
    await claim(tx, "a")


async def publish_one(tx: Tx) -> None:
    await tx.publish(lent())


async def enqueue_one(tx: Tx) -> None:
    await tx.enqueue("tests.later", {"wallet_id": "wal_1"})


async def fail(_tx: Tx) -> None:
    raise Deliberate


async def claim(tx: Tx, key: str) -> None:
    """Any row at all."""
    await tx.execute(
        "INSERT INTO idempotency_keys (tenant_id, key, request_hash, created_at) VALUES ($1, $2, $3, $4)",
        tx.tenant_id,
        key,
        b"",
        tx.now,
    )


async def rows_of(owner: Owner, tenant: TestTenant) -> tuple[int, int, int]:
    """How many keys, events of this test's kinds, and jobs there are."""
    keys = await owner.fetchval("SELECT count(*) FROM idempotency_keys WHERE tenant_id = $1", tenant.tenant_id)
    events = await owner.fetchval(
        "SELECT count(*) FROM events WHERE tenant_id = $1 AND type IN ('wallet.lent', 'wallet.returned')", tenant.tenant_id
    )
    return keys, events, len(await jobs_of(owner, tenant))


async def jobs_of(owner: Owner, tenant: TestTenant) -> list[JobCall]:
    rows = await owner.fetch("SELECT entrypoint, payload FROM jobs.pgqueuer WHERE entrypoint LIKE 'tests.%' ORDER BY id")
    calls = [JobCall.decode(row["entrypoint"], row["payload"]) for row in rows]
    return [call for call in calls if call.tenant_id == tenant.tenant_id]


async def test_what_a_transaction_did_is_there_when_it_ended(db: Database, tenant: TestTenant, owner: Owner) -> None:
    async with db.transaction(tenant.principal) as tx:
        await claim(tx, "a")
        await tx.publish(lent())
        await tx.enqueue("tests.later", {"wallet_id": "wal_1"})
    assert await rows_of(owner, tenant) == (1, 1, 1)


async def test_what_raises_leaves_nothing_behind(db: Database, tenant: TestTenant, owner: Owner) -> None:
    with pytest.raises(Deliberate):
        await run(db, tenant, claim_a, publish_one, enqueue_one, Tx.flush, publish_one, fail)
    assert await rows_of(owner, tenant) == (0, 0, 0)


async def test_what_is_cancelled_leaves_nothing_behind(db: Database, tenant: TestTenant, owner: Owner) -> None:
    async def work() -> None:
        async with db.transaction(tenant.principal) as tx:
            await claim(tx, "a")
            await tx.publish(lent())
            await tx.flush()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert await rows_of(owner, tenant) == (0, 0, 0)


async def test_what_the_database_refuses_leaves_nothing_behind(db: Database, tenant: TestTenant, owner: Owner) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await run(db, tenant, publish_one, claim_a, claim_a)
    assert await rows_of(owner, tenant) == (0, 0, 0)


async def test_a_reader_may_not_write(db: Database, tenant: TestTenant, owner: Owner) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with db.transaction(tenant.principal, read_only=True) as tx:
            await claim(tx, "a")
    assert await rows_of(owner, tenant) == (0, 0, 0)


async def test_an_event_names_actor_request_subject_and_time(db: Database, tenant: TestTenant, owner: Owner) -> None:
    fact = WalletLent(wallet_id=new_id(), note="ödünç")
    principal = Principal(tenant.tenant_id, "key:key_1", "key", frozenset(), request_id="req_12345678")
    async with db.transaction(principal) as tx:
        await tx.publish(fact)
        await tx.publish(lent(), request_id="req_another")
    row, other = await owner.fetch(
        "SELECT * FROM events WHERE tenant_id = $1 AND type = 'wallet.lent' ORDER BY id", tenant.tenant_id
    )
    assert row["subject"] == public_id("wal", fact.wallet_id)
    assert msgspec.json.decode(row["payload"]) == fact.payload()
    assert (row["actor"], row["request_id"], row["occurred_at"]) == ("key:key_1", "req_12345678", tx.now)
    assert other["request_id"] == "req_another"


async def test_now_runs_in_the_same_transaction_and_may_publish_more(
    pool: asyncpg.Pool, tenant: TestTenant, owner: Owner
) -> None:
    seen: list[Tx] = []

    async def give_back(tx: Tx, event: WalletLent) -> None:
        seen.append(tx)
        await claim(tx, "from the reaction")
        await tx.publish(WalletReturned(wallet_id=event.wallet_id))

    db = Database(pool, Reactions(now={WalletLent: [give_back]}))
    async with db.transaction(tenant.principal) as tx:
        await tx.publish(lent())
    assert seen == [tx]
    assert await rows_of(owner, tenant) == (1, 2, 0)


async def test_a_reaction_that_fails_undoes_what_it_reacted_to(pool: asyncpg.Pool, tenant: TestTenant, owner: Owner) -> None:
    async def fail_too(_tx: Tx, _event: WalletLent) -> None:
        raise Deliberate

    db = Database(pool, Reactions(now={WalletLent: [fail_too]}, later={WalletLent: ["tests.later"]}))
    with pytest.raises(Deliberate):
        await run(db, tenant, claim_a, publish_one)
    assert await rows_of(owner, tenant) == (0, 0, 0)


async def test_later_is_a_job_with_the_events_ids(pool: asyncpg.Pool, tenant: TestTenant, owner: Owner) -> None:
    db = Database(pool, Reactions(later={WalletLent: ["tests.remind", "tests.count"]}))
    fact = WalletLent(wallet_id=new_id(), note="not an id")
    async with db.transaction(tenant.principal) as tx:
        await tx.publish(fact)
        assert await jobs_of(owner, tenant) == [], "not before the commit"
    payload = {"wallet_id": public_id("wal", fact.wallet_id)}
    assert await jobs_of(owner, tenant) == [
        JobCall("tests.remind", tenant.tenant_id, payload),
        JobCall("tests.count", tenant.tenant_id, payload),
    ]


async def test_a_job_that_waits_already_is_not_enqueued_twice(
    db: Database, tenant: TestTenant, other_tenant: TestTenant, owner: Owner
) -> None:
    for caller in (tenant, tenant, other_tenant):
        async with db.transaction(caller.principal) as tx:
            await tx.enqueue("tests.sweep", dedupe="daily", after=timedelta(hours=1))
    assert len(await jobs_of(owner, tenant)) == 1
    assert len(await jobs_of(owner, other_tenant)) == 1


def test_a_job_call_is_read_back_as_it_was_written() -> None:
    call = JobCall("tests.remind", 7, {"wallet_id": "wal_1"}, livemode=True)
    assert JobCall.decode("tests.remind", call.encode()) == call
    assert call.principal.actor == "system:tests.remind"
    assert call.principal.livemode


async def test_a_lock_that_is_not_to_be_had_is_busy(db: Database, tenant: TestTenant, owner: Owner) -> None:
    async def lock(tx: Tx) -> None:
        await tx.execute("SET LOCAL lock_timeout = '100ms'")
        await tx.execute("SELECT 1 FROM tenants WHERE tenant_id = $1 FOR UPDATE", tx.tenant_id)

    async with owner.transaction():
        await owner.execute("SELECT 1 FROM tenants WHERE tenant_id = $1 FOR UPDATE", tenant.tenant_id)
        with pytest.raises(Busy) as refused:
            await run(db, tenant, lock)
    assert (refused.value.status, refused.value.retry_after) == (409, 1)


async def test_a_statement_that_takes_too_long_is_stopped(dsn: str, tenant: TestTenant) -> None:
    pool = await open_pool(dsn, size=1, statement_timeout=timedelta(milliseconds=100))
    with pytest.raises(TookTooLong) as refused:
        async with Database(pool).transaction(tenant.principal) as tx:
            await tx.execute("SELECT pg_sleep(5)")
    await pool.close()
    assert (refused.value.status, refused.value.retry_after) == (503, 5)


async def test_two_that_wait_for_each_other_end_with_one_busy(db: Database, tenant: TestTenant, other_tenant: TestTenant) -> None:
    async def lock(first: TestTenant, second: TestTenant) -> str:
        try:
            async with db.transaction(tenant.principal) as tx:
                for one in (first, second):
                    await tx.execute("SELECT 1 FROM tenants WHERE tenant_id = $1 FOR UPDATE", one.tenant_id)
                    await asyncio.sleep(0.2)
        except Busy:
            return "busy"
        return "done"

    ended = await asyncio.gather(lock(tenant, other_tenant), lock(other_tenant, tenant))
    assert sorted(ended) == ["busy", "done"]


async def test_an_argument_that_cannot_be_encoded_is_our_bug_not_an_absent_server(db: Database, tenant: TestTenant) -> None:
    with pytest.raises(asyncpg.DataError):
        async with db.transaction(tenant.principal) as tx:
            await tx.fetchval("SELECT $1::bigint", "seven")


async def test_a_pool_with_no_connection_left_is_unavailable(dsn: str, tenant: TestTenant) -> None:
    pool = await open_pool(dsn, size=1)
    await pool.close()
    with pytest.raises(DatabaseUnavailable):
        async with Database(pool).transaction(tenant.principal):
            pass


async def test_no_server_at_all_is_unavailable(tmp_path: Path) -> None:
    pool = await open_pool(f"postgresql://vezne@/vezne?host={tmp_path}")
    db = Database(pool)
    with pytest.raises(DatabaseUnavailable) as refused:
        async with db.transaction(Principal.system(1, "test")):
            pass
    with pytest.raises(DatabaseUnavailable):
        async with db.connection():
            pass
    await pool.close()
    assert (refused.value.status, refused.value.retry_after) == (503, 1)


async def work_while_it_is_killed(db: Database, principal: Principal, pid: int) -> None:
    async with db.transaction(principal) as tx:
        await claim(tx, "never committed")
        os.kill(pid, signal.SIGKILL)
        while True:  # this connection's own process ends once it notices
            await tx.fetchval("SELECT 1")
            await asyncio.sleep(0.01)


async def keys_once_it_is_back(db: Database, principal: Principal) -> list[str]:
    while True:
        try:
            async with db.transaction(principal, read_only=True) as tx:
                return [row["key"] for row in await tx.fetch("SELECT key FROM idempotency_keys WHERE tenant_id = 1")]
        except DatabaseUnavailable:
            await asyncio.sleep(0.05)


@pytest.mark.faults
async def test_a_server_killed_in_the_middle_is_unavailable_and_comes_back_by_itself(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "data", sync=False, settings={"shared_buffers": "32MB"}) as postgres:
        await migrate(postgres.dsn)
        pool = await open_pool(postgres.dsn, size=2)
        db, principal = Database(pool), Principal.system(1, "test")
        async with db.transaction(principal) as tx:
            await claim(tx, "acknowledged")
        assert postgres.pid is not None
        with pytest.raises(DatabaseUnavailable):
            await work_while_it_is_killed(db, principal, postgres.pid)
        kept = await asyncio.wait_for(keys_once_it_is_back(db, principal), 30)
        await pool.close()
    assert kept == ["acknowledged"]


async def test_copy_writes_many_rows_at_once(db: Database, tenant: TestTenant, owner: Owner) -> None:
    async with db.transaction(tenant.principal) as tx:
        rows = [(tx.tenant_id, uuid4().hex, b"", tx.now) for _ in range(1_000)]
        await tx.copy("idempotency_keys", ["tenant_id", "key", "request_hash", "created_at"], rows)
    assert (await rows_of(owner, tenant))[0] == 1_000


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET actor = 'nobody'",
        "DELETE FROM events",
        "TRUNCATE events",
        "DELETE FROM idempotency_keys",
        "UPDATE idempotency_keys SET request_hash = ''",
        "CREATE TABLE mine (id int)",
        "DROP TABLE events",
        "ALTER TABLE events ADD COLUMN x int",
    ],
)
async def test_the_service_cannot_change_what_is_immutable(pool: asyncpg.Pool, sql: str) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)
