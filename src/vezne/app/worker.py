"""The worker: does the jobs that transactions left, and what the clock asks for.

A job is done at least once, soon after its transaction has committed: PostgreSQL's NOTIFY wakes the worker. One that fails is
tried again with growing pauses; after MAX_TRIES it is parked (`vezne jobs failed`) and logged. The jobs of a killed worker
are taken over once its heartbeat has been silent for HEARTBEAT. A database that goes away is waited for.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.applications import PgQueuer
from pgqueuer.domain.errors import FailingListenerError, RetryRequested
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.models import Schedule

from vezne.app.gate import Gate
from vezne.app.jobs import open_jobs
from vezne.app.reactions import REACTIONS
from vezne.app.schedule import SCHEDULE, Scheduled
from vezne.kernel.db import ANSWER_WITHIN, SERVICE_ROLE, Database, open_pool
from vezne.kernel.jobs import QUEUE_SETTINGS, Job, JobCall
from vezne.kernel.settings import Settings
from vezne.kernel.telemetry import JOB_SECONDS, JOBS_DONE
from vezne.kernel.vault import Vault

MAX_TRIES = 12
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
HEARTBEAT = timedelta(seconds=6)
LOOK_EVERY = timedelta(seconds=5)
AT_ONCE = 20
BATCH = 10
RECONNECT_FIRST, RECONNECT_LONGEST = 0.1, 5.0
_GONE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, FailingListenerError)
_log = structlog.get_logger("vezne.worker")


async def work(settings: Settings, dsn: str, stop: asyncio.Event) -> None:
    """Do jobs until `stop` is set, then finish those begun. `dsn` is the owner's; the work is done in the service's role."""
    gate = Gate()
    await _either(gate.watch(dsn), stop)
    if stop.is_set():
        return
    pool = await open_pool(dsn, size=settings.pool_size, answer_within=ANSWER_WITHIN)
    try:
        db = Database(pool, REACTIONS, Vault.from_settings(settings))
        async with open_jobs(settings, db) as jobs:
            await work_through_outages(dsn, db, jobs, stop)
    finally:
        await pool.close()


async def work_through_outages(dsn: str, db: Database, jobs: Mapping[str, Job], stop: asyncio.Event) -> None:
    """Do `jobs` until `stop`; when the connection is lost, on a new one."""
    pause = RECONNECT_FIRST
    while not stop.is_set():
        begun = asyncio.get_running_loop().time()
        try:
            await _work_on_one_connection(dsn, db, jobs, stop)
        except _GONE as gone:
            if asyncio.get_running_loop().time() - begun > RECONNECT_LONGEST:
                pause = RECONNECT_FIRST
            _log.warning("database_gone", error=str(gone) or type(gone).__name__, retry_in=pause)
            await _either(asyncio.sleep(pause), stop)
            pause = min(pause * 2, RECONNECT_LONGEST)


async def _work_on_one_connection(dsn: str, db: Database, jobs: Mapping[str, Job], stop: asyncio.Event) -> None:
    connection = await asyncpg.connect(
        dsn, timeout=5, server_settings={"role": SERVICE_ROLE, "application_name": "vezne worker", "timezone": "UTC"}
    )
    try:
        queue = assemble(connection, db, jobs)
        connection.add_termination_listener(lambda _connection: queue.shutdown.set())
        running = asyncio.create_task(_run(queue))
        await _either(asyncio.shield(running), stop)
        queue.shutdown.set()
        await running
    finally:
        await connection.close(timeout=5)


async def _run(queue: PgQueuer) -> None:
    await queue.run(
        dequeue_timeout=LOOK_EVERY,
        batch_size=BATCH,
        max_concurrent_tasks=AT_ONCE,
        shutdown_on_listener_failure=True,
        heartbeat_timeout=HEARTBEAT,
    )


def assemble(connection: "asyncpg.Connection[asyncpg.Record]", db: Database, jobs: Mapping[str, Job]) -> PgQueuer:
    """A queue on `connection` that knows every one of `jobs` and the whole schedule."""
    driver = AsyncpgDriver(connection)
    queries = Queries(
        driver,
        qbe=QueryBuilderEnvironment(QUEUE_SETTINGS),
        qbq=QueryQueueBuilder(QUEUE_SETTINGS),
        qbs=QuerySchedulerBuilder(QUEUE_SETTINGS),
    )
    queue = PgQueuer(connection=driver, queries=queries)
    for name, job in jobs.items():
        queue.entrypoint(name, accepts_context=False, on_failure="hold")(_entrypoint(name, job, db))
    for item in SCHEDULE:
        queue.schedule(f"sweep.{item.job}", item.cron, accepts_context=False)(_scheduled(item, db))
    return queue


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many failures: doubling, up to LONGEST_PAUSE."""
    return min(FIRST_PAUSE * (1 << min(tries, 20)), LONGEST_PAUSE)


def _entrypoint(name: str, job: Job, db: Database) -> Callable[[QueuedJob], Awaitable[None]]:
    async def run(queued: QueuedJob) -> None:
        call = JobCall.decode(name, queued.payload or b"{}")
        begun = asyncio.get_running_loop().time()
        try:
            await job(db, call)
        except Exception as failure:
            tries = queued.attempts + 1
            reason = str(failure) or type(failure).__name__
            facts = {"job": name, "payload": dict(call.payload), "tries": tries, "error": reason}
            if tries >= MAX_TRIES:
                JOBS_DONE.labels(name, "parked").inc()
                _log.exception("job_parked", **facts)
                raise
            JOBS_DONE.labels(name, "failed").inc()
            pause = pause_after(queued.attempts)
            _log.warning("job_failed", retry_in=pause.total_seconds(), **facts)
            raise RetryRequested(pause, reason) from failure
        JOBS_DONE.labels(name, "done").inc()
        JOB_SECONDS.labels(name).observe(asyncio.get_running_loop().time() - begun)

    return run


def _scheduled(item: Scheduled, db: Database) -> Callable[[Schedule], Awaitable[None]]:
    async def run(_schedule: Schedule) -> None:
        try:
            await item.sweep(db)
        except Exception as failure:  # noqa: BLE001 - its turn comes again; one failing sweep must not stop the others
            JOBS_DONE.labels(f"sweep.{item.job}", "failed").inc()
            _log.warning("schedule_failed", schedule=f"sweep.{item.job}", error=str(failure) or type(failure).__name__)
        else:
            JOBS_DONE.labels(f"sweep.{item.job}", "done").inc()

    return run


async def _either(work: "Coroutine[Any, Any, None] | asyncio.Future[None]", stop: asyncio.Event) -> None:
    """Wait for `work` or for `stop`, whichever comes first; the work is cancelled then. Raises what the work raised."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if doing.done():
        doing.result()
    doing.cancel()


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
