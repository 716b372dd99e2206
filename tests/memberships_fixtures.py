"""A club: a tenant that sells memberships, whose clock is held, and whoever charges stands in the test."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from tenancy_fixtures import TenantMaker, TestTenant
from vezne import identity, memberships, wallets
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal

BEGIN = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Club:
    """What a test does with plans and memberships."""

    db: Database
    tenant: TestTenant

    @property
    def principal(self) -> Principal:
        """The tenant's system."""
        return self.tenant.principal

    async def plan(self, price: int = 3_000, currency: str = "TRY", **more: Any) -> memberships.Plan:  # noqa: ANN401
        """A monthly plan; `prices` in place of one price."""
        said = {"name": "Plus", "interval": "month", "prices": {currency: price}, **more}
        async with self.db.transaction(self.principal) as tx:
            return await memberships.create_plan(tx, memberships.NewPlan(**said))

    async def customer(self) -> UUID:
        """A new customer."""
        async with self.db.transaction(self.principal) as tx:
            return (await identity.create_customer(tx, reference=uuid4().hex)).id

    async def begin(
        self,
        plan: memberships.Plan,
        customer: UUID | None = None,
        currency: str = "TRY",
        **more: Any,  # noqa: ANN401
    ) -> memberships.Membership:
        """A membership whose first period is paid."""
        who = customer or await self.customer()
        async with self.db.transaction(self.principal) as tx:
            made, first = await memberships.start(tx, who, plan.id, currency, **more)
            await memberships.period_paid(tx, first.id, new_id())
            return await memberships.membership(tx, made.id)

    async def seen(self, membership_id: UUID) -> memberships.Membership:
        """The membership as it is now."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await memberships.membership(tx, membership_id)

    async def periods(self, membership_id: UUID) -> list[memberships.Period]:
        """Its periods, the oldest first."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return (await memberships.periods_page(tx, membership_id, limit=1000))[::-1]

    async def pay(self, period: memberships.Period) -> None:
        """The period is paid, by some order."""
        async with self.db.transaction(self.principal) as tx:
            await memberships.period_paid(tx, period.id, new_id())

    async def fail(self, period: memberships.Period, code: str = "insufficient_funds") -> datetime | None:
        """A try to charge it failed."""
        async with self.db.transaction(self.principal) as tx:
            return await memberships.period_failed(tx, period.id, code)

    async def open(self, limit: int = 100) -> list[memberships.Period]:
        """What the clock opens now: one turn."""
        async with self.db.transaction(self.principal) as tx:
            return await memberships.open_periods(tx, await memberships.due(tx, limit))

    async def renew(self) -> list[memberships.Period]:
        """Open and pay all that is due, turn by turn, until nothing is; the periods in the order in which they were opened."""
        done: list[memberships.Period] = []
        while opened := await self.open():
            async with self.db.transaction(self.principal) as tx:
                assert await memberships.periods_paid(tx, {each.id: new_id() for each in opened}) == {}
            done += opened
        return done

    async def cancel(self, made: memberships.Membership, **more: Any) -> memberships.Membership:  # noqa: ANN401
        """Cancel it."""
        async with self.db.transaction(self.principal) as tx:
            return await memberships.cancel(tx, made.id, **more)

    async def pause(self, made: memberships.Membership, **more: Any) -> memberships.Membership:  # noqa: ANN401
        """Pause it."""
        async with self.db.transaction(self.principal) as tx:
            return await memberships.pause(tx, made.id, **more)

    async def resume(self, made: memberships.Membership) -> memberships.Membership:
        """Resume it."""
        async with self.db.transaction(self.principal) as tx:
            return await memberships.resume(tx, made.id)

    async def preview(self, made: memberships.Membership, plan: memberships.Plan) -> memberships.Change:
        """What a change to this plan would mean."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            return await memberships.preview_change(tx, made.id, plan.id)

    async def change(self, made: memberships.Membership, plan: memberships.Plan) -> memberships.Period:
        """Change to this plan now, and pay what it costs; its period."""
        async with self.db.transaction(self.principal) as tx:
            opened = await memberships.open_change(tx, made.id, plan.id)
            await memberships.period_paid(tx, opened.id, new_id())
            return await memberships.period(tx, opened.id)

    async def change_later(self, made: memberships.Membership, plan: memberships.Plan) -> memberships.Membership:
        """Change to this plan with the next period."""
        async with self.db.transaction(self.principal) as tx:
            return await memberships.change_later(tx, made.id, plan.id)

    async def refund(self, period: memberships.Period, minor: int, cause: str | None = None) -> memberships.Period:
        """Give money of a period back."""
        async with self.db.transaction(self.principal) as tx:
            await memberships.period_refunded(tx, period.id, minor, cause=cause)
            return await memberships.period(tx, period.id)

    async def at(self, moment: datetime) -> None:
        """Move the clock."""
        async with self.db.transaction(self.principal) as tx:
            await clock.hold(tx, moment)

    async def later(self, span: timedelta) -> None:
        """Move the clock on."""
        async with self.db.transaction(self.principal) as tx:
            await clock.hold(tx, tx.now + span)

    async def credits(self, customer: UUID) -> int:
        """The credits the customer can spend now."""
        async with self.db.transaction(self.principal) as tx:
            wallet = await wallets.wallet_of(tx, customer, "credits", "CREDIT")
            return (await wallets.holdings(tx, [wallet]))[wallet.id].available

    async def spend(self, customer: UUID, credits_: int) -> None:
        """Spend credits."""
        async with self.db.transaction(self.principal) as tx:
            wallet = await wallets.wallet_of(tx, customer, "credits", "CREDIT")
            await wallets.debit(tx, wallets.Debit(wallet_id=wallet.id, amount=Money(credits_, "CREDIT")))

    async def events(self, type_: str) -> list[dict[str, Any]]:
        """What was told of this type, the oldest first."""
        async with self.db.transaction(self.principal, read_only=True) as tx:
            rows = await tx.fetch(
                "SELECT payload FROM events WHERE tenant_id = $1 AND type = $2 ORDER BY id", tx.tenant_id, type_
            )
        return [json.loads(row["payload"]) for row in rows]


@pytest_asyncio.fixture
async def club(db: Database, make_tenant: TenantMaker) -> Club:
    """A club of this test's own, on the last day of a January, in Istanbul."""
    made = Club(db, await make_tenant(time_zone="Europe/Istanbul"))
    await made.at(BEGIN)
    return made
