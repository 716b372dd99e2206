"""kill -9 while seats and storage are bought, paid, given back, checked in and paid out: everybody has it once, or the money."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from faults.box_office import ROADS, BoxOffice, Purchase, Road, several
from faults.clients import Client
from faults.counting import check
from faults.deployment import Kind, Running, vezne_run
from faults.proxy import AtCommit, FaultProxy, Moment, postgres_at, proxy_to
from faults.rounds import Rounds
from figures_fixtures import Figures

pytestmark = pytest.mark.slow

LONG = bool(os.environ.get("VEZNE_SOAK_MINUTES"))
KILLED: tuple[Kind, ...] = ("http", "postgres", "worker", "sandbox")
FACTS = ("order.placed", "payment.succeeded", "refund.requested", "ticket.checked_in", "payout.requested")
MOMENTS: tuple[Moment, ...] = ("before", "in flight", "answered")
STILL: tuple[Moment, ...] = ("before", "answered")


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """The whole service, as a user starts it."""
    async with vezne_run(tmp_path) as made:
        yield made


@pytest_asyncio.fixture
async def to_postgres(fresh_dsn: str) -> AsyncIterator[FaultProxy]:
    """A proxy before a database that nobody else uses."""
    async with proxy_to(postgres_at(fresh_dsn)[0]) as made:
        yield made


@pytest_asyncio.fixture
async def behind_proxy(tmp_path: Path, fresh_dsn: str, to_postgres: FaultProxy) -> AsyncIterator[Running]:
    """The whole service, whose processes reach PostgreSQL through the proxy."""
    async with vezne_run(tmp_path, postgres_at(fresh_dsn)[1](to_postgres.port)) as made:
        yield made


async def box_office(running: Running, http: httpx2.AsyncClient, figures: Figures, random: Random) -> BoxOffice:
    """Open for business."""
    headers = {"Authorization": f"Bearer {running.secret_key}"}
    client, checker = (Client(http, headers, figures, Random(random.random())) for _ in range(2))
    office = BoxOffice(client, checker, running, figures, random)
    await office.open()
    return office


async def test_everybody_has_it_once_though_processes_are_killed(
    running: Running, figures: Figures, random: Random, rounds: Rounds
) -> None:
    figures.promise(*(f"killed {kind}" for kind in KILLED), *(f"seats by {road}" for road in ROADS), "storage by payu")
    figures.promise("refunds", "let in", "payouts", "customers who have it once", "audits")
    async with httpx2.AsyncClient(base_url=running.url, trust_env=False, timeout=15) as http:
        office = await box_office(running, http, figures, random)
        for number in rounds.of(2):
            two = KILLED[number % 2 :: 2]
            await several([*customers(office, number), office.pay_out(), *(kill(running, one, figures, random) for one in two)])
            await running.settled()
            await office.pay_out()
            await check(office)
            figures["rounds"] += 1
        await check(office, everybody=True)


def customers(office: BoxOffice, number: int) -> Iterator[Coroutine[Any, Any, None]]:
    """Seats by every road, and storage by some; over the rounds everything happens after each of them."""
    for place, road in enumerate(ROADS, number):
        yield office.customer(road, "seats", ("come in", "give back")[place % 2])
    for place, road in enumerate(ROADS[1:3], number):
        yield office.customer(road, "storage", ("keep", "give back")[place % 2])


async def kill(running: Running, kind: Kind, figures: Figures, random: Random) -> None:
    """At a moment that chance chooses."""
    await asyncio.sleep(random.random() * (4 if LONG else 1.5))
    async with asyncio.timeout(60):
        while not await running.kill(kind, random.random()):
            await asyncio.sleep(0.05)
    figures[f"killed {kind}"] += 1


async def test_everybody_has_it_once_though_connections_are_cut_at_commit(
    behind_proxy: Running, to_postgres: FaultProxy, figures: Figures, random: Random, rounds: Rounds
) -> None:
    figures.promise(*(f"{fact} cut at COMMIT, {moment}" for fact in FACTS for moment in MOMENTS))
    figures.promise("replayed", "customers who have it once", "audits")
    async with httpx2.AsyncClient(base_url=behind_proxy.url, trust_env=False, timeout=15) as http:
        office = await box_office(behind_proxy, http, figures, random)
        for number in rounds.of(len(MOMENTS)):
            await office.customer("wallet", "seats", "keep")  # something to pay out
            to_postgres.fates = [AtCommit((fact.encode(),), MOMENTS[number % len(MOMENTS)]) for fact in FACTS]
            await several([*customers(office, number), office.pay_out()])
            await the_rest_happens(office, to_postgres)
            if number % len(MOMENTS) == len(MOMENTS) - 1:
                await check(office)
            figures["rounds"] += 1
    figures.update(to_postgres.fired)


async def the_rest_happens(office: BoxOffice, proxy: FaultProxy) -> None:
    """Chance left out what a cut is still waiting for."""
    async with asyncio.timeout(60):
        while proxy.fates:
            bought = await office.buy("simulated")
            assert bought is not None  # there are seats enough
            await office.pay(bought, comes_back=True)
            await office.settled(bought)
            waiting = {fate.words[0] for fate in proxy.fates}
            if b"payout.requested" in waiting:
                await office.pay_out()
            elif b"ticket.checked_in" in waiting:
                await office.come_in(bought)
            else:
                await office.give_back(bought)


async def test_killed_between_the_providers_success_and_our_commit(
    behind_proxy: Running, to_postgres: FaultProxy, figures: Figures, random: Random, rounds: Rounds
) -> None:
    """The process has asked the provider, has written everything, and dies at its COMMIT: just before, or before it hears of it.

    The worker learns it by the webhook and the poller, an HTTP process by the browser, which is never seen again.
    """
    figures.promise(*(f"{fact} cut at COMMIT, {moment}" for fact in ("payment.succeeded", "order.paid_late") for moment in STILL))
    figures.promise("killed http at its COMMIT", "killed worker at its COMMIT")
    figures.promise("customers who have it once", "late money: wallet", "late money: refund", "audits")
    async with httpx2.AsyncClient(base_url=behind_proxy.url, trust_env=False, timeout=15) as http:
        office = await box_office(behind_proxy, http, figures, random)
        for number in rounds.of(1):
            one, other = STILL if number % 2 else reversed(STILL)
            killed = partial(killed_at_commit, office, to_postgres)
            await several([killed(one, "simulated"), killed(other, "payu")])
            await office.delay_webhooks(4_000)
            by_browser: dict[Road, Moment] = {"simulated": other, "payu": one, "magicpay": other}
            await several([killed(moment, road, comes_back=True) for road, moment in by_browser.items()])
            ways = ("wallet", "refund") if number % 2 else ("refund", "wallet")
            for moment, went in zip(reversed(STILL), ways, strict=True):  # what is not done yet is done as the tenant then says
                late = await office.too_late(went)
                words = (b"order.paid_late", late.id.encode())
                await at_its_commit(office, to_postgres, moment, late, words, comes_back=True)
            await office.delay_webhooks(0)
            await behind_proxy.settled()
            await check(office)
            figures["rounds"] += 1
    figures.update(to_postgres.fired)


async def killed_at_commit(office: BoxOffice, proxy: FaultProxy, moment: Moment, road: Road, *, comes_back: bool = False) -> None:
    """A customer buys seats and pays; whoever learns it is killed as it commits."""
    bought = await office.buy(road)
    assert bought is not None
    words = (b"payment.succeeded", bought.order["payment_id"].encode())
    await at_its_commit(office, proxy, moment, bought, words, comes_back=comes_back)


async def at_its_commit(
    office: BoxOffice, proxy: FaultProxy, moment: Moment, bought: Purchase, words: tuple[bytes, ...], *, comes_back: bool
) -> None:
    """The customer pays, and who then says `words` is killed as it commits. The browser that waits for it gives up."""
    fate = AtCommit(words, moment, waits=True)
    proxy.fates.append(fate)
    paying = asyncio.create_task(office.pay(bought, comes_back=comes_back))
    async with asyncio.timeout(30):
        await fate.reached.wait()
    kind = office.running.kill_peer(fate.port)
    fate.go.set()
    office.figures[f"killed {kind or 'with another'} at its COMMIT"] += 1
    if comes_back:
        paying.cancel()
    with suppress(asyncio.CancelledError):
        await paying
    bought.charged = True
