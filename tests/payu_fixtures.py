"""A counter: the whole service on a real port, whose tenant takes payments through PayU, played by the sandbox beside it."""

import asyncio
import html
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from desk_fixtures import KEY, MINUTE, RETURN_URL, SECRET, Desk, Sandbox
from tenancy_fixtures import TenantMaker
from vezne import payments
from vezne.app.http import create_app
from vezne.kernel.db import Database
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.payments.providers.base import Provider
from vezne.sandbox import SandboxSettings

PAYU_KEY: str = SandboxSettings.model_fields["payu_merchant_key"].default
PAYU_SALT: str = SandboxSettings.model_fields["payu_merchant_salt"].default
_FIELD = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_ACTION = re.compile(r'<form[^>]* method="post" action="([^"]*)"')


def form_in(page: str) -> tuple[str, dict[str, str]]:
    """The form of a page, as a browser would post it."""
    action = _ACTION.search(page)
    assert action is not None, page
    return html.unescape(action[1]), {html.unescape(name): html.unescape(value) for name, value in _FIELD.findall(page)}


@dataclass
class Counter(Desk):
    """A desk where rupees are paid, and the customer's browser."""

    async def asked(self, minor: int = 10_000) -> UUID:
        """A new payment."""
        async with self.db.transaction(self.principal) as tx:
            made, _ = await payments.create(tx, Money(minor, "INR"), "Concert", expires_after=30 * MINUTE)
        return made.id

    async def entered(self, payment_id: UUID) -> tuple[str, dict[str, str]]:
        """The browser follows our page to PayU's: the txnid, and the form it posted there."""
        started = await payments.start_attempt(self.db, self.gateways, self.principal, payment_id, return_url=RETURN_URL)
        page = await self.http.get(started.redirect_url)
        assert page.status_code == 200
        action, fields = form_in(page.text)
        there = await self.sandbox.client.post(action, data=fields)
        assert there.status_code == 303, there.text
        return fields["txnid"], fields

    async def act(self, txnid: str, **what: str) -> dict[str, Any]:
        """What happens at PayU; the form that the browser would post back, and where."""
        answer = await self.sandbox.client.post(f"/payu/play/{txnid}", json=what)
        done: dict[str, Any] = answer.raise_for_status().json()
        return done

    async def post_back(self, done: dict[str, Any], **changes: str) -> httpx2.Response:
        """The browser posts it back, redirects not followed."""
        return await self.http.post(done["action"], data={**done["fields"], **changes}, headers={"accept": "text/html"})

    async def told(self, address: str | None = "/v1/payu/webhook") -> None:
        """Where PayU's webhooks go from now on; None: nowhere."""
        url = None if address is None else f"{self.gateways.public_url}{address}"
        (await self.sandbox.client.put("/payu/play/dashboard", json={"webhook_url": url})).raise_for_status()

    async def refunds(self, txnid: str) -> list[dict[str, Any]]:
        """All refunds there are at PayU."""
        answer = await self.sandbox.client.get(f"/payu/play/{txnid}/refunds")
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
        return found

    async def paid(self, minor: int = 10_000) -> tuple[UUID, str]:
        """A payment that was paid, its customer back; and its txnid."""
        payment_id = await self.asked(minor)
        txnid, _ = await self.entered(payment_id)
        answer = await self.post_back(await self.act(txnid))
        assert (answer.status_code, answer.headers["location"]) == (303, RETURN_URL)
        return payment_id, txnid

    @contextmanager
    def providers(self, **providers: Provider) -> Iterator[None]:
        """The service has these providers and no others while the block runs."""
        had = self.gateways.providers
        object.__setattr__(self.gateways, "providers", providers)
        try:
            yield
        finally:
            object.__setattr__(self.gateways, "providers", had)

    async def status(self, payment_id: UUID) -> str:
        """Where the payment stands."""
        return str((await self.payment(payment_id)).status)


@asynccontextmanager
async def _serving(db: Database, sandbox: Sandbox) -> AsyncIterator[tuple[str, FastAPI]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = Settings(
            public_url=url,
            simulated_base_url=sandbox.url,
            simulated_api_key=SecretStr(KEY),
            simulated_webhook_secret=SecretStr(SECRET),
            payu_payment_url=sandbox.url,
            payu_api_url=sandbox.url,
            payu_merchant_key=SecretStr(PAYU_KEY),
            payu_merchant_salt=SecretStr(PAYU_SALT),
        )
        app = create_app(settings, db=db)
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
async def counter(
    db: Database, make_tenant: TenantMaker, sandbox: Sandbox, owner: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Counter]:
    """The counter, open for the test. PayU's webhooks go nowhere until the test says where."""
    tenant = await make_tenant(payment_provider="payu", other_providers=("simulated",), default_currency="INR")
    async with _serving(db, sandbox) as (url, app), httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        yield Counter(db, tenant, app.state.gateways, sandbox, http, owner)
