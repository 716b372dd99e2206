"""Staff see what guests asked for, cancel it, see what is free, and play the end of demo payments (SR8)."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tenancy_fixtures import TenantMaker, TestTenant
from vezne import identity, widget
from vezne.app.audit import audit_tenant
from vezne.kernel.ids import new_id, parse_id, public_id
from vezne.kernel.principal import Principal
from vezne.widget import queries
from widget_fixtures import DAILY, Depot, days, wish


async def payee(depot: Depot, name: str) -> UUID:
    async with depot.db.transaction(depot.tenant.principal) as tx:
        made, _ = await identity.create_payee(tx, name=name)
        return made.id


async def test_reservations_are_listed_newest_first_in_pages(depot: Depot) -> None:
    await depot.storage(5)
    made = [(await depot.reserve()).json()["id"] for _ in range(3)]
    first = (await depot.get("/v1/widget-reservations", limit=2)).json()
    second = (await depot.get("/v1/widget-reservations", limit=2, after=first["next"])).json()
    assert [each["id"] for each in first["data"] + second["data"]] == made[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert (await depot.get("/v1/widget-reservations", after="d2F0")).status_code == 422


async def test_cancelling_frees_the_unit_and_ends_the_order(depot: Depot) -> None:
    await depot.storage(1)
    taken = (await depot.reserve()).json()
    answers = [await depot.post(f"/v1/widget-reservations/{taken['id']}/cancellations") for _ in range(2)]
    assert [answer.json()["status"] for answer in answers] == ["cancelled", "cancelled"]
    assert (await depot.get(f"/v1/payments/{answers[0].json()['payment_id']}")).json()["status"] == "cancelled"
    assert (await depot.reserve()).status_code == 200


async def test_the_guest_of_a_cancelled_reservation_is_told_so(depot: Depot) -> None:
    await depot.storage(1)
    token, body = await depot.token(), wish()
    taken = (await depot.reserve(body, token)).json()
    await depot.post(f"/v1/widget-reservations/{taken['id']}/cancellations")
    answer = await depot.reserve(body, token, headers={"Accept-Language": "tr"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "Bu rezervasyon iptal edilmiş.")
    assert (await depot.post(f"/v1/demo/widget-reservations/{taken['id']}/convert")).status_code == 409


async def test_one_that_waits_is_cancelled_too(depot: Depot) -> None:
    await depot.storage(0)
    await depot.reserve()
    waiting = (await depot.all_of())[0]
    answer = await depot.post(f"/v1/widget-reservations/{public_id('wrs', waiting.id)}/cancellations")
    assert answer.json()["status"] == "cancelled"


async def test_a_paid_one_is_refunded_and_not_cancelled(depot: Depot) -> None:
    await depot.storage(1)
    taken = (await depot.reserve()).json()
    await depot.post(f"/v1/demo/payments/{taken['payment_intent_id']}/simulate", {"result": "success"})
    answer = await depot.post(f"/v1/widget-reservations/{taken['id']}/cancellations")
    assert (answer.status_code, answer.json()["code"]) == (409, "reservation_paid")


async def test_a_payees_staff_see_their_own_storages_reservations_only(depot: Depot) -> None:
    mine, theirs = await payee(depot, "Kadıköy"), await payee(depot, "Beşiktaş")
    ids = {}
    for owner in (mine, theirs):
        storage = await depot.storage(1, payee_id=owner)
        ids[owner] = parse_id("wrs", (await depot.reserve(wish(resource_id=storage))).json()["id"])
    partner = Principal(depot.tenant.tenant_id, "staff:partner", "staff", frozenset({"reservations.read"}), payee_id=mine)
    async with depot.db.transaction(partner) as tx:
        assert [made.id for made, _ in await widget.reservations(tx, status=None, before=None, limit=10)] == [ids[mine]]
        assert (await widget.reservation(tx, ids[mine])).payee_id == mine
        for act in (widget.reservation, widget.cancel, widget.convert):
            with pytest.raises(widget.ReservationUnknown):
                await act(tx, ids[theirs])


async def test_a_payees_staff_see_what_waits_for_their_storage(depot: Depot) -> None:
    mine = await payee(depot, "Kadıköy")
    storage = await depot.storage(0, payee_id=mine)
    await depot.reserve(wish(resource_id=storage))
    partner = Principal(depot.tenant.tenant_id, "staff:partner", "staff", frozenset(), payee_id=mine)
    async with depot.db.transaction(partner) as tx:
        assert len(await widget.reservations(tx, status=None, before=None, limit=10)) == 1


ENDPOINTS = [
    ("GET", "/v1/widget-reservations"),
    ("GET", "/v1/widget-reservations/{id}"),
    ("POST", "/v1/widget-reservations/{id}/cancellations"),
    ("POST", "/v1/demo/widget-reservations/{id}/convert"),
    ("POST", "/v1/demo/payments/session_x/simulate"),
    ("GET", "/v1/demo/available-storages?checkin_date=2027-01-01&checkout_date=2027-01-02"),
]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_staff_endpoints_ask_for_a_key_that_may(depot: Depot, method: str, path: str) -> None:
    url = path.format(id=public_id("wrs", new_id()))
    body = {"result": "success"} if "simulate" in path else None

    async def ask(headers: dict[str, str]) -> httpx2.Response:
        return await depot.http.request(method, url, headers=headers, json=body)

    assert (await ask({})).status_code == 401
    assert (await ask({"Authorization": f"Bearer {depot.tenant.publishable_key}"})).status_code == 403
    assert (await ask({"Authorization": f"Bearer {await depot.token()}"})).status_code == 401


async def test_another_tenants_reservation_is_not_there(depot: Depot, other_tenant: TestTenant) -> None:
    await depot.storage(1)
    taken = (await depot.reserve()).json()
    for method, path in ENDPOINTS[1:4]:
        answer = await depot.http.request(method, path.format(id=taken["id"]), headers=other_tenant.headers)
        assert answer.status_code == 404, path
    simulated = await depot.http.post(
        f"/v1/demo/payments/{taken['payment_intent_id']}/simulate", json={"result": "success"}, headers=other_tenant.headers
    )
    assert simulated.status_code == 404


# ------------------------------------------------------------------------------------------------------------ what is free


async def test_available_storages_are_those_with_a_free_unit(depot: Depot) -> None:
    await depot.storage(1, name="Full")
    await depot.reserve()
    free = await depot.storage(2, name="Free")
    await depot.storage(0, name="Empty")
    found = (await depot.get("/v1/demo/available-storages", **days())).json()["data"]
    assert found == [{"id": free, "name": "Free", "free_units": 2, "price_minor": DAILY, "currency": "TRY", "per": "day"}]
    later = (await depot.get("/v1/demo/available-storages", **days(20))).json()["data"]
    assert [each["name"] for each in later] == ["Free", "Full"]


@pytest.mark.parametrize(
    ("first", "last", "field"), [(5, 3, "checkout_date"), (-1, 3, "checkin_date"), (5, 3000, "checkout_date")]
)
async def test_bad_days_are_400_and_named(depot: Depot, first: int, last: int, field: str) -> None:
    today = date.today()  # noqa: DTZ011 - the guest's own calendar
    asked = {
        "checkin_date": (today + timedelta(days=first)).isoformat(),
        "checkout_date": (today + timedelta(days=last)).isoformat(),
    }
    answer = await depot.get("/v1/demo/available-storages", **asked)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"][1] == field
    assert (await depot.get("/v1/demo/available-storages", checkin_date="x", checkout_date="y")).status_code == 400
    assert (await depot.get("/v1/demo/available-storages")).status_code == 422


# ------------------------------------------------------------------------------------------------------- playing payments


async def simulate(depot: Depot, intent: str, result: Any) -> httpx2.Response:  # noqa: ANN401 - also what is wrong
    return await depot.post(f"/v1/demo/payments/{intent}/simulate", {"result": result})


@pytest.mark.parametrize("by", ["payment_intent_id", "payment_id"])
async def test_a_demo_payment_ends_well_once(depot: Depot, by: str) -> None:
    await depot.storage(1)
    taken = (await depot.reserve()).json()
    seen = (await depot.get(f"/v1/widget-reservations/{taken['id']}")).json()
    intent = (taken | seen)[by]
    answers = [await simulate(depot, intent, "success") for _ in range(2)]
    for answer in answers:
        assert answer.json() == {"ok": True, "payment_id": seen["payment_id"], "payment_status": "paid"}
    assert (await simulate(depot, intent, "failed")).status_code == 409
    async with depot.db.transaction(depot.tenant.principal) as tx:
        assert await tx.fetchval("SELECT count(*) FROM settlements WHERE tenant_id = $1", tx.tenant_id) == 1


async def test_a_demo_payment_that_fails_keeps_the_unit_for_another_try(depot: Depot) -> None:
    await depot.storage(1)
    token, body = await depot.token(), wish()
    taken = (await depot.reserve(body, token)).json()
    answer = await simulate(depot, taken["payment_intent_id"], "failed")
    assert answer.json()["payment_status"] == "failed"
    again = (await depot.reserve(body, token)).json()
    assert again["id"] == taken["id"]
    assert again["payment_intent_id"] != taken["payment_intent_id"]
    assert (await simulate(depot, again["payment_intent_id"], "success")).json()["payment_status"] == "paid"
    settled = (await depot.reserve(body, token)).json()
    assert (settled["status"], settled["payment_required"], settled["payment_url"]) == ("converted", False, None)


@pytest.mark.parametrize("intent", ["session_0_00", "session_x", "pay_01h455vb4pex5vsknk084sn02q", "nonsense", "%00"])
async def test_what_is_no_demo_payment_is_404(depot: Depot, intent: str) -> None:
    assert (await simulate(depot, intent, "success")).status_code == 404


@pytest.mark.parametrize("result", ["paid", "", None, 1])
async def test_only_success_and_failed_are_results(depot: Depot, result: object) -> None:
    answer = await simulate(depot, "session_x", result)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "result"]


async def test_a_live_tenant_plays_no_payments(depot: Depot, make_tenant: TenantMaker) -> None:
    live = Depot(depot.db, await make_tenant(livemode=True), depot.http)
    answer = await simulate(live, "session_x", "success")
    assert (answer.status_code, answer.json()["code"]) == (403, "demo_of_live_tenant")


async def test_the_audit_notices_a_reservation_without_consents_and_a_wrong_order(depot: Depot) -> None:
    await depot.storage(5)
    await depot.reserve()
    await depot.reserve()
    first, second = await depot.all_of()
    async with depot.db.transaction(depot.tenant.principal) as tx:
        await queries.update_converted(
            tx,
            first.id,
            resource_id=new_id(),
            payee_id=None,
            customer_id=second.customer_id or new_id(),
            order_id=first.order_id or new_id(),
            payment_id=first.payment_id,
            client_secret=None,
        )
        found = await widget.audit(tx)
        assert [finding.check for finding in found] == ["widget.orders"]
        await tx.execute("SAVEPOINT undone")
        await queries.update_converted(
            tx,
            first.id,
            resource_id=first.resource_id or new_id(),
            payee_id=None,
            customer_id=first.customer_id or new_id(),
            order_id=first.order_id or new_id(),
            payment_id=first.payment_id,
            client_secret=None,
        )
    assert await audit_tenant(depot.db, depot.tenant.principal) == []
