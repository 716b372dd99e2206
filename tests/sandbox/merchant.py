"""A merchant that receives webhooks, its program's way to speak to the sandbox, and a clock that can be moved."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

KEY = "sim_sk_test_0123456789"
SECRET = "whsec_c2FuZGJveC13ZWJob29rLXNlY3JldA=="
QUICK = tuple(timedelta(milliseconds=ms) for ms in (20, 40, 80, 160, 320))


@dataclass
class Received:
    """A webhook as it arrived."""

    body: bytes
    headers: dict[str, str]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


@dataclass
class Merchant:
    """The other side: keeps every webhook, and answers with the statuses it was given, then with 204."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    delay_seconds: int = 0

    async def webhook(self, request: Request) -> Response:
        self.received.append(Received(await request.body(), dict(request.headers)))
        await asyncio.sleep(self.delay_seconds)
        return Response(status_code=self.answers.pop(0) if self.answers else 204)

    async def returned(self, request: Request) -> Response:
        return Response(f"<!doctype html><title>Shop</title><p id=q>{request.url.query}", media_type="text/html")

    @property
    def webhook_url(self) -> str:
        return f"{self.url}/webhook"

    @property
    def types(self) -> list[str]:
        return [received.event["type"] for received in self.received]


class HeldClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)  # noqa: TID251 - where it begins

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: int) -> None:
        self.now += timedelta(**by)


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """Any application on a free port of loopback."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def until(true: Callable[[], bool | Awaitable[bool]], seconds: int = 10) -> None:
    """Wait until it is true; fail when it has not become so."""
    async with asyncio.timeout(seconds):
        while True:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)


@dataclass
class Gateway:
    """The sandbox, as a merchant's program speaks to it."""

    base: str
    client: httpx2.AsyncClient
    merchant: Merchant
    clock: HeldClock | None = None
    made: int = 0

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        return await self.client.post(f"/simulated/v1{path}", json={} if body is None else body, headers=headers)

    async def get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.client.get(f"/simulated/v1{path}")).raise_for_status().json()
        return answer

    def order(self, **changes: object) -> dict[str, object]:
        self.made += 1
        return {
            "merchant_reference": f"order-{self.made}",
            "amount_minor": 10_000,
            "currency": "TRY",
            "return_url": f"{self.merchant.url}/return?order={self.made}",
            "webhook_url": self.merchant.webhook_url,
            **changes,
        }

    async def payment(self, **changes: object) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.post("/payments", self.order(**changes))).raise_for_status().json()
        return answer

    async def played(self, card: str = "4242424242424242", three_ds: str = "approve", **changes: object) -> dict[str, Any]:
        payment = await self.payment(**changes)
        answer = await self.post(f"/payments/{payment['id']}/play", {"card": card, "three_ds": three_ds})
        played: dict[str, Any] = answer.raise_for_status().json()
        return played

    async def arm(self, **faults: object) -> None:
        (await self.post("/faults", faults)).raise_for_status()

    async def fired(self) -> dict[str, int]:
        fired: dict[str, int] = (await self.get("/faults"))["fired"]
        return fired


Open = Callable[..., Awaitable[Gateway]]
"""Starts a sandbox with the settings given, and a held clock when one is given."""
