"""The same request again gets the same answer, and happens once."""

import asyncio
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from edge_app import client_of, make_app
from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.kernel.db import SERVICE_ROLE, Database, open_pool
from vezne.kernel.idempotency import StoredAnswer, insert_answered, select_stored

NOTES = "/v1/notes"


async def notes_of(owner: asyncpg.Connection, tenant: TestTenant) -> int:
    count: int = await owner.fetchval(
        "SELECT count(*) FROM events WHERE tenant_id = $1 AND type = 'wallet.noted'", tenant.tenant_id
    )
    return count


async def post(web: httpx2.AsyncClient, tenant: TestTenant, key: str, **body: object) -> httpx2.Response:
    return await web.post(NOTES, json={"note": "a", **body}, headers={**tenant.headers, "Idempotency-Key": key})


async def test_again_is_answered_the_same_and_says_so(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection
) -> None:
    first, again = [await post(web, tenant, "k") for _ in range(2)]
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert first.headers["Content-Type"] == again.headers["Content-Type"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await notes_of(owner, tenant) == 1


async def test_without_a_key_each_request_is_a_new_one(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection
) -> None:
    for _ in range(2):
        await web.post(NOTES, json={"note": "a"}, headers=tenant.headers)
    assert await notes_of(owner, tenant) == 2


async def test_another_request_under_the_key_is_refused(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection
) -> None:
    await post(web, tenant, "k")
    for other in (
        await post(web, tenant, "k", note="b"),
        await web.post(f"{NOTES}?x=1", json={"note": "a"}, headers={**tenant.headers, "Idempotency-Key": "k"}),
        await web.post(f"{NOTES}/bugs", headers={**tenant.headers, "Idempotency-Key": "k"}),
    ):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert other.json()["errors"][0]["loc"] == ["header", "Idempotency-Key"]
    assert await notes_of(owner, tenant) == 1


async def test_another_tenants_key_is_another_key(
    web: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant, owner: asyncpg.Connection
) -> None:
    first, second = await post(web, tenant, "k"), await post(web, other_tenant, "k", note="b")
    assert first.status_code == second.status_code == 201
    assert "Idempotency-Replayed" not in second.headers
    assert await notes_of(owner, other_tenant) == 1


async def test_a_refused_request_leaves_the_key_free(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection
) -> None:
    for refused in (
        await post(web, tenant, "k", refuse=True),
        await post(web, tenant, "k", note=1),
        await web.post(f"{NOTES}/bugs", headers={**tenant.headers, "Idempotency-Key": "k"}),
    ):
        assert refused.status_code in {409, 422, 500}
    assert await notes_of(owner, tenant) == 0
    answer = await post(web, tenant, "k")
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


@pytest.mark.concurrency
async def test_fifty_at_once_happen_once_and_all_get_the_answer(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection
) -> None:
    answers = await asyncio.gather(*(post(web, tenant, "k", wait=0.1) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert await notes_of(owner, tenant) == 1


@pytest.mark.concurrency
async def test_when_the_first_is_refused_one_that_waited_is_done(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection
) -> None:
    first = asyncio.create_task(post(web, tenant, "k", refuse=True, wait=0.5))
    await asyncio.sleep(0.2)
    second = await post(web, tenant, "k", refuse=False)
    assert (await first).status_code == 409
    assert second.status_code == 201
    assert await notes_of(owner, tenant) == 1


async def test_in_flight_for_too_long_is_409_and_says_when_to_come_back(dsn: str, tenant: TestTenant) -> None:
    pool = await asyncpg.create_pool(dsn, min_size=0, server_settings={"role": SERVICE_ROLE, "lock_timeout": "200"})
    async with client_of(make_app(Database(pool))) as web:
        first = asyncio.create_task(post(web, tenant, "k", wait=1.5))
        await asyncio.sleep(0.5)
        second = await post(web, tenant, "k", wait=1.5)
        assert (second.status_code, second.json()["code"]) == (409, "busy")
        assert second.headers["Retry-After"] == "1"
        assert (await first).status_code == 201
        third = await post(web, tenant, "k", wait=1.5)
    await pool.close()
    assert third.headers["Idempotency-Replayed"] == "true"
    assert third.content == (await first).content


async def test_it_is_remembered_after_a_restart(dsn: str, tenant: TestTenant, owner: asyncpg.Connection) -> None:
    answers = []
    for _ in range(2):
        pool = await open_pool(dsn, size=2)
        async with client_of(make_app(Database(pool))) as web:
            answers.append(await post(web, tenant, "k"))
        await pool.close()
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert await notes_of(owner, tenant) == 1


@pytest.mark.parametrize("key", ["", " ", " a", "a ", "a\tb", "é", "\x7f", "x" * 256])
async def test_a_malformed_key_is_refused(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection, key: str
) -> None:
    headers = [(b"authorization", tenant.headers["Authorization"].encode()), (b"idempotency-key", key.encode())]
    answer = await web.post(NOTES, json={"note": "a"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
    assert await notes_of(owner, tenant) == 0


@pytest.mark.parametrize("key", ["a", "a b", "x" * 255, "!~", "{}", "'; DROP TABLE events; --"])
async def test_any_printable_key_will_do(web: httpx2.AsyncClient, tenant: TestTenant, key: str) -> None:
    assert (await post(web, tenant, key)).status_code == 201
    assert (await post(web, tenant, key)).headers["Idempotency-Replayed"] == "true"


async def test_a_stored_answer_is_only_for_who_may_ask_for_it(web: httpx2.AsyncClient, tenant: TestTenant, db: Database) -> None:
    async with db.transaction(tenant.principal) as tx:
        _, reader = await identity.create_key(tx, kind="restricted", permissions=["wallets.read"])
    await post(web, tenant, "k")
    for key in (reader.text, tenant.publishable_key):
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}
        answer = await web.post(NOTES, json={"note": "a"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


async def test_a_read_takes_no_key(web: httpx2.AsyncClient, tenant: TestTenant) -> None:
    for _ in range(2):
        answer = await web.get(NOTES, headers={**tenant.headers, "Idempotency-Key": "k"})
        assert answer.status_code == 200
        assert "Idempotency-Replayed" not in answer.headers


async def test_many_answers_are_stored_at_once_or_it_is_told_that_one_was_there(db: Database, tenant: TestTenant) -> None:
    answers = {uuid4().hex: StoredAnswer(bytes([number]), 201, b"{}") for number in range(100)}
    async with db.transaction(tenant.principal) as tx:
        assert await insert_answered(tx, answers)
        assert await select_stored(tx, [*answers, "another"]) == answers
    async with db.transaction(tenant.principal) as tx:
        assert not await insert_answered(tx, {"new": StoredAnswer(b"", 201, b""), **answers})
