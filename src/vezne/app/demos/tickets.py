"""The tickets story: seats of a host's event through PayU, a decline and a retry, the door, and the host's payout."""

from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from vezne.app.demos.story import Api, Step, demand, trial_balance
from vezne.app.visitor import Visitor
from vezne.kernel.clock import real_now
from vezne.kernel.ids import new_id

CURRENCY, PRICE, SEATS, FEE = "INR", 50_000, 2, 1_000
CARD, POOR_CARD = "5123456789012346", "4000000000009995"
IBAN, OUR_IBAN = "TR330006100519786457841326", "TR320010009999901234567890"


async def tell(api: Api) -> AsyncIterator[Step]:
    """Play the story; who takes the tenant's money is put back afterwards. Raises StoryFailed, PageUnexpected."""
    before = (await api.get("/v1/tenant"))["settings"]["other_providers"]
    await api.patch("/v1/tenant", {"settings": {"other_providers": sorted({*before, "payu"})}})
    try:
        async for step in _sell(api):
            yield step
    finally:
        await api.patch("/v1/tenant", {"settings": {"other_providers": before}})


async def _sell(api: Api) -> AsyncIterator[Step]:
    host = await api.post(
        "/v1/payees",
        {"name": "Meera's Stage", "email": "meera@example.com", "country": "TR", "account_holder": "Meera Rao", "iban": IBAN},
    )
    event = await _event(api, host["id"])
    yield Step("A host's event goes on sale: 500 INR a seat, 10 % on top for the platform", {"host": host["id"], "event": event})
    fan = {"reference": f"fan-{new_id().hex[-12:]}", "name": "Ravi", "email": "ravi@example.com"}
    customer = await api.post("/v1/customers", fan)
    claim = await api.post("/v1/claims", {"resource_id": event, "customer_id": customer["id"], "quantity": SEATS})
    yield Step("Two seats are reserved", {"reservation": claim["id"], "until": claim["expires_at"]})
    asked = {"user": customer["id"], "event": event, "reservation": claim["id"], "payment_provider": "payu", "currency": CURRENCY}
    order = await api.post("/api/payments/orders", asked)
    facts = {"order": order["order_id"], "amount": f"{order['amount']} {CURRENCY}", "status": order["status"]}
    yield Step("A payment order; its answer is the form for PayU, hash and all", facts | {"action": order["payu"]["action"]})
    visitor = Visitor(api.client)
    page = await visitor.enter(order["payu"]["action"], order["payu"]["fields"])
    page = await visitor.fill(page, "number", {"number": POOR_CARD, "expiry": "12/40", "cvc": "123"})
    page = await visitor.fill(page, "hash", {})
    yield Step("The first card has no funds; PayU sends the browser back", {"card": f"…{POOR_CARD[-4:]}", "back_at": page.url})
    async for step in _retry(api, visitor, order["order_id"]):
        yield step
    async for step in _at_the_door(api, claim["id"]):
        yield step
    async for step in _pay_out(api, host["id"], order["order_id"]):
        yield step
    yield await trial_balance(api)


async def _event(api: Api, host: str) -> str:
    rule = await api.post("/v1/fee-rules", {"name": "Ten percent", "percentage": FEE, "fee_borne_by": "buyer"})
    item = await api.post("/v1/items", {"name": "Seat", "prices": {CURRENCY: PRICE}, "payee_id": host, "fee_rule_id": rule["id"]})
    event = await api.post(
        "/v1/resources",
        {
            "kind": "event",
            "name": "An evening of ragas",
            "capacity": 50,
            "item_id": item["id"],
            "starts_at": (real_now() + timedelta(days=20)).isoformat(),
        },
    )
    return str(event["id"])


async def _retry(api: Api, visitor: Visitor, order_id: str) -> AsyncIterator[Step]:
    path = f"/api/payments/orders/{order_id}"
    declined = await api.get(path)
    demand(not declined["is_final"] and declined["attempts"][-1]["status"] == "failed", f"The decline is not seen: {declined}")
    again = await api.post("/api/payments/orders", {"parent_order": order_id, "payment_provider": "payu"})
    demand(again["amount_minor"] == declined["amount_minor"], "The price changed between two attempts.")
    yield Step("Another attempt, for the same seats at the same price", {"attempts": len(again["attempts"])})
    page = await visitor.enter(again["payu"]["action"], again["payu"]["fields"])
    await visitor.fill(page, "number", {"number": CARD, "expiry": "12/40", "cvc": "123"})
    yield Step("The second card pays, and the browser is closed before it is back", {"card": f"…{CARD[-4:]}"})
    paid = await api.until(path, lambda found: found["status"] in {"paid", "completed"})
    facts = {"status": paid["status"], "is_final": paid["is_final"]} | paid["financial_snapshot"]
    yield Step("PayU's webhook alone finalises the order; its financial snapshot never changes", facts)


async def _at_the_door(api: Api, claim: str) -> AsyncIterator[Step]:
    tickets = (await api.get(f"/v1/tickets?claim_id={claim}"))["data"]
    demand(len(tickets) == SEATS, f"{len(tickets)} tickets for {SEATS} seats.")
    code = (await api.get(f"/v1/tickets/{tickets[0]['id']}/code"))["code"]
    first = await api.post("/v1/check-ins", {"code": code, "nonce": new_id().hex})
    again = await api.send("POST", "/v1/check-ins", {"code": code, "nonce": new_id().hex})
    demand(again.status_code == HTTPStatus.CONFLICT, f"A ticket let two people in: {again.text}")
    facts: dict[str, Any] = {"ticket": tickets[0]["id"], "check_in": first["id"], "second_scan": again.json()["detail"]}
    yield Step("At the door the ticket lets one in, once", facts)


async def _pay_out(api: Api, host: str, order_id: str) -> AsyncIterator[Step]:
    balance = await api.get(f"/v1/payees/{host}/balance")
    yield Step("What the host is owed", balance["data"][0])
    payout = await api.post("/v1/payouts", {"payee_id": host, "currency": CURRENCY, "note": f"{order_id}"})
    own = await api.send("POST", f"/v1/payouts/{payout['id']}/approvals", {})
    demand(own.status_code in {HTTPStatus.CONFLICT, HTTPStatus.FORBIDDEN}, f"Who asked for a payout approved it: {own.text}")
    key = await api.post("/v1/api-keys", {"kind": "secret", "name": f"checker {new_id().hex[-6:]}"})
    checker = api.with_key(key["key"])
    await checker.post(f"/v1/payouts/{payout['id']}/approvals", {})
    facts: dict[str, Any] = {"payout": payout["id"], "refused": own.json()["code"]}
    yield Step("A payout: who asked for it may not approve it, somebody else does", facts)
    ours = await api.post("/v1/payees", {"reference": "own", "name": "The platform", "country": "TR"})
    await api.patch(f"/v1/payees/{ours['id']}", {"account_holder": "The platform", "iban": OUR_IBAN})
    file = await checker.post("/v1/payout-files", {"payout_ids": [payout["id"]], "format": "pain001"})
    await checker.post(f"/v1/payouts/{payout['id']}/dispatches", {"file_id": file["id"]})
    paid = await checker.post(f"/v1/payouts/{payout['id']}/confirmations", {"bank_reference": "EFT 1"})
    demand(paid["amount_minor"] == PRICE * SEATS, f"The host was paid {paid['amount_minor']}.")
    twice = await api.send("POST", "/v1/payouts", {"payee_id": host, "currency": CURRENCY})
    demand(twice.status_code == HTTPStatus.CONFLICT, f"An order was paid out twice: {twice.text}")
    facts = {"file": file["name"], "amount_minor": paid["amount_minor"], "asked_again": twice.json()["code"]}
    yield Step("The bank's file is sent and the payout confirmed; there is nothing to pay a second time", facts)
