"""The same request again gets the same answer and happens once: after an answer, at the same moment, after a refusal."""

import asyncio

import httpx2
import pytest
from tests.tenancy_fixtures import TestTenant

CUSTOMERS = "/v1/customers"
KEY = "Idempotency-Key"


async def post(http: httpx2.AsyncClient, tenant: TestTenant, key: str, body: dict[str, object] | None = None) -> httpx2.Response:
    return await http.post(CUSTOMERS, json=body or {}, headers=tenant.headers | {KEY: key})


async def customers_of(http: httpx2.AsyncClient, tenant: TestTenant) -> list[str]:
    page = (await http.get(CUSTOMERS, params={"limit": 100}, headers=tenant.headers)).json()
    return [customer["id"] for customer in page["data"]]


async def test_the_same_request_again_is_answered_the_same_and_happens_once(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    first, again = await post(http, tenant, "k1"), await post(http, tenant, "k1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await customers_of(http, tenant) == [first.json()["id"]]


@pytest.mark.concurrency
async def test_the_same_request_many_times_at_once_happens_once(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    answers = await asyncio.gather(*(post(http, tenant, "k1") for _ in range(30)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert len(await customers_of(http, tenant)) == 1


async def test_another_body_or_path_under_the_same_key_is_refused(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    await post(http, tenant, "k1")
    other_body = await post(http, tenant, "k1", {"name": "Ada"})
    other_path = await http.post("/v1/api-keys", json={}, headers=tenant.headers | {KEY: "k1"})
    for refused in (other_body, other_path):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        assert refused.json()["errors"][0]["loc"] == ["header", KEY]


async def test_a_refusal_keeps_nothing_and_the_key_may_be_tried_again(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    assert (await post(http, tenant, "k1", {"name": 5})).status_code == 422
    tried_again = await post(http, tenant, "k1", {"name": "Ada"})
    assert tried_again.status_code == 201
    assert "Idempotency-Replayed" not in tried_again.headers


async def test_two_tenants_may_use_the_same_key(http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant) -> None:
    ours, theirs = await post(http, tenant, "k1"), await post(http, other_tenant, "k1")
    assert ours.json()["id"] != theirs.json()["id"]


async def test_without_a_key_every_request_happens(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    for _ in range(2):
        assert (await http.post(CUSTOMERS, json={}, headers=tenant.headers)).status_code == 201
    assert len(await customers_of(http, tenant)) == 2


@pytest.mark.parametrize("key", ["", " ", " k", "k ", "a" * 256, "a\tb", "anahtar-\xfc"])
async def test_a_malformed_key_is_refused_before_anything_happens(http: httpx2.AsyncClient, tenant: TestTenant, key: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in tenant.headers.items()] + [
        (KEY.encode(), key.encode("latin-1"))
    ]
    answer = await http.post(CUSTOMERS, json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
    assert await customers_of(http, tenant) == []


async def test_the_longest_key_is_taken(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    assert (await post(http, tenant, "~" * 255)).status_code == 201


async def test_a_permission_lost_since_is_not_got_round_by_a_replay(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    await post(http, tenant, "k1")
    weak = await http.post("/v1/api-keys", json={"kind": "restricted", "permissions": ["customers.read"]}, headers=tenant.headers)
    headers = {"Authorization": f"Bearer {weak.json()['key']}", KEY: "k1"}
    assert (await http.post(CUSTOMERS, json={}, headers=headers)).status_code == 403
