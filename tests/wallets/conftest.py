"""What the wallets' tests share: a shop that speaks to the API for one tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
import pytest_asyncio

from tenancy_fixtures import TestTenant


@dataclass
class Shop:
    """A tenant's application, calling the API."""

    http: httpx2.AsyncClient
    tenant: TestTenant

    async def post(self, path: str, body: object, *, key: str | None = None, status: int | None = 201) -> Any:
        headers = self.tenant.headers | ({} if key is None else {"Idempotency-Key": key})
        answer = await self.http.post(path, json=body, headers=headers)
        assert status is None or answer.status_code == status, answer.text
        return answer if status is None else answer.json()

    async def get(self, path: str, *, status: int = 200, **params: Any) -> Any:
        answer = await self.http.get(path, params=params, headers=self.tenant.headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def patch(self, path: str, body: object, *, status: int = 200) -> Any:
        answer = await self.http.patch(path, json=body, headers=self.tenant.headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def customer(self) -> str:
        made = await self.post("/v1/customers", {"reference": f"customer-{uuid4().hex}"})
        return str(made["id"])

    async def wallet(
        self, amount: int = 0, *, kind: str = "money", currency: str | None = None, customer: str | None = None, **credit: object
    ) -> str:
        """A wallet of a customer (a new one), with `amount` in it."""
        held = currency or {"money": "TRY", "credits": "CREDIT", "coins": "COIN", "gift_card": "TRY"}[kind]
        owner = customer or await self.customer()
        made = await self.post("/v1/wallets", {"customer_id": owner, "kind": kind, "currency": held})
        if amount:
            await self.credit(made["id"], amount, currency=held, **credit)
        return str(made["id"])

    async def credit(self, wallet: str, amount: int, *, currency: str = "TRY", status: int | None = 201, **more: object) -> Any:
        body = {"amount_minor": amount, "currency": currency, **more}
        return await self.post(f"/v1/wallets/{wallet}/credits", body, status=status)

    async def debit(self, wallet: str, amount: int, *, currency: str = "TRY", status: int | None = 201, **more: object) -> Any:
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


def statuses(answers: Sequence[Any]) -> dict[int, int]:
    """How many answers had which status."""
    counts: dict[int, int] = {}
    for answer in answers:
        counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
    return counts


