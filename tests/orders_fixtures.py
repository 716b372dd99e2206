"""A box office: a desk that sells seats and storage, with customers who have wallets and coins."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest_asyncio

from desk_fixtures import GOOD, Desk
from vezne import bookings, catalog, identity, settlements, wallets
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money

TOMORROW = timedelta(days=1)


@dataclass
class BoxOffice(Desk):
    """The desk, and what it sells."""

    async def payee(self) -> UUID:
        """A host who is paid a share."""
        async with self.db.transaction(self.principal) as tx:
            made, _ = await identity.create_payee(tx, name=f"Host {uuid4().hex[:6]}", email="host@example.test", country="TR")
        return made.id

    async def event(
        self,
        price: int | None = 2_500,
        capacity: int = 10,
        *,
        currency: str = "TRY",
        **more: Any,  # noqa: ANN401
    ) -> bookings.Resource:
        """An event with seats at a price of one seat; None: free. `item` and what else is said of the resource."""
        item = {"payee_id": None, **more.pop("item", {})}
        payee_id = item["payee_id"]
        async with self.db.transaction(self.principal) as tx:
            made = None
            if price is not None:
                made = await catalog.create_item(tx, catalog.NewItem(name="Seat", prices={currency: price}, **item))
            return await bookings.create_resource(
                tx,
                kind="event",
                name="Concert",
                item_id=None if made is None else made.id,
                payee_id=payee_id,
                capacity=capacity,
                starts_at=tx.now + TOMORROW,
                **more,
            )

    async def wallet(self, customer: UUID, minor: int, kind: wallets.KindName = "money", currency: str = "TRY") -> wallets.Wallet:
        """The customer's wallet, filled."""
        async with self.db.transaction(self.principal) as tx:
            found = await wallets.wallet_of(tx, customer, kind, currency)
            if minor:
                await wallets.credit(tx, wallets.Credit(wallet_id=found.id, amount=Money(minor, currency)))
        return found

    async def balance(self, wallet: wallets.Wallet) -> tuple[int, int]:
        """What a wallet has, and what of it is held."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            holdings = (await wallets.holdings(tx, [wallet]))[wallet.id]
        return holdings.balance, holdings.held

    async def ask(self, customer: UUID, lines: list[dict[str, Any]], **more: Any) -> httpx2.Response:  # noqa: ANN401
        """Ask for an order."""
        return await self.post("/v1/orders", {"customer_id": public_id("cus", customer), "lines": lines, **more})

    async def order(self, customer: UUID, lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:  # noqa: ANN401
        """Order, and see it placed."""
        answer = await self.ask(customer, lines, **more)
        assert answer.status_code == 201, answer.text
        placed: dict[str, Any] = answer.json()
        return placed

    async def seen(self, placed: dict[str, Any]) -> dict[str, Any]:
        """The order as it is now."""
        return await self.get(f"/v1/orders/{placed['order']['id']}")

    async def settle(self, placed: dict[str, Any], card: str = GOOD) -> None:
        """Pay an order's payment with a card."""
        payment_id = parse_id("pay", placed["payment"]["id"])
        await self.sandbox.play(await self.start(payment_id), card)
        await self.finalise(payment_id)

    async def refund(self, placed: dict[str, Any], body: dict[str, Any] | None = None) -> httpx2.Response:
        """Ask for a refund."""
        return await self.post(f"/v1/orders/{placed['order']['id']}/refunds", body or {})

    async def resource(self, resource: bookings.Resource) -> bookings.Resource:
        """The resource as it is now."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await bookings.resource(tx, resource.id)

    async def owed(self, payee_id: UUID) -> int:
        """What a payee can be paid."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return (await settlements.owed(tx, payee_id, "TRY")).available

    async def tickets(self, placed: dict[str, Any]) -> list[bookings.Ticket]:
        """The tickets of an order."""
        claims = [parse_id("clm", line["details"]["claim_id"]) for line in placed["order"]["lines"]]
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await bookings.tickets_of(tx, claims)


def seats(resource: bookings.Resource, quantity: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A line of so many seats."""
    return {"kind": "booking", "resource_id": public_id("rsc", resource.id), "quantity": quantity, **more}


def by_wallet(wallet: wallets.Wallet, minor: int | None = None) -> dict[str, Any]:
    """A wallet that pays, all that is left or so much."""
    asked: dict[str, Any] = {"kind": "wallet", "wallet_id": public_id("wal", wallet.id)}
    return asked if minor is None else {**asked, "amount_minor": minor}


def by_coins(wallet: wallets.Wallet, coins: int | None = None) -> dict[str, Any]:
    """Coins that pay."""
    asked: dict[str, Any] = {"kind": "coins", "wallet_id": public_id("wal", wallet.id)}
    return asked if coins is None else {**asked, "coins": coins}


@pytest_asyncio.fixture
async def office(desk: Desk) -> BoxOffice:
    """A box office of a tenant that keeps a tenth and lets a coin pay 0.50."""
    async with desk.db.transaction(desk.principal) as tx:
        await identity.change_tenant(tx, settings={"commission_rate": 1_000, "coin_value_minor": 50})
    return BoxOffice(desk.db, desk.tenant, desk.gateways, desk.sandbox, desk.http, desk.owner)
