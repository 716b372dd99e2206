"""A storage platform: the whole service, a tenant of MagicPay in demo mode, and reservations to be paid."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest_asyncio
from fastapi import FastAPI

from tenancy_fixtures import TenantMaker, TestTenant
from vezne import bookings, catalog, identity, orders, payments
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id

PATH = "/payments/magicpay"
PAGE = {"Accept": "text/html,application/xhtml+xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Storage:
    """The service with storage to let, and who lets it."""

    db: Database
    http: httpx2.AsyncClient
    tenant: TestTenant
    gateways: payments.Gateways

    async def host(self) -> UUID:
        """A host who is paid a share."""
        async with self.db.transaction(self.tenant.principal) as tx:
            made, _ = await identity.create_payee(tx, name="Depo Ltd.", email="host@example.test", country="TR")
        return made.id

    async def reserved(self, *, price: int = 15_000, host: UUID | None = None, provider: str | None = None) -> orders.Placed:
        """A guest's order of a place in a storage room."""
        async with self.db.transaction(self.tenant.principal) as tx:
            item = await catalog.create_item(tx, catalog.NewItem(name="Depo", prices={"TRY": price}, payee_id=host))
            room = await bookings.create_resource(
                tx, kind="meal", name="Depo", item_id=item.id, payee_id=host, capacity=10, starts_at=None
            )
            guest = await identity.create_customer(tx, name="Ada", email="ada@example.test", locale="tr")
            line = orders.BookingDetails(resource_id=room.id, quantity=1)
            return await orders.place(tx, guest.id, [line], provider=provider)

    async def post(self, path: str, body: object, **headers: str) -> httpx2.Response:
        """Ask with the tenant's secret key."""
        return await self.http.post(f"{PATH}{path}", json=body, headers={**self.tenant.headers, **headers})

    async def session(self, reservation: str) -> dict[str, Any]:
        """The reservation's checkout session."""
        answer = await self.post("/checkout-session", {"reservation_id": reservation})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def complete(self, session: dict[str, Any], result: str = "success") -> dict[str, Any]:
        """The session's end, said by staff."""
        answer = await self.post(f"/demo/{session['session_id']}/complete", {"result": result})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def page(self, session: dict[str, Any], **query: str) -> httpx2.Response:
        """What a browser sees."""
        return await self.http.get(session["checkout_url"], params=query, headers=PAGE)

    async def submit(self, session: dict[str, Any], lang: str = "en", **fields: str) -> httpx2.Response:
        """What a browser sends."""
        return await self.http.post(session["checkout_url"], params={"lang": lang}, data=fields)

    async def seen(self, session: dict[str, Any]) -> dict[str, Any]:
        """What a program without a key sees of a session."""
        told: dict[str, Any] = (await self.http.get(session["checkout_url"])).raise_for_status().json()
        return told

    async def pass_time(self, by: timedelta) -> None:
        """Move the tenant's clock."""
        async with self.db.transaction(self.tenant.principal) as tx:
            await clock.hold(tx, tx.now + by)

    async def order(self, placed: orders.Placed) -> orders.Order:
        """The order as it is now."""
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            return await orders.order(tx, placed.order.id)

    async def attempts(self, placed: orders.Placed) -> list[payments.Attempt]:
        """Its payment's attempts."""
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            return await payments.attempts(tx, [placed.order.payment_id] if placed.order.payment_id else [])


def order_id(placed: orders.Placed) -> str:
    """The reservation's public name."""
    return public_id("ord", placed.order.id)


def payment_id(placed: orders.Placed) -> str:
    """The public name of what pays it."""
    assert placed.payment is not None
    return public_id("pay", placed.payment.id)


@pytest_asyncio.fixture
async def storage(db: Database, http: httpx2.AsyncClient, app: FastAPI, make_tenant: TenantMaker) -> Storage:
    """A storage platform of this test's own, which keeps a tenth."""
    tenant = await make_tenant(
        payment_provider="MAGIC_PAY", other_providers=["cash", "bank_transfer"], commission_rate=1_000, transfer_days=5
    )
    return Storage(db, http, tenant, app.state.gateways)
