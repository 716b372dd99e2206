"""Events: named after a thing, stored with what caused them, followed now or later."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec
import pytest
from tests.tenancy_fixtures import TestTenant

from vezne.kernel.db import Database, Tx
from vezne.kernel.events import Event, Reactions
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.principal import Principal


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletPolished(Event):
    """A wallet was polished."""

    wallet_id: UUID
    order_id: UUID | None
    at: datetime
    shine: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletShown(Event):
    """A wallet was shown to somebody."""

    wallet_id: UUID


def polished() -> WalletPolished:
    return WalletPolished(wallet_id=new_id(), order_id=None, at=datetime(2026, 3, 1, tzinfo=UTC), shine=7)


@pytest.mark.unit
def test_an_event_is_named_after_its_thing_and_shows_public_ids() -> None:
    event = polished()
    wallet = public_id("wal", event.wallet_id)
    assert event.type == "wallet.polished"
    assert event.subject() == wallet
    assert event.payload() == {"wallet_id": wallet, "order_id": None, "at": "2026-03-01T00:00:00+00:00", "shine": 7}


@pytest.mark.unit
@pytest.mark.parametrize("name", ["SpoonBent", "Wallet", "PolishedWallet", "Event"])
def test_an_event_about_nothing_known_cannot_be_made(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        type(name, (Event,), {})


async def test_an_event_is_stored_with_its_transaction_and_names_who_did_it(db: Database, tenant: TestTenant) -> None:
    event = polished()
    who = Principal(tenant.tenant_id, "staff:stf_1", "staff", frozenset(), request_id="req_12345678")
    async with db.transaction(who) as tx:
        await tx.publish(event)
        happened = tx.now
    async with db.transaction(who, read_only=True) as tx:
        row = await tx.fetchrow("SELECT * FROM events WHERE tenant_id = $1 AND subject = $2", tx.tenant_id, event.subject())
    assert row is not None
    assert (row["type"], row["actor"], row["request_id"], row["occurred_at"]) == (
        "wallet.polished",
        "staff:stf_1",
        "req_12345678",
        happened,
    )
    assert msgspec.json.decode(row["payload"]) == event.payload()


async def test_what_fails_leaves_neither_event_nor_job(pool: "asyncpg.Pool[asyncpg.Record]", tenant: TestTenant) -> None:
    db = Database(pool, Reactions(later={WalletPolished: ["kernel.test_only"]}))
    event = polished()

    async def polish_and_drop() -> None:
        async with db.transaction(tenant.principal) as tx:
            await tx.publish(event)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await polish_and_drop()
    assert await _stored(db, tenant, event) == (0, 0)
    async with db.transaction(tenant.principal) as tx:
        await tx.publish(event)
    assert await _stored(db, tenant, event) == (1, 1)


async def test_what_follows_now_is_in_the_same_transaction_and_may_publish_more(
    pool: "asyncpg.Pool[asyncpg.Record]", tenant: TestTenant
) -> None:
    seen: list[tuple[Tx, str]] = []

    async def show(tx: Tx, event: WalletPolished) -> None:
        seen.append((tx, event.type))
        await tx.publish(WalletShown(wallet_id=event.wallet_id))

    async def remember(tx: Tx, event: WalletShown) -> None:
        seen.append((tx, event.type))

    db = Database(pool, Reactions(now={WalletPolished: [show], WalletShown: [remember]}))
    event = polished()
    async with db.transaction(tenant.principal) as tx:
        await tx.publish(event)
        assert seen == [(tx, "wallet.polished"), (tx, "wallet.shown")]
    assert await _stored(db, tenant, event) == (2, 0)


async def test_a_reaction_that_fails_undoes_what_caused_it(pool: "asyncpg.Pool[asyncpg.Record]", tenant: TestTenant) -> None:
    async def refuse(_tx: Tx, _event: WalletPolished) -> None:
        raise ZeroDivisionError

    db = Database(pool, Reactions(now={WalletPolished: [refuse]}))
    event = polished()
    with pytest.raises(ZeroDivisionError):
        async with db.transaction(tenant.principal) as tx:
            await tx.publish(event)
    assert await _stored(db, tenant, event) == (0, 0)


async def _stored(db: Database, tenant: TestTenant, event: WalletPolished) -> tuple[int, int]:
    """How many events tell of the wallet, and how many jobs were enqueued about it."""
    wallet = event.subject()
    async with db.transaction(tenant.principal, read_only=True) as tx:
        events = await tx.fetchval("SELECT count(*) FROM events WHERE tenant_id = $1 AND subject = $2", tx.tenant_id, wallet)
        queued = await tx.fetchval(
            """SELECT count(*) FROM jobs.pgqueuer
               WHERE entrypoint = 'kernel.test_only' AND strpos(convert_from(payload, 'UTF8'), $1) > 0""",
            wallet,
        )
    return events, queued
