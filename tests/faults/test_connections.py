"""Connections that are cut, slow or half open, between the service and PostgreSQL and between the client and the service."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from urllib.parse import urlsplit

import httpx2
import pytest
import pytest_asyncio

from desk_fixtures import serving
from faults.clients import Client
from faults.proxy import FaultProxy, Moment, postgres_at, proxy_to
from faults.rounds import Rounds
from figures_fixtures import Figures
from tenancy_fixtures import TestTenant
from vezne.app.http import create_app
from vezne.app.reactions import REACTIONS
from vezne.kernel.db import Database, open_pool
from vezne.kernel.settings import Settings


def told(figures: Figures, proxy: FaultProxy) -> None:
    """Count what the proxy did."""
    figures.update(proxy.fired)


@pytest.mark.parametrize("moment", ["before", "in flight", "answered"])
async def test_a_connection_cut_at_commit_is_resolved_by_the_key(
    moment: Moment, client: Client, proxy: FaultProxy, figures: Figures, rounds: Rounds
) -> None:
    figures.promise(f"cut at COMMIT, {moment}", "retries")
    await client.open_wallets(3, 5_000)
    for _ in rounds.of(12):
        proxy.commit_moment, proxy.commit_cuts = moment, 1
        await client.move_something()
        figures["rounds"] += 1
    proxy.calm()
    await client.check()
    told(figures, proxy)
    if moment == "answered":
        assert figures["replayed"], "what was committed must have been found again by its key"


async def test_connections_to_the_database_cut_anywhere_lose_nothing_and_double_nothing(
    client: Client, proxy: FaultProxy, figures: Figures, random: Random, rounds: Rounds
) -> None:
    figures.promise("cut to_server", "cut to_client", "connection cut", "retries")
    await client.open_wallets(4, 5_000)
    for number in rounds.of(15):
        proxy.cut_all()
        proxy.cut_after = (("to_server", "to_client")[number % 2], random.randint(1, 6_000))
        moves = [asyncio.create_task(client.move_something()) for _ in range(6)]
        await asyncio.sleep(0.15)
        proxy.calm()
        await asyncio.gather(*moves)
        figures["rounds"] += 1
    await client.check()
    told(figures, proxy)


async def test_a_slow_database_is_slow_and_right(client: Client, proxy: FaultProxy, figures: Figures) -> None:
    figures.promise("slow")
    await client.open_wallets(4, 5_000)
    proxy.slow = 0.05
    await asyncio.gather(*(client.move_something() for _ in range(20)))
    proxy.calm()
    await client.check()
    told(figures, proxy)


@pytest_asyncio.fixture
async def impatient(dsn: str, proxy: FaultProxy, client: Client) -> AsyncIterator[Client]:
    """The client, of a service whose statements may take a second."""
    _, through = postgres_at(dsn)
    second = timedelta(seconds=1)
    pool = await open_pool(through(proxy.port), statement_timeout=second, answer_within=2 * second)
    app = create_app(Settings(), db=Database(pool, REACTIONS))
    async with (
        app.router.lifespan_context(app),
        serving(app) as url,
        httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http,
    ):
        client.http = http
        yield client
    pool.terminate()


async def test_a_half_open_database_is_noticed_told_and_got_over(impatient: Client, proxy: FaultProxy, figures: Figures) -> None:
    figures.promise("half-open")
    client = impatient
    await client.open_wallets(2, 5_000)
    wallet = next(iter(client.balances))
    debit = (f"/v1/wallets/{wallet}/debits", {"amount_minor": 1, "currency": "TRY"})
    hold = (f"/v1/wallets/{wallet}/holds", {"amount_minor": 1, "currency": "TRY"})
    proxy.half_open = True
    begun = time.monotonic()
    answers = await asyncio.gather(
        client.http.get(f"/v1/wallets/{wallet}", headers=client.headers),
        client.http.post(debit[0], json=debit[1], headers=client.headers | {"Idempotency-Key": "debit"}),
        client.http.post(hold[0], json=hold[1], headers=client.headers | {"Idempotency-Key": "hold"}),
        client.http.get("/readyz"),
    )
    figures["seconds until all were told"] = round(time.monotonic() - begun)
    assert [answer.status_code for answer in answers] == [503] * 4
    assert all("retry-after" in answer.headers for answer in answers[:3])
    proxy.calm()
    await client.ask("POST", *debit, key="debit")
    held = await client.ask("POST", *hold, key="hold")
    await client.ask("POST", f"/v1/holds/{held.json()['id']}/releases")
    client.balances[wallet] -= 1
    await client.check()
    told(figures, proxy)


@pytest_asyncio.fixture
async def front(service: str) -> AsyncIterator[FaultProxy]:
    """A proxy between the client and the service."""
    address = urlsplit(service)
    async with proxy_to(lambda: asyncio.open_connection(address.hostname, address.port)) as made:
        yield made


async def test_answers_and_requests_cut_on_their_way_are_resolved_by_the_key(
    client: Client, front: FaultProxy, figures: Figures, random: Random, rounds: Rounds
) -> None:
    figures.promise("cut to_server", "cut to_client", "retries", "replayed")
    await client.open_wallets(3, 5_000)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{front.port}", trust_env=False, timeout=15) as http:
        client.http = http
        for number in rounds.of(40):
            front.cut_all()
            front.cut_after = ("to_client", random.randint(0, 600)) if number % 2 else ("to_server", random.randint(1, 600))
            move = asyncio.create_task(client.move_something())
            await asyncio.sleep(0.04)
            front.calm()
            await move
            figures["rounds"] += 1
        await client.check()
    told(figures, front)


async def test_clients_that_stall_with_half_a_request_block_nobody(
    service: str, client: Client, tenant: TestTenant, figures: Figures
) -> None:
    figures.promise("stalled")
    await client.open_wallets(2, 5_000)
    wallet = next(iter(client.balances))
    address = urlsplit(service)
    head = (
        f"POST /v1/wallets/{wallet}/debits HTTP/1.1\r\nHost: vezne\r\nAuthorization: {tenant.headers['Authorization']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 40\r\n\r\n"
    ).encode()
    hold = head.replace(b"/debits", b"/holds")
    stalled = []
    for number in range(60):  # six times as many as the pool has connections
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write([head[:50], head, head + b'{"amount_mi', hold + b'{"amo'][number % 4])
        stalled.append((reader, writer))
        figures["stalled"] += 1
    await asyncio.sleep(0.3)
    begun = time.monotonic()
    await asyncio.gather(*(client.move_something() for _ in range(20)))
    assert time.monotonic() - begun < 10
    for _, writer in stalled:
        writer.close()
    await client.check()
