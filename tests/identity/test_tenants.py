"""Tenants and their settings."""

import asyncio
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from tenancy_fixtures import TenantMaker, TestTenant
from vezne import identity
from vezne.identity import TenantSettings
from vezne.kernel.audit import Finding
from vezne.kernel.db import Database
from vezne.kernel.principal import Principal

TENANT = "/v1/tenant"


async def test_a_new_tenant_has_the_documented_defaults(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    settings = (await http.get(TENANT, headers=tenant.headers)).json()["settings"]
    assert settings["payment_mode"] == "GATEWAY_DEMO"
    assert settings["payment_provider"] == "simulated"
    assert settings["commission_rate"] == 0
    assert settings["default_currency"] == "TRY"


async def test_given_settings_change_and_the_others_stay(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    before = (await http.get(TENANT, headers=tenant.headers)).json()
    change = {"settings": {"locale": "tr", "commission_rate": 250, "max_transaction_amount": 100_000}}
    after = await http.patch(TENANT, json=change, headers=tenant.headers)
    assert after.json() == before | {"settings": before["settings"] | change["settings"]}
    assert (await http.get(TENANT, headers=tenant.headers)).json() == after.json()
    cleared = await http.patch(
        TENANT, json={"name": "Yeni", "settings": {"max_transaction_amount": None}}, headers=tenant.headers
    )
    assert cleared.json()["name"] == "Yeni"
    assert cleared.json()["settings"]["max_transaction_amount"] is None
    assert cleared.json()["settings"]["locale"] == "tr"


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"payment_mode": "pretend"}, "payment_mode"),
        ({"payment_mode": None}, "payment_mode"),
        ({"payment_mode": "live"}, "payment_mode"),
        ({"payment_provider": "Stripe!"}, "payment_provider"),
        ({"commission_rate": 10_001}, "commission_rate"),
        ({"commission_rate": -1}, "commission_rate"),
        ({"commission_rate": 2.5}, "commission_rate"),
        ({"commission_rate": "250"}, "commission_rate"),
        ({"commission_rate": True}, "commission_rate"),
        ({"locale": "xx"}, "locale"),
        ({"default_currency": "XXQ"}, "default_currency"),
        ({"default_currency": "try"}, "default_currency"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"max_transaction_amount": 0}, "max_transaction_amount"),
        ({"max_transaction_amount": 2**53}, "max_transaction_amount"),
        ({"max_daily_transactions": 0}, "max_daily_transactions"),
        ({"theme": "dark"}, "theme"),
    ],
)
async def test_a_setting_that_cannot_be_is_named_and_nothing_changes(
    http: httpx2.AsyncClient, tenant: TestTenant, settings: dict[str, object], field: str
) -> None:
    before = (await http.get(TENANT, headers=tenant.headers)).json()
    answer = await http.patch(TENANT, json={"settings": settings}, headers=tenant.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "settings", field]
    assert (await http.get(TENANT, headers=tenant.headers)).json() == before


async def test_only_a_live_tenant_takes_real_money(db: Database, make_tenant: TenantMaker) -> None:
    await make_tenant(livemode=True, payment_mode="live")
    with pytest.raises(identity.RealMoneyInTest):
        await make_tenant(payment_mode="live")


async def test_the_same_settings_again_are_no_event(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    for _ in range(2):
        await http.patch(TENANT, json={"settings": {"locale": "tr"}}, headers=tenant.headers)
    log = await http.get("/v1/audit-log", params={"type": "tenant.changed"}, headers=tenant.headers)
    assert [event["payload"]["changed"] for event in log.json()["data"]] == [["locale"]]


@pytest.mark.concurrency
async def test_settings_changed_at_once_are_all_kept(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    changes: list[dict[str, object]] = [{"locale": "tr"}, {"commission_rate": 7}, {"max_daily_transactions": 5}]
    await asyncio.gather(*(http.patch(TENANT, json={"settings": change}, headers=tenant.headers) for change in changes))
    after = (await http.get(TENANT, headers=tenant.headers)).json()["settings"]
    assert [after["locale"], after["commission_rate"], after["max_daily_transactions"]] == ["tr", 7, 5]


async def test_a_slug_is_taken_once_and_the_refused_one_leaves_nothing(db: Database) -> None:
    slug = f"s{uuid4().hex[:12]}"
    made = await identity.create_tenant(db, slug=slug, name="One")
    with pytest.raises(identity.SlugTaken):
        await identity.create_tenant(db, slug=slug, name="Two")
    assert await identity.find_tenant(db, slug) == made
    assert await identity.find_tenant_by_id(db, made.id) == made
    assert await identity.livemode_of(db, made.tenant_id) is False
    assert await identity.livemode_of(db, 2**40) is None


@pytest.mark.parametrize("slug", ["", "a", "Kampus", "1st", "kam pus", "kampüs", "a" * 64, "a\n"])
async def test_a_slug_that_cannot_be_is_refused(db: Database, slug: str) -> None:
    with pytest.raises(identity.SlugMalformed):
        await identity.create_tenant(db, slug=slug, name="Campus")


def test_settings_that_a_newer_version_added_have_their_defaults() -> None:
    assert TenantSettings.model_validate({"locale": "tr"}).payment_provider == "simulated"


async def test_the_audit_finds_a_key_with_a_permission_that_does_not_exist(
    db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await identity.create_tenant(db, slug=f"s{uuid4().hex[:12]}", name="Damaged")
    principal = Principal.system(made.tenant_id, "test")

    async def findings() -> list[Finding]:
        async with db.transaction(principal, read_only=True) as tx:
            return await identity.audit(tx)

    async with db.transaction(principal) as tx:
        key, _ = await identity.create_key(tx, kind="restricted", permissions=["wallets.read"])
    assert await findings() == []
    await owner.execute("UPDATE api_keys SET permissions = '{all}' WHERE tenant_id = $1 AND id = $2", made.tenant_id, key.id)
    assert [finding.check for finding in await findings()] == ["keys hold known permissions"]
    await owner.execute("DELETE FROM api_keys WHERE tenant_id = $1", made.tenant_id)
    await owner.execute('UPDATE tenants SET settings = \'{"locale": "xx"}\' WHERE tenant_id = $1', made.tenant_id)
    assert [finding.check for finding in await findings()] == ["settings can be read"]
    await owner.execute("UPDATE tenants SET settings = '{}', livemode = true WHERE tenant_id = $1", made.tenant_id)
    assert [finding.check for finding in await findings()] == ["the tenant's mode"]
    await owner.execute("DELETE FROM tenants WHERE tenant_id = $1", made.tenant_id)
    assert [finding.check for finding in await findings()] == ["the tenant is in the directory"]
