"""Customers' tokens: short, of one customer, good for that customer's own things and nowhere else."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import httpx2
import jwt
import pytest
import time_machine

from tenancy_fixtures import TenantMaker, TestTenant
from tokens_fixtures import ask, token
from vezne import identity
from vezne.app.reactions import REACTIONS
from vezne.identity import Authenticator
from vezne.identity.operations import authenticating
from vezne.identity.permissions import ALL, CUSTOMER
from vezne.kernel.clock import real_now
from vezne.kernel.db import Database
from vezne.kernel.errors import Unauthenticated
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.principal import Principal
from vezne.kernel.vault import Vault


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
