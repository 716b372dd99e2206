"""A booking office: a tenant whose clock is held, its customers and what can be booked."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from tenancy_fixtures import TestTenant
from vezne import bookings, catalog, identity
from vezne.bookings import Ask, Claim, Resource, Ticket
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal

START = datetime(2031, 5, 1, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass
class Office:
    """Bookings of one tenant, each step a transaction of its own."""

    db: Database
    tenant: TestTenant
    now: datetime = START
    people: list[UUID] = field(default_factory=list)

    @property
    def principal(self) -> Principal:
        """The tenant's system."""
        return self.tenant.principal

    @asynccontextmanager
    async def tx(self, principal: Principal | None = None) -> AsyncIterator[Tx]:
        """A transaction of the tenant."""
        async with self.db.transaction(principal or self.principal) as tx:
            yield tx

    async def pass_time(self, by: timedelta) -> None:
        """The tenant's clock moves on."""
        self.now += by
        async with self.tx() as tx:
            await clock.hold(tx, self.now)

    async def person(self) -> UUID:
        """A new customer."""
        async with self.tx() as tx:
            made = await identity.create_customer(tx, reference=uuid4().hex)
        self.people.append(made.id)
        return made.id

    async def item(self, minor: int = 10_000, currency: str = "TRY", **details: Any) -> UUID:  # noqa: ANN401 - what the front door takes
        """Something with a price."""
        async with self.tx() as tx:
            made = await catalog.create_item(tx, catalog.NewItem(name="Konser", **details))
            await catalog.set_price(tx, made.id, Money(minor, currency))
        return made.id

    async def event(self, capacity: int = 10, *, kind: str = "event", **details: Any) -> Resource:  # noqa: ANN401 - what the front door takes
        """A free event unless `item_id` is given."""
        async with self.tx() as tx:
            return await bookings.create_resource(tx, kind=kind, name="Konser", capacity=capacity, **details)

    async def pool(self, units: int | Sequence[str] = 2, **details: Any) -> Resource:  # noqa: ANN401 - what the front door takes
        """A storage of so many units."""
        names = [f"A{number}" for number in range(1, units + 1)] if isinstance(units, int) else units
        async with self.tx() as tx:
            made = await bookings.create_resource(tx, kind="storage", name="Depo", **details)
            await bookings.add_units(tx, made.id, names)
            return await bookings.resource(tx, made.id)

    async def hold(
        self,
        resource: Resource,
        quantity: int = 1,
        *,
        days: tuple[int, int] | None = None,
        customer: UUID | None = None,
        minutes: int = 15,
    ) -> Claim:
        """Hold seats, or a unit from one day after the office's start to another."""
        ask = Ask(
            resource_id=resource.id,
            customer_id=customer or await self.person(),
            purpose="test",
            quantity=quantity,
            starts_at=None if days is None else START + days[0] * DAY,
            ends_at=None if days is None else START + days[1] * DAY,
        )
        async with self.tx() as tx:
            return await bookings.hold(tx, ask, until=self.now + minutes * MINUTE)

    async def consume(self, claim: Claim, order_id: UUID | None = None) -> list[Ticket]:
        """Book a claim."""
        async with self.tx() as tx:
            return await bookings.consume(tx, claim.id, order_id=order_id)

    async def release(self, claim: Claim) -> None:
        """Give a held claim back."""
        async with self.tx() as tx:
            await bookings.release(tx, claim.id)

    async def cancel(self, claim: Claim, **what: Any) -> Claim:  # noqa: ANN401 - what the front door takes
        """Give a booked claim back."""
        async with self.tx() as tx:
            return await bookings.cancel(tx, claim.id, **what)

    async def sweep(self) -> int:
        """Everything that is due; how much that was."""
        total = 0
        while True:
            async with self.tx() as tx:
                done = await bookings.expire_due(tx)
            if not done:
                return total
            total += done

    async def claim(self, claim: Claim) -> Claim:
        """The claim as it is now."""
        async with self.tx() as tx:
            return await bookings.claim(tx, claim.id)

    async def resource(self, resource: Resource) -> Resource:
        """The resource as it is now."""
        async with self.tx() as tx:
            return await bookings.resource(tx, resource.id)

    async def events(self, type_: str) -> int:
        """How often something of this type has happened."""
        async with self.tx() as tx:
            count: int = await tx.fetchval("SELECT count(*) FROM events WHERE tenant_id = $1 AND type = $2", tx.tenant_id, type_)
        return count


@pytest_asyncio.fixture
async def office(db: Database, tenant: TestTenant) -> Office:
    """The office, its clock held at START."""
    made = Office(db, tenant)
    await made.pass_time(timedelta())
    return made
