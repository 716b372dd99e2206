"""What the wallets' tests share: a shop that speaks to the API for one tenant."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
import pytest_asyncio

from tenancy_fixtures import TestTenant

Json = dict[str, Any]


def as_json(answer: httpx2.Response) -> Json:
    """The object an answer consists of."""
    found = answer.json()
    assert isinstance(found, dict)
    return found


@dataclass
class Shop:
    """A tenant's application, calling the API."""

    http: httpx2.AsyncClient
    tenant: TestTenant

    async def send(self, path: str, body: object, *, key: str | None = None) -> httpx2.Response:
        """Post whatever comes of it."""
        headers = self.tenant.headers | ({} if key is None else {"Idempotency-Key": key})
        return await self.http.post(path, json=body, headers=headers)

    async def post(self, path: str, body: object, *, status: int = 201) -> Json:
        answer = await self.send(path, body)
        assert answer.status_code == status, answer.text
        return as_json(answer)

    async def get(self, path: str, *, expect: int = 200, **params: object) -> Json:
        answer = await self.http.get(
            path, params={name: str(value) for name, value in params.items()}, headers=self.tenant.headers
        )
        assert answer.status_code == expect, answer.text
        return as_json(answer)

    async def patch(self, path: str, body: object, *, status: int = 200) -> Json:
        answer = await self.http.patch(path, json=body, headers=self.tenant.headers)
        assert answer.status_code == status, answer.text
        return as_json(answer)

    async def customer(self) -> str:
        made = await self.post("/v1/customers", {"reference": f"customer-{uuid4().hex}"})
        return str(made["id"])

    async def wallet(
        self,
        amount: int = 0,
        *,
        kind: str = "money",
        currency: str | None = None,
        customer: str | None = None,
        label: str = "main",
        **credit: object,
    ) -> str:
        """A wallet of a customer (a new one), with `amount` in it."""
        held = currency or {"money": "TRY", "credits": "CREDIT", "coins": "COIN", "gift_card": "TRY"}[kind]
        owner = customer or await self.customer()
        made = await self.post("/v1/wallets", {"customer_id": owner, "kind": kind, "currency": held, "label": label})
        if amount:
            more: dict[str, Any] = dict(credit)
            await self.credit(made["id"], amount, currency=held, **more)
        return str(made["id"])

    async def credit(self, wallet: str, amount: int, *, currency: str = "TRY", status: int = 201, **more: object) -> Json:
        body = {"amount_minor": amount, "currency": currency, **more}
        return await self.post(f"/v1/wallets/{wallet}/credits", body, status=status)

    async def debit(self, wallet: str, amount: int, *, currency: str = "TRY", status: int = 201, **more: object) -> Json:
        body = {"amount_minor": amount, "currency": currency, **more}
        return await self.post(f"/v1/wallets/{wallet}/debits", body, status=status)

    async def balance(self, wallet: str) -> int:
        return int((await self.get(f"/v1/wallets/{wallet}"))["balance_minor"])

    async def lots(self, wallet: str) -> list[int]:
        return [lot["remaining_minor"] for lot in (await self.get(f"/v1/wallets/{wallet}"))["lots"]]


@pytest_asyncio.fixture
async def shop(http: httpx2.AsyncClient, tenant: TestTenant) -> Shop:
    """The test's tenant, calling the API."""
    return Shop(http, tenant)
