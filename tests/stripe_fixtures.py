"""A till: the whole service on a real port, whose tenant takes payments through Stripe, played by the sandbox beside it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest_asyncio
import stripe
import uvicorn
from pydantic import SecretStr

from desk_fixtures import KEY, MINUTE, SECRET, Desk, Sandbox
from tenancy_fixtures import TenantMaker
from vezne import payments
from vezne.app.http import create_app
from vezne.kernel.db import Database
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.sandbox import SandboxSettings

STRIPE_KEY: str = SandboxSettings.model_fields["stripe_secret_key"].default
STRIPE_SECRET: str = SandboxSettings.model_fields["stripe_webhook_secret"].default
DOCUMENTED = "/payment/webhooks/stripe"


@dataclass
class Till(Desk):
    """A desk where lira are paid through Stripe."""

    async def asked(self, minor: int = 10_000, currency: str = "TRY", **more: Any) -> UUID:  # noqa: ANN401 - as payments takes them
        """A new payment."""
        async with self.db.transaction(self.principal) as tx:
            made, _ = await payments.create(tx, Money(minor, currency), "Ten credits", expires_after=30 * MINUTE, **more)
        return made.id

    async def act(self, ref: str, **what: str) -> dict[str, Any]:
        """What the customer does on Stripe's page."""
        answer = await self.sandbox.client.post(f"/stripe/play/{ref}", json=what)
        assert answer.is_success, answer.text
        done: dict[str, Any] = answer.json()
        return done

    async def told(self, address: str | None = DOCUMENTED, payload: str = "snapshot") -> None:
        """Where Stripe's webhooks go from now on; None: nowhere."""
        body = {"webhook_url": None if address is None else f"{self.gateways.public_url}{address}", "payload": payload}
        (await self.sandbox.client.put("/stripe/play/dashboard", json=body)).raise_for_status()

    async def ask(self, method: str, path: str, **form: str) -> dict[str, Any]:
        """Ask Stripe itself."""
        sent: dict[str, Any] = {"params": form} if method == "GET" else {"data": form}
        headers = {"authorization": f"Bearer {STRIPE_KEY}"}
        answer = await self.sandbox.client.request(method, path, headers=headers, **sent)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def heard(self, type_: str, times: int = 1) -> list[dict[str, Any]]:
        """Wait until our log has so many webhooks of a type; those."""
        async with asyncio.timeout(10):
            while len(found := [hook for hook in await self.webhooks() if hook["type"] == type_]) < times:
                await asyncio.sleep(0.02)
        return found

    async def send(
        self, event: dict[str, Any], *, secret: str = STRIPE_SECRET, to: str = DOCUMENTED, at: datetime | None = None
    ) -> httpx2.Response:
        """Send an event as somebody who has `secret`."""
        raw = json.dumps(event)
        stamp = int((at or datetime.now(UTC)).timestamp())  # noqa: TID251 - a sender's own clock
        header = stripe.WebhookSignature.generate_signature_header(raw, secret, stamp)
        return await self.http.post(to, content=raw, headers={"stripe-signature": header})

    async def status(self, payment_id: UUID) -> str:
        """Where the payment stands."""
        return str((await self.payment(payment_id)).status)


@pytest_asyncio.fixture
async def till(
    db: Database, make_tenant: TenantMaker, sandbox: Sandbox, owner: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Till]:
    """The till, open for the test. Stripe's webhooks go nowhere until the test says where."""
    tenant = await make_tenant(payment_provider="stripe", other_providers=("simulated",))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = Settings(
            public_url=url,
            simulated_base_url=sandbox.url,
            simulated_api_key=SecretStr(KEY),
            simulated_webhook_secret=SecretStr(SECRET),
            stripe_base_url=sandbox.url,
            stripe_secret_key=SecretStr(STRIPE_KEY),
            stripe_webhook_secret=SecretStr(STRIPE_SECRET),
        )
        app = create_app(settings, db=db)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        task = asyncio.create_task(server._serve([listener]))  # `serve` would take the tests' signals
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
                yield Till(db, tenant, app.state.gateways, sandbox, http, owner)
        finally:
            server.should_exit = True
            await task
