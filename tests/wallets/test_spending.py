"""CM11: wallets that are spent from unusually are told to staff by a sweep, and no debit waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest_asyncio

from tenancy_fixtures import TestTenant
from vezne import identity, wallets
from vezne.app.schedule import SCHEDULE
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import id_before, new_id, public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.money import Money
from vezne.wallets import jobs
from vezne.wallets.queries import spending as queries

NOON = datetime(2031, 3, 10, 12, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass
class Watching:
    """A tenant with wallets, and the job that watches them."""

    db: Database
    tenant: TestTenant
    owner: "asyncpg.Connection[asyncpg.Record]"

    async def at(self, moment: datetime) -> None:
        async with self.db.transaction(self.tenant.principal) as tx:
            await clock.hold(tx, moment)

    async def settings(self, **settings: object) -> None:
        async with self.db.transaction(self.tenant.principal) as tx:
            await identity.change_tenant(tx, settings=settings)

    async def wallet(self, customer: UUID | None = None, label: str = "main", balance: int = 1_000_000) -> wallets.Wallet:
        async with self.db.transaction(self.tenant.principal) as tx:
            owner = customer or (await identity.create_customer(tx)).id
            made = await wallets.wallet_of(tx, owner, "money", "TRY", label)
            await wallets.credit(tx, wallets.Credit(wallet_id=made.id, amount=Money(balance, "TRY")))
        return made

    async def spend(self, wallet: wallets.Wallet, *amounts: int) -> None:
        async with self.db.transaction(self.tenant.principal) as tx:
            await wallets.move(tx, [wallets.Debit(wallet_id=wallet.id, amount=Money(each, "TRY")) for each in amounts])

    async def watch(self) -> Sequence[identity.Alert]:
        """Do the job; all alerts there are, oldest first."""
        await jobs.watch_spending(self.db, JobCall("wallets.watch_spending", self.tenant.tenant_id))
        async with self.db.transaction(self.tenant.principal, read_only=True) as tx:
            return (await identity.alerts(tx))[::-1]

    async def decide(self, alert: identity.Alert) -> None:
        async with self.db.transaction(self.tenant.principal) as tx:
            await identity.decide_alert(tx, alert.id, "dismissed")

    async def due(self) -> bool:
        """Whether the clock leaves a job for this tenant."""
        (line,) = [each for each in SCHEDULE if each.job == "wallets.watch_spending"]
        await self.owner.execute("DELETE FROM jobs.pgqueuer WHERE entrypoint = $1", line.job)
        await line.sweep(self.db)
        rows = await self.owner.fetch("SELECT payload FROM jobs.pgqueuer WHERE entrypoint = $1", line.job)
        return self.tenant.tenant_id in [JobCall.decode(line.job, row["payload"]).tenant_id for row in rows]


@pytest_asyncio.fixture
async def watching(db: Database, tenant: TestTenant, owner: "asyncpg.Connection[asyncpg.Record]") -> Watching:
    """In real time, until a test holds the clock."""
    return Watching(db, tenant, owner)


def told(alerts: Sequence[identity.Alert]) -> list[tuple[str, UUID, str]]:
    """Rule, customer and status of each."""
    return [(alert.rule, alert.customer_id, alert.status) for alert in alerts]


async def test_cm11_more_than_thirty_times_in_ten_minutes_is_told_and_thirty_are_not(watching: Watching) -> None:
    assert not await watching.due()
    busy, usual = await watching.wallet(), await watching.wallet()
    assert await watching.due()
    await watching.spend(usual, *[100] * 30)
    await watching.spend(busy, *[100] * 30)
    assert await watching.watch() == []
    await watching.spend(busy, 100)
    (alert,) = await watching.watch()
    assert (alert.rule, alert.customer_id, alert.subject) == ("rapid_spending", busy.customer_id, public_id("wal", busy.id))
    assert (alert.facts["count"], alert.facts["threshold"]) == (31, 31)
    assert len(await watching.watch()) == 1
    async with watching.db.transaction(watching.tenant.principal, read_only=True) as tx:
        assert (await wallets.wallet(tx, busy.id)).status == "open"  # an alert changes nothing


async def test_cm11_transfers_and_captures_count_and_what_comes_in_does_not(watching: Watching) -> None:
    await watching.settings(alert_thresholds={"rapid_spending": 3})
    first, second = await watching.wallet(), await watching.wallet()
    async with watching.db.transaction(watching.tenant.principal) as tx:
        for _ in range(2):
            transfer = wallets.Transfer(from_wallet_id=first.id, to_wallet_id=second.id, amount=Money(100, "TRY"))
            await wallets.transfer(tx, transfer)
    assert await watching.watch() == []
    async with watching.db.transaction(watching.tenant.principal) as tx:
        held = await wallets.hold(tx, first.id, Money(100, "TRY"), expires_at=tx.now + 5 * MINUTE)
        await wallets.capture(tx, held.id)
    assert told(await watching.watch()) == [("rapid_spending", first.customer_id, "open")]


async def test_cm11_wallets_are_counted_each_for_itself(watching: Watching) -> None:
    first = await watching.wallet()
    second = await watching.wallet(first.customer_id, "second")
    await watching.spend(first, *[100] * 20)
    await watching.spend(second, *[100] * 20)
    assert await watching.watch() == []


async def test_cm11_under_a_held_clock_the_ten_minutes_are_the_tenants(watching: Watching) -> None:
    await watching.at(NOON)
    wallet = await watching.wallet()
    await watching.spend(wallet, *[100] * 20)
    await watching.at(NOON + 10 * MINUTE)
    await watching.spend(wallet, *[100] * 30)
    assert await watching.due()
    assert await watching.watch() == []  # the first twenty are ten minutes old
    await watching.at(NOON + 19 * MINUTE)
    await watching.spend(wallet, 100)
    assert told(await watching.watch()) == [("rapid_spending", wallet.customer_id, "open")]


async def test_cm11_what_was_decided_about_is_not_told_again_and_what_comes_after_is(watching: Watching) -> None:
    await watching.settings(alert_thresholds={"rapid_spending": 5})
    await watching.at(NOON)
    wallet = await watching.wallet()
    await watching.spend(wallet, *[100] * 6)
    (first,) = await watching.watch()
    await watching.at(NOON + MINUTE)
    await watching.decide(first)
    assert told(await watching.watch()) == [("rapid_spending", wallet.customer_id, "dismissed")]
    await watching.at(NOON + 2 * MINUTE)
    await watching.spend(wallet, *[100] * 4)
    assert len(await watching.watch()) == 1
    await watching.spend(wallet, 100)
    assert [status for _, _, status in told(await watching.watch())] == ["dismissed", "open"]


async def test_cm11_a_debit_of_ten_times_the_usual_is_told_and_a_little_less_is_not(watching: Watching) -> None:
    usual, large, new = await watching.wallet(), await watching.wallet(), await watching.wallet()
    for wallet in (usual, large):
        await watching.spend(wallet, 50, 100, 150, 100, 101)  # 501 in five: ten times their average are 1002
    await watching.spend(new, 100, 100, 100, 100)
    await watching.spend(usual, 1_001)
    await watching.spend(new, 50_000)  # the fifth: there is nothing usual yet
    assert await watching.watch() == []
    await watching.spend(large, 1_002)
    (alert,) = await watching.watch()
    assert (alert.rule, alert.customer_id, alert.subject) == ("large_spending", large.customer_id, public_id("wal", large.id))
    facts: dict[str, Any] = dict(alert.facts)
    assert facts.pop("transaction_id").startswith("txn_")
    assert facts == {"amount_minor": 1_002, "average_minor": 100, "debits_before": 5, "threshold": 10}
    await watching.decide(alert)
    assert len(await watching.watch()) == 1


async def test_cm11_the_average_is_of_thirty_days_and_its_factor_the_tenants(watching: Watching) -> None:
    await watching.settings(alert_thresholds={"large_spending": 3})
    await watching.at(NOON)
    old, lately = await watching.wallet(), await watching.wallet()
    await watching.spend(old, *[100] * 5)
    await watching.at(NOON + DAY)
    await watching.spend(lately, *[100] * 5)
    await watching.at(NOON + 30 * DAY)
    await watching.spend(old, 300)
    await watching.spend(lately, 299)
    assert await watching.watch() == []
    await watching.spend(lately, 400)  # their average is 133 now
    assert told(await watching.watch()) == [("large_spending", lately.customer_id, "open")]


async def test_cm11_a_sweep_reads_from_the_latest_ids_on(watching: Watching) -> None:
    wallet = await watching.wallet()
    await watching.spend(wallet, *[100] * 31)
    async with watching.db.transaction(watching.tenant.principal) as tx:
        since = tx.now - 10 * MINUTE
        (found,) = await queries.select_rapid(tx, queries.Recent(id_before(MINUTE), since, {}), 31)
        assert (found.wallet_id, found.count) == (wallet.id, 31)
        assert await queries.select_rapid(tx, queries.Recent(new_id(), since, {}), 1) == []


async def test_cm11_a_sweep_looks_no_further_back_than_the_latest_movements_of_a_wallet(watching: Watching) -> None:
    wallet = await watching.wallet()
    await watching.spend(wallet, *[10] * 5)
    await watching.spend(wallet, 100)
    async with watching.db.transaction(watching.tenant.principal) as tx:
        recent, begin = queries.Recent(id_before(MINUTE), tx.now - MINUTE, {}), tx.now - DAY
        (found,) = await queries.select_large(tx, recent, begin, times=10, least=5, most=5)
        assert (found.amount_minor, found.count, found.total_minor) == (100, 5, 50)
        assert await queries.select_large(tx, recent, begin, times=10, least=5, most=4) == []
