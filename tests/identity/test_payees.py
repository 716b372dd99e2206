"""Payees: whoever is owed a share. Their bank accounts go in and never come out."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import httpx2
import pytest

from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.identity.payees import BicInvalid, CountryUnknown, IbanInvalid, read_bic, read_iban, refuse_unknown_country
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id, parse_id, public_id

PAYEES = "/v1/payees"
IBAN = "TR330006100519786457841326"
GERMAN = "DE89 3704 0044 0532 0130 00"


async def create(http: httpx2.AsyncClient, tenant: TestTenant, **fields: object) -> httpx2.Response:
    return await http.post(PAYEES, json={"name": "Depo A", **fields}, headers=tenant.headers)


async def make(http: httpx2.AsyncClient, tenant: TestTenant, **fields: object) -> dict[str, Any]:
    answer = await create(http, tenant, **fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_payee_is_made_read_changed_and_listed(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    made = await make(
        http, tenant, reference="depo-a", email="a@depo.example", country="TR", iban=IBAN, bic="tgbatris", metadata={"n": "1"}
    )
    assert made["id"].startswith("pye_")
    assert (made["iban_last4"], made["bic"], made["active"]) == ("1326", "TGBATRIS", True)
    address = f"{PAYEES}/{made['id']}"
    assert (await http.get(address, headers=tenant.headers)).json() == made
    changes = {"name": "Depo B", "email": None, "locale": "tr", "active": False, "metadata": None}
    changed = (await http.patch(address, json=changes, headers=tenant.headers)).json()
    assert changed == made | changes | {"metadata": {}}
    assert (await http.get(PAYEES, headers=tenant.headers)).json() == {"data": [changed], "has_more": False, "next": None}
    assert (await http.get(PAYEES, params={"active": "true"}, headers=tenant.headers)).json()["data"] == []
    named = await http.get(PAYEES, params={"reference": "depo-a"}, headers=tenant.headers)
    assert named.json()["data"] == [changed]


async def test_a_bank_account_is_kept_sealed_and_told_to_nobody(
    http: httpx2.AsyncClient, tenant: TestTenant, db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await make(http, tenant, iban=IBAN)
    changed = await http.patch(f"{PAYEES}/{made['id']}", json={"iban": GERMAN}, headers=tenant.headers)
    assert changed.json()["iban_last4"] == "3000"
    log = await http.get("/v1/audit-log", headers=tenant.headers)
    assert [each["type"] for each in log.json()["data"]][:2] == ["payee.changed", "payee.created"]
    rows = await owner.fetch("SELECT payees::text FROM payees WHERE tenant_id = $1", tenant.tenant_id)
    for iban in (IBAN, GERMAN.replace(" ", "")):
        told = "".join([changed.text, log.text, *(row[0] for row in rows)])
        assert iban not in told
        assert iban.encode().hex() not in told
    async with db.transaction(tenant.principal, read_only=True) as tx:
        assert await identity.payee_iban(tx, parse_id("pye", made["id"])) == GERMAN.replace(" ", "")


async def test_a_bank_account_is_removed_and_the_same_again_changes_nothing(
    http: httpx2.AsyncClient, tenant: TestTenant, db: Database
) -> None:
    made = await make(http, tenant, iban=IBAN)
    address = f"{PAYEES}/{made['id']}"
    for iban in (IBAN, f"{IBAN[:4]} {IBAN[4:]}".lower(), None, None):
        await http.patch(address, json={"iban": iban}, headers=tenant.headers)
    assert (await http.get(address, headers=tenant.headers)).json()["iban_last4"] is None
    async with db.transaction(tenant.principal, read_only=True) as tx:
        assert await identity.payee_iban(tx, parse_id("pye", made["id"])) is None
    log = await http.get("/v1/audit-log", params={"type": "payee.changed"}, headers=tenant.headers)
    assert [each["payload"]["changed"] for each in log.json()["data"]] == [["iban"]]


async def test_the_same_reference_answers_the_payee_who_has_it(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    first = await create(http, tenant, reference="depo", iban=IBAN)
    again = await create(http, tenant, reference="depo", name="Somebody else", iban=GERMAN)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    nameless = [(await make(http, tenant))["id"] for _ in range(2)]
    assert len(set(nameless)) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"iban": "TR330006100519786457841327"}, "iban"),
        ({"iban": "TR33"}, "iban"),
        ({"iban": "XX330006100519786457841326"}, "iban"),
        ({"iban": "TR33000610051978645784132६"}, "iban"),
        ({"iban": 5}, "iban"),
        ({"bic": "TGBA"}, "bic"),
        ({"bic": "12345678"}, "bic"),
        ({"country": "Türkiye"}, "country"),
        ({"country": "tr"}, "country"),
        ({"country": "ZZ"}, "country"),
        ({"email": "a"}, "email"),
        ({"locale": "de"}, "locale"),
        ({"active": False}, "active"),
        ({"iban_last4": "1326"}, "iban_last4"),
    ],
)
async def test_a_payee_that_cannot_be_is_refused_by_name_and_leaves_nothing(
    http: httpx2.AsyncClient, tenant: TestTenant, body: dict[str, object], field: str
) -> None:
    answer = await create(http, tenant, **body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"] == ["body", field]
    assert "7864578" not in answer.text, "a bank account is not repeated"
    assert (await http.get(PAYEES, headers=tenant.headers)).json()["data"] == []


async def test_a_change_that_cannot_be_changes_nothing(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    made = await make(http, tenant, iban=IBAN)
    address = f"{PAYEES}/{made['id']}"
    for body in ({"iban": "TR00"}, {"bic": "TGBATRI5X"}, {"country": "AA", "name": "x"}, {"name": None}, {"reference": "mine"}):
        assert (await http.patch(address, json=body, headers=tenant.headers)).status_code == 422
    assert (await http.patch(address, json={}, headers=tenant.headers)).json()["code"] == "payee_not_changed"
    assert (await http.get(address, headers=tenant.headers)).json() == made


@pytest.mark.concurrency
async def test_fifty_who_need_the_tenant_as_payee_at_once_get_one(db: Database, tenant: TestTenant) -> None:
    async def own() -> identity.Payee:
        async with db.transaction(tenant.principal) as tx:
            return await identity.own_payee(tx)

    found = await asyncio.gather(*(own() for _ in range(50)))
    assert len({payee.id for payee in found}) == 1
    assert (found[0].reference, found[0].name) == ("own", "Kampüs")
    async with db.transaction(tenant.principal, read_only=True) as tx:
        assert [payee.id for payee in await identity.payees(tx)] == [found[0].id]
        made = await tx.fetchval("SELECT count(*) FROM events WHERE tenant_id = $1 AND type = 'payee.created'", tx.tenant_id)
    assert made == 1


@pytest.mark.concurrency
async def test_one_reference_in_a_race_makes_one_payee(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    answers = await asyncio.gather(*(create(http, tenant, reference="depo") for _ in range(30)))
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    assert sorted(answer.status_code for answer in answers) == [200] * 29 + [201]


async def test_a_foreign_payee_is_as_unknown_as_none_at_all(
    http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant, db: Database
) -> None:
    theirs = (await make(http, other_tenant, reference="depo", iban=IBAN))["id"]
    for name in (theirs, public_id("pye", new_id())):
        for answer in (
            await http.get(f"{PAYEES}/{name}", headers=tenant.headers),
            await http.patch(f"{PAYEES}/{name}", json={"iban": GERMAN}, headers=tenant.headers),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "payee_unknown")
    assert (await http.get(PAYEES, params={"reference": "depo"}, headers=tenant.headers)).json()["data"] == []
    async with db.transaction(tenant.principal) as tx:
        with pytest.raises(identity.PayeeUnknown):
            await identity.payee_iban(tx, parse_id("pye", theirs))


async def test_whoever_acts_for_a_payee_sees_and_changes_that_one_only(tenant: TestTenant, db: Database) -> None:
    async with db.transaction(tenant.principal) as tx:
        mine, other = [(await identity.create_payee(tx, name=name, reference=name, iban=IBAN))[0] for name in ("a", "b")]
    async with db.transaction(replace(tenant.principal, payee_id=mine.id)) as tx:
        assert [payee.id for payee in await identity.payees(tx)] == [mine.id]
        assert await identity.payees(tx, reference="b") == []
        assert await identity.payee(tx, mine.id) == mine
        assert (await identity.change_payee(tx, mine.id, {"name": "mine"})).name == "mine"
        for refused in (
            identity.payee(tx, other.id),
            identity.payee_iban(tx, other.id),
            identity.change_payee(tx, other.id, {"name": "taken"}),
        ):
            with pytest.raises(identity.PayeeUnknown):
                await refused
        with pytest.raises(identity.PayeesForPlatformOnly):
            await identity.create_payee(tx, name="c")


async def test_payees_are_listed_in_pages(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    made = [(await make(http, tenant))["id"] for _ in range(5)]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await http.get(PAYEES, params={"limit": 2, **after}, headers=tenant.headers)).json()
        seen += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        after = {"after": page["next"]}
    assert seen == made[::-1]
    bad = await http.get(PAYEES, params={"after": "bm9uc2Vuc2U"}, headers=tenant.headers)
    assert (bad.status_code, bad.json()["errors"][0]["loc"]) == (422, ["query", "after"])


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "iban"),
    [
        (IBAN, IBAN),
        ("tr33 0006 1005 1978 6457 8413 26", IBAN),
        (GERMAN, "DE89370400440532013000"),
        ("GB82WEST12345698765432", "GB82WEST12345698765432"),
    ],
)
def test_an_iban_is_read_however_it_is_grouped(text: str, iban: str) -> None:
    assert read_iban(text) == iban


@pytest.mark.unit
@pytest.mark.parametrize(
    "text", ["", "TR", "4242424242424242", "TR330006100519786457841326X", "DE89370400440532013001", "\x00", "₺" * 26]
)
def test_what_is_no_iban_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(IbanInvalid) as refused:
        read_iban(text)
    assert not text or text not in refused.value.detail


@pytest.mark.unit
def test_bics_and_countries_are_known_ones() -> None:
    assert read_bic("deutdeff") == "DEUTDEFF"
    assert read_bic("DEUTDEFF500") == "DEUTDEFF500"
    for text in ("DEUTXXFF", "DEUTDEF", "", "DEUTDEFF5000"):
        with pytest.raises(BicInvalid):
            read_bic(text)
    refuse_unknown_country("TR")
    for code in ("ZZ", "EU", "", "TUR"):
        with pytest.raises(CountryUnknown):
            refuse_unknown_country(code)
