"""A sandbox over real HTTP, and the merchant that uses it."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from vezne.sandbox import SandboxSettings, running

sys.path.insert(0, str(Path(__file__).parents[2]))  # importlib mode leaves the tests' own modules unfound

from sandbox.merchant import KEY, QUICK, SECRET, Gateway, HeldClock, Merchant, Open, serving
from sandbox.stripe_lab import Lab, lab


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    shop = Merchant()
    routes = [Route("/webhook", shop.webhook, methods=["POST"]), Route("/return", shop.returned)]
    async with serving(Starlette(routes=routes)) as url:
        shop.url = url
        yield shop


@pytest.fixture
async def open_gateway(tmp_path: Path, merchant: Merchant) -> AsyncIterator[Open]:
    """Starts a sandbox with the settings given; all are stopped in the end."""
    async with AsyncExitStack() as stack:

        async def start(clock: HeldClock | None = None, **settings: object) -> Gateway:
            chosen: dict[str, object] = {
                "database": tmp_path / "sandbox.sqlite3",
                "api_key": KEY,
                "webhook_secret": SECRET,
                "retry_delays": QUICK,
                "delayed_success": timedelta(milliseconds=50),
                **settings,
            }
            ready = SandboxSettings.model_validate(chosen)
            base = await stack.enter_async_context(running(ready, clock) if clock else running(ready))
            headers = {"authorization": f"Bearer {KEY}"}
            client = httpx2.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=10)
            await stack.enter_async_context(client)
            return Gateway(base, client, merchant, clock)

        yield start


@pytest.fixture
async def gateway(open_gateway: Open) -> Gateway:
    return await open_gateway()


@pytest.fixture(scope="module")
def stripe_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The sandbox's Stripe, started once a module; tests make things of their own."""
    with lab(tmp_path_factory.mktemp("stripe")) as opened:
        yield opened
