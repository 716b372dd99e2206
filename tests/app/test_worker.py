"""Jobs: soon after their commit, again when they fail, parked in the end, taken over from the dead."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from vezne.app import worker
from vezne.kernel.db import Database, open_pool
from vezne.kernel.jobs import Job, JobCall
from vezne.kernel.principal import Principal

WHO = Principal.system(1, "test")


@pytest_asyncio.fixture
async def queue_db(fresh_dsn: str) -> AsyncIterator[Database]:
    pool = await open_pool(fresh_dsn, size=4)
    yield Database(pool)
    await pool.close()


@asynccontextmanager
async def working(dsn: str, db: Database, jobs: dict[str, Job]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.work_through_outages(dsn, db, jobs, stop))
    await asyncio.sleep(0.3)
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def test_a_job_starts_within_moments_of_its_commit_and_not_before(fresh_dsn: str, queue_db: Database) -> None:
    started: asyncio.Queue[tuple[float, JobCall]] = asyncio.Queue()

    async def note(_db: Database, call: JobCall) -> None:
        started.put_nowait((time.perf_counter(), call))

    async with working(fresh_dsn, queue_db, {"test.note": note}):
        waits = []
        for number in range(5):
            async with queue_db.transaction(WHO) as tx:
                await tx.enqueue("test.note", {"number": str(number)})
                await tx.flush()
                await asyncio.sleep(0.05)
                assert started.empty()
            committed = time.perf_counter()
            at, call = await asyncio.wait_for(started.get(), 10)
            waits.append(at - committed)
            assert (call.tenant_id, dict(call.payload)) == (1, {"number": str(number)})
            await asyncio.sleep(0.1)
        print(f"commit to start: {sorted(waits)[2] * 1000:.1f} ms at the median")
        assert sorted(waits)[2] < 0.05


async def test_a_job_of_a_transaction_that_was_undone_never_runs(fresh_dsn: str, queue_db: Database) -> None:
    async def never(_db: Database, _call: JobCall) -> None:
        raise AssertionError

    async with working(fresh_dsn, queue_db, {"test.never": never}):
        with pytest.raises(ZeroDivisionError):
            await _enqueue_and_fail(queue_db)
        await asyncio.sleep(0.3)
    assert await queue_db.pool.fetchval("SELECT count(*) FROM jobs.pgqueuer") == 0


async def _enqueue_and_fail(db: Database) -> None:
    async with db.transaction(WHO) as tx:
        await tx.enqueue("test.never")
        await tx.flush()
        raise ZeroDivisionError


async def test_a_failing_job_is_tried_again_and_in_the_end_parked(
    fresh_dsn: str, queue_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_PAUSE", timedelta(milliseconds=20))
    monkeypatch.setattr(worker, "MAX_TRIES", 3)
    tries = 0

    async def fail(_db: Database, _call: JobCall) -> None:
        nonlocal tries
        tries += 1
        raise ValueError("still not")

    async with working(fresh_dsn, queue_db, {"test.fail": fail}):
        async with queue_db.transaction(WHO) as tx:
            await tx.enqueue("test.fail")
        for _ in range(200):
            if await queue_db.pool.fetchval("SELECT count(*) FROM jobs.pgqueuer WHERE status = 'failed'"):
                break
            await asyncio.sleep(0.05)
    assert tries == 3
    assert await queue_db.pool.fetchval("SELECT status::text FROM jobs.pgqueuer") == "failed"


async def test_the_job_of_a_worker_that_died_is_taken_over(
    fresh_dsn: str, queue_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HEARTBEAT", timedelta(seconds=1))
    monkeypatch.setattr(worker, "LOOK_EVERY", timedelta(milliseconds=300))
    done = asyncio.Event()

    async def finish(_db: Database, _call: JobCall) -> None:
        done.set()

    async with queue_db.transaction(WHO) as tx:
        await tx.enqueue("test.finish")
    await queue_db.pool.execute(  # as a worker leaves it that was killed in the middle
        "UPDATE jobs.pgqueuer SET status = 'picked', queue_manager_id = gen_random_uuid(), heartbeat = now()"
    )
    async with working(fresh_dsn, queue_db, {"test.finish": finish}):
        await asyncio.wait_for(done.wait(), 10)


async def test_a_worker_goes_on_after_its_connections_were_cut(fresh_dsn: str, queue_db: Database) -> None:
    done: asyncio.Queue[str] = asyncio.Queue()

    async def note(_db: Database, call: JobCall) -> None:
        done.put_nowait(call.payload["which"])

    async with working(fresh_dsn, queue_db, {"test.note": note}):
        owner = await asyncpg.connect(fresh_dsn)
        await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'vezne%'")
        await owner.close()
        async with queue_db.transaction(WHO) as tx:
            await tx.enqueue("test.note", {"which": "after"})
        assert await asyncio.wait_for(done.get(), 10) == "after"


async def test_stopping_waits_for_the_job_under_way(fresh_dsn: str, queue_db: Database) -> None:
    begun, finished = asyncio.Event(), False

    async def take_time(_db: Database, _call: JobCall) -> None:
        nonlocal finished
        begun.set()
        await asyncio.sleep(0.5)
        finished = True

    async with working(fresh_dsn, queue_db, {"test.slow": take_time}):
        async with queue_db.transaction(WHO) as tx:
            await tx.enqueue("test.slow")
        await asyncio.wait_for(begun.wait(), 10)
    assert finished


def test_pauses_grow_and_end_at_the_longest() -> None:
    pauses = [worker.pause_after(tries) for tries in range(40)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == worker.LONGEST_PAUSE
