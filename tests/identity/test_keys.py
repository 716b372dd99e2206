"""API keys: made and shown once, rotated with overlap, revoked within a second, restricted to what they were given."""

import asyncio
from datetime import timedelta

import asyncpg
import httpx2
import pytest
import time_machine

from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.identity import PERMISSIONS, Authenticator
from vezne.kernel.clock import real_now
from vezne.kernel.db import Database
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.principal import Principal

KEYS = "/v1/api-keys"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def make(http: httpx2.AsyncClient, tenant: TestTenant, **fields: object) -> httpx2.Response:
    return await http.post(KEYS, json=fields, headers=tenant.headers)


async def test_a_key_is_shown_once_and_kept_as_a_hash(
    http: httpx2.AsyncClient, tenant: TestTenant, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = (await make(http, tenant, name="shop")).json()
    text = made["key"]
    assert text.startswith("vz_sk_test_")
    assert made["last4"] == text[-4:]
    listed = (await http.get(KEYS, headers=tenant.headers)).json()["data"]
    assert listed[0] == made | {"key": None}
    rows = await owner.fetch("SELECT * FROM api_keys WHERE tenant_id = $1", tenant.tenant_id)
    events = await owner.fetch("SELECT payload FROM events WHERE tenant_id = $1", tenant.tenant_id)
    assert text not in repr(rows) + repr(events)
    assert text.rpartition("_")[2] not in repr(rows) + repr(events)


async def test_the_same_request_again_makes_no_second_key_and_tells_no_secret(
    http: httpx2.AsyncClient, tenant: TestTenant, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    headers = tenant.headers | {"Idempotency-Key": "make-a-key"}
    first = await http.post(KEYS, json={"name": "shop"}, headers=headers)
    again = await http.post(KEYS, json={"name": "shop"}, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json() | {"key": None}
    kept = await owner.fetchval("SELECT body FROM idempotency_keys WHERE tenant_id = $1", tenant.tenant_id)
    assert first.json()["key"].encode() not in kept


async def test_a_rotated_key_and_its_successor_are_both_good_until_the_overlap_ends(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        old, old_text = await identity.create_key(tx, name="shop")
        new, new_text = await identity.rotate_key(tx, old.id, overlap=timedelta(minutes=10))
    assert (new.kind, new.name, new.permissions) == (old.kind, old.name, old.permissions)
    with time_machine.travel(real_now() + timedelta(minutes=9), tick=True):
        for text in (old_text, new_text):
            assert (await Authenticator(db).authenticate(f"Bearer {text.text}")).tenant_id == tenant.tenant_id
    with time_machine.travel(real_now() + timedelta(minutes=11), tick=True):
        await Authenticator(db).authenticate(f"Bearer {new_text.text}")
        with pytest.raises(identity.KeyUnknown):
            await Authenticator(db).authenticate(f"Bearer {old_text.text}")


async def test_a_rotation_without_overlap_ends_the_old_key(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    old = (await make(http, tenant)).json()
    rotated = await http.post(f"{KEYS}/{old['id']}/rotations", json={"overlap_seconds": 0}, headers=tenant.headers)
    assert rotated.status_code == 201
    assert (await http.get("/v1/tenant", headers=bearer(rotated.json()["key"]))).status_code == 200
    assert (await http.get("/v1/tenant", headers=bearer(old["key"]))).status_code == 401
    again = await http.post(f"{KEYS}/{old['id']}/rotations", json={}, headers=tenant.headers)
    assert (again.status_code, again.json()["code"]) == (409, "key_ended")


async def test_a_revoked_key_is_refused_by_every_process_within_a_second(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        key, text = await identity.create_key(tx)
    processes = [Authenticator(db), Authenticator(db)]
    for process in processes:
        await process.authenticate(f"Bearer {text.text}")
    async with db.transaction(tenant.principal) as tx:
        await identity.revoke_key(tx, key.id)
    await asyncio.sleep(1)
    for process in processes:
        with pytest.raises(identity.KeyUnknown):
            await process.authenticate(f"Bearer {text.text}")


async def test_revoking_again_changes_nothing(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    key = (await make(http, tenant)).json()
    first = await http.delete(f"{KEYS}/{key['id']}", headers=tenant.headers)
    again = await http.delete(f"{KEYS}/{key['id']}", headers=tenant.headers)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    log = await http.get("/v1/audit-log", params={"subject": key["id"], "type": "key.revoked"}, headers=tenant.headers)
    assert len(log.json()["data"]) == 1


async def test_a_key_ends_at_its_expiry_even_inside_the_second_it_is_remembered(db: Database, tenant: TestTenant) -> None:
    async with db.transaction(tenant.principal) as tx:
        _, text = await identity.create_key(tx, expires_at=real_now() + timedelta(milliseconds=300))
    process = Authenticator(db)
    await process.authenticate(f"Bearer {text.text}")
    await asyncio.sleep(0.35)
    with pytest.raises(identity.KeyUnknown):
        await process.authenticate(f"Bearer {text.text}")


async def test_an_expiry_in_the_past_is_refused(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    answer = await make(http, tenant, expires_at="2020-01-01T00:00:00Z")
    assert answer.json()["errors"][0]["loc"] == ["body", "expires_at"]


@pytest.mark.parametrize("value", ["2030-01-01T00:00:00", "soon", 5, "9999999-01-01T00:00:00Z"])
async def test_an_expiry_that_is_no_instant_is_named(http: httpx2.AsyncClient, tenant: TestTenant, value: object) -> None:
    answer = await make(http, tenant, expires_at=value)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][:2] == ["body", "expires_at"]


async def test_a_restricted_key_is_refused_what_it_lacks_by_name(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    key = (await make(http, tenant, kind="restricted", permissions=["customers.read"])).json()["key"]
    assert key.startswith("vz_rk_test_")
    assert (await http.get("/v1/customers", headers=bearer(key))).status_code == 200
    refused = await http.post("/v1/customers", json={}, headers=bearer(key))
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
    assert "customers.write" in refused.json()["detail"]


async def test_a_publishable_key_may_change_nothing(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    headers = bearer(tenant.publishable_key)
    answers = [
        await http.get("/v1/tenant", headers=headers),
        await http.get("/v1/customers", headers=headers),
        await http.post("/v1/customers", json={}, headers=headers),
        await http.post(KEYS, json={}, headers=headers),
        await http.get("/v1/audit-log", headers=headers),
        await http.put("/v1/test-clock", json={"held_at": None}, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [403] * 6


async def test_no_key_gives_more_than_it_has(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    limited = bearer((await make(http, tenant, kind="restricted", permissions=["keys.manage"])).json()["key"])
    for body in ({"kind": "secret"}, {"kind": "restricted", "permissions": ["wallets.write"]}):
        refused = await http.post(KEYS, json=body, headers=limited)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_beyond_own")
    secret = (await make(http, tenant)).json()["id"]
    assert (await http.post(f"{KEYS}/{secret}/rotations", json={}, headers=limited)).status_code == 403
    allowed = await http.post(KEYS, json={"kind": "restricted", "permissions": ["keys.manage"]}, headers=limited)
    assert allowed.status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "restricted"},
        {"kind": "restricted", "permissions": []},
        {"kind": "restricted", "permissions": ["wallets.steal"]},
        {"kind": "restricted", "permissions": ["*"]},
        {"kind": "secret", "permissions": ["wallets.read"]},
        {"kind": "publishable", "permissions": ["wallets.read"]},
    ],
)
async def test_a_list_of_permissions_that_cannot_be_is_named(
    http: httpx2.AsyncClient, tenant: TestTenant, body: dict[str, object]
) -> None:
    answer = await make(http, tenant, **body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "permissions"]


async def test_foreign_and_unknown_keys_are_404_alike(
    http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant
) -> None:
    theirs = (await make(http, other_tenant)).json()
    for key_id in (theirs["id"], public_id("key", new_id())):
        for answer in (
            await http.delete(f"{KEYS}/{key_id}", headers=tenant.headers),
            await http.post(f"{KEYS}/{key_id}/rotations", json={}, headers=tenant.headers),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "key_not_found")
    assert (await http.get("/v1/tenant", headers=bearer(theirs["key"]))).status_code == 200


async def test_the_day_of_use_is_kept(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    made = (await make(http, tenant)).json()
    assert made["last_used_on"] is None
    await http.get("/v1/tenant", headers=bearer(made["key"]))
    listed = (await http.get(KEYS, headers=tenant.headers)).json()["data"]
    assert next(key for key in listed if key["id"] == made["id"])["last_used_on"] == real_now().date().isoformat()


async def test_a_held_clock_keeps_no_ended_key_alive(db: Database, tenant: TestTenant, http: httpx2.AsyncClient) -> None:
    await http.put("/v1/test-clock", json={"held_at": (real_now() + timedelta(days=365)).isoformat()}, headers=tenant.headers)
    async with db.transaction(tenant.principal) as tx:
        old, _ = await identity.create_key(tx)
        await identity.rotate_key(tx, old.id, overlap=timedelta(hours=1))
        ends = (await identity.key_of(tx, old.id)).expires_at
    assert ends is not None
    assert ends < real_now() + timedelta(hours=2)


async def test_a_key_that_asks_too_often_is_told_when_to_come_back(db: Database, tenant: TestTenant) -> None:
    process = Authenticator(db, requests_per_minute=3)
    for _ in range(3):
        await process.authenticate(f"Bearer {tenant.secret_key}")
    with pytest.raises(identity.TooManyRequests) as refused:
        await process.authenticate(f"Bearer {tenant.secret_key}")
    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 61
    await process.authenticate(f"Bearer {tenant.publishable_key}")  # another key has minutes of its own


class Counting(Authenticator):
    """Counts how often the database is asked."""

    asked = 0

    async def _ask(self, text: identity.KeyText, hash_: bytes) -> Principal:
        self.asked += 1
        return await super()._ask(text, hash_)


async def test_many_requests_with_one_key_ask_the_database_once(db: Database, tenant: TestTenant) -> None:
    process = Counting(db)
    await asyncio.gather(*(process.authenticate(f"Bearer {tenant.secret_key}") for _ in range(200)))
    assert process.asked == 1


async def test_the_lookup_that_fails_leaves_no_one_waiting(db: Database, tenant: TestTenant) -> None:
    process = Counting(db)
    wrong = f"Bearer {tenant.secret_key[:-4]}zzzz"
    answers = await asyncio.gather(*(process.authenticate(wrong) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(answer, identity.KeyUnknown) for answer in answers)


async def test_every_role_holds_known_permissions_and_the_owner_all() -> None:
    assert identity.ROLES["owner"] == frozenset(PERMISSIONS)
    for permissions in identity.ROLES.values():
        assert permissions <= frozenset(PERMISSIONS)
    assert not any(name.endswith((".write", ".manage")) for name in identity.ROLES["viewer"])


async def test_a_refusal_of_a_key_tells_nothing_of_it(db: Database, tenant: TestTenant) -> None:
    with pytest.raises(Refusal) as refused:
        await Authenticator(db).authenticate(f"Bearer {tenant.secret_key[:-1]}!")
    assert tenant.secret_key[:-1] not in refused.value.detail
