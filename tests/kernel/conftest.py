"""Fixtures of the kernel's tests."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio
import structlog

from edge_app import client_of, make_app
from vezne.kernel.db import Database


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """Bugs are logged in one line; structlog's own way draws every frame with its locals, for seconds."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])
    yield
    structlog.reset_defaults()


@pytest_asyncio.fixture
async def web(db: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the small application on the edge."""
    async with client_of(make_app(db)) as client:
        yield client
