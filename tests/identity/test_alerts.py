"""CM11: alerts about customers whose activity is unusual: raised once, decided by a person, and nothing else happens."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from prometheus_client import REGISTRY

from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.identity.alerts import AlertDecidedAlready
from vezne.kernel.db import Database
from vezne.kernel.ids import new_id, public_id

ALERTS = "/v1/alerts"
FACTS = {"count": 5, "threshold": 5}


async def alert(
    db: Database, tenant: TestTenant, customer_id: UUID, rule: identity.RuleName = "many_declines", subject: str = ""
) -> UUID | None:
    async with db.transaction(tenant.principal) as tx:
        return await identity.raise_alert(tx, customer_id, rule, subject=subject, facts=FACTS)


async def decide(http: httpx2.AsyncClient, tenant: TestTenant, alert_id: str, decision: str, note: str = "") -> httpx2.Response:
    body = {"decision": decision, "note": note}
    return await http.post(f"{ALERTS}/{alert_id}/decisions", json=body, headers=tenant.headers)


async def listed(http: httpx2.AsyncClient, tenant: TestTenant, **params: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    answer = await http.get(ALERTS, params=params, headers=tenant.headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_cm11_an_alert_is_raised_seen_and_decided(
    http: httpx2.AsyncClient, tenant: TestTenant, db: Database, customer_id: UUID
) -> None:
    counted = REGISTRY.get_sample_value("vezne_alerts_total", {"rule": "many_declines"}) or 0
    payment = public_id("pay", new_id())
    made = await alert(db, tenant, customer_id, subject=payment)
    assert made is not None
    assert REGISTRY.get_sample_value("vezne_alerts_total", {"rule": "many_declines"}) == counted + 1
    name, customer = public_id("alr", made), public_id("cus", customer_id)
    (seen,) = await listed(http, tenant)
    assert seen == (await http.get(f"{ALERTS}/{name}", headers=tenant.headers)).json()
    told = {key: seen[key] for key in ("id", "customer_id", "rule", "subject", "facts", "status", "decided_at", "note")}
    assert told == {
        "id": name,
        "customer_id": customer,
        "rule": "many_declines",
        "subject": payment,
        "facts": FACTS,
        "status": "open",
        "decided_at": None,
        "note": "",
    }
    answer = await decide(http, tenant, name, "confirmed", "a stolen card")
    assert answer.status_code == 201, answer.text
    decided = answer.json()
    assert (decided["status"], decided["note"]) == ("confirmed", "a stolen card")
    assert decided["decided_at"] >= decided["raised_at"]
    assert decided["decided_by"].startswith("key:")
    log = await http.get("/v1/audit-log", headers=tenant.headers)
    events = [(each["type"], each["subject"]) for each in log.json()["data"]]
    assert events[0] == ("alert.decided", name)
    assert ("customer.alerted", customer) in events


async def test_cm11_while_one_is_open_the_same_is_not_told_again_and_once_decided_it_is(
    http: httpx2.AsyncClient, tenant: TestTenant, db: Database, customer_id: UUID
) -> None:
    first = await alert(db, tenant, customer_id)
    assert first is not None
    assert await alert(db, tenant, customer_id) is None
    assert await alert(db, tenant, customer_id, "many_refunds") is not None
    assert (await decide(http, tenant, public_id("alr", first), "dismissed")).status_code == 201
    second = await alert(db, tenant, customer_id)
    assert second not in {None, first}
    assert len(await listed(http, tenant)) == 3


async def test_cm11_a_decision_stands(http: httpx2.AsyncClient, tenant: TestTenant, db: Database, customer_id: UUID) -> None:
    made = await alert(db, tenant, customer_id)
    assert made is not None
    name = public_id("alr", made)
    first = await decide(http, tenant, name, "dismissed", "a child's game")
    again = await decide(http, tenant, name, "dismissed", "another note")
    assert again.json() == first.json()
    other = await decide(http, tenant, name, "confirmed")
    assert (other.status_code, other.json()["code"]) == (409, "alert_decided_already")
    async with db.transaction(tenant.principal) as tx:
        with pytest.raises(AlertDecidedAlready):
            await identity.decide_alert(tx, made, "confirmed")
    for body, field in (
        ({"decision": "open"}, "decision"),
        ({}, "decision"),
        ({"decision": "dismissed", "note": "x" * 1001}, "note"),
    ):
        bad = await http.post(f"{ALERTS}/{name}/decisions", json=body, headers=tenant.headers)
        assert (bad.status_code, bad.json()["errors"][0]["loc"]) == (422, ["body", field])


async def test_cm11_alerts_are_listed_by_status_rule_and_customer(
    http: httpx2.AsyncClient, tenant: TestTenant, db: Database, customer_id: UUID
) -> None:
    async with db.transaction(tenant.principal) as tx:
        other = (await identity.create_customer(tx)).id
    rules: tuple[identity.RuleName, ...] = ("many_declines", "rapid_spending")
    made = [await alert(db, tenant, who, rule) for who in (customer_id, other) for rule in rules]
    names = [public_id("alr", each) for each in made if each]
    await decide(http, tenant, names[0], "dismissed")
    assert [each["id"] for each in await listed(http, tenant, status="open")] == names[:0:-1]
    assert [each["id"] for each in await listed(http, tenant, rule="rapid_spending")] == [names[3], names[1]]
    assert [each["id"] for each in await listed(http, tenant, customer_id=public_id("cus", other))] == [names[3], names[2]]
    page = (await http.get(ALERTS, params={"limit": 3}, headers=tenant.headers)).json()
    assert page["has_more"]
    assert [each["id"] for each in await listed(http, tenant, after=page["next"])] == names[:1]
    for params in ({"rule": "nothing"}, {"status": "closed"}):
        assert (await http.get(ALERTS, params=params, headers=tenant.headers)).status_code == 422


@pytest.mark.concurrency
async def test_cm11_fifty_at_once_raise_one_alert_and_fifty_who_decide_it_decide_once(
    http: httpx2.AsyncClient, tenant: TestTenant, db: Database, customer_id: UUID
) -> None:
    made = await asyncio.gather(*(alert(db, tenant, customer_id) for _ in range(50)))
    (one,) = [each for each in made if each is not None]
    answers = await asyncio.gather(
        *(decide(http, tenant, public_id("alr", one), ("confirmed", "dismissed")[turn % 2]) for turn in range(50))
    )
    assert sorted({answer.status_code for answer in answers}) == [201, 409]
    async with db.transaction(tenant.principal, read_only=True) as tx:
        counts = "SELECT count(*) FROM events WHERE tenant_id = $1 AND type = $2"
        assert await tx.fetchval(counts, tx.tenant_id, "customer.alerted") == 1
        assert await tx.fetchval(counts, tx.tenant_id, "alert.decided") == 1


async def test_cm11_a_foreign_alert_is_as_unknown_as_none_at_all(
    http: httpx2.AsyncClient, tenant: TestTenant, other_tenant: TestTenant, db: Database
) -> None:
    async with db.transaction(other_tenant.principal) as tx:
        customer = (await identity.create_customer(tx)).id
    theirs = await alert(db, other_tenant, customer)
    assert theirs is not None
    for name in (public_id("alr", theirs), public_id("alr", new_id())):
        for answer in (
            await http.get(f"{ALERTS}/{name}", headers=tenant.headers),
            await decide(http, tenant, name, "dismissed"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "alert_unknown")
    assert await listed(http, tenant) == []
    async with db.transaction(replace(other_tenant.principal, payee_id=new_id())) as tx:
        assert await identity.alerts(tx) == []
        with pytest.raises(identity.AlertUnknown):
            await identity.decide_alert(tx, theirs, "dismissed")


async def test_cm11_a_tenant_has_thresholds_of_its_own(http: httpx2.AsyncClient, tenant: TestTenant, db: Database) -> None:
    async def patch(**thresholds: object) -> httpx2.Response:
        body = {"settings": {"alert_thresholds": thresholds}}
        return await http.patch("/v1/tenant", json=body, headers=tenant.headers)

    for rule, number in (*(("many_refunds", bad) for bad in (0, "7", True, 1_000_001)), ("no_rule", 5), ("promo_guessing", 5)):
        answer = await patch(**{rule: number})
        assert answer.status_code == 422, (rule, number)
        assert answer.json()["errors"][0]["loc"][:3] == ["body", "settings", "alert_thresholds"]
    assert (await patch(many_refunds=7)).json()["settings"]["alert_thresholds"] == {"many_refunds": 7}
    async with db.transaction(tenant.principal, read_only=True) as tx:
        chosen = await identity.thresholds(tx)
    assert chosen == {name: rule.threshold for name, rule in identity.RULES.items()} | {"many_refunds": 7}


@pytest.mark.unit
def test_cm11_support_and_finance_decide_alerts_and_viewers_see_them() -> None:
    may = {role: {"alerts.read", "alerts.write"} & permissions for role, permissions in identity.ROLES.items()}
    both = {"alerts.read", "alerts.write"}
    assert may == {
        "owner": both,
        "admin": both,
        "finance": both,
        "support": both,
        "viewer": {"alerts.read"},
        "partner": set(),
        "door": set(),
    }


async def test_cm11_the_audit_finds_an_alert_that_cannot_be(
    tenant: TestTenant, db: Database, customer_id: UUID, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await alert(db, tenant, customer_id)
    assert made is not None
    async with db.transaction(tenant.principal, read_only=True) as tx:
        assert await identity.audit(tx) == []
    for change, back in (
        ("rule = 'unheard_of'", "rule = 'many_declines'"),
        (
            "status = 'dismissed', decided_by = 'x', decided_at = raised_at - interval '1 s'",
            "status = 'open', decided_at = NULL, decided_by = NULL",
        ),
    ):
        await owner.execute(f"UPDATE alerts SET {change} WHERE id = $1", made)
        async with db.transaction(tenant.principal, read_only=True) as tx:
            (found,) = await identity.audit(tx)
        assert found.subject == public_id("alr", made)
        await owner.execute(f"UPDATE alerts SET {back} WHERE id = $1", made)


@pytest.mark.unit
def test_cm11_the_table_in_the_documents_is_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "unusual-activity.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| `")]
    written = {row[0].strip("`"): tuple(row[1:4]) for row in rows}
    spans = {60: "1 min", 600: "10 min", 3600: "1 h", 86_400: "1 d", 30 * 86_400: "30 d"}
    assert written == {
        name: (rule.counts, spans[int(rule.window.total_seconds())], str(rule.threshold)) for name, rule in identity.RULES.items()
    }
