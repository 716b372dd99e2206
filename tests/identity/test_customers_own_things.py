"""What a customer's token opens: that customer's own things, where an endpoint says so, and nothing else."""

import re
from dataclasses import replace
from uuid import UUID

import httpx2
import pytest

from tenancy_fixtures import TestTenant
from tokens_fixtures import token
from vezne import identity, wallets
from vezne.app.paths import twins_of
from vezne.app.slices import ROUTERS
from vezne.identity.permissions import CUSTOMER
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money

OPEN_TO_CUSTOMERS = {
    ("DELETE", "/v1/customers/{customer_id}/payment-methods/{method_id}"),
    ("DELETE", "/v1/memberships/{membership_id}/cancellations"),
    ("GET", "/v1/coins/{student_id}"),
    ("GET", "/v1/coins/{student_id}/transactions"),
    ("GET", "/v1/credit-packs"),
    ("GET", "/v1/credit-packs/{item_id}"),
    ("GET", "/v1/credits/balance"),
    ("GET", "/v1/credits/history"),
    ("GET", "/v1/customers/{customer_id}/payment-methods"),
    ("GET", "/v1/customers/{customer_id}/payment-methods/{method_id}"),
    ("GET", "/v1/memberships"),
    ("GET", "/v1/memberships/current"),
    ("GET", "/v1/memberships/{membership_id}"),
    ("GET", "/v1/memberships/{membership_id}/periods"),
    ("GET", "/v1/orders"),
    ("GET", "/v1/orders/{order_id}"),
    ("GET", "/v1/orders/{order_id}/receipt"),
    ("GET", "/v1/plans"),
    ("GET", "/v1/plans/{plan_id}"),
    ("GET", "/v1/rewards"),
    ("GET", "/v1/rewards/streaks/{student_id}"),
    ("GET", "/v1/rewards/{reward_id}"),
    ("GET", "/v1/voucher-redemptions"),
    ("GET", "/v1/voucher-redemptions/{redemption_id}"),
    ("GET", "/v1/vouchers"),
    ("GET", "/v1/vouchers/{voucher_id}"),
    ("GET", "/v1/wallets"),
    ("GET", "/v1/wallets/{wallet_id}"),
    ("GET", "/v1/wallets/{wallet_id}/balance-stream"),
    ("GET", "/v1/wallets/{wallet_id}/transactions"),
    ("GET", "/v1/wallets/{wallet_id}/transactions/{transaction_id}"),
    ("POST", "/v1/credit-packs/{item_id}/purchases"),
    ("POST", "/v1/credits/transfer"),
    ("POST", "/v1/customers/{customer_id}/payment-methods/{method_id}/default"),
    ("POST", "/v1/memberships"),
    ("POST", "/v1/memberships/current/cancellations"),
    ("POST", "/v1/memberships/{membership_id}/cancellations"),
    ("POST", "/v1/memberships/{membership_id}/change-previews"),
    ("POST", "/v1/memberships/{membership_id}/changes"),
    ("POST", "/v1/memberships/{membership_id}/pauses"),
    ("POST", "/v1/memberships/{membership_id}/resumptions"),
    ("POST", "/v1/orders"),
    ("POST", "/v1/plans/{plan_id}/subscriptions"),
    ("POST", "/v1/promo-codes/apply"),
    ("POST", "/v1/promo-codes/validate"),
}
"""Every endpoint that a customer's token may ask. Whoever opens another adds it here, and tests what it shows to whom."""


async def wallet(db: Database, tenant: TestTenant, customer_id: UUID, minor: int = 500) -> str:
    async with db.transaction(tenant.principal) as tx:
        made = await wallets.wallet_of(tx, customer_id, "money", "TRY")
        await wallets.credit(tx, wallets.Credit(wallet_id=made.id, amount=Money(minor, "TRY")))
    return public_id("wal", made.id)


def endpoints() -> list[tuple[str, str]]:
    """Every endpoint there is; the documented paths are further addresses of the same ones."""
    return sorted(twins_of(ROUTERS))


async def test_a_customers_token_is_refused_everywhere_but_where_it_is_let_in(
    http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID
) -> None:
    """With a permission lacking it is 403 before anything else is looked at, whatever stands in the path or the body.

    What answers without any key (pages, providers' webhooks, the widget) answers whoever asks.
    """
    mine = await token(http, tenant, customer_id)
    let_in = set()
    for method, path in endpoints():
        address = path.replace("{", "").replace("}", "")
        if method == "OPTIONS" or (await http.request(method, address, json={})).status_code != 401:
            continue
        answer = await http.request(method, address, json={}, headers=mine)
        if answer.status_code != 401 and (answer.status_code, answer.json().get("code")) != (403, "permission_missing"):
            let_in.add((method, path))
    assert let_in == OPEN_TO_CUSTOMERS


async def test_a_customer_sees_its_own_wallets_and_no_others(
    http: httpx2.AsyncClient, db: Database, tenant: TestTenant, customer_id: UUID, stranger_id: UUID
) -> None:
    own, foreign = await wallet(db, tenant, customer_id), await wallet(db, tenant, stranger_id)
    mine = await token(http, tenant, customer_id)
    listed = (await http.get("/v1/wallets", headers=mine)).json()["data"]
    assert [each["id"] for each in listed] == [own]
    named = await http.get("/v1/wallets", params={"customer_id": public_id("cus", customer_id)}, headers=mine)
    assert named.json()["data"] == listed
    assert (await http.get(f"/v1/wallets/{own}", headers=mine)).json()["available_minor"] == 500
    history = (await http.get(f"/v1/wallets/{own}/transactions", headers=mine)).json()["data"]
    assert (await http.get(f"/v1/wallets/{own}/transactions/{history[0]['id']}", headers=mine)).json() == history[0]
    assert "500" in (await http.get(f"/v1/wallets/{own}/transactions?format=csv", headers=mine)).text
    for path in ("", "/transactions", "/transactions?format=csv", f"/transactions/{history[0]['id']}"):
        unknown = public_id("wal", new_id())
        for_foreign = await http.get(f"/v1/wallets/{foreign}{path}", headers=mine)
        for_unknown = await http.get(f"/v1/wallets/{unknown}{path}", headers=mine)
        assert same_but_for_ids(for_foreign) == same_but_for_ids(for_unknown)
        assert for_foreign.status_code == 404


def same_but_for_ids(answer: httpx2.Response) -> bytes:
    """The answer without the id that was asked for and the request's own."""
    body = {**answer.json(), "request_id": ""}
    return re.sub(rb"(wal|ord|cus)_[0-9a-z]{26}", b"", repr((answer.status_code, sorted(body.items()))).encode())


async def test_whose_things_are_listed_is_not_for_a_token_to_say(
    http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID, stranger_id: UUID
) -> None:
    mine = await token(http, tenant, customer_id)
    for path in ("/v1/wallets", "/v1/orders"):
        asked = [{"customer_id": public_id("cus", other)} for other in (stranger_id, new_id())]
        answers = [await http.get(path, params=whose, headers=mine) for whose in asked]
        assert same_but_for_ids(answers[0]) == same_but_for_ids(answers[1])
        assert answers[0].json()["code"] == "customer_not_found"


TOP_UP = {"kind": "top_up", "amount_minor": 1000, "currency": "TRY"}


async def test_a_customer_orders_for_itself_and_sees_its_own_orders(
    http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID, stranger_id: UUID
) -> None:
    mine, hers = await token(http, tenant, customer_id), await token(http, tenant, stranger_id)
    placed = await http.post("/v1/orders", json={"lines": [TOP_UP]}, headers=mine)
    assert placed.status_code == 201, placed.text
    order = placed.json()["order"] if "order" in placed.json() else placed.json()
    assert order["customer_id"] == public_id("cus", customer_id)
    foreign = await http.post("/v1/orders", json={"lines": [TOP_UP]}, headers=hers)
    foreign_id = (foreign.json().get("order") or foreign.json())["id"]
    assert [each["id"] for each in (await http.get("/v1/orders", headers=mine)).json()["data"]] == [order["id"]]
    assert (await http.get(f"/v1/orders/{order['id']}", headers=mine)).json()["id"] == order["id"]
    answers = [await http.get(f"/v1/orders/{each}", headers=mine) for each in (foreign_id, public_id("ord", new_id()))]
    assert same_but_for_ids(answers[0]) == same_but_for_ids(answers[1])
    assert answers[0].status_code == 404


async def test_a_customer_orders_for_nobody_else(
    http: httpx2.AsyncClient, db: Database, tenant: TestTenant, customer_id: UUID, stranger_id: UUID
) -> None:
    mine, stranger = await token(http, tenant, customer_id), public_id("cus", stranger_id)
    foreign_wallet = await wallet(db, tenant, stranger_id, 5000)
    booking = {"kind": "booking", "resource_id": public_id("rsc", new_id()), "customer_id": stranger}
    for body, code in (
        ({"customer_id": stranger, "lines": [TOP_UP]}, "customer_not_found"),
        ({"lines": [booking]}, "customer_not_found"),
        ({"lines": [TOP_UP | {"wallet_id": foreign_wallet}]}, "wallet_missing"),
    ):
        refused = await http.post("/v1/orders", json=body, headers=mine)
        assert (refused.status_code, refused.json()["code"]) == (404, code)
    quote = await http.post("/v1/quotes", json={"customer_id": stranger, "lines": [TOP_UP]}, headers=tenant.headers)
    assert quote.status_code < 300, quote.text
    refused = await http.post("/v1/orders", json={"quote": quote.json()["quote"]}, headers=mine)
    assert (refused.status_code, refused.json()["code"]) == (422, "quote_invalid")
    assert (await http.get("/v1/orders", headers=tenant.headers)).json()["data"] == []


async def test_an_api_key_still_names_the_customer(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    refused = await http.post("/v1/orders", json={"lines": [TOP_UP]}, headers=tenant.headers)
    assert refused.json()["code"] == "customer_needed"
    assert refused.json()["errors"][0]["loc"] == ["body", "customer_id"]


async def test_each_customer_has_idempotency_keys_of_its_own(
    http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID, stranger_id: UUID
) -> None:
    """The very same request with the same key, by two customers and by the tenant, is three orders; again, the same three."""
    key = {"Idempotency-Key": "k" * 255}
    asking = [
        (await token(http, tenant, customer_id), {"lines": [TOP_UP]}),
        (await token(http, tenant, stranger_id), {"lines": [TOP_UP]}),
        (tenant.headers, {"lines": [TOP_UP], "customer_id": public_id("cus", customer_id)}),
    ]
    first = [await http.post("/v1/orders", json=body, headers=headers | key) for headers, body in asking]
    again = [await http.post("/v1/orders", json=body, headers=headers | key) for headers, body in asking]
    assert [each.status_code for each in first] == [201, 201, 201]
    assert len({each.content for each in first}) == 3
    assert [each.content for each in again] == [each.content for each in first]


async def test_acting_for(db: Database, tenant: TestTenant, customer_id: UUID, stranger_id: UUID) -> None:
    """What an endpoint answers for: a token its own customer, a key the one it names."""
    own = replace(tenant.principal, kind="customer", permissions=CUSTOMER, customer_id=customer_id)
    async with db.transaction(own) as tx:
        assert identity.acting_for(tx, None) == identity.acting_for(tx, customer_id) == identity.seen_by(tx, None) == customer_id
        with pytest.raises(identity.CustomerNotFound):
            identity.acting_for(tx, stranger_id)
    async with db.transaction(tenant.principal) as tx:
        assert identity.acting_for(tx, stranger_id) == identity.seen_by(tx, stranger_id) == stranger_id
        assert identity.seen_by(tx, None) is None
        with pytest.raises(identity.CustomerNeeded) as refusal:
            identity.acting_for(tx, None)
        assert refusal.value.loc == ("query", "customer_id")
