"""The campus story, told over HTTP: a student loads a wallet by card, pays for lunch, and gets part of it back."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2

from vezne.app.visitor import Visitor
from vezne.kernel.ids import new_id

CARD = "4242424242424242"
TOP_UP, LUNCH, GIVEN_BACK = 10_000, 4_550, 1_050
CURRENCY = "TRY"
WAIT_SECONDS = 20
PAUSE_SECONDS = 0.05


class StoryFailed(RuntimeError):
    """The story did not come to its end."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story, told to the reader, with the ids to look things up by."""

    title: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Api:
    """The service as an application calls it."""

    client: httpx2.AsyncClient
    url: str
    key: str

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """What is at `path`."""
        return self._answer(await self.client.get(f"{self.url}{path}", headers=self._headers()))

    async def post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Ask for something, once."""
        headers = {**self._headers(), "Idempotency-Key": new_id().hex}
        return self._answer(await self.client.post(f"{self.url}{path}", json=body, headers=headers))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _answer(self, response: httpx2.Response) -> Any:  # noqa: ANN401 - JSON
        if response.is_success:
            return response.json()
        raise StoryFailed(
            f"{response.request.method} {response.request.url.path} answered {response.status_code}: {response.text}"
        )


async def tell(url: str, key: str, *, card: str = CARD) -> AsyncIterator[Step]:
    """Play the story against the service at `url` with a secret key of a test tenant. Raises StoryFailed, PageUnexpected."""
    async with httpx2.AsyncClient(timeout=15) as client:
        api = Api(client, url, key)
        customer = await api.post("/v1/customers", {"reference": f"student-{new_id().hex[-12:]}", "name": "Ada Yılmaz"})
        yield Step("A student becomes a customer", {"customer": customer["id"], "reference": customer["reference"]})
        wallet = await api.post("/v1/wallets", {"customer_id": customer["id"], "kind": "money", "currency": CURRENCY})
        yield Step("A wallet comes into being", {"wallet": wallet["id"], "balance_minor": wallet["balance_minor"]})
        placed = await api.post("/v1/top-ups", {"customer_id": customer["id"], "amount_minor": TOP_UP, "currency": CURRENCY})
        payment = placed["payment"]["id"]
        facts = {"order": placed["order"]["id"], "payment": payment, "amount_minor": TOP_UP, "checkout": placed["checkout_url"]}
        yield Step("The student asks to load 100 TRY", facts)
        back = await Visitor(client).pay(placed["checkout_url"], card)
        yield Step("The student pays by card, and closes the browser", {"card": f"…{card[-4:]}", "never_visited": back})
        async for step in _after_payment(api, wallet["id"], payment):
            yield step


async def _after_payment(api: Api, wallet: str, payment: str) -> AsyncIterator[Step]:
    seconds = await _until_credited(api, wallet, payment)
    yield Step("The provider's signed webhook credits the wallet", await _wallet(api, wallet) | {"after_seconds": seconds})
    lunch = await api.post(
        f"/v1/wallets/{wallet}/debits",
        {
            "amount_minor": LUNCH,
            "currency": CURRENCY,
            "reference": {"type": "meal", "id": f"lunch-{new_id().hex[-12:]}"},
            "description": "Lunch at the canteen",
        },
    )
    yield Step("Lunch is paid from the wallet", {"transaction": lunch["id"], "amount_minor": LUNCH} | await _wallet(api, wallet))
    refund = await api.post(f"/v1/transactions/{lunch['id']}/refunds", {"amount_minor": GIVEN_BACK})
    facts = {"transaction": refund["id"], "amount_minor": GIVEN_BACK}
    yield Step("The soup was cold: part of it is given back", facts | await _wallet(api, wallet))
    if (await _wallet(api, wallet))["balance_minor"] != TOP_UP - LUNCH + GIVEN_BACK:
        raise StoryFailed("The balance is not what the story says.")
    history = await api.get(f"/v1/wallets/{wallet}/transactions")
    lines = [f"{line['type']} {line['amount_minor']} → {line['balance_after_minor']}" for line in history["data"]]
    yield Step("The wallet's history, newest first", {"transactions": lines})
    trial = await api.get("/v1/ledger/trial-balance")
    if not trial["balanced"]:
        raise StoryFailed("The trial balance is not zero.")
    sums = {f"{line['code']} {line['currency']}": line["balance_minor"] for line in trial["data"]}
    yield Step("The trial balance sums to zero", sums)


async def _until_credited(api: Api, wallet: str, payment: str) -> float:
    begun = time.monotonic()
    while (await _wallet(api, wallet))["balance_minor"] < TOP_UP:
        status = (await api.get(f"/v1/payments/{payment}"))["status"]
        if status in {"failed", "cancelled", "expired"}:
            raise StoryFailed(f"The payment {payment} is {status}.")
        if time.monotonic() - begun > WAIT_SECONDS:
            raise StoryFailed(f"The wallet was not credited within {WAIT_SECONDS} s; the payment {payment} is {status}.")
        await asyncio.sleep(PAUSE_SECONDS)
    return round(time.monotonic() - begun, 2)


async def _wallet(api: Api, wallet: str) -> dict[str, Any]:
    return {"balance_minor": (await api.get(f"/v1/wallets/{wallet}"))["balance_minor"]}
