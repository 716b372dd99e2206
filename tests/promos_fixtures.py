"""Promotions of a test's own, and baskets to try them on."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from tenancy_fixtures import TestTenant
from vezne import identity, promos
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id
from vezne.kernel.money import Money
from vezne.promos.models import PromotionKind


@dataclass
class Booth:
    """Where codes are given out and tried."""

    db: Database
    tenant: TestTenant

    async def customer(self, **facts: Any) -> UUID:  # noqa: ANN401 - whatever is said of a customer
        """A new customer."""
        async with self.db.transaction(self.tenant.principal) as tx:
            return (await identity.create_customer(tx, reference=uuid4().hex, **facts)).id

    async def give(
        self,
        code: str,
        kind: PromotionKind = "percentage",
        *,
        customer_ids: list[UUID] | None = None,
        code_uses: int | None = None,
        **terms: Any,  # noqa: ANN401 - the terms
    ) -> promos.Code:
        """A promotion and its code; a tenth off where nothing else is said."""
        if kind == "percentage":
            terms.setdefault("percentage", 1_000)
        async with self.db.transaction(self.tenant.principal) as tx:
            made = await promos.create_promotion(tx, promos.Terms(name=code, kind=kind, **terms), customer_ids=customer_ids)
            return await promos.create_code(tx, made.id, code, max_uses=code_uses)

    async def evaluate(self, basket: promos.Basket, *codes: str) -> promos.Applied:
        """What the codes would do."""
        async with self.db.transaction(self.tenant.principal) as tx:
            return await promos.evaluate(tx, basket, codes)

    async def reserve(self, basket: promos.Basket, *codes: str) -> UUID:
        """An order that has reserved these codes."""
        order_id = new_id()
        async with self.db.transaction(self.tenant.principal) as tx:
            applied = await promos.evaluate(tx, basket, codes)
            await promos.reserve(tx, order_id, applied, Money(1, basket.currency))
        return order_id

    async def redeem(self, order_id: UUID) -> None:
        """The order is paid."""
        async with self.db.transaction(self.tenant.principal) as tx:
            await promos.redeem(tx, order_id)

    async def release(self, order_id: UUID) -> None:
        """The order ended."""
        async with self.db.transaction(self.tenant.principal) as tx:
            await promos.release(tx, order_id)

    async def promotion(self, code: promos.Code) -> promos.Promotion:
        """The promotion as it is."""
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            return await promos.promotion(tx, code.promotion_id)

    async def why(self, basket: promos.Basket, *codes: str) -> str:
        """Why they are refused; empty: they are not."""
        try:
            await self.evaluate(basket, *codes)
        except promos.PromoInvalid as refused:
            return refused.reason
        return ""


def line(minor: int, number: int = 1, kind: str = "booking", currency: str = "TRY", **more: Any) -> promos.BasketLine:  # noqa: ANN401
    """A line of a basket."""
    return promos.BasketLine(number=number, kind=kind, amount=Money(minor, currency), **more)


def basket(customer_id: UUID, *minors: int, lines: tuple[promos.BasketLine, ...] = (), **more: Any) -> promos.Basket:  # noqa: ANN401
    """A basket of lines of these amounts."""
    found = lines or tuple(line(minor, number) for number, minor in enumerate(minors, 1))
    return promos.Basket(**{"customer_id": customer_id, "currency": "TRY", "lines": found, "first_purchase": True, **more})


@pytest_asyncio.fixture
async def booth(db: Database, tenant: TestTenant) -> Booth:
    """A booth of a tenant of this test's own."""
    return Booth(db, tenant)
