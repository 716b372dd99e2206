"""A desk: the service's routes on a real port, the sandbox beside it over real HTTP, and a worker that is run by hand."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request

from magicpay_fixtures import CREDENTIALS
from tenancy_fixtures import TestTenant
from vezne import identity, ledger, payments
from vezne.kernel import edge
from vezne.kernel.db import Database
from vezne.kernel.http import Edge
from vezne.kernel.jobs import JobCall
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.orders.api import ROUTERS as ORDERS
from vezne.payments.api import ROUTERS as PAYMENTS
from vezne.payments.gateways import Gateways
from vezne.payments.jobs import jobs_on
from vezne.payments.providers.simulated import SimulatedProvider
from vezne.sandbox import SandboxSettings, running

KEY = "sim_sk_test_0123456789"
SECRET = "whsec_c2FuZGJveC13ZWJob29rLXNlY3JldA=="
GOOD, DECLINED, DELAYED, CHALLENGED = "4242424242424242", "4000000000000002", "4000000000000077", "4000002500003155"
RETURN_URL = "http://127.0.0.1:9/return"
MINUTE = timedelta(minutes=1)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Any application on a free port of loopback."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@dataclass
class Sandbox:
    """The simulated provider, from the customer's side and the fault-maker's."""

    url: str
    client: httpx2.AsyncClient

    async def play(self, ref: str, card: str = GOOD, three_ds: str = "approve") -> dict[str, Any]:
        """What the customer does on the hosted page."""
        answer = await self.client.post(f"/simulated/v1/payments/{ref}/play", json={"card": card, "three_ds": three_ds})
        played: dict[str, Any] = answer.raise_for_status().json()
        return played

    async def play_method(self, method_ref: str, card: str) -> None:
        """Let later charges of a stored card go as payments with this one do."""
        answer = await self.client.post(f"/simulated/v1/methods/{method_ref}/play", json={"card": card})
        answer.raise_for_status()

    async def arm(self, **faults: object) -> None:
        """These faults and no others."""
        (await self.client.post("/simulated/v1/faults", json=faults)).raise_for_status()

    async def fired(self, name: str) -> int:
        """How often a fault has happened."""
        fired: int = (await self.client.get("/simulated/v1/faults")).raise_for_status().json()["fired"][name]
        return fired

    async def payments(self, reference: str) -> list[dict[str, Any]]:
        """What the provider holds under our reference."""
        answer = await self.client.get("/simulated/v1/payments", params={"merchant_reference": reference})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
        return found

    async def events(self, ref: str) -> list[dict[str, Any]]:
        """What it has told of a payment, newest first."""
        answer = await self.client.get("/simulated/v1/events", params={"payment": ref})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
        return found


@dataclass
class Desk:
    """The service in a test: its database, its gateways, its HTTP, its jobs."""

    db: Database
    tenant: TestTenant
    gateways: Gateways
    sandbox: Sandbox
    http: httpx2.AsyncClient
    owner: "asyncpg.Connection[asyncpg.Record]"
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def principal(self) -> Principal:
        """The tenant's system."""
        return self.tenant.principal

    async def pay(self, minor: int = 10_000, currency: str = "TRY") -> payments.Payment:
        """A new payment."""
        async with self.db.transaction(self.principal) as tx:
            made, _ = await payments.create(tx, Money(minor, currency), "test", expires_after=30 * MINUTE)
        return made

    async def start(self, payment_id: UUID) -> str:
        """Start an attempt; the provider's name for it."""
        await payments.start_attempt(self.db, self.gateways, self.principal, payment_id, return_url=RETURN_URL)
        return (await self.attempts(payment_id))[-1].provider_ref or ""

    async def attempts(self, payment_id: UUID) -> list[payments.Attempt]:
        """The payment's attempts."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await payments.attempts(tx, [payment_id])

    async def payment(self, payment_id: UUID) -> payments.Payment:
        """The payment as it is."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await payments.payment(tx, payment_id)

    async def finalise(self, payment_id: UUID) -> payments.Payment:
        """What the return page does."""
        return await payments.finalise(self.db, self.gateways, self.principal, payment_id)

    async def work(self, *names: str, ahead: timedelta = timedelta()) -> int:
        """Do the payments' jobs that are due within `ahead` (only those named, when any are) until none is left; how many."""
        jobs = jobs_on(self.gateways)
        done = 0
        while calls := await self._take(names or tuple(jobs), ahead):
            for call in calls:
                await jobs[call.name](self.db, call)
                done += 1
            ahead = timedelta()
        return done

    async def _take(self, names: tuple[str, ...], ahead: timedelta) -> list[JobCall]:
        async with self.taking:
            rows = await self.owner.fetch(
                """SELECT id, entrypoint, payload FROM jobs.pgqueuer
                   WHERE status = 'queued' AND execute_after <= now() + $1::interval ORDER BY id""",
                ahead,
            )
            calls = {row["id"]: JobCall.decode(row["entrypoint"], row["payload"]) for row in rows}
            mine = {
                id_: call
                for id_, call in calls.items()
                if call.tenant_id == self.tenant.tenant_id and (not names or call.name in names)
            }
            await self.owner.execute("DELETE FROM jobs.pgqueuer WHERE id = ANY ($1::bigint[])", list(mine))
        return list(mine.values())

    async def until_told(self, ref: str, events: int = 1) -> None:
        """Wait until our endpoint has kept so many webhooks about this payment."""
        async with asyncio.timeout(10):
            while len([hook for hook in await self.webhooks() if hook["provider_ref"] == ref]) < events:
                await asyncio.sleep(0.02)

    async def webhooks(self) -> list[dict[str, Any]]:
        """The log of webhooks received, newest first."""
        answer = await self.http.get("/v1/inbound-webhooks", headers=self.tenant.headers, params={"limit": 100})
        rows: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
        return rows

    async def tell(
        self, body: dict[str, Any], *, at: datetime | None = None, secret: str = SECRET, tenant: str | None = None
    ) -> httpx2.Response:
        """Send a webhook as somebody who has `secret`."""
        raw = json.dumps(body).encode()
        stamp = str(int((at or datetime.now(UTC)).timestamp()))  # noqa: TID251 - a sender's own clock
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{body['id']}.{stamp}.".encode() + raw, hashlib.sha256).digest()
        headers = {
            "webhook-id": body["id"],
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
        url = tenant or self.gateways.webhook_url("simulated", self.tenant.tenant_id)
        return await self.http.post(url, content=raw, headers=headers)

    async def events(self, type_: str) -> int:
        """How often something of this type has happened in the tenant."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            count: int = await tx.fetchval("SELECT count(*) FROM events WHERE tenant_id = $1 AND type = $2", tx.tenant_id, type_)
        return count

    async def held(self, code: str, currency: str = "TRY") -> int:
        """The balance of all accounts of a code."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            lines = await ledger.trial_balance(tx)
        return sum(line.balance for line in lines if (line.code, line.currency) == (code, currency))

    async def customer(self) -> UUID:
        """A new customer."""
        async with self.db.transaction(self.principal) as tx:
            return (await identity.create_customer(tx, reference=uuid4().hex)).id

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Ask the API."""
        return await self.http.post(path, json=body, headers={**self.tenant.headers, **headers})

    async def get(self, path: str, **params: str | int) -> dict[str, Any]:
        """Ask the API for something that is there."""
        answer = await self.http.get(path, headers=self.tenant.headers, params=params)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox of this test's own."""
    settings = SandboxSettings(
        database=tmp_path / "sandbox.sqlite3",
        api_key=KEY,
        webhook_secret=SECRET,
        retry_delays=tuple(timedelta(milliseconds=ms) for ms in (50, 100, 200, 400)),
        delayed_success=timedelta(milliseconds=1500),
        magic_pay_api_key=CREDENTIALS["magic_pay_api_key"],
        magic_pay_secret=CREDENTIALS["magic_pay_secret"],
        magic_pay_webhook_secret=CREDENTIALS["magic_pay_webhook_secret"],
    )
    async with (
        running(settings) as url,
        httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False) as client,
    ):
        yield Sandbox(url, client)


@pytest_asyncio.fixture
async def desk(
    db: Database, tenant: TestTenant, sandbox: Sandbox, owner: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Desk]:
    """The desk, open for the test."""
    app = FastAPI()
    for router in (*PAYMENTS, *ORDERS):
        app.include_router(router)
    edge.install(app)
    authenticator = identity.Authenticator(db)

    async def who(request: Request) -> Principal:
        return await authenticator.authenticate(request.headers.get("authorization"))

    app.state.edge = Edge(db, who)
    provider = SimulatedProvider(base_url=sandbox.url, api_key=KEY, webhook_secret=SECRET, timeout=timedelta(milliseconds=500))
    async with serving(app) as url, httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        gateways = Gateways({"simulated": provider}, public_url=url, session_ttl=30 * MINUTE)
        app.state.gateways = gateways
        yield Desk(db, tenant, gateways, sandbox, http, owner)
        await gateways.aclose()


def unreached(gateways: Gateways) -> Gateways:
    """The same gateways whose webhooks reach nobody."""
    return replace(gateways, public_url="http://127.0.0.1:9")
