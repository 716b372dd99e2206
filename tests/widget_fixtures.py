"""A place that stores luggage: a tenant with storages, and guests who reserve from somebody else's web site."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tenancy_fixtures import TestTenant
from vezne import bookings, catalog, identity, widget
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id

SITE = "https://otel.example"
DAILY = 15_000


def days(first: int = 10, length: int = 2) -> dict[str, str]:
    """A stay, so many days from now."""
    start = date.today() + timedelta(days=first)  # noqa: DTZ011 - the guest's own calendar
    return {"checkin_date": start.isoformat(), "checkout_date": (start + timedelta(days=length)).isoformat()}


def wish(**other: object) -> dict[str, Any]:
    """What the documents' example sends, by a new guest."""
    return {
        "guest": {"name": "Test", "email": f"{uuid4().hex}@test.com", "phone": "555"},
        **days(),
        "kvkk_consent": True,
        "terms_consent": True,
        **other,
    }


@dataclass(frozen=True)
class Depot:
    """The place, its front desk and its guests."""

    db: Database
    tenant: TestTenant
    http: httpx2.AsyncClient

    async def storage(
        self, units: int = 1, *, price: int | None = DAILY, payee_id: UUID | None = None, name: str = "Depo"
    ) -> str:
        """A new storage with so many units, at a price a day; None: free of charge."""
        async with self.db.transaction(self.tenant.principal) as tx:
            item = None
            if price is not None:
                item = await catalog.create_item(tx, catalog.NewItem(name=name, kind="storage", per="day", prices={"TRY": price}))
            made = await bookings.create_resource(
                tx, kind="storage", name=name, item_id=None if item is None else item.id, payee_id=payee_id
            )
            await bookings.add_units(tx, made.id, [f"{name} {number}" for number in range(1, units + 1)])
        return public_id("rsc", made.id)

    async def change(self, **settings: object) -> None:
        """Choose other settings."""
        async with self.db.transaction(self.tenant.principal) as tx:
            await identity.change_tenant(tx, settings=dict(settings))

    async def init(self, **headers: str) -> dict[str, Any]:
        """Begin a visit."""
        answer = await self.http.get("/v1/widget/init", params={"key": self.tenant.publishable_key}, headers=headers)
        begun: dict[str, Any] = answer.raise_for_status().json()
        return begun

    async def token(self) -> str:
        """A new visit's token."""
        return str((await self.init())["access_token"])

    async def reserve(
        self, body: dict[str, Any] | None = None, token: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """Ask for storage."""
        bearer = {"Authorization": f"Bearer {token or await self.token()}"}
        return await self.http.post(
            "/v1/widget/reservations", json=wish() if body is None else body, headers=bearer | (headers or {})
        )

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Ask as staff."""
        return await self.http.post(path, json=body, headers=self.tenant.headers | headers)

    async def get(self, path: str, **params: str | int) -> httpx2.Response:
        """Ask as staff."""
        return await self.http.get(path, headers=self.tenant.headers, params=params)

    async def all_of(self, status: widget.ReservationStatus | None = None) -> list[widget.Reservation]:
        """The reservations."""
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            return [made for made, _ in await widget.reservations(tx, status=status, before=None, limit=100)]

    async def count(self, table: str) -> int:
        """How many rows of the tenant a table has."""
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            found: int = await tx.connection.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tx.tenant_id)
        return found


@asynccontextmanager
async def on_a_port(make: Callable[[str], FastAPI | Starlette], host: str = "127.0.0.1") -> AsyncIterator[str]:
    """An application that knows its own address, on a free port of loopback; its address, by this name of the machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://{host}:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(make(url), log_config=None, access_log=False))
        task = asyncio.create_task(server._serve([listener]))  # `serve` would take the tests' signals
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield url
        finally:
            server.should_exit = True
            await task


def shop(body: str) -> Starlette:
    """A web site of somebody else's, with this in its one page."""

    def page(_request: Request) -> Response:
        return HTMLResponse(
            f"<!doctype html><html lang=en><title>Otel</title><meta name=viewport content='width=device-width'>{body}"
        )

    return Starlette(routes=[Route("/", page)])
