"""Fee rules over HTTP and as the slices above use them: versions that are never changed."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest

from tenancy_fixtures import TenantMaker, TestTenant
from vezne import catalog, identity
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id, parse_id, public_id
from vezne.kernel.money import MAX_MINOR

RULES = "/v1/fee-rules"


async def make(http: httpx2.AsyncClient, tenant: TestTenant, **fields: object) -> dict[str, Any]:
    answer = await http.post(RULES, json={"name": "standard", **fields}, headers=tenant.headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_rule_is_made_read_and_listed(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    given = {
        "percentage": 1000,
        "fixed_minor": {"TRY": 250},
        "minimum_minor": {"TRY": 500},
        "maximum_minor": {"TRY": 90_000, "USD": 5_000},
        "tiers": [{"from_minor": 100_000, "percentage": 750}],
        "fee_borne_by": "buyer",
        "discount_borne_by": "platform",
    }
    made = await make(http, tenant, **given)
    assert made["id"].startswith("fee_")
    assert {name: made[name] for name in given} == given
    assert made["version"] == 1
    assert (await http.get(f"{RULES}/{made['id']}", headers=tenant.headers)).json() == made
    assert (await http.get(RULES, headers=tenant.headers)).json() == {"data": [made], "has_more": False, "next": None}


async def test_a_new_version_replaces_the_rule_and_leaves_the_old_one_readable(
    http: httpx2.AsyncClient, tenant: TestTenant
) -> None:
    first = await make(http, tenant, percentage=1000)
    address = f"{RULES}/{first['id']}"
    answer = await http.post(f"{address}/versions", json={"name": "dearer", "percentage": 1200}, headers=tenant.headers)
    second = answer.json()
    assert (answer.status_code, second["version"], second["percentage"]) == (201, 2, 1200)
    assert (await http.get(address, headers=tenant.headers)).json() == second
    assert (await http.get(address, params={"version": 1}, headers=tenant.headers)).json() == first
    assert (await http.get(f"{address}/versions", headers=tenant.headers)).json()["data"] == [second, first]
    unknown = await http.get(address, params={"version": 3}, headers=tenant.headers)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "fee_rule_unknown")


async def test_a_version_to_come_holds_from_its_time_on(http: httpx2.AsyncClient, tenant: TestTenant, db: Database) -> None:
    rule_id = parse_id("fee", (await make(http, tenant, percentage=100))["id"])
    async with db.transaction(tenant.principal) as tx:
        item = await catalog.create_item(tx, catalog.NewItem(name="seat", fee_rule_id=rule_id, prices={"TRY": 10_000}))
    now = (await http.get("/v1/test-clock", headers=tenant.headers)).json()["now"]
    then = datetime.fromisoformat(now) + timedelta(days=30)
    body = {"name": "new year", "percentage": 500, "valid_from": then.isoformat()}
    made = await http.post(f"{RULES}/{public_id('fee', rule_id)}/versions", json=body, headers=tenant.headers)
    assert made.status_code == 201, made.text

    async def percentage() -> tuple[int, int]:
        async with db.transaction(tenant.principal, read_only=True) as tx:
            held = await catalog.fee_rule_of(tx, item)
            return held.version, held.percentage

    assert await percentage() == (1, 100)
    await http.put("/v1/test-clock", json={"held_at": then.isoformat()}, headers=tenant.headers)
    assert await percentage() == (2, 500)


@pytest.mark.concurrency
async def test_versions_made_at_once_come_one_after_the_other(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    address = f"{RULES}/{(await make(http, tenant))['id']}/versions"
    answers = await asyncio.gather(
        *(http.post(address, json={"name": f"v{number}", "percentage": number}, headers=tenant.headers) for number in range(20))
    )
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 22))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"percentage": 10_001}, ["percentage"]),
        ({"percentage": -1}, ["percentage"]),
        ({"percentage": 2.5}, ["percentage"]),
        ({"percentage": "10"}, ["percentage"]),
        ({"percentage": True}, ["percentage"]),
        ({"name": ""}, ["name"]),
        ({"name": "   "}, ["name"]),
        ({"fixed_minor": {"TRY": -1}}, ["fixed_minor", "TRY"]),
        ({"fixed_minor": {"TRY": MAX_MINOR + 1}}, ["fixed_minor", "TRY"]),
        ({"fixed_minor": {"try": 1}}, ["fixed_minor", "try", "[key]"]),
        ({"minimum_minor": {"TRY": 2}, "maximum_minor": {"TRY": 1}}, ["minimum_minor"]),
        ({"tiers": [{"from_minor": 1, "percentage": 10_001}]}, ["tiers", 0, "percentage"]),
        ({"tiers": [{"from_minor": 9, "percentage": 1}, {"from_minor": 9, "percentage": 2}]}, ["tiers"]),
        ({"fee_borne_by": "me"}, ["fee_borne_by"]),
        ({"discount_borne_by": "buyer"}, ["discount_borne_by"]),
        ({"commission": 5}, ["commission"]),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_by_name_and_leaves_nothing(
    http: httpx2.AsyncClient, tenant: TestTenant, body: dict[str, object], field: list[str]
) -> None:
    answer = await http.post(RULES, json={"name": "x", **body}, headers=tenant.headers)
    assert answer.status_code == 422
    assert ["body", *field] in [error["loc"] for error in answer.json()["errors"]], answer.text
    assert (await http.get(RULES, headers=tenant.headers)).json()["data"] == []


async def test_a_version_cannot_begin_in_the_past(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    address = f"{RULES}/{(await make(http, tenant))['id']}"
    body = {"name": "x", "percentage": 1, "valid_from": "2020-01-01T00:00:00Z"}
    answer = await http.post(f"{address}/versions", json=body, headers=tenant.headers)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "valid_from"])
    assert len((await http.get(f"{address}/versions", headers=tenant.headers)).json()["data"]) == 1


async def test_without_a_rule_the_tenants_commission_holds_borne_by_the_payee(make_tenant: TenantMaker, db: Database) -> None:
    tenant = await make_tenant(commission_rate=250)
    async with db.transaction(tenant.principal) as tx:
        item = await catalog.create_item(tx, catalog.NewItem(name="seat", prices={"TRY": 10_000}))
        rule = await catalog.fee_rule_of(tx, item)
        charged = catalog.charge(rule, catalog.price_of(item, "TRY", tx.now), 1)
    assert (rule.id, rule.version, rule.percentage, rule.fee_borne_by) == (None, 0, 250, "payee")
    assert (charged.fee.minor, charged.payee_share.minor) == (250, 9_750)


async def test_versions_can_neither_be_changed_nor_taken_away(http: httpx2.AsyncClient, tenant: TestTenant, db: Database) -> None:
    await make(http, tenant)
    for sql in ("UPDATE fee_rule_versions SET percentage = 1", "DELETE FROM fee_rule_versions", "DELETE FROM fee_rules"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.transaction(tenant.principal) as tx:
                await tx.execute(sql)


async def test_a_foreign_rule_is_unknown(http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant) -> None:
    theirs = (await make(http, other_tenant))["id"]
    for name in (theirs, public_id("fee", new_id())):
        answers = [
            await http.get(f"{RULES}/{name}", headers=tenant.headers),
            await http.get(f"{RULES}/{name}/versions", headers=tenant.headers),
            await http.post(f"{RULES}/{name}/versions", json={"name": "mine"}, headers=tenant.headers),
            await http.post("/v1/items", json={"name": "seat", "fee_rule_id": name}, headers=tenant.headers),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "fee_rule_unknown")] * 4


async def test_whoever_acts_for_a_payee_sees_its_items_rules_and_makes_none(tenant: TestTenant, db: Database) -> None:
    async with db.transaction(tenant.principal) as tx:
        payee, _ = await identity.create_payee(tx, name="Depo A")
        mine, others = [await catalog.create_fee_rule(tx, catalog.FeeTerms(name=name)) for name in ("mine", "others")]
        assert mine.id is not None
        assert others.id is not None
        await catalog.create_item(tx, catalog.NewItem(name="unit", payee_id=payee.id, fee_rule_id=mine.id))
    partner = replace(tenant.principal, payee_id=payee.id)
    async with db.transaction(partner) as tx:
        assert [each.id for each in await catalog.fee_rules(tx)] == [mine.id]
        assert (await catalog.fee_rule(tx, mine.id, 1)).name == "mine"
        with pytest.raises(catalog.FeeRuleUnknown):
            await catalog.fee_rule(tx, others.id)
        with pytest.raises(catalog.FeesForPlatformOnly):
            await catalog.create_fee_rule(tx, catalog.FeeTerms(name="free"))
        with pytest.raises(catalog.FeesForPlatformOnly):
            await catalog.change_fee_rule(tx, mine.id, catalog.FeeTerms(name="free"))


async def test_rules_are_listed_in_pages_and_their_versions_too(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    made = [(await make(http, tenant, name=f"r{number}"))["id"] for number in range(5)]
    address = f"{RULES}/{made[0]}/versions"
    for number in range(4):
        await http.post(address, json={"name": f"v{number}"}, headers=tenant.headers)
    for path, key, expected in ((RULES, "id", made[::-1]), (address, "version", [5, 4, 3, 2, 1])):
        seen: list[object] = []
        after: dict[str, str] = {}
        while True:
            page = (await http.get(path, params={"limit": 2, **after}, headers=tenant.headers)).json()
            seen += [each[key] for each in page["data"]]
            if not page["has_more"]:
                break
            after = {"after": page["next"]}
        assert seen == expected
        bad = await http.get(path, params={"after": "bm9uc2Vuc2U"}, headers=tenant.headers)
        assert (bad.status_code, bad.json()["errors"][0]["loc"]) == (422, ["query", "after"])
