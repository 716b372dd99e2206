"""Every job by its name, for the worker."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from vezne.kernel.jobs import Job
from vezne.kernel.settings import Settings
from vezne.payments import Gateways
from vezne.payments.jobs import jobs_on


@asynccontextmanager
async def open_jobs(settings: Settings) -> AsyncIterator[Mapping[str, Job]]:
    """All jobs, with what they stand on open while the block runs."""
    gateways = Gateways.from_settings(settings)
    try:
        yield {**jobs_on(gateways)}
    finally:
        await gateways.aclose()
