"""One transaction a request, committed before the answer; every refusal names what is wrong."""

import json

import asyncpg
import httpx2
import pytest

from tenancy_fixtures import TestTenant
from vezne.kernel.body import MAX_BODY_BYTES
from vezne.kernel.ids import new_id, public_id

NOTES = "/v1/notes"
VISA = "4242424242424242"


async def notes_of(owner: asyncpg.Connection, tenant: TestTenant) -> int:
    count: int = await owner.fetchval(
        "SELECT count(*) FROM events WHERE tenant_id = $1 AND type = 'wallet.noted'", tenant.tenant_id
    )
    return count


async def send(
    web: httpx2.AsyncClient, tenant: TestTenant, raw: bytes, content_type: str = "application/json"
) -> httpx2.Response:
    return await web.post(NOTES, content=raw, headers={**tenant.headers, "Content-Type": content_type})


async def test_what_was_answered_is_committed(web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection) -> None:
    seen: list[int] = []

    async def look(_response: httpx2.Response) -> None:
        seen.append(await notes_of(owner, tenant))  # when the head of the answer arrives

    web.event_hooks = {"response": [look]}
    answer = await web.post(NOTES, json={"note": "a"}, headers=tenant.headers)
    assert answer.status_code == 201
    assert seen == [1]


async def test_a_refusal_undoes_what_was_written_and_says_why(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection
) -> None:
    answer = await web.post(NOTES, json={"note": "x", "refuse": True}, headers={**tenant.headers, "X-Request-Id": "my-request-1"})
    assert answer.status_code == 409
    assert answer.json() == {
        "detail": "The note x is refused.",
        "code": "note_refused",
        "errors": [],
        "request_id": "my-request-1",
    }
    assert await notes_of(owner, tenant) == 0


async def test_a_bug_undoes_what_was_written_and_leaks_nothing(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection
) -> None:
    answer = await web.post(f"{NOTES}/bugs", headers=tenant.headers)
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert "vault" not in answer.text
    assert "RuntimeError" not in answer.text
    assert await notes_of(owner, tenant) == 0


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, ["body", "note"], "missing"),
        ({"note": "a", "colour": "red"}, ["body", "colour"], "extra_forbidden"),
        ({"note": 1}, ["body", "note"], "string_type"),
        ({"note": None}, ["body", "note"], "string_type"),
        ({"note": "a", "amount_minor": "5"}, ["body", "amount_minor"], "int_type"),
        ({"note": "a", "amount_minor": 5.0}, ["body", "amount_minor"], "int_type"),
        ({"note": "a", "amount_minor": 0.5}, ["body", "amount_minor"], "int_type"),
        ({"note": "a", "amount_minor": True}, ["body", "amount_minor"], "int_type"),
        ({"note": "a", "amount_minor": 0}, ["body", "amount_minor"], "greater_than_equal"),
        ({"note": "a", "amount_minor": -1}, ["body", "amount_minor"], "greater_than_equal"),
        ({"note": "a", "amount_minor": 2**53}, ["body", "amount_minor"], "less_than_equal"),
        ({"note": "a", "currency": "try"}, ["body", "currency"], "currency_unknown"),
        ({"note": "a", "currency": "XX"}, ["body", "currency"], "string_too_short"),
        ({"note": "a", "refuse": "yes"}, ["body", "refuse"], "bool_type"),
        ({"note": "a", "refuse": 0}, ["body", "refuse"], "bool_type"),
        ({"note": "a", "metadata": {"k": 1}}, ["body", "metadata", "k"], "string_type"),
        ({"note": "a", "metadata": []}, ["body", "metadata"], "dict_type"),
        ({"note": "a" * 1_001}, ["body", "note"], "string_too_long"),
        ([], ["body"], "model_attributes_type"),
        ("a", ["body"], "model_attributes_type"),
    ],
)
async def test_a_field_that_is_wrong_is_named(
    web: httpx2.AsyncClient, tenant: TestTenant, body: object, loc: list[str], kind: str
) -> None:
    answer = await web.post(NOTES, json=body, headers=tenant.headers)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "invalid"
    assert loc[-1] in problem["detail"]
    assert (loc, kind) in [(error["loc"], error["type"]) for error in problem["errors"]]


async def test_every_wrong_field_is_named_at_once_but_not_thousands(web: httpx2.AsyncClient, tenant: TestTenant) -> None:
    two = await web.post(NOTES, json={"note": 1, "refuse": 2}, headers=tenant.headers)
    assert [error["loc"][-1] for error in two.json()["errors"]] == ["note", "refuse"]
    many = await web.post(NOTES, json={"note": "a"} | {f"x{number}": 0 for number in range(5_000)}, headers=tenant.headers)
    assert many.status_code == 422
    assert len(many.json()["errors"]) == 100


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"{", 400, "body_not_json"),
        (b'{"note": "a", "amount_minor": NaN}', 400, "body_not_json"),
        (b'{"note": "\xff"}', 400, "body_not_json"),
        (b'{"note": "a", "note": "b"}', 400, "field_twice"),
        (b'{"note": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "body_too_deep"),
        (b'{"note": "\\u0000"}', 422, "text_unstorable"),
        (b'{"note": "\\ud800"}', 422, "text_unstorable"),
        (b'{"\\ud800": "a"}', 422, "text_unstorable"),
        (b'{"note": "4242 4242 4242 4242"}', 422, "card_number_refused"),
        (b'{"note": "a", "metadata": {"pan": "4242-4242-4242-4242"}}', 422, "card_number_refused"),
        (b'{"note": "a", "4242424242424242": 1}', 422, "card_number_refused"),
        (b'{"note": "a", "card": 4242424242424242}', 422, "card_number_refused"),
        (b'{"note": "a", "amount_minor": 1e400}', 422, "invalid"),
        (b"", 422, "invalid"),
        (b"null", 422, "invalid"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"])
async def test_a_body_that_cannot_be_is_refused(
    web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection, raw: bytes, status: int, code: str, content_type: str
) -> None:
    answer = await send(web, tenant, raw, content_type)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "4242" not in answer.text.replace(answer.json()["request_id"], "")
    assert await notes_of(owner, tenant) == 0


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_body_of_another_type_is_refused(web: httpx2.AsyncClient, tenant: TestTenant, content_type: str) -> None:
    answer = await send(web, tenant, b'{"note": "a"}', content_type)
    assert answer.status_code == 422


async def test_an_oversized_body_is_413(web: httpx2.AsyncClient, tenant: TestTenant) -> None:
    fits = json.dumps({"note": "a"}).encode()
    assert (await send(web, tenant, fits + b" " * (MAX_BODY_BYTES - len(fits)))).status_code == 201
    answer = await send(web, tenant, fits + b" " * (MAX_BODY_BYTES - len(fits) + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_body_without_a_length_is_bounded_too(web: httpx2.AsyncClient, tenant: TestTenant) -> None:
    async def endless() -> object:
        for _ in range(100):
            yield b" " * 10_000

    answer = await web.post(NOTES, content=endless(), headers={**tenant.headers, "Content-Type": "application/json"})  # type: ignore[arg-type]
    assert answer.status_code == 413


@pytest.mark.parametrize("name", ["note", "after", "limit"])
async def test_nul_in_a_question_is_refused_not_a_bug(web: httpx2.AsyncClient, tenant: TestTenant, name: str) -> None:
    answer = await web.get(f"{NOTES}?{name}=%00", headers=tenant.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "text_unstorable")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1.5", "limit=", f"after={'x' * 600}"])
async def test_a_page_that_cannot_be_is_named(web: httpx2.AsyncClient, tenant: TestTenant, query: str) -> None:
    answer = await web.get(f"{NOTES}?{query}", headers=tenant.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][-1] == query.partition("=")[0]


async def test_a_list_takes_a_page_and_its_own_filters_together(web: httpx2.AsyncClient, tenant: TestTenant) -> None:
    for note in ("a", "a", "b"):
        await web.post(NOTES, json={"note": note}, headers=tenant.headers)
    answer = await web.get(NOTES, params={"limit": 3, "note": "a"}, headers=tenant.headers)
    assert answer.json() == {"notes": 2, "limit": 3}


@pytest.mark.parametrize("text", ["wal_1", "1", "%00", "wal_%ED%A0%80", "ord_01h455vb4pex5vsknk084sn02q", "x" * 5_000])
async def test_what_is_no_id_is_404(web: httpx2.AsyncClient, tenant: TestTenant, text: str) -> None:
    answer = await web.get(f"{NOTES}/{text}", headers=tenant.headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_id")


async def test_an_id_is_read(web: httpx2.AsyncClient, tenant: TestTenant) -> None:
    wallet = new_id()
    answer = await web.get(f"{NOTES}/{public_id('wal', wallet)}", headers=tenant.headers)
    assert answer.json() == {"tenant": str(tenant.tenant_id), "wallet": wallet.hex}


async def test_a_missing_permission_is_named(web: httpx2.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection) -> None:
    answer = await web.post(NOTES, json={"note": "a"}, headers={"Authorization": f"Bearer {tenant.publishable_key}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
    assert "wallets.write" in answer.json()["detail"]
    assert await notes_of(owner, tenant) == 0


async def test_without_a_key_the_answer_says_how_to_ask(web: httpx2.AsyncClient) -> None:
    answer = await web.post(NOTES, content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
