"""CM9: balance changes reach the browser live, over server-sent events and WebSocket."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio
from fastapi import FastAPI

from live_fixtures import Headers, events, socket
from vezne import identity
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import parse_id
from vezne.wallets.operations.watching import MOST_OF_CUSTOMER, Pace, Watching
from wallets_fixtures import Shop

QUICK = Pace(tick=timedelta(milliseconds=20), heartbeat=timedelta(milliseconds=100), slowest=timedelta(milliseconds=200))


@pytest_asyncio.fixture
async def watching(app: FastAPI, db: Database) -> AsyncIterator[Watching]:
    """The process's watches, at a quick pace; in the end nobody watches and nothing asks."""
    app.state.wallet_watching = made = Watching(db, QUICK)
    yield made
    asked = made.questions
    await asyncio.sleep(5 * QUICK.tick.total_seconds())
    assert made.questions == asked


def key_of(shop: Shop) -> Headers:
    return [(b"authorization", shop.tenant.headers["Authorization"].encode())]


async def token_of(shop: Shop, customer: str, **life: int) -> str:
    return str((await shop.post(f"/v1/customers/{customer}/tokens", life))["token"])


@pytest.mark.parametrize("way", ["events", "socket"])
async def test_cm9_the_balance_is_told_at_once_and_whenever_it_changes(
    app: FastAPI, shop: Shop, watching: Watching, way: str
) -> None:
    wallet = await shop.wallet(100, kind="credits")
    async with (events if way == "events" else socket)(app, wallet, headers=key_of(shop)) as line:
        first = await line.next()
        assert first.get("status", 200) == 200
        told = await line.balance()
        assert told | {"at": ""} == {
            "type": "balance",
            "wallet_id": wallet,
            "balance_minor": 100,
            "available_minor": 100,
            "held_minor": 0,
            "currency": "CREDIT",
            "version": 1,
            "at": "",
        }
        await shop.debit(wallet, 30, currency="CREDIT")
        told = await line.balance()
        assert (told["balance_minor"], told["version"]) == (70, 2)
        hold = await shop.post(f"/v1/wallets/{wallet}/holds", {"amount_minor": 20, "currency": "CREDIT"})
        told = await line.balance()
        assert (told["balance_minor"], told["held_minor"], told["available_minor"], told["version"]) == (70, 20, 50, 2)
        await shop.post(f"/v1/holds/{hold['id']}/releases", {})
        assert (await line.balance())["available_minor"] == 70


async def test_credits_that_lapse_are_told_though_nothing_was_written(
    app: FastAPI, shop: Shop, db: Database, watching: Watching
) -> None:
    noon = datetime(2031, 5, 1, 12, tzinfo=UTC)
    async with db.transaction(shop.tenant.principal) as tx:
        await clock.hold(tx, noon)
    wallet = await shop.wallet(5, kind="credits", expires_at=(noon + timedelta(hours=1)).isoformat())
    async with events(app, wallet, headers=key_of(shop)) as line:
        await line.status()
        assert (await line.balance())["available_minor"] == 5
        async with db.transaction(shop.tenant.principal) as tx:
            await clock.hold(tx, noon + timedelta(hours=1))
        told = await line.balance()
        assert (told["balance_minor"], told["available_minor"], told["at"]) == (5, 0, "2031-05-01T13:00:00Z")


async def test_a_browser_watches_its_customers_own_wallets_with_a_token_in_address_or_subprotocol(
    app: FastAPI, shop: Shop, watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    customer = await shop.customer()
    own, foreign = await shop.wallet(7, customer=customer), await shop.wallet(9)
    token = await token_of(shop, customer)
    async with events(app, own, query=f"token={token}&x=1") as line:
        assert await line.status() == 200
        assert (await line.balance())["balance_minor"] == 7
        assert line.scope["query_string"] == b"x=1"
    async with socket(app, own, offered=("vezne", token)) as ws:
        accepted = await ws.next()
        assert (accepted["type"], accepted["subprotocol"]) == ("websocket.accept", "vezne")
        assert (await ws.balance())["balance_minor"] == 7
    async with events(app, foreign, query=f"token={token}") as line:
        assert await line.status() == 404
    async with socket(app, foreign, offered=("vezne", token)) as ws:
        denied = await ws.next()
        assert (denied["type"], denied["status"]) == ("websocket.http.response.start", 404)
    assert token not in caplog.text


async def test_no_key_stands_in_an_address_and_nobody_watches_without_one(app: FastAPI, shop: Shop, watching: Watching) -> None:
    wallet = await shop.wallet(7)
    queries = ["", f"token={shop.tenant.secret_key}", "token=vz_ct_forged", "token=" + "vz_ct_" + "x" * 5000]
    for query in [*queries, "token=%00", "token=vz_ct_%E2%82%AC%0A", "token=vz_ct_%FF", "token", "&&=&token=="]:
        async with events(app, wallet, query=query) as line:
            assert await line.status() == 401
    for offered in ((), (shop.tenant.secret_key,), ("vezne", "vz_ct_forged")):
        async with socket(app, wallet, offered=offered) as ws:
            denied = await ws.next()
            assert (denied["type"], denied["status"]) == ("websocket.http.response.start", 401)
            assert json.loads((await ws.next())["body"])["code"] in {"key_missing", "customer_token_invalid"}
    for odd in ("wal_nothing", "cus_01h455vb4pex5vsknk084sn02q"):
        async with socket(app, odd, headers=key_of(shop)) as ws:
            assert (await ws.next())["status"] == 404
    assert watching.questions == 0


async def test_many_watchers_cost_one_question_at_a_time(app: FastAPI, shop: Shop, watching: Watching) -> None:
    ids = [await shop.wallet(1) for _ in range(20)]
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(events(app, ids[index % 20], headers=key_of(shop))) for index in range(200)]
        for line in lines:
            assert await line.status() == 200
            assert (await line.balance())["balance_minor"] == 1
        asked = watching.questions
        body = {"moves": [{"move": "credit", "wallet_id": id_, "amount_minor": 1, "currency": "TRY"} for id_ in ids]}
        await shop.post("/v1/transfers/batch", body)
        for line in lines:
            assert (await line.balance())["balance_minor"] == 2
        assert 1 <= watching.questions - asked < 100


async def test_a_reader_who_falls_behind_gets_what_is_now_and_misses_what_lay_between(
    app: FastAPI, shop: Shop, watching: Watching
) -> None:
    wallet = await shop.wallet(1)
    watching.pace = replace(QUICK, slowest=timedelta(seconds=30))
    async with socket(app, wallet, headers=key_of(shop)) as ws:
        await ws.next()
        assert (await ws.balance())["version"] == 1
        ws.reads.clear()
        for _ in range(8):
            asked = watching.questions
            await shop.credit(wallet, 1)
            while watching.questions < asked + 2:
                await asyncio.sleep(0.005)
        ws.reads.set()
        seen = [await ws.balance()]
        while seen[-1]["version"] < 9:
            seen.append(await ws.balance())
        assert seen[-1]["balance_minor"] == 9
        assert len(seen) <= 3  # what was on its way already, and what is now


@pytest.mark.parametrize("way", ["events", "socket"])
async def test_a_reader_who_does_not_read_is_dropped(app: FastAPI, shop: Shop, watching: Watching, way: str) -> None:
    wallet = await shop.wallet(1)
    async with (events if way == "events" else socket)(app, wallet, headers=key_of(shop)) as line:
        await line.next()
        await line.balance()
        line.reads.clear()
        await shop.credit(wallet, 1)
        await line.over()


async def test_a_killed_database_connection_is_got_over(
    app: FastAPI, shop: Shop, watching: Watching, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    wallet = await shop.wallet(1)
    async with events(app, wallet, headers=key_of(shop)) as line:
        await line.status()
        await line.balance()
        for _ in range(5):
            await owner.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()"""
            )
            await asyncio.sleep(QUICK.tick.total_seconds())
        answer = await shop.send(f"/v1/wallets/{wallet}/credits", {"amount_minor": 1, "currency": "TRY"})
        if answer.status_code != 201:
            await shop.credit(wallet, 1)
        assert (await line.balance(10))["balance_minor"] == 2


@pytest.mark.parametrize("way", ["events", "socket"])
async def test_watching_ends_when_the_token_does(app: FastAPI, shop: Shop, db: Database, watching: Watching, way: str) -> None:
    customer = await shop.customer()
    wallet = await shop.wallet(1, customer=customer)
    async with db.transaction(shop.tenant.principal) as tx:
        given = await identity.give_token(tx, parse_id("cus", customer), life=timedelta(seconds=2))
    if way == "events":
        async with events(app, wallet, query=f"token={given.text}") as line:
            await line.status()
            assert (await line.event())[0] == "balance"
            assert await line.event() == ("end", {"type": "end"})
            await line.over()
    else:
        async with socket(app, wallet, offered=("vezne", given.text)) as ws:
            sent = [await ws.next()]
            while sent[-1]["type"] != "websocket.close":
                sent.append(await ws.next())
            assert sent[-1]["code"] == 4401
            assert json.loads(sent[-2]["text"]) == {"type": "heartbeat"}
    assert clock.real_now() >= given.expires_at


async def test_watching_ends_soon_after_its_key_was_revoked(app: FastAPI, shop: Shop, db: Database, watching: Watching) -> None:
    wallet = await shop.wallet(1)
    async with db.transaction(shop.tenant.principal) as tx:
        key, secret = await identity.create_key(tx, kind="secret", name="for a while")
    async with socket(app, wallet, headers=[(b"authorization", f"Bearer {secret.text}".encode())]) as ws:
        await ws.next()
        await ws.balance()
        async with db.transaction(shop.tenant.principal) as tx:
            await identity.revoke_key(tx, key.id)
        while (message := await ws.next())["type"] != "websocket.close":
            pass
        assert message["code"] == 4401


async def test_one_customer_may_watch_so_often_at_once_and_no_more(app: FastAPI, shop: Shop, watching: Watching) -> None:
    customer = await shop.customer()
    wallet = await shop.wallet(1, customer=customer)
    token = await token_of(shop, customer)
    async with AsyncExitStack() as stack:
        for _ in range(MOST_OF_CUSTOMER):
            line = await stack.enter_async_context(events(app, wallet, query=f"token={token}"))
            await line.status()
            await line.balance()
        async with events(app, wallet, query=f"token={await token_of(shop, customer)}") as line:
            refused = await line.next()
            assert (refused["status"], dict(refused["headers"])[b"retry-after"]) == (429, b"60")
        async with socket(app, wallet, offered=("vezne", token)) as ws:
            assert (await ws.next())["status"] == 429
        async with events(app, wallet, headers=key_of(shop)) as line:
            assert await line.status() == 200
    async with events(app, wallet, query=f"token={token}") as line:
        assert await line.status() == 200
        await line.balance()


async def test_a_socket_may_say_what_it_likes_and_is_heard_no_more_when_it_has_gone(
    app: FastAPI, shop: Shop, watching: Watching
) -> None:
    wallet = await shop.wallet(1)
    async with socket(app, wallet, headers=key_of(shop)) as ws:
        await ws.next()
        for text in ("hello", "{}", "x" * 10_000):
            ws.heard.put_nowait({"type": "websocket.receive", "text": text})
        await ws.balance()
        await shop.credit(wallet, 1)
        assert (await ws.balance())["balance_minor"] == 2
