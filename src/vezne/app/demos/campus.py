"""The campus story: a student loads a wallet by card, pays for lunch, gets part of it back, and buys what needs a seat."""

import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from vezne.app.demos.story import Api, Step, demand, trial_balance
from vezne.app.visitor import CARD, Visitor
from vezne.kernel.ids import new_id

TOP_UP, LUNCH, GIVEN_BACK = 10_000, 4_550, 1_050
CONCERT, MEAL = 3_000, 1_200
CURRENCY = "TRY"


async def tell(api: Api) -> AsyncIterator[Step]:
    """Play the story. Raises StoryFailed, PageUnexpected."""
    customer = await api.post("/v1/customers", {"reference": f"student-{new_id().hex[-12:]}", "name": "Ada Yılmaz"})
    yield Step("A student becomes a customer", {"customer": customer["id"], "reference": customer["reference"]})
    wallet = await api.post("/v1/wallets", {"customer_id": customer["id"], "kind": "money", "currency": CURRENCY})
    yield Step("A wallet comes into being", {"wallet": wallet["id"], "balance_minor": wallet["balance_minor"]})
    async for step in _load(api, customer["id"], wallet["id"]):
        yield step
    async for step in _lunch(api, wallet["id"]):
        yield step
    async for step in _seats(api, customer["id"], wallet["id"]):
        yield step
    history = await api.get(f"/v1/wallets/{wallet['id']}/transactions")
    lines = [f"{line['type']} {line['amount_minor']} → {line['balance_after_minor']}" for line in history["data"]]
    yield Step("The wallet's history, newest first", {"transactions": lines})
    yield await trial_balance(api)


async def _load(api: Api, customer: str, wallet: str) -> AsyncIterator[Step]:
    placed = await api.post("/v1/top-ups", {"customer_id": customer, "amount_minor": TOP_UP, "currency": CURRENCY})
    payment = placed["payment"]["id"]
    facts = {"order": placed["order"]["id"], "payment": payment, "amount_minor": TOP_UP, "checkout": placed["checkout_url"]}
    yield Step("The student asks to load 100 TRY", facts)
    back = await Visitor(api.client).pay(placed["checkout_url"], CARD)
    yield Step("The student pays by card, and closes the browser", {"card": f"…{CARD[-4:]}", "never_visited": back})
    begun = time.monotonic()
    await api.until(f"/v1/wallets/{wallet}", lambda found: found["balance_minor"] >= TOP_UP)
    facts = await _balance(api, wallet) | {"after_seconds": round(time.monotonic() - begun, 2)}
    yield Step("The provider's signed webhook credits the wallet", facts)


async def _lunch(api: Api, wallet: str) -> AsyncIterator[Step]:
    lunch = await api.post(
        f"/v1/wallets/{wallet}/debits",
        {
            "amount_minor": LUNCH,
            "currency": CURRENCY,
            "reference": {"type": "meal", "id": f"lunch-{new_id().hex[-12:]}"},
            "description": "Lunch at the canteen",
        },
    )
    yield Step("Lunch is paid from the wallet", {"transaction": lunch["id"], "amount_minor": LUNCH} | await _balance(api, wallet))
    refund = await api.post(f"/v1/transactions/{lunch['id']}/refunds", {"amount_minor": GIVEN_BACK})
    facts = {"transaction": refund["id"], "amount_minor": GIVEN_BACK}
    yield Step("The soup was cold: part of it is given back", facts | await _balance(api, wallet))


async def _balance(api: Api, wallet: str) -> dict[str, Any]:
    return {"balance_minor": (await api.get(f"/v1/wallets/{wallet}"))["balance_minor"]}


async def _seats(api: Api, customer: str, wallet: str) -> AsyncIterator[Step]:
    """An event and a meal, each paid from the wallet in the transaction that books it."""
    concert = await _for_sale(api, "event", "Spring concert", CONCERT, seats=2)
    booked = await _order(api, customer, concert)
    ticket = (await api.get(f"/v1/tickets?customer_id={customer}&resource_id={concert}"))["data"][0]
    code = await api.get(f"/v1/tickets/{ticket['id']}/code")
    facts = {"order": booked["order"]["id"], "ticket": ticket["id"], "qr": f"{code['code'][:24]}…"}
    yield Step("A concert ticket is paid from the wallet, and its QR code comes out", facts | await _balance(api, wallet))
    meal = await _for_sale(api, "meal", "Dinner at seven", MEAL, seats=1)
    eaten = await _order(api, customer, meal)
    yield Step("A meal is reserved and paid in one step", {"order": eaten["order"]["id"]} | await _balance(api, wallet))
    before = await _balance(api, wallet)
    refused = await api.send("POST", "/v1/orders", _booking(customer, meal))
    demand(refused.status_code == HTTPStatus.CONFLICT, f"A second dinner was not refused: {refused.text}")
    demand(await _balance(api, wallet) == before, "A refused meal was paid.")
    yield Step("The last dinner is gone: the next is refused, and nothing is taken", {"code": refused.json()["code"]} | before)
    await _check_in(api, code["code"])
    yield Step("At the door the ticket is scanned; a second scan says when the first was", {"ticket": ticket["id"]})
    expected = TOP_UP - LUNCH + GIVEN_BACK - CONCERT - MEAL
    demand(before["balance_minor"] == expected, "The balance is not what the story says.")


async def _for_sale(api: Api, kind: str, name: str, price: int, *, seats: int) -> str:
    item = await api.post("/v1/items", {"name": name, "kind": kind, "prices": {CURRENCY: price}})
    resource = await api.post("/v1/resources", {"kind": kind, "name": name, "capacity": seats, "item_id": item["id"]})
    return str(resource["id"])


def _booking(customer: str, resource: str) -> dict[str, Any]:
    """The order names what is wanted, never what it costs."""
    return {
        "customer_id": customer,
        "currency": CURRENCY,
        "lines": [{"kind": "booking", "resource_id": resource}],
        "tenders": [{"kind": "wallet"}],
    }


async def _order(api: Api, customer: str, resource: str) -> Any:  # noqa: ANN401 - JSON
    placed = await api.post("/v1/orders", _booking(customer, resource))
    demand(placed["order"]["status"] == "fulfilled", f"The order is {placed['order']['status']}.")
    return placed


async def _check_in(api: Api, code: str) -> None:
    await api.post("/v1/check-ins", {"code": code, "nonce": new_id().hex})
    again = await api.send("POST", "/v1/check-ins", {"code": code, "nonce": new_id().hex})
    demand(again.status_code == HTTPStatus.CONFLICT, f"A second scan was not refused: {again.text}")
