"""kill -9 of every process at any moment: nothing acknowledged is lost, nothing happens twice, and the books balance."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import httpx2
import pytest
import pytest_asyncio

from faults.clients import Client
from faults.deployment import KINDS, Running, vezne_run
from faults.rounds import Rounds
from figures_fixtures import Figures

pytestmark = pytest.mark.slow

CLIENTS = 4
GOOD_CARD = "4242424242424242"


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """The whole service, as a user starts it."""
    async with vezne_run(tmp_path) as made:
        yield made


@dataclass
class Payer:
    """Customers who load money through the checkout, whatever dies meanwhile."""

    client: Client
    running: Running
    paid: dict[str, tuple[str, int]] = field(default_factory=dict)

    async def top_up(self) -> None:
        """One top-up, paid at the provider."""
        client, amount = self.client, self.client.random.randint(100, 900)
        wallet = client.random.choice(sorted(client.balances))
        placed = await client.make("/v1/top-ups", {"wallet_id": wallet, "amount_minor": amount, "currency": "TRY"})
        page = urlsplit(placed["checkout_url"]).path
        await self._pay(f"{self.running.url}{page}/attempts")
        self.paid[placed["order"]["id"]] = (wallet, amount)

    async def _pay(self, attempts: str) -> None:
        """Press the button until the provider's page comes, and use the card there until it is taken."""
        played = ""
        async with asyncio.timeout(120), httpx2.AsyncClient(trust_env=False, timeout=15) as browser:
            while True:
                with suppress(httpx2.TransportError):
                    if not played:
                        answer = await browser.post(attempts)
                        place = urlsplit(answer.headers.get("location", "")).path
                        assert answer.status_code < 500 or answer.status_code == 503, answer.text
                        played = place.rpartition("/")[2] if place.startswith("/simulated/pay/") else ""
                    if played:
                        done = await browser.post(
                            f"{self.running.sandbox_url}/simulated/v1/payments/{played}/play",
                            json={"card": GOOD_CARD, "three_ds": "approve"},
                            headers={"Authorization": f"Bearer {self.running.sandbox_key}"},
                        )
                        if done.status_code in {200, 409}:
                            return
                self.client.figures["payer's retries"] += 1
                await asyncio.sleep(0.1)

    async def credited(self) -> None:
        """Wait until every top-up that was paid has reached its wallet."""
        for order, (wallet, amount) in self.paid.items():
            async with asyncio.timeout(120):
                while (shown := (await self.client.ask("GET", f"/v1/orders/{order}")).json())["status"] != "fulfilled":
                    assert shown["status"] in {"placed", "paid"}, shown
                    await asyncio.sleep(0.2)
            self.client.balances[wallet] += amount
            self.client.figures["top-ups credited"] += 1


async def test_nothing_is_lost_or_doubled_while_processes_are_killed(
    running: Running, figures: Figures, random: Random, rounds: Rounds
) -> None:
    figures.promise(*(f"killed {kind}" for kind in KINDS), "retries", "top-ups credited")
    headers = {"Authorization": f"Bearer {running.secret_key}"}
    async with httpx2.AsyncClient(base_url=running.url, trust_env=False, timeout=15) as http:
        clients = [Client(http, headers, figures, Random(random.random())) for _ in range(CLIENTS)]
        for client in clients:
            await client.open_wallets(3, 5_000)
        payers = [Payer(client, running) for client in clients[:2]]
        stop = asyncio.Event()
        busy = [asyncio.create_task(until(stop, client.move_something)) for client in clients]
        busy += [asyncio.create_task(until(stop, payer.top_up)) for payer in payers]
        try:
            await kill_by_turns(running, figures, random, rounds)
        finally:
            stop.set()
            await asyncio.gather(*busy)
        await running.settled()
        for payer in payers:
            await payer.credited()
        for client in clients:
            await client.check()
    audited = await running.command("audit")
    figures["findings of the audit"] = len(audited["findings"])
    assert not audited["findings"]


async def until(stop: asyncio.Event, do: Callable[[], Awaitable[None]]) -> None:
    """Do it again and again."""
    while not stop.is_set():
        await do()
        await asyncio.sleep(0.02)


async def kill_by_turns(running: Running, figures: Figures, random: Random, rounds: Rounds) -> None:
    """Each kind in turn, at a moment that chance chooses."""
    for number in rounds.of(len(KINDS) + 2):
        await asyncio.sleep(0.1 + random.random() * (3 if os.environ.get("VEZNE_SOAK_MINUTES") else 0.6))
        kind = KINDS[number % len(KINDS)]
        async with asyncio.timeout(60):
            while not await running.kill(kind, random.random()):
                await asyncio.sleep(0.05)  # it was killed before and is not back yet
        figures[f"killed {kind}"] += 1
        figures["rounds"] += 1
