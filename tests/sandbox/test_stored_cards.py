"""Cards that customers let the merchant keep, and charges of them while nobody is there."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import httpx2
import pytest

from magicpay_fixtures import CREDENTIALS, MagicPayMerchant
from sandbox.merchant import KEY, SECRET, Gateway, HeldClock, Open, until
from vezne.sandbox import SandboxSettings, running

GOOD, MASTERCARD, CHALLENGED, DELAYED = "4242424242424242", "5555555555554444", "4000002500003155", "4000000000000077"


async def stored(gateway: Gateway, card: str = GOOD, customer: str = "cus_1") -> dict[str, Any]:
    """A payment that kept its card."""
    return await gateway.played(card, customer=customer, save_card=True)


def charge(gateway: Gateway, method: str, **changes: object) -> dict[str, object]:
    order = gateway.order(method=method, **changes)
    del order["return_url"]
    return order


async def test_a_payment_that_wants_so_keeps_its_card_once_it_is_good(gateway: Gateway) -> None:
    made = await gateway.payment(customer="cus_1", save_card=True)
    assert (made["customer"], made["save_card"], made["method"]) == ("cus_1", True, None)
    await gateway.post(f"/payments/{made['id']}/play", {"card": GOOD})
    method = (await gateway.get(f"/payments/{made['id']}"))["method"]
    assert (method["brand"], method["last4"], method["expires_month"]) == ("visa", "4242", 12)
    (listed,) = (await gateway.get("/methods?customer=cus_1"))["data"]
    assert (listed["id"], listed["customer"], listed["removed_at"]) == (method["id"], "cus_1", None)
    assert (await gateway.get("/methods?customer=cus_2"))["data"] == []


async def test_a_declined_card_is_not_kept_and_one_nobody_asked_for_neither(gateway: Gateway) -> None:
    assert (await stored(gateway, "4000000000000002"))["method"] is None
    assert (await gateway.played(GOOD, customer="cus_1"))["method"] is None
    assert (await gateway.get("/methods?customer=cus_1"))["data"] == []


async def test_the_same_card_of_the_same_customer_is_kept_once(gateway: Gateway) -> None:
    first, again = await stored(gateway), await stored(gateway)
    other, theirs = await stored(gateway, MASTERCARD), await stored(gateway, customer="cus_2")
    assert first["method"] == again["method"]
    assert len({each["method"]["id"] for each in (first, other, theirs)}) == 3


async def test_a_card_is_charged_while_its_customer_is_away(gateway: Gateway) -> None:
    method = (await stored(gateway))["method"]["id"]
    answer = await gateway.post("/charges", charge(gateway, method, customer="cus_1"))
    payment = answer.json()
    assert (answer.status_code, payment["status"], payment["captured_minor"]) == (201, "succeeded", 10_000)
    assert (payment["off_session"], payment["redirect_url"], payment["return_url"]) == (True, None, None)
    await until(lambda: gateway.merchant.types == ["payment.succeeded"] * 2)
    refund = await gateway.post(f"/payments/{payment['id']}/refunds", {"amount_minor": 4_000})
    assert refund.json()["status"] == "succeeded"


async def test_the_same_reference_is_the_same_charge_also_at_once(gateway: Gateway) -> None:
    asked = charge(gateway, (await stored(gateway))["method"]["id"])
    answers = await asyncio.gather(*[gateway.post("/charges", asked) for _ in range(10)])
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    refused = await gateway.post("/charges", {**asked, "amount_minor": 1})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "merchant_reference_reused")


@pytest.mark.parametrize(
    ("card", "status", "code"),
    [
        ("4000000000000002", "failed", "card_declined"),
        ("4000000000009995", "failed", "insufficient_funds"),
        ("4000000000000069", "failed", "expired_card"),
        (CHALLENGED, "requires_action", None),
        (DELAYED, "processing", None),
    ],
)
async def test_a_charge_does_what_its_card_does(gateway: Gateway, card: str, status: str, code: str | None) -> None:
    method = (await stored(gateway))["method"]["id"]
    assert (await gateway.post(f"/methods/{method}/play", {"card": card})).status_code == 200
    payment = (await gateway.post("/charges", charge(gateway, method))).json()
    assert (payment["status"], payment["failure_code"], payment["captured_minor"]) == (status, code, 0)
    assert payment["card"] == {"brand": "visa", "last4": "4242"}


async def test_nobody_answers_the_bank_of_a_charge(open_gateway: Open) -> None:
    clock = HeldClock()
    gateway = await open_gateway(clock)
    method = (await stored(gateway, CHALLENGED))["method"]["id"]
    payment = (await gateway.post("/charges", charge(gateway, method))).json()
    assert payment["status"] == "requires_action"
    for path in (f"/simulated/pay/{payment['id']}", f"/simulated/pay/{payment['id']}/3ds"):
        assert (await gateway.client.get(path)).status_code == 404
        assert (await gateway.client.post(path, data={"answer": "approve"})).status_code in {404, 405}
    played = await gateway.post(f"/payments/{payment['id']}/play", {"card": GOOD})
    assert (played.status_code, played.json()["error"]["code"]) == (409, "invalid_state")
    clock.move(minutes=31)
    assert (await gateway.get(f"/payments/{payment['id']}"))["status"] == "expired"


async def test_a_removed_card_is_charged_no_more(gateway: Gateway) -> None:
    method = (await stored(gateway))["method"]["id"]
    for _ in range(2):
        removed = await gateway.client.delete(f"/simulated/v1/methods/{method}")
        assert (removed.status_code, removed.json()["id"]) == (200, method)
    assert (await gateway.get(f"/methods/{method}"))["removed_at"] is not None
    assert (await gateway.get("/methods?customer=cus_1"))["data"] == []
    refused = await gateway.post("/charges", charge(gateway, method))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "method_removed")
    assert (await stored(gateway))["method"]["id"] != method


async def test_what_is_wrong_with_a_charge_is_refused_by_name(gateway: Gateway) -> None:
    method = (await stored(gateway))["method"]["id"]
    right = charge(gateway, method)
    for field, value in (
        ("method", ""),
        ("method", "a b"),
        ("amount_minor", 0),
        ("currency", "XXX"),
        ("return_url", "x"),
        ("a", 1),
    ):
        answer = await gateway.post("/charges", {**right, field: value})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field), (field, value)
    for wrong in ({"method": "sim_card_nobody"}, {"method": method, "customer": "cus_2"}):
        assert (await gateway.post("/charges", {**right, **wrong})).status_code == 404
    keepless = await gateway.post("/payments", gateway.order(save_card=True))
    assert (keepless.status_code, keepless.json()["error"]["param"]) == (400, "customer")
    assert (await gateway.client.get("/simulated/v1/methods")).json()["error"]["param"] == "customer"
    unknown = await gateway.post(f"/methods/{method}/play", {"card": "4111111111111111"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "unknown_card")


async def test_cards_of_a_customer_come_in_pages(gateway: Gateway) -> None:
    for card in (GOOD, MASTERCARD, CHALLENGED):
        await stored(gateway, card)
    first = await gateway.get("/methods?customer=cus_1&limit=2")
    assert ([each["last4"] for each in first["data"]], first["has_more"]) == (["3155", "4444"], True)
    rest = await gateway.get(f"/methods?customer=cus_1&limit=2&after={first['data'][-1]['id']}")
    assert ([each["last4"] for each in rest["data"]], rest["has_more"]) == (["4242"], False)


@pytest.mark.parametrize("field", ["save_card", "customer"])
async def test_magicpay_keeps_no_cards_and_says_so(open_gateway: Open, field: str) -> None:
    merchant = MagicPayMerchant((await open_gateway(**CREDENTIALS)).base)
    asked = {"merchant_reference": "order-0", "amount_minor": 1, "currency": "TRY", "return_url": "http://127.0.0.1:9/"}
    answer = await merchant.ask("POST", "/sessions", {**asked, field: "cus_1"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    assert "method" not in await merchant.session()
    assert (await merchant.ask("GET", "/methods?customer=cus_1")).status_code == 404


OLD_PAYMENTS = """
CREATE TABLE payments (
    id TEXT PRIMARY KEY, merchant_reference TEXT NOT NULL UNIQUE, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
    capture TEXT NOT NULL, status TEXT NOT NULL, captured_minor INTEGER NOT NULL, refunded_minor INTEGER NOT NULL,
    refunding_minor INTEGER NOT NULL, failure_code TEXT, card_brand TEXT, card_last4 TEXT, description TEXT NOT NULL,
    locale TEXT NOT NULL, return_url TEXT NOT NULL, webhook_url TEXT, redirect_url TEXT NOT NULL, created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, expires_at TEXT NOT NULL
) STRICT;
INSERT INTO payments VALUES ('sim_pay_1', 'order-1', 100, 'TRY', 'automatic', 'succeeded', 100, 0, 0, NULL, 'visa', '4242', '',
    'en', 'http://127.0.0.1:9/', NULL, 'http://127.0.0.1:9/', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00Z');
"""


async def test_a_file_from_before_cards_were_kept_is_brought_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.sqlite3"
    with sqlite3.connect(file) as sql:
        sql.executescript(OLD_PAYMENTS)
    for _ in range(2):
        async with (
            running(SandboxSettings(database=file, api_key=KEY, webhook_secret=SECRET)) as url,
            httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False) as client,
        ):
            payment = (await client.get("/simulated/v1/payments/sim_pay_1")).raise_for_status().json()
            facts = [payment[name] for name in ("status", "save_card", "off_session", "method")]
            assert facts == ["succeeded", False, False, None]
