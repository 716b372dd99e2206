"""Items over HTTP and as the slices above use them: prices come from here, and their history is kept."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest

from tenancy_fixtures import TestTenant
from vezne import catalog, identity
from vezne.app.audit import audit_tenant
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id, parse_id, public_id
from vezne.kernel.money import MAX_MINOR, Money

ITEMS = "/v1/items"
SPRING = datetime(2026, 4, 1, tzinfo=UTC)


async def make(http: httpx2.AsyncClient, tenant: TestTenant, **fields: object) -> dict[str, Any]:
    answer = await http.post(ITEMS, json={"name": "Concert", "prices": {"TRY": 10_000}, **fields}, headers=tenant.headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def price(
    http: httpx2.AsyncClient, tenant: TestTenant, item: str, minor: int | None, currency: str = "TRY"
) -> httpx2.Response:
    body = {"amount_minor": minor, "currency": currency}
    return await http.put(f"{ITEMS}/{item}/prices", json=body, headers=tenant.headers)


async def test_an_item_is_made_read_changed_and_listed(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    made = await make(http, tenant, description="Hall A", kind="ticket", max_per_order=4, metadata={"hall": "a"})
    assert made["id"].startswith("itm_")
    assert made["accepts"] == ["money", "gift_card", "credits"]
    address = f"{ITEMS}/{made['id']}"
    assert (await http.get(address, headers=tenant.headers)).json() == made
    changes = {"name": "Gala", "max_per_order": None, "accepts": ["coins"], "on_sale_from": "2026-03-01T12:00:00Z"}
    changed = (await http.patch(address, json=changes, headers=tenant.headers)).json()
    assert changed == made | changes
    listed = (await http.get(ITEMS, headers=tenant.headers)).json()
    assert listed == {"data": [changed], "has_more": False, "next": None}


async def test_a_price_is_set_and_withdrawn_and_its_history_kept(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    item = (await make(http, tenant))["id"]
    assert (await price(http, tenant, item, 12_000)).json()["prices"] == {"TRY": 12_000}
    assert (await price(http, tenant, item, 12_000)).json()["prices"] == {"TRY": 12_000}
    assert (await price(http, tenant, item, 400, "USD")).json()["prices"] == {"TRY": 12_000, "USD": 400}
    assert (await price(http, tenant, item, 3, "CREDIT")).json()["prices"] == {"TRY": 12_000, "USD": 400, "CREDIT": 3}
    assert (await price(http, tenant, item, None)).json()["prices"] == {"USD": 400, "CREDIT": 3}
    assert (await price(http, tenant, item, 0)).json()["prices"] == {"TRY": 0, "USD": 400, "CREDIT": 3}
    history = (await http.get(f"{ITEMS}/{item}/prices", headers=tenant.headers)).json()["data"]
    assert [(row["number"], row["currency"], row["amount_minor"]) for row in history] == [
        (6, "TRY", 0),
        (5, "TRY", None),
        (4, "CREDIT", 3),
        (3, "USD", 400),
        (2, "TRY", 12_000),
        (1, "TRY", 10_000),
    ]
    of_lira = await http.get(f"{ITEMS}/{item}/prices", params={"currency": "TRY", "limit": 2}, headers=tenant.headers)
    rest = {"currency": "TRY", "after": of_lira.json()["next"]}
    older = await http.get(f"{ITEMS}/{item}/prices", params=rest, headers=tenant.headers)
    assert [row["number"] for row in (*of_lira.json()["data"], *older.json()["data"])] == [6, 5, 2, 1]


@pytest.mark.concurrency
async def test_prices_set_at_once_are_all_kept_in_one_order(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    item = (await make(http, tenant))["id"]
    answers = await asyncio.gather(*(price(http, tenant, item, 100 + number) for number in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    history = (await http.get(f"{ITEMS}/{item}/prices", params={"limit": 100}, headers=tenant.headers)).json()["data"]
    assert [row["number"] for row in history] == list(range(21, 0, -1))
    shown = (await http.get(f"{ITEMS}/{item}", headers=tenant.headers)).json()["prices"]["TRY"]
    assert shown == history[0]["amount_minor"]


async def test_an_archived_item_is_sold_no_longer_and_still_shown(
    http: httpx2.AsyncClient, tenant: TestTenant, db: Database
) -> None:
    made = await make(http, tenant)
    for _ in range(2):
        answer = await http.delete(f"{ITEMS}/{made['id']}", headers=tenant.headers)
        assert answer.json() == made | {"active": False}
    async with db.transaction(tenant.principal) as tx:
        item = await catalog.item(tx, parse_id("itm", made["id"]))
        archived = await tx.fetchval("SELECT count(*) FROM events WHERE tenant_id = $1 AND type = 'item.archived'", tx.tenant_id)
    with pytest.raises(catalog.NotOnSale):
        catalog.price_of(item, "TRY", SPRING)
    assert archived == 1
    again = await http.patch(f"{ITEMS}/{made['id']}", json={"active": True}, headers=tenant.headers)
    assert again.json() == made


async def test_an_item_is_sold_in_its_window_and_in_its_currencies_only(tenant: TestTenant, db: Database) -> None:
    async with db.transaction(tenant.principal) as tx:
        item = await catalog.create_item(
            tx,
            catalog.NewItem(
                name="early bird", prices={"TRY": 5, "EUR": 0}, on_sale_from=SPRING, on_sale_until=SPRING + timedelta(days=1)
            ),
        )
    assert catalog.price_of(item, "TRY", SPRING) == Money(5, "TRY")
    assert catalog.price_of(item, "EUR", SPRING + timedelta(hours=23, minutes=59)) == Money(0, "EUR")
    for moment in (SPRING - timedelta(microseconds=1), SPRING + timedelta(days=1)):
        with pytest.raises(catalog.NotOnSale):
            catalog.price_of(item, "TRY", moment)
    with pytest.raises(catalog.NoPriceIn):
        catalog.price_of(item, "USD", SPRING)


async def test_more_than_an_order_may_hold_is_refused(tenant: TestTenant, db: Database) -> None:
    async with db.transaction(tenant.principal) as tx:
        item = await catalog.create_item(tx, catalog.NewItem(name="seat", max_per_order=4))
    catalog.refuse_too_many(item, 4)
    catalog.refuse_too_many(replace(item, max_per_order=None), 10**6)
    with pytest.raises(catalog.TooManyInOrder):
        catalog.refuse_too_many(item, 5)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"kind": "Ticket!"}, ["kind"]),
        ({"per": "week"}, ["per"]),
        ({"prices": {"TRY": -1}}, ["prices", "TRY"]),
        ({"prices": {"TRY": "100"}}, ["prices", "TRY"]),
        ({"prices": {"TRY": 1.5}}, ["prices", "TRY"]),
        ({"prices": {"TRY": True}}, ["prices", "TRY"]),
        ({"prices": {"TRY": MAX_MINOR + 1}}, ["prices", "TRY"]),
        ({"prices": {"XXX": 1}}, ["prices", "XXX", "[key]"]),
        ({"accepts": ["cheques"]}, ["accepts", 0]),
        ({"accepts": ["money", "money"]}, ["accepts"]),
        ({"max_per_order": 0}, ["max_per_order"]),
        ({"on_sale_from": "2026-03-02T00:00:00Z", "on_sale_until": "2026-03-01T00:00:00Z"}, ["on_sale_until"]),
        ({"on_sale_from": "soon"}, ["on_sale_from"]),
        ({"price": 5}, ["price"]),
    ],
)
async def test_an_item_that_cannot_be_is_refused_by_name_and_leaves_nothing(
    http: httpx2.AsyncClient, tenant: TestTenant, body: dict[str, object], field: list[object]
) -> None:
    answer = await http.post(ITEMS, json={"name": "x", **body}, headers=tenant.headers)
    assert answer.status_code == 422, answer.text
    assert ["body", *field] in [error["loc"] for error in answer.json()["errors"]], answer.text
    assert (await http.get(ITEMS, headers=tenant.headers)).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount_minor": -1, "currency": "TRY"}, "amount_minor"),
        ({"amount_minor": "100", "currency": "TRY"}, "amount_minor"),
        ({"currency": "TRY"}, "amount_minor"),
        ({"amount_minor": 1, "currency": "try"}, "currency"),
        ({"amount_minor": 1}, "currency"),
    ],
)
async def test_a_price_that_is_none_is_refused_by_name(
    http: httpx2.AsyncClient, tenant: TestTenant, body: dict[str, object], field: str
) -> None:
    made = await make(http, tenant)
    answer = await http.put(f"{ITEMS}/{made['id']}/prices", json=body, headers=tenant.headers)
    assert answer.status_code == 422
    assert ["body", field] in [error["loc"] for error in answer.json()["errors"]], answer.text
    assert (await http.get(f"{ITEMS}/{made['id']}", headers=tenant.headers)).json() == made


async def test_an_empty_change_and_a_window_that_ends_first_are_refused(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    address = f"{ITEMS}/{(await make(http, tenant, on_sale_from='2026-03-02T00:00:00Z'))['id']}"
    assert (await http.patch(address, json={}, headers=tenant.headers)).json()["code"] == "item_not_changed"
    ends = await http.patch(address, json={"on_sale_until": "2026-03-01T00:00:00Z"}, headers=tenant.headers)
    assert (ends.status_code, ends.json()["errors"][0]["loc"]) == (422, ["body", "on_sale_until"])
    prices = await http.patch(address, json={"prices": {"TRY": 1}}, headers=tenant.headers)
    assert (prices.status_code, prices.json()["errors"][0]["loc"]) == (422, ["body", "prices"])


async def test_foreign_items_and_payees_are_unknown(
    http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant
) -> None:
    theirs = (await make(http, other_tenant))["id"]
    payee = (await http.post("/v1/payees", json={"name": "x"}, headers=other_tenant.headers)).json()["id"]
    own = (await make(http, tenant))["id"]
    for name in (theirs, public_id("itm", new_id())):
        address = f"{ITEMS}/{name}"
        answers = [
            await http.get(address, headers=tenant.headers),
            await http.patch(address, json={"name": "mine"}, headers=tenant.headers),
            await http.delete(address, headers=tenant.headers),
            await http.get(f"{address}/prices", headers=tenant.headers),
            await price(http, tenant, name, 1),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "item_unknown")] * 5
    for name in (payee, public_id("pye", new_id())):
        body = {"name": "x", "payee_id": name}
        assert (await http.post(ITEMS, json=body, headers=tenant.headers)).json()["code"] == "payee_unknown"
        changed = await http.patch(f"{ITEMS}/{own}", json={"payee_id": name}, headers=tenant.headers)
        assert (changed.status_code, changed.json()["code"]) == (404, "payee_unknown")
        assert (await http.get(ITEMS, params={"payee_id": name}, headers=tenant.headers)).json()["data"] == []


async def test_nothing_new_is_sold_for_an_inactive_payee(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    payee = (await http.post("/v1/payees", json={"name": "Depo"}, headers=tenant.headers)).json()["id"]
    item = (await make(http, tenant, payee_id=payee))["id"]
    await http.patch(f"/v1/payees/{payee}", json={"active": False}, headers=tenant.headers)
    refused = await http.post(ITEMS, json={"name": "x", "payee_id": payee}, headers=tenant.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "payee_inactive")
    kept = await http.patch(f"{ITEMS}/{item}", json={"name": "still there"}, headers=tenant.headers)
    assert kept.json()["payee_id"] == payee


async def test_whoever_acts_for_a_payee_sees_and_changes_its_items_only(tenant: TestTenant, db: Database) -> None:
    async with db.transaction(tenant.principal) as tx:
        first, second = [(await identity.create_payee(tx, name=name))[0] for name in ("Depo A", "Depo B")]
        rule = await catalog.create_fee_rule(tx, catalog.FeeTerms(name="standard", percentage=2000))
        mine = await catalog.create_item(tx, catalog.NewItem(name="mine", payee_id=first.id, fee_rule_id=rule.id))
        others = [
            await catalog.create_item(tx, catalog.NewItem(name="theirs", payee_id=second.id)),
            await catalog.create_item(tx, catalog.NewItem(name="the platform's")),
        ]
    async with db.transaction(replace(tenant.principal, payee_id=first.id)) as tx:
        assert [each.id for each in await catalog.items(tx)] == [mine.id]
        assert await catalog.items(tx, payee_id=second.id) == []
        for other in others:
            with pytest.raises(catalog.ItemUnknown):
                await catalog.item(tx, other.id)
            with pytest.raises(catalog.ItemUnknown):
                await catalog.set_price(tx, other.id, Money(1, "TRY"))
            with pytest.raises(catalog.ItemUnknown):
                await catalog.change_item(tx, other.id, name="taken")
            with pytest.raises(catalog.ItemUnknown):
                await catalog.archive_item(tx, other.id)
            with pytest.raises(catalog.ItemUnknown):
                await catalog.price_history(tx, other.id)
        assert (await catalog.set_price(tx, mine.id, Money(5, "TRY"))).prices == {"TRY": 5}
        assert (await catalog.create_item(tx, catalog.NewItem(name="another"))).payee_id == first.id
        for change in ({"fee_rule_id": None}, {"payee_id": second.id}):
            with pytest.raises(catalog.FeesForPlatformOnly):
                await catalog.change_item(tx, mine.id, **change)
        with pytest.raises(catalog.FeesForPlatformOnly):
            await catalog.create_item(tx, catalog.NewItem(name="cheap", fee_rule_id=rule.id))
        with pytest.raises(identity.PayeeUnknown):
            await catalog.create_item(tx, catalog.NewItem(name="x", payee_id=second.id))


async def test_items_are_listed_in_pages_by_kind_and_by_whether_they_are_sold(
    http: httpx2.AsyncClient, tenant: TestTenant
) -> None:
    made = [(await make(http, tenant, kind=kind))["id"] for kind in ("meal", "ticket", "meal", "ticket", "meal")]
    await http.delete(f"{ITEMS}/{made[0]}", headers=tenant.headers)

    async def listed(**params: str | int) -> list[str]:
        seen: list[str] = []
        while True:
            page = (await http.get(ITEMS, params={"limit": 2, **params}, headers=tenant.headers)).json()
            seen += [each["id"] for each in page["data"]]
            if not page["has_more"]:
                return seen
            params["after"] = page["next"]

    assert await listed() == made[::-1]
    assert await listed(kind="meal") == [made[4], made[2], made[0]]
    assert await listed(active="true") == made[:0:-1]
    assert await listed(active="false") == [made[0]]


async def test_events_tell_what_was_done_and_the_same_again_is_silent(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    item = (await make(http, tenant))["id"]
    for _ in range(2):
        await price(http, tenant, item, 5)
        await http.patch(f"{ITEMS}/{item}", json={"name": "Gala"}, headers=tenant.headers)
    log = (await http.get("/v1/audit-log", params={"subject": item}, headers=tenant.headers)).json()["data"]
    assert [(each["type"], each["payload"].get("amount_minor")) for each in log] == [
        ("item.changed", None),
        ("item.priced", 5),
        ("item.priced", 10_000),
        ("item.created", None),
    ]


async def test_prices_can_neither_be_changed_nor_taken_away(http: httpx2.AsyncClient, tenant: TestTenant, db: Database) -> None:
    await make(http, tenant)
    for sql in ("UPDATE item_prices SET amount_minor = 1", "DELETE FROM item_prices", "DELETE FROM items"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.transaction(tenant.principal) as tx:
                await tx.execute(sql)


async def test_the_audit_names_a_price_that_was_taken_away(
    http: httpx2.AsyncClient, tenant: TestTenant, db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    item = (await make(http, tenant))["id"]
    await price(http, tenant, item, 5)
    delete = "DELETE FROM item_prices WHERE tenant_id = $1 AND number = 1 RETURNING item_id, set_at"
    row = await owner.fetchrow(delete, tenant.tenant_id)
    assert row is not None
    findings = await audit_tenant(db, tenant.principal)
    assert [(each.check, each.subject) for each in findings] == [("histories have no gap", item)]
    put_back = "INSERT INTO item_prices VALUES ($1, $2, 1, 'TRY', 10000, $3)"
    await owner.execute(put_back, tenant.tenant_id, row["item_id"], row["set_at"])


async def test_a_key_that_may_only_read_changes_nothing(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    item = (await make(http, tenant))["id"]
    asked = {"kind": "restricted", "permissions": ["catalog.read"]}
    key = (await http.post("/v1/api-keys", json=asked, headers=tenant.headers)).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    assert (await http.get(f"{ITEMS}/{item}", headers=headers)).status_code == 200
    for method, path, body in (
        ("POST", ITEMS, {"name": "x"}),
        ("PATCH", f"{ITEMS}/{item}", {"name": "x"}),
        ("PUT", f"{ITEMS}/{item}/prices", {"amount_minor": 1, "currency": "TRY"}),
        ("DELETE", f"{ITEMS}/{item}", None),
        ("POST", "/v1/fee-rules", {"name": "x"}),
    ):
        answer = await http.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
