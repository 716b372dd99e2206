"""Customers' tokens: short, of one customer, good for that customer's own things and nowhere else."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import httpx2
import jwt
import pytest
import pytest_asyncio
import time_machine

from tenancy_fixtures import TenantMaker, TestTenant
from vezne import identity, wallets
from vezne.app.paths import twins_of
from vezne.app.reactions import REACTIONS
from vezne.app.slices import ROUTERS
from vezne.identity import Authenticator
from vezne.identity.operations import authenticating
from vezne.identity.permissions import ALL, CUSTOMER
from vezne.kernel.clock import real_now
from vezne.kernel.db import Database
from vezne.kernel.errors import Unauthenticated
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.kernel.vault import Vault

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
    ("POST", "/v1/coins/redemptions"),
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


@pytest_asyncio.fixture
async def customer_id(db: Database, tenant: TestTenant) -> UUID:
    """A customer of the tenant."""
    async with db.transaction(tenant.principal) as tx:
        return (await identity.create_customer(tx, reference="ayse")).id


@pytest_asyncio.fixture
async def stranger_id(db: Database, tenant: TestTenant) -> UUID:
    """Another customer of the same tenant."""
    async with db.transaction(tenant.principal) as tx:
        return (await identity.create_customer(tx, reference="bora")).id


async def ask(http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID, **fields: object) -> httpx2.Response:
    return await http.post(f"/v1/customers/{public_id('cus', customer_id)}/tokens", json=fields, headers=tenant.headers)


async def token(http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID) -> dict[str, str]:
    answer = await ask(http, tenant, customer_id)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def wallet(db: Database, tenant: TestTenant, customer_id: UUID, minor: int = 500) -> str:
    async with db.transaction(tenant.principal) as tx:
        made = await wallets.wallet_of(tx, customer_id, "money", "TRY")
        await wallets.credit(tx, wallets.Credit(wallet_id=made.id, amount=Money(minor, "TRY")))
    return public_id("wal", made.id)


async def test_a_token_is_shown_once_and_says_until_when(
    http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """CM5: the customer's browser asks for its balance itself."""
    headers = tenant.headers | {"Idempotency-Key": "a-token"}
    path = f"/v1/customers/{public_id('cus', customer_id)}/tokens"
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        made = await http.post(path, json={"expires_in_seconds": 300}, headers=headers)
        again = await http.post(path, json={"expires_in_seconds": 300}, headers=headers)
    assert made.json()["token"].startswith("vz_ct_")
    assert made.json()["expires_at"] == "2026-03-01T12:05:00Z"
    assert again.json() == made.json() | {"token": None}
    kept = await owner.fetch("SELECT payload FROM events WHERE tenant_id = $1", tenant.tenant_id)
    assert made.json()["token"] not in repr(kept)
    assert any("expires_at" in row["payload"] for row in kept)


@pytest.mark.parametrize("seconds", [0, 59, 86_401, -1, True, "900"])
async def test_a_token_lives_a_minute_to_a_day(
    http: httpx2.AsyncClient, tenant: TestTenant, customer_id: UUID, seconds: object
) -> None:
    answer = await ask(http, tenant, customer_id, expires_in_seconds=seconds)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "expires_in_seconds"]


async def test_only_who_may_give_tokens_gives_them_and_only_for_customers_that_are_there(
    http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant, customer_id: UUID
) -> None:
    assert (await ask(http, tenant, new_id())).json()["code"] == "customer_not_found"
    assert (await ask(http, other_tenant, customer_id)).status_code == 404
    path = f"/v1/customers/{public_id('cus', customer_id)}/tokens"
    for headers in ({"Authorization": f"Bearer {tenant.publishable_key}"}, await token(http, tenant, customer_id)):
        refused = await http.post(path, json={}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")


async def test_a_token_says_who_and_in_which_mode(make_tenant: TenantMaker, db: Database, http: httpx2.AsyncClient) -> None:
    for livemode in (False, True):
        tenant = await make_tenant(livemode=livemode)
        async with db.transaction(tenant.principal) as tx:
            known = await identity.create_customer(tx, reference="ayse")
        principal = await Authenticator(db).authenticate((await token(http, tenant, known.id))["Authorization"])
        assert principal == Principal(
            tenant.tenant_id,
            f"customer:{public_id('cus', known.id)}",
            "customer",
            CUSTOMER,
            livemode,
            customer_id=known.id,
            expires_at=principal.expires_at,
        )
        assert principal.expires_at is not None
        assert timedelta(0) < principal.expires_at - real_now() <= timedelta(seconds=900)


def test_no_key_has_a_customers_permissions() -> None:
    assert not CUSTOMER & ALL


def forged(text: str, db: Database, **claims: object) -> Iterator[str]:
    """The token with these claims changed: signed by nobody, by another deployment, by other purposes' keys, by no algorithm."""
    said = jwt.decode(text.removeprefix("vz_ct_"), options={"verify_signature": False}) | claims
    head, _, signature = text.rpartition(".")
    body = jwt.encode(said, b"x" * 32, "HS256").split(".")[1]
    yield f"{head.split('.')[0]}.{body}.{signature}"
    yield "vz_ct_" + jwt.encode(said, Vault().key("customer tokens"), "HS256")
    yield "vz_ct_" + jwt.encode(said, db.vault.key("widget"), "HS256")
    yield "vz_ct_" + jwt.encode(said, "", "none")
    yield "vz_ct_" + jwt.encode(said, db.vault.signing_keys("customer tokens")[0], "EdDSA")


async def test_a_token_of_another_tenant_or_tampered_with_is_refused(
    http: httpx2.AsyncClient, db: Database, tenant: TestTenant, other_tenant: TestTenant, customer_id: UUID, stranger_id: UUID
) -> None:
    text = (await token(http, tenant, customer_id))["Authorization"].removeprefix("Bearer ")
    later = int(real_now().timestamp()) + 10**6
    tries = [text[:-2], text + "A", text.replace("vz_ct_", "vz_ct_vz_ct_", 1), "vz_ct_", "vz_ct_ü", "vz_ct_a.b.c", text[6:]]
    for claims in ({"tenant": other_tenant.tenant_id}, {"customer": stranger_id.hex}, {"exp": later}, {"live": True}):
        tries += forged(text, db, **claims)
    answers = [await http.get("/v1/wallets", headers=[(b"Authorization", f"Bearer {each}".encode())]) for each in tries]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["code"] for answer in answers} == {"customer_token_invalid", "key_unknown"}


async def test_a_widgets_token_is_no_customers(db: Database, tenant: TestTenant, customer_id: UUID) -> None:
    now = real_now()
    claims = {
        "iss": "vezne",
        "aud": "widget",
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "jti": "x",
        "tenant": tenant.tenant_id,
        "customer": customer_id.hex,
        "key": "",
        "live": False,
    }
    mine = jwt.encode(claims | {"aud": "customer"}, db.vault.key("customer tokens"), "HS256")
    assert (await Authenticator(db).authenticate(f"Bearer vz_ct_{mine}")).customer_id == customer_id
    for other in (
        jwt.encode(claims, db.vault.key("customer tokens"), "HS256"),
        jwt.encode(claims | {"aud": "customer"}, db.vault.key("widget"), "HS256"),
    ):
        with pytest.raises(Unauthenticated):
            await Authenticator(db).authenticate(f"Bearer vz_ct_{other}")


async def test_a_token_ends_at_its_time_whatever_the_tenants_clock_says(
    http: httpx2.AsyncClient, db: Database, tenant: TestTenant, customer_id: UUID
) -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        mine = {"Authorization": f"Bearer {(await ask(http, tenant, customer_id, expires_in_seconds=60)).json()['token']}"}
        held = await http.put("/v1/test-clock", json={"held_at": "2026-06-01T00:00:00Z"}, headers=tenant.headers)
        assert held.status_code == 200
        clock.move_to(start + timedelta(seconds=59))
        assert (await Authenticator(db).authenticate(mine["Authorization"])).customer_id == customer_id
        clock.move_to(start + timedelta(seconds=61))
        with pytest.raises(identity.CustomerTokenInvalid):
            await Authenticator(db).authenticate(mine["Authorization"])


async def test_a_token_ends_with_the_key_it_was_made_with(
    http: httpx2.AsyncClient, db: Database, tenant: TestTenant, customer_id: UUID
) -> None:
    mine = await token(http, tenant, customer_id)
    assert (await Authenticator(db).authenticate(mine["Authorization"])).customer_id == customer_id
    async with db.transaction(tenant.principal) as tx:
        for key in await identity.list_keys(tx):
            await identity.revoke_key(tx, key.id)
    with pytest.raises(identity.CustomerTokenInvalid):
        await Authenticator(db).authenticate(mine["Authorization"])


async def test_former_master_keys_still_verify_tokens(pool: asyncpg.Pool, tenant: TestTenant) -> None:
    old, new = Vault(), Vault()
    before = Database(pool, REACTIONS, old)
    async with before.transaction(tenant.principal) as tx:
        known = await identity.create_customer(tx, reference="ayse")
        given = await identity.give_token(tx, known.id, life=timedelta(minutes=5))
    after = Database(pool, REACTIONS, Vault((*new.masters, *old.masters)))
    assert (await Authenticator(after).authenticate(f"Bearer {given.text}")).customer_id == known.id
    with pytest.raises(identity.CustomerTokenInvalid):
        await Authenticator(Database(pool, REACTIONS, new)).authenticate(f"Bearer {given.text}")


async def test_all_tokens_of_a_customer_share_one_count_of_requests(
    db: Database, tenant: TestTenant, customer_id: UUID, stranger_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticating, "CUSTOMER_REQUESTS_PER_MINUTE", 3)
    process = Authenticator(db)
    with time_machine.travel(real_now().replace(second=10), tick=False):
        async with db.transaction(tenant.principal) as tx:
            mine = [await identity.give_token(tx, customer_id, life=timedelta(minutes=5)) for _ in range(4)]
            hers = await identity.give_token(tx, stranger_id, life=timedelta(minutes=5))
        for each in mine[:3]:
            await process.authenticate(f"Bearer {each.text}")
        with pytest.raises(identity.TooManyRequests):
            await process.authenticate(f"Bearer {mine[3].text}")
        await process.authenticate(f"Bearer {hers.text}")
        await asyncio.gather(*[process.authenticate(f"Bearer {tenant.secret_key}") for _ in range(20)])


# -------------------------------------------------------------------------------------------------- what it opens


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
