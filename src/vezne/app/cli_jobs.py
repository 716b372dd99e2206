"""`vezne jobs`: what waits, and what was parked after its last try."""

from typing import Annotated, Any, cast

import asyncpg
import msgspec
import typer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.types import JobId

from vezne.app.cli_output import JsonOption, run_async, show, show_all
from vezne.app.desk import desk
from vezne.kernel.jobs import QUEUE_SETTINGS

commands = typer.Typer()
jobs = typer.Typer(no_args_is_help=True, help="Jobs: what waits, and what was parked after its last try.")
commands.add_typer(jobs, name="jobs")


@jobs.command()
def waiting(*, as_json: JsonOption = False) -> None:
    """How many jobs there are of each name and state."""

    async def count() -> list[dict[str, Any]]:
        async with desk() as open_desk, open_desk.db.connection() as connection:
            rows = await connection.fetch(
                """SELECT entrypoint AS job, status::text, count(*) AS jobs, min(execute_after)::text AS next,
                          max(attempts) AS tries
                   FROM jobs.pgqueuer GROUP BY entrypoint, status ORDER BY entrypoint, status"""
            )
        return [dict(row) for row in rows]

    show_all(run_async(count()), as_json=as_json, empty="no jobs wait")


@jobs.command()
def failed(*, as_json: JsonOption = False) -> None:
    """Jobs that failed on every try and were parked."""

    async def collect() -> list[dict[str, Any]]:
        async with desk() as open_desk, open_desk.db.connection() as connection:
            rows = await connection.fetch(
                """SELECT id, entrypoint AS job, payload, attempts, updated::text AS at,
                          (SELECT log.traceback ->> 'exception_message' FROM jobs.pgqueuer_log AS log
                           WHERE log.job_id = job.id ORDER BY log.created DESC LIMIT 1) AS error
                   FROM jobs.pgqueuer AS job WHERE status = 'failed' ORDER BY id"""
            )
        return [{**dict(row), "payload": msgspec.json.decode(row["payload"] or b"{}")} for row in rows]

    show_all(run_async(collect()), as_json=as_json, empty="no job was parked")


@jobs.command()
def retry(ids: Annotated[list[int], typer.Argument(help="ids that `failed` listed")], *, as_json: JsonOption = False) -> None:
    """Put parked jobs back into the queue."""

    async def put_back() -> None:
        async with desk() as open_desk, open_desk.db.connection() as connection:
            queries = Queries(
                AsyncpgDriver(cast("asyncpg.Connection[asyncpg.Record]", connection)),
                qbe=QueryBuilderEnvironment(QUEUE_SETTINGS),
                qbq=QueryQueueBuilder(QUEUE_SETTINGS),
            )
            await queries.requeue_jobs([JobId(number) for number in ids])

    run_async(put_back())
    show({"put_back": ids}, as_json=as_json)
