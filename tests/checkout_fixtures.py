"""A till: the whole service on a real port with the sandbox beside it, a worker at work, and customers who are to pay."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx2
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from desk_fixtures import KEY, SECRET, Desk, Sandbox
from tenancy_fixtures import TestTenant
from vezne import checkout, wallets
from vezne.app.http import create_app
from vezne.kernel.db import Database
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.settings import Settings


@dataclass(frozen=True)
class Bill:
    """A top-up that waits for its payment."""

    url: str
    customer_id: UUID
    order: str
    payment_id: UUID
    client_secret: str

    @property
    def token(self) -> str:
        """What its address hides."""
        return urlsplit(self.url).path.removeprefix("/checkout/")


@dataclass
class Till(Desk):
    """A desk with the checkout."""

    async def bill(self, minor: int = 10_000, currency: str = "TRY", **order: object) -> Bill:
        """A new customer asks for a top-up."""
        customer = await self.customer()
        asked = {"customer_id": public_id("cus", customer), "amount_minor": minor, "currency": currency, **order}
        made = (await self.post("/v1/top-ups", asked)).raise_for_status().json()
        payment = made["payment"]
        return Bill(made["checkout_url"], customer, made["order"]["id"], parse_id("pay", payment["id"]), payment["client_secret"])

    async def balance(self, bill: Bill, currency: str = "TRY") -> int:
        """What the customer's wallet holds."""
        async with self.db.transaction(self.principal) as tx:
            wallet = await wallets.wallet_of(tx, bill.customer_id, "money", currency)
            return (await wallets.holdings(tx, [wallet]))[wallet.id].balance

    async def page(self, bill: Bill, step: str = "", **headers: str) -> httpx2.Response:
        """The customer's page, redirects not followed."""
        return await self.http.get(f"/checkout/{bill.token}{step}", headers=headers)

    async def pay_at_bank(self, bill: Bill, card: str, three_ds: str = "approve") -> None:
        """Press the button, and use a card on the provider's page."""
        answer = await self.http.post(f"/checkout/{bill.token}/attempts")
        assert answer.status_code == 303
        await self.sandbox.play(urlsplit(answer.headers["location"]).path.rpartition("/")[2], card, three_ds)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """A worker does what is due while the block runs."""

        async def work() -> None:
            while True:
                await self.work("payments.act_on_webhook", "payments.cancel_at_provider")
                await asyncio.sleep(0.05)

        working = asyncio.create_task(work())
        try:
            yield
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


@asynccontextmanager
async def _serving(db: Database, sandbox: Sandbox) -> AsyncIterator[tuple[str, FastAPI]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(
            Settings(
                public_url=url,
                simulated_base_url=sandbox.url,
                simulated_api_key=SecretStr(KEY),
                simulated_webhook_secret=SecretStr(SECRET),
            ),
            db=db,
        )
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        task = asyncio.create_task(server._serve([listener]))  # `serve` would take the tests' signals
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield url, app
        finally:
            server.should_exit = True
            await task


@pytest_asyncio.fixture
async def till(
    db: Database, tenant: TestTenant, sandbox: Sandbox, owner: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Till]:
    """The till, open for the test; in the end no session may outlive its payment."""
    async with _serving(db, sandbox) as (url, app), httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        yield Till(db, tenant, app.state.gateways, sandbox, http, owner)
        async with db.transaction(tenant.principal, read_only=True) as tx:
            assert await checkout.audit(tx) == []
