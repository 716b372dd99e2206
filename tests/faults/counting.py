"""What must be true of a box office whatever has died: everybody has the seats or the money, once."""

from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx2

from faults.box_office import FUNDS, SEATS, BoxOffice, Purchase, several

OVER = {"fulfilled", "refunded"}


async def check(office: BoxOffice, *, everybody: bool = False) -> None:
    """Wait until every order has come to its end, and compare it with what was paid, given and given back.

    Customers who were found right before are looked at again when `everybody` is.
    """
    checked = [] if everybody else office.checked
    await several([_check_one(office, bought) for bought in office.purchases if bought not in checked])
    office.checked[:] = office.purchases
    await _capacity(office)
    await _payouts(office)
    audited = await office.running.command("audit")
    assert not audited["findings"], audited["findings"]
    office.figures["audits"] += 1


async def _check_one(office: BoxOffice, bought: Purchase) -> None:
    await office.settled(bought)
    assert bought.charged or bought.road == "wallet", "every customer of these stories pays"
    await (_has_the_money_once if bought.went else _has_it_once)(office, bought)


async def _has_the_money_once(office: BoxOffice, bought: Purchase) -> None:
    """Who paid too late has no ticket, and the money: in the wallet or on the card, as the tenant says."""
    order, card = bought.order, bought.part("provider")
    assert (order["status"], order["last_error"]) == ("failed", "sold_out")
    found = [each async for each in _all(office, "/v1/unmatched-money?reason=paid_late") if each["order_id"] == bought.id]
    assert [(each["action"], each["amount_minor"]) for each in found] == [(bought.went, card)]
    await office.until(f"/v1/unmatched-money/{found[0]['id']}", lambda seen: seen["status"] == "resolved")
    tickets = (await office.client.ask("GET", f"/v1/tickets?claim_id={bought.line['details']['claim_id']}")).json()["data"]
    assert tickets == []
    rupees = [
        wallet["balance_minor"]
        async for wallet in _all(office, f"/v1/wallets?customer_id={order['customer_id']}")
        if wallet["currency"] == "INR"
    ]
    assert sum(rupees) == (card if bought.went == "wallet" else 0)
    assert await _payu_gave_back(office, bought) == (card if bought.went == "refund" else 0)
    office.figures[f"late money: {bought.went}"] += 1


async def _has_it_once(office: BoxOffice, bought: Purchase) -> None:
    """The seats that were not given back, and no more; and of the money exactly the rest is gone."""
    order = bought.order
    assert order["status"] in OVER, (bought.road, order)
    assert order["refunded_minor"] == bought.refunded, order
    left = bought.line["quantity"] - bought.line["refunded_quantity"]
    claim = (await office.client.ask("GET", f"/v1/claims/{bought.line['details']['claim_id']}")).json()
    assert (claim["quantity"] - claim["cancelled"] if claim["status"] == "consumed" else 0) == left, (order, claim)
    assert claim["order_id"] == bought.id
    if bought.thing != "storage":
        tickets = (await office.client.ask("GET", f"/v1/tickets?claim_id={claim['id']}")).json()["data"]
        valid = {ticket["id"] for ticket in tickets if ticket["status"] == "valid"}
        assert len(valid) == left
        assert {ticket["id"] for ticket in tickets if ticket["checked_in_at"]} == bought.let_in
    wallet = (await office.client.ask("GET", f"/v1/wallets/{bought.wallet}")).json()
    spent = bought.part("wallet") - bought.part("wallet", "refunded_minor")
    assert (wallet["balance_minor"], wallet["held_minor"]) == (FUNDS - spent, 0), order
    await _provider_agrees(office, bought)
    office.figures["customers who have it once"] += 1


async def _provider_agrees(office: BoxOffice, bought: Purchase) -> None:
    """The provider took what the order says and gave back what it says, each once."""
    due_back = bought.part("provider", "refunded_minor")
    if bought.road == "wallet":
        return
    await office.until(
        f"/v1/payments/{bought.order['payment_id']}",
        lambda seen: seen["status"] == "succeeded" and seen["refunded_minor"] == due_back,
    )
    captured = [each for each in bought.order["attempts"] if each["status"] == "captured"]
    assert len(captured) == 1, bought.order
    if bought.road == "simulated":
        seen = await _at_the_sandbox(office, f"/simulated/v1/payments/{bought.ref}")
        assert (seen["captured_minor"], seen["refunded_minor"]) == (bought.part("provider"), due_back), seen
    elif bought.road == "payu":
        assert await _payu_gave_back(office, bought) == due_back


async def _payu_gave_back(office: BoxOffice, bought: Purchase) -> int:
    refunds = await _at_the_sandbox(office, f"/payu/play/{bought.ref}/refunds")
    return sum(refund["paise"] for refund in refunds["data"])


async def _at_the_sandbox(office: BoxOffice, path: str) -> Any:  # noqa: ANN401 - JSON
    headers = {"Authorization": f"Bearer {office.running.sandbox_key}"}
    async with httpx2.AsyncClient(base_url=office.running.sandbox_url, headers=headers, trust_env=False) as provider:
        return (await provider.get(path)).raise_for_status().json()


async def _capacity(office: BoxOffice) -> None:
    """Seats that are taken are those that were bought; no unit is anybody's twice."""
    hall = (await office.client.ask("GET", f"/v1/resources/{office.things['seats']}")).json()
    live = sum(b.line["quantity"] - b.line["refunded_quantity"] for b in office.purchases if b.thing == "seats" and _has(b))
    assert (hall["taken"], hall["held"], hall["going_count"]) == (live, 0, live)
    assert live <= SEATS
    rented: dict[str, list[tuple[str, str]]] = {}
    orders = {bought.id for bought in office.purchases if bought.thing == "storage" and _has(bought)}
    async for claim in _all(office, f"/v1/claims?resource_id={office.things['storage']}&status=consumed"):
        assert claim["order_id"] in orders
        rented.setdefault(claim["unit_id"], []).append((claim["starts_at"], claim["ends_at"]))
    for stays in rented.values():
        for (_, ended), (begins, _) in pairwise(sorted(stays)):
            assert ended <= begins, f"a unit claimed twice: {stays}"
            office.figures["stays one after the other"] += 1


async def _payouts(office: BoxOffice) -> None:
    """No sale is settled twice, and none is in two payouts."""
    lines = Counter([settled["line_id"] async for settled in _all(office, f"/v1/settlements?payee_id={office.host}")])
    assert not [line for line, times in lines.items() if times > 1]
    assert {bought.line["id"] for bought in office.purchases if _has(bought)} <= set(lines)
    paid: Counter[str] = Counter()
    async for payout in _all(office, f"/v1/payouts?payee_id={office.host}"):
        assert payout["status"] == "paid"
        assert office.payouts[payout["id"]] == payout["amount_minor"]
        items = (await office.client.ask("GET", f"/v1/payouts/{payout['id']}")).json()["items"]
        paid.update(item["settlement_id"] for item in items if item["kind"] == "sale")
    assert not [settlement for settlement, times in paid.items() if times > 1]


def _has(bought: Purchase) -> bool:
    return bool(bought.order["status"] == "fulfilled")


async def _all(office: BoxOffice, url: str) -> AsyncIterator[dict[str, Any]]:
    after = ""
    while True:
        page = (await office.client.ask("GET", f"{url}&limit=100{after}")).json()
        for each in page["data"]:
            yield each
        if not page["has_more"]:
            return
        after = f"&after={page['next']}"
