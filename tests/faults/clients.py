"""Clients that never give up: each request has its key and is sent again until it is answered; and what must be true then."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx2

from figures_fixtures import Figures

PATIENCE = 120.0
PAUSE = 0.05
NOT_AN_ANSWER = {502, 503, 504}


@dataclass
class Client:
    """An application that asks until it is answered, and remembers what it was told."""

    http: httpx2.AsyncClient
    headers: dict[str, str]
    figures: Figures
    random: Random
    balances: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    count: int = 0

    async def ask(self, method: str, url: str, body: object = None, key: str | None = None) -> httpx2.Response:
        """Send one request, again and again with the same key, until there is an answer."""
        headers = self.headers | ({} if key is None else {"Idempotency-Key": key})
        self.figures["requests"] += 1
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    answer = await self.http.request(method, url, json=body, headers=headers)
                except httpx2.TransportError as error:
                    self.figures[f"no answer ({type(error).__name__})"] += 1
                else:
                    busy = answer.status_code == 409 and "retry-after" in answer.headers
                    if answer.status_code not in NOT_AN_ANSWER and not busy:
                        assert answer.status_code < 500, f"{method} {url}: {answer.text}"
                        self.figures["replayed"] += "idempotency-replayed" in answer.headers
                        return answer
                    assert "retry-after" in answer.headers, f"{answer.status_code} without Retry-After: {answer.text}"
                    self.figures[f"answered {answer.status_code}"] += 1
                self.figures["retries"] += 1
                await asyncio.sleep(PAUSE * (1 + self.random.random()))

    async def make(self, url: str, body: object = None) -> dict[str, Any]:
        """Ask for what must succeed."""
        self.count += 1
        answer = await self.ask("POST", url, body, f"make-{self.random.random()}-{self.count}")
        assert answer.status_code in {200, 201}, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def open_wallets(self, count: int, balance: int) -> None:
        """New wallets with something in each."""
        for _ in range(count):
            customer = (await self.make("/v1/customers", {}))["id"]
            wallet = (await self.make("/v1/wallets", {"customer_id": customer, "currency": "TRY"}))["id"]
            await self.make(f"/v1/wallets/{wallet}/credits", {"amount_minor": balance, "currency": "TRY"})
            self.balances[wallet] = balance

    async def move_something(self) -> None:
        """One debit, credit, transfer or captured hold; what is acknowledged counts."""
        self.count += 1
        key = f"m{self.random.getrandbits(60):x}x{self.count}"
        kind = self.random.choice(["debit", "debit", "credit", "transfer", "hold"])
        amount = self.random.randint(1, 60)
        first, second = self.random.sample(sorted(self.balances), 2)
        body: dict[str, Any] = {"amount_minor": amount, "currency": "TRY", "metadata": {"key": key}}
        if kind == "hold":
            return await self._hold(first, amount, body, key)
        url = f"/v1/wallets/{first}/{kind}s"
        if kind == "transfer":
            url, body = "/v1/transfers", body | {"from_wallet_id": first, "to_wallet_id": second}
        answer = await self.ask("POST", url, body, key)
        if not self._was_done(answer, key):
            return None
        self.acknowledged[key] = answer.json()["id"]
        self.balances[first] += amount if kind == "credit" else -amount
        if kind == "transfer":
            self.balances[second] += amount
        return None

    async def _hold(self, wallet: str, amount: int, body: dict[str, Any], key: str) -> None:
        held = await self.ask("POST", f"/v1/wallets/{wallet}/holds", body, f"{key}-hold")
        if not self._was_done(held, key):
            return
        hold = held.json()["id"]
        if self.random.random() < 0.3:
            answer = await self.ask("POST", f"/v1/holds/{hold}/releases", None, f"{key}-release")
            assert answer.status_code == 201, answer.text
            return
        answer = await self.ask("POST", f"/v1/holds/{hold}/captures", {}, f"{key}-capture")
        assert answer.status_code == 201, answer.text
        self.acknowledged[key] = answer.json()["transaction"]["id"]
        self.balances[wallet] -= amount

    def _was_done(self, answer: httpx2.Response, key: str) -> bool:
        if answer.status_code == 201:
            self.figures["done"] += 1
            return True
        assert answer.json()["code"] in {"insufficient_funds", "PAY001"}, answer.text
        self.figures["refused"] += 1
        self.refused.add(key)
        return False

    async def history(self, wallet: str) -> AsyncIterator[dict[str, Any]]:
        """Everything that ever happened to a wallet."""
        after = ""
        while True:
            page = (await self.ask("GET", f"/v1/wallets/{wallet}/transactions?limit=100{after}")).json()
            for transaction in page["data"]:
                yield transaction
            if not page["has_more"]:
                return
            after = f"&after={page['next']}"

    async def tell(self, wallet: str) -> str:
        """What became of a wallet, for whoever must find out why."""
        lines = [f"{wallet}"]
        async for line in self.history(wallet):
            key = line["metadata"].get("key")
            known = self.acknowledged.get(key or "")
            lines.append(f"{line['id']} {line['kind']} {line['amount_minor']} {key} {'acknowledged' if known else 'NOT KNOWN'}")
        return "\n".join(lines)

    async def check(self) -> None:
        """Nothing acknowledged is lost, nothing refused has happened, nothing is there twice; balances are the model's."""
        seen: dict[str, set[str]] = {}
        for wallet, expected in self.balances.items():
            shown = (await self.ask("GET", f"/v1/wallets/{wallet}")).json()
            assert (shown["balance_minor"], shown["held_minor"]) == (expected, 0), await self.tell(wallet)
            async for transaction in self.history(wallet):
                key = transaction["metadata"].get("key")
                if key is not None:
                    seen.setdefault(key, set()).add(transaction["id"])
        lost = self.acknowledged.keys() - seen.keys()
        assert not lost, f"acknowledged and lost: {lost}"
        doubled = {key: ids for key, ids in seen.items() if len(ids) > 1}
        assert not doubled, f"happened twice: {doubled}"
        assert not self.refused & seen.keys(), "refused, and yet it happened"
        assert {key: {id_} for key, id_ in self.acknowledged.items()} == seen
        self.figures["checked by key"] += len(seen)
