"""Many requests at once over several instances, and what came of them."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

import httpx2

from figures_fixtures import Figures

Ask = tuple[str, str, Any, str | None]
"""Method, path, body, idempotency key."""


@dataclass
class Many:
    """Many clients of one tenant."""

    instances: Sequence[httpx2.AsyncClient]
    random: Random
    figures: Figures

    def rounds(self, count: int) -> Iterator[int]:
        """So many rounds (VEZNE_ROUNDS, where it is set), or as many as fit into the soak's time."""
        count = int(os.environ.get("VEZNE_ROUNDS", count))
        ends = time.monotonic() + 60 * float(os.environ.get("VEZNE_SOAK_MINUTES", "0"))
        number = 0
        while number < count or time.monotonic() < ends:
            yield number
            number += 1
            self.figures["rounds"] += 1

    async def ask(self, ask: Ask, instance: int = 0) -> httpx2.Response:
        """One request to one instance."""
        method, path, body, key = ask
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.instances[instance % len(self.instances)].request(method, path, json=body, headers=headers)
        self.figures["requests"] += 1
        assert answer.status_code < 500, answer.text
        return answer

    async def at_once(self, *asks: Ask) -> list[httpx2.Response]:
        """All of them at once, spread over the instances."""
        return list(await asyncio.gather(*(self.ask(ask, number) for number, ask in enumerate(asks))))

    async def make(self, path: str, body: object = None) -> dict[str, Any]:
        """POST what must succeed."""
        answer = await self.ask(("POST", path, body, None))
        assert answer.status_code in {200, 201}, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def customer(self) -> str:
        """A new customer."""
        return str((await self.make("/v1/customers", {"reference": uuid4().hex}))["id"])

    async def wallet(self, balance: int) -> str:
        """A new customer's wallet with something in it."""
        wallet = str((await self.make("/v1/wallets", {"customer_id": await self.customer(), "currency": "TRY"}))["id"])
        if balance:
            await self.make(f"/v1/wallets/{wallet}/credits", lira(balance))
        return wallet

    async def shown(self, wallet: str) -> dict[str, Any]:
        """A wallet as it is."""
        shown: dict[str, Any] = (await self.ask(("GET", f"/v1/wallets/{wallet}", None, None))).json()
        return shown


def lira(minor: int) -> dict[str, Any]:
    """An amount of Turkish money."""
    return {"amount_minor": minor, "currency": "TRY"}


def statuses(answers: Sequence[httpx2.Response]) -> Counter[int]:
    """How often each status was answered."""
    return Counter(answer.status_code for answer in answers)
