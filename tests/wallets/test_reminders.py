"""Reminders: customers are told once of what lapses soon, in one letter a customer and day, on the tenant's mornings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from tenancy_fixtures import TestTenant
from vezne import identity, wallets
from vezne.app.schedule import SCHEDULE
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.mail import Letter, outbox
from vezne.kernel.money import Money
from vezne.wallets import jobs
from vezne.wallets.operations import reminding as operations

MORNING = datetime(2031, 3, 10, 7, 0, tzinfo=UTC)
"""Ten in Istanbul."""
DAY = timedelta(days=1)


@dataclass
class Reminding:
    """A tenant whose clock is held, with the job that reminds."""

    db: Database
    tenant: TestTenant
    owner: "asyncpg.Connection[asyncpg.Record]"

    async def at(self, moment: datetime) -> None:
        async with self.db.transaction(self.tenant.principal) as tx:
            await clock.hold(tx, moment)

    async def settings(self, **settings: object) -> None:
        async with self.db.transaction(self.tenant.principal) as tx:
            await identity.change_tenant(tx, settings=settings)

    async def customer(self, **details: Any) -> UUID:  # noqa: ANN401
        async with self.db.transaction(self.tenant.principal) as tx:
            return (await identity.create_customer(tx, **{"email": f"{new_id().hex}@example.com", **details})).id

    async def grant(
        self,
        customer: UUID,
        units: int,
        expires_at: datetime | None,
        kind: wallets.KindName = "credits",
        currency: str = "CREDIT",
    ) -> wallets.Wallet:
        async with self.db.transaction(self.tenant.principal) as tx:
            wallet = await wallets.wallet_of(tx, customer, kind, currency)
            lot = wallets.LotSpec("purchased", "test", expires_at)
            await wallets.credit(tx, wallets.Credit(wallet_id=wallet.id, amount=Money(units, currency), lot=lot))
        return wallet

    async def run(self) -> None:
        await jobs.remind_expiring(self.db, JobCall("wallets.remind_expiring", self.tenant.tenant_id))

    async def letters(self) -> Sequence[Letter]:
        """Everything posted, oldest first."""
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            return [await outbox.letter_of(tx, each.id) for each in reversed(await outbox.mails(tx, limit=1000))]

    async def told(self) -> int:
        count: int = await self.owner.fetchval(
            "SELECT count(*) FROM events WHERE tenant_id = $1 AND type = 'lot.expiring'", self.tenant.tenant_id
        )
        return count

    async def due(self) -> bool:
        """Whether the clock leaves a job for this tenant."""
        (line,) = [each for each in SCHEDULE if each.job == "wallets.remind_expiring"]
        await self.owner.execute("DELETE FROM jobs.pgqueuer WHERE entrypoint = $1", line.job)
        await line.sweep(self.db)
        rows = await self.owner.fetch("SELECT payload FROM jobs.pgqueuer WHERE entrypoint = $1", line.job)
        return self.tenant.tenant_id in [JobCall.decode(line.job, row["payload"]).tenant_id for row in rows]


@pytest_asyncio.fixture
async def reminding(db: Database, tenant: TestTenant, owner: "asyncpg.Connection[asyncpg.Record]") -> Reminding:
    """It is ten in the morning."""
    made = Reminding(db, tenant, owner)
    await made.at(MORNING)
    return made


async def test_cc4_cm6_a_customer_is_told_once_what_lapses_when(reminding: Reminding) -> None:
    ayse = await reminding.customer(name="Ayşe", email="ayse@example.com", locale="tr")
    await reminding.grant(ayse, 30, MORNING + 2 * DAY)
    await reminding.grant(ayse, 20, MORNING + 2 * DAY + timedelta(hours=1))
    await reminding.grant(ayse, 7, MORNING + 5 * DAY, "coins", "COIN")
    await reminding.grant(ayse, 500, MORNING + 30 * DAY)
    await reminding.grant(ayse, 900, None)
    assert await reminding.due()
    await reminding.run()
    await reminding.run()
    assert not await reminding.due()
    (letter,) = await reminding.letters()
    assert (letter.to, letter.purpose, letter.language) == ("ayse@example.com", "expiry_reminder", "tr")
    for body in (letter.text, letter.html):
        assert body.index("50 CREDIT") < body.index("12 Mart 2031") < body.index("7 COIN") < body.index("15 Mart 2031")
        assert "500" not in body.replace("5000", "")
    assert await reminding.told() == 3
    await reminding.at(MORNING + DAY)
    await reminding.run()
    assert len(await reminding.letters()) == 1


async def test_what_comes_into_the_days_later_is_told_the_next_morning(reminding: Reminding) -> None:
    ayse = await reminding.customer()
    await reminding.grant(ayse, 30, MORNING + 2 * DAY)
    await reminding.grant(ayse, 40, MORNING + 7 * DAY + timedelta(hours=3))
    await reminding.run()
    await reminding.at(MORNING + DAY)
    await reminding.run()
    first, second = await reminding.letters()
    assert ("30 CREDIT" in first.text, "40 CREDIT" in first.text) == (True, False)
    assert ("30 CREDIT" in second.text, "40 CREDIT" in second.text) == (False, True)


async def test_what_is_spent_held_or_lapsed_is_not_told_of(reminding: Reminding) -> None:
    ayse, bora, cem = [await reminding.customer() for _ in range(3)]
    spent = await reminding.grant(ayse, 30, MORNING + 2 * DAY)
    held = await reminding.grant(bora, 30, MORNING + 2 * DAY)
    await reminding.grant(cem, 30, MORNING + timedelta(minutes=1))
    async with reminding.db.transaction(reminding.tenant.principal) as tx:
        await wallets.debit(tx, wallets.Debit(wallet_id=spent.id, amount=Money(30, "CREDIT")))
        await wallets.hold(tx, held.id, Money(30, "CREDIT"), expires_at=MORNING + DAY)
    await reminding.at(MORNING + timedelta(minutes=1))
    await reminding.run()
    assert (await reminding.letters(), await reminding.told()) == ([], 0)


async def test_what_is_partly_spent_is_told_of_as_far_as_it_is_left(reminding: Reminding) -> None:
    ayse = await reminding.customer()
    wallet = await reminding.grant(ayse, 30, MORNING + 2 * DAY)
    async with reminding.db.transaction(reminding.tenant.principal) as tx:
        await wallets.debit(tx, wallets.Debit(wallet_id=wallet.id, amount=Money(11, "CREDIT")))
    await reminding.run()
    (letter,) = await reminding.letters()
    assert "19 CREDIT" in letter.text


async def test_who_has_no_address_is_told_by_the_event_alone(reminding: Reminding) -> None:
    nobody = await reminding.customer(email=None)
    await reminding.grant(nobody, 30, MORNING + DAY)
    await reminding.run()
    assert (await reminding.letters(), await reminding.told()) == ([], 1)


@pytest.mark.parametrize(("days", "told"), [(0, 0), (1, 0), (3, 1), (365, 1)])
async def test_the_tenant_says_how_long_before(reminding: Reminding, days: int, told: int) -> None:
    await reminding.settings(expiry_reminder_days=days)
    await reminding.grant(await reminding.customer(), 30, MORNING + 2 * DAY)
    assert await reminding.due() == bool(told)
    await reminding.run()
    assert await reminding.told() == told


async def test_it_is_the_tenants_morning(reminding: Reminding) -> None:
    await reminding.grant(await reminding.customer(), 30, MORNING + 4 * DAY)
    night = (MORNING + DAY).replace(hour=0, minute=30)
    await reminding.at(night)  # half past three in Istanbul, half past nine in Tokyo
    assert not await reminding.due()
    await reminding.settings(time_zone="Asia/Tokyo")
    assert await reminding.due()


async def test_ten_thousand_lots_are_told_of_some_customers_at_a_time_and_none_twice(reminding: Reminding) -> None:
    """The work may stop anywhere: what was committed is not done again."""
    people = 600
    async with reminding.db.transaction(reminding.tenant.principal) as tx:
        known = await identity.customers_by_reference(tx, [f"c{number:05}" for number in range(people)])
        ids = [each.id for each in known.values()]
        found = await wallets.wallets_of(tx, [wallets.WalletKey(each, "credits", "CREDIT", "main") for each in ids])
        await tx.execute("UPDATE customers SET email = reference || '@example.com' WHERE tenant_id = $1", tx.tenant_id)
        of = list(found.values())
        await wallets.move(
            tx,
            [
                wallets.Credit(
                    wallet_id=of[number % people].id,
                    amount=Money(1 + number % 7, "CREDIT"),
                    lot=wallets.LotSpec("promotional", "test", MORNING + timedelta(hours=1 + number % 160)),
                )
                for number in range(10_000)
            ],
        )
    calls = await statements_of_one_round(reminding)
    assert calls < 40
    assert await reminding.told() < 10_000
    await reminding.run()
    await reminding.run()
    assert await reminding.told() == 10_000
    per_person = await reminding.owner.fetch(
        "SELECT count(*) AS letters FROM mails WHERE tenant_id = $1 GROUP BY recipient", reminding.tenant.tenant_id
    )
    assert [row["letters"] for row in per_person] == [1] * people


async def statements_of_one_round(reminding: Reminding) -> int:
    """How many statements tell the first of many customers; they stay told."""
    asked: list[object] = []
    async with reminding.db.transaction(reminding.tenant.principal) as tx:
        tx.connection.add_query_logger(asked.append)
        assert await operations.remind(tx) is not None
        await tx.flush()
        tx.connection.remove_query_logger(asked.append)
    return len(asked)


async def test_an_event_names_the_lot_and_its_customer(reminding: Reminding) -> None:
    ayse = await reminding.customer()
    wallet = await reminding.grant(ayse, 30, MORNING + DAY)
    await reminding.run()
    row = await reminding.owner.fetchrow(
        "SELECT subject, payload->>'customer_id' AS customer, payload->>'wallet_id' AS wallet FROM events"
        " WHERE tenant_id = $1 AND type = 'lot.expiring'",
        reminding.tenant.tenant_id,
    )
    assert row is not None
    assert row["subject"].startswith("lot_")
    assert (row["customer"], row["wallet"]) == (public_id("cus", ayse), public_id("wal", wallet.id))
