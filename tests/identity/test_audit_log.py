"""The audit log: every change names who did it, in which request, and stays."""

import asyncpg
import httpx2
import pytest

from tenancy_fixtures import TestTenant
from vezne.kernel.db import Database

LOG = "/v1/audit-log"


async def test_every_change_names_actor_request_and_subject(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    keys = (await http.get("/v1/api-keys", headers=tenant.headers)).json()["data"]
    actor = f"key:{next(key['id'] for key in keys if key['kind'] == 'secret')}"
    headers = tenant.headers | {"X-Request-Id": "req-from-the-shop"}
    customer = (await http.post("/v1/customers", json={"reference": "ada"}, headers=headers)).json()["id"]
    await http.patch(f"/v1/customers/{customer}", json={"email": "ada@example.org"}, headers=headers)
    log = (await http.get(LOG, params={"subject": customer}, headers=tenant.headers)).json()["data"]
    assert [event["type"] for event in log] == ["customer.changed", "customer.created"]
    assert {(event["actor"], event["request_id"], event["subject"]) for event in log} == {(actor, "req-from-the-shop", customer)}
    assert log[0]["payload"] == {"customer_id": customer, "changed": ["email"]}
    assert "ada@example.org" not in str(log)


async def test_a_refused_request_leaves_no_trace(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    before = (await http.get(LOG, headers=tenant.headers)).json()
    await http.post("/v1/customers", json={"name": 5}, headers=tenant.headers)
    await http.post("/v1/api-keys", json={"kind": "restricted"}, headers=tenant.headers)
    assert (await http.get(LOG, headers=tenant.headers)).json() == before


async def test_the_log_is_filtered_and_read_on_page_by_page(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    for number in range(5):
        await http.post("/v1/customers", json={"reference": f"s{number}"}, headers=tenant.headers)
    seen: list[str] = []
    query: dict[str, str | int] = {"type": "customer.created", "limit": 2}
    while True:
        page = (await http.get(LOG, params=query, headers=tenant.headers)).json()
        seen += [event["payload"]["reference"] for event in page["data"]]
        if not page["has_more"]:
            break
        query["after"] = page["next"]
    assert seen == ["s4", "s3", "s2", "s1", "s0"]
    by_others = await http.get(LOG, params={"actor": "system:tenants"}, headers=tenant.headers)
    assert [event["type"] for event in by_others.json()["data"]] == ["tenant.created"]


async def test_a_tenant_sees_its_own_log_only(http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant) -> None:
    theirs = (await http.post("/v1/customers", json={}, headers=other_tenant.headers)).json()["id"]
    assert (await http.get(LOG, params={"subject": theirs}, headers=tenant.headers)).json()["data"] == []
    assert theirs not in str((await http.get(LOG, headers=tenant.headers)).json())


async def test_the_service_cannot_change_what_was_logged(db: Database, tenant: TestTenant) -> None:
    for statement in ("UPDATE events SET actor = 'nobody'", "DELETE FROM events", "TRUNCATE events"):
        async with db.pool.acquire() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@pytest.mark.parametrize("query", [{"after": "Y3VzXzE"}, {"limit": 0}, {"subject": "x" * 101}])
async def test_a_question_that_cannot_be_is_named(
    http: httpx2.AsyncClient, tenant: TestTenant, query: dict[str, str | int]
) -> None:
    answer = await http.get(LOG, params=query, headers=tenant.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["query", next(iter(query))]
