"""Customers over HTTP: known once, changed, listed, never seen by another tenant."""

import asyncio

import httpx2
import pytest

from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id, public_id

CUSTOMERS = "/v1/customers"


async def create(http: httpx2.AsyncClient, tenant: TestTenant, **fields: object) -> httpx2.Response:
    return await http.post(CUSTOMERS, json=fields, headers=tenant.headers)


async def test_a_customer_is_made_read_changed_and_listed(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    made = await create(http, tenant, reference="ada", name="Ada", email="ada@example.org", metadata={"plan": "gold"})
    assert made.status_code == 201
    customer = made.json()
    assert customer["id"].startswith("cus_")
    address = f"{CUSTOMERS}/{customer['id']}"
    assert (await http.get(address, headers=tenant.headers)).json() == customer
    changed = await http.patch(address, json={"name": "Ada L.", "email": None, "metadata": {}}, headers=tenant.headers)
    assert changed.json() == customer | {"name": "Ada L.", "email": None, "metadata": {}}
    listed = (await http.get(CUSTOMERS, headers=tenant.headers)).json()
    assert listed == {"data": [changed.json()], "has_more": False, "next": None}


async def test_the_same_reference_answers_the_customer_who_has_it(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    first = await create(http, tenant, reference="ada", name="Ada")
    again = await create(http, tenant, reference="ada", name="Somebody else")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


async def test_two_tenants_may_use_one_reference(http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant) -> None:
    ours, theirs = await create(http, tenant, reference="ada"), await create(http, other_tenant, reference="ada")
    assert ours.status_code == theirs.status_code == 201
    assert ours.json()["id"] != theirs.json()["id"]


async def test_without_a_reference_every_request_makes_another(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    assert (await create(http, tenant)).json()["id"] != (await create(http, tenant)).json()["id"]


@pytest.mark.concurrency
async def test_fifty_at_once_with_one_reference_make_one_customer(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    answers = await asyncio.gather(*(create(http, tenant, reference="ada") for _ in range(50)))
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]


@pytest.mark.concurrency
async def test_overlapping_references_in_a_race_end_in_the_same_customers(db: Database, tenant: TestTenant) -> None:
    names = [f"student-{number}" for number in range(20)]

    async def know(wanted: list[str]) -> dict[str, identity.Customer]:
        async with db.transaction(tenant.principal) as tx:
            return await identity.customers_by_reference(tx, wanted)

    found = await asyncio.gather(know(names), know(names[::-1]), know(names[5:15]), know(names[10:]))
    assert all(found[0][name] == customer for answer in found for name, customer in answer.items())


async def test_a_foreign_customer_is_as_unknown_as_none_at_all(
    http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant
) -> None:
    theirs = (await create(http, other_tenant, reference="ada")).json()["id"]
    bodies: list[dict[str, object]] = []
    for name in (theirs, public_id("cus", new_id())):
        address = f"{CUSTOMERS}/{name}"
        read = await http.get(address, headers=tenant.headers)
        changed = await http.patch(address, json={"name": "Mine"}, headers=tenant.headers)
        for answer in (read, changed):
            assert answer.status_code == 404
            bodies.append(answer.json() | {"request_id": "", "detail": answer.json()["detail"].replace(name, "…")})
    assert bodies == [bodies[0]] * 4


@pytest.mark.parametrize(
    "name", ["wal_01h455vb4pex5vsknk084sn02q", "cus_", "1", "cus_01h455vb4pex5vsknk084sn02qq", "%00", "cus_é"]
)
async def test_what_is_no_customer_id_is_404(http: httpx2.AsyncClient, tenant: TestTenant, name: str) -> None:
    answer = await http.get(f"{CUSTOMERS}/{name}", headers=tenant.headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_id")


async def test_pages_show_every_customer_once_while_new_ones_arrive(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    made = [(await create(http, tenant, reference=f"s{number}")).json()["id"] for number in range(7)]
    seen: list[str] = []
    after: dict[str, str] = {}
    for _ in range(10):
        page = (await http.get(CUSTOMERS, params={"limit": 3, **after}, headers=tenant.headers)).json()
        seen += [customer["id"] for customer in page["data"]]
        await create(http, tenant)
        if not page["has_more"]:
            break
        after = {"after": page["next"]}
    assert seen == made[::-1]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "ten"}, {"after": "nonsense"}, {"after": "!!"}])
async def test_a_page_that_cannot_be_is_refused_by_name(
    http: httpx2.AsyncClient, tenant: TestTenant, query: dict[str, str | int]
) -> None:
    answer = await http.get(CUSTOMERS, params=query, headers=tenant.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["query", next(iter(query))]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nickname": "ada"}, ["nickname"]),
        ({"name": 5}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": True}, ["name"]),
        ({"email": "ada"}, ["email"]),
        ({"phone": "0555 111 22 33"}, ["phone"]),
        ({"locale": "de"}, ["locale"]),
        ({"metadata": {"n": 1}}, ["metadata", "n"]),
        ({"metadata": {str(number): "" for number in range(51)}}, ["metadata"]),
        ({"metadata": ["a"]}, ["metadata"]),
        ({"name": "a\x00b"}, ["name"]),
        ({"name": "4242 4242 4242 4242"}, ["name"]),
        ({"metadata": {"note": "paid with 4000-0566-5566-5556."}}, ["metadata", "note"]),
    ],
)
async def test_a_bad_field_is_named(
    http: httpx2.AsyncClient, tenant: TestTenant, body: dict[str, object], field: list[str]
) -> None:
    answer = await create(http, tenant, **body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", *field]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"name":"a","name":"b"}', b'{"name":NaN}', b"\xff", b"[" * 1000])
async def test_a_broken_body_is_refused_and_makes_nobody(http: httpx2.AsyncClient, tenant: TestTenant, raw: bytes) -> None:
    headers = tenant.headers | {"Content-Type": "application/json"}
    answer = await http.post(CUSTOMERS, content=raw, headers=headers)
    assert answer.status_code in {400, 422}
    assert (await http.get(CUSTOMERS, headers=tenant.headers)).json()["data"] == []


async def test_an_oversized_body_is_refused(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    answer = await create(http, tenant, name="a" * 300_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_an_empty_change_is_refused_and_null_is_no_name_of_the_reference(
    http: httpx2.AsyncClient, tenant: TestTenant
) -> None:
    address = f"{CUSTOMERS}/{(await create(http, tenant, reference='ada')).json()['id']}"
    assert (await http.patch(address, json={}, headers=tenant.headers)).json()["code"] == "empty_patch"
    refused = await http.patch(address, json={"reference": "bob"}, headers=tenant.headers)
    assert refused.json()["errors"][0]["loc"] == ["body", "reference"]


@pytest.mark.concurrency
async def test_changes_of_different_details_at_once_are_all_kept(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    address = f"{CUSTOMERS}/{(await create(http, tenant, reference='ada')).json()['id']}"
    changes = [{"name": "Ada"}, {"email": "ada@example.org"}, {"phone": "+905551112233"}, {"locale": "tr"}]
    await asyncio.gather(*(http.patch(address, json=change, headers=tenant.headers) for change in changes))
    after = (await http.get(address, headers=tenant.headers)).json()
    assert [after[name] for name in ("name", "email", "phone", "locale")] == ["Ada", "ada@example.org", "+905551112233", "tr"]
