"""A guest's request becomes a reservation with one order and one payment, as the storage documents have it (SR3, SR4, SR5)."""

import pytest

from tenancy_fixtures import TenantMaker
from vezne import bookings, identity, orders, payments
from vezne.kernel.ids import parse_id
from vezne.widget import ReservationStatus
from widget_fixtures import DAILY, SITE, Depot, days, wish

NOTHING_FREE = {"tr": "Bu tarihler arasında depo yoktur.", "en": "No storage is free between these dates."}


async def test_the_documents_first_scenario(depot: Depot) -> None:
    await depot.storage(3)
    answer = await depot.reserve()
    assert answer.status_code == 200
    taken = answer.json()
    assert taken["id"].startswith("wrs_")
    assert taken["status"] == "pending"
    assert taken["payment_required"] is True
    assert taken["payment_intent_id"].startswith("session_")
    assert taken["payment_url"] == f"/payments/magicpay/demo/{taken['payment_intent_id']}"
    assert taken["amount_minor"] == 2 * DAILY
    assert taken["currency"] == "TRY"
    assert (await depot.http.get(f"/v1/magicpay/demo/{taken['payment_intent_id']}")).json()["payment_status"] == "pending"


async def test_it_is_converted_with_a_unit_held_and_an_order_of_the_guest(depot: Depot) -> None:
    storage = await depot.storage(2)
    body = wish(guest={"name": "Ada Lovelace", "email": "Ada@Example.org", "phone": "+90 555 111 22 33"})
    taken = (await depot.reserve(body)).json()
    seen = (await depot.get(f"/v1/widget-reservations/{taken['id']}")).json()
    assert seen["status"] == "converted"
    assert seen["resource_id"] == storage
    assert seen["guest"]["email"] == "Ada@Example.org"
    async with depot.db.transaction(depot.tenant.principal) as tx:
        order = await orders.order(tx, parse_id("ord", seen["order_id"]))
        customer = await identity.customer(tx, order.customer_id)
        payment = await payments.payment(tx, parse_id("pay", seen["payment_id"]))
        claims = await tx.fetch("SELECT status, unit_id FROM claims WHERE tenant_id = $1", tx.tenant_id)
    assert (customer.email, customer.name, customer.phone) == ("Ada@Example.org", "Ada Lovelace", "+905551112233")
    assert payment.reservation == taken["id"]
    assert [claim["status"] for claim in claims] == ["held"]
    assert claims[0]["unit_id"] is not None


async def test_paying_books_the_unit(depot: Depot) -> None:
    await depot.storage()
    taken = (await depot.reserve()).json()
    ended = await depot.post(f"/v1/demo/payments/{taken['payment_intent_id']}/simulate", {"result": "success"})
    assert ended.json() | {"payment_id": ""} == {"ok": True, "payment_id": "", "payment_status": "paid"}
    async with depot.db.transaction(depot.tenant.principal) as tx:
        assert await tx.fetchval("SELECT status FROM claims WHERE tenant_id = $1", tx.tenant_id) == "consumed"
        assert await tx.fetchval("SELECT status FROM orders WHERE tenant_id = $1", tx.tenant_id) == "fulfilled"


async def test_the_documents_curl_says_nothing_of_json_and_is_read_all_the_same(depot: Depot) -> None:
    await depot.storage()
    answer = await depot.http.post(
        "/v1/widget/reservations",
        content=(
            '{"guest": {"name": "Test", "email": "test@test.com", "phone": "555"}, '
            f'"checkin_date": "{days()["checkin_date"]}", "checkout_date": "{days()["checkout_date"]}", '
            '"kvkk_consent": true, "terms_consent": true}'
        ).encode(),
        headers={"Authorization": f"Bearer {await depot.token()}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 200, answer.text


async def test_tenants_of_other_providers_pay_at_our_checkout(depot: Depot) -> None:
    await depot.change(payment_provider="simulated")
    await depot.storage()
    token, body = await depot.token(), wish()
    taken = (await depot.reserve(body, token)).json()
    assert "/checkout/pay_" in taken["payment_url"]
    assert taken["payment_intent_id"].startswith("pay_")
    assert (await depot.reserve(body, token)).json() == taken
    page = await depot.http.get(taken["payment_url"])
    assert page.status_code == 200
    assert "300" in page.text


async def test_when_magicpay_gives_no_session_the_guest_pays_at_our_checkout(depot: Depot, make_tenant: TenantMaker) -> None:
    live = Depot(depot.db, await make_tenant(livemode=True, payment_provider="magicpay"), depot.http)
    await live.storage()
    taken = (await live.reserve()).json()
    assert "/checkout/pay_" in taken["payment_url"]
    assert taken["payment_intent_id"].startswith("pay_")


async def test_what_is_free_of_charge_needs_no_payment(depot: Depot) -> None:
    await depot.storage(price=None)
    taken = (await depot.reserve()).json()
    assert (taken["status"], taken["payment_required"], taken["payment_url"]) == ("converted", False, None)
    async with depot.db.transaction(depot.tenant.principal) as tx:
        assert await tx.fetchval("SELECT status FROM claims WHERE tenant_id = $1", tx.tenant_id) == "consumed"


async def test_a_guest_who_comes_again_is_the_same_customer(depot: Depot) -> None:
    await depot.storage(3)
    for email in ("ada@example.org", "ADA@example.org"):
        assert (await depot.reserve(wish(guest={"name": "Ada", "email": email}))).status_code == 200
    assert len({made.customer_id for made in await depot.all_of()}) == 1


async def test_a_typed_e_mail_makes_nobody_a_customer_whom_the_tenant_knows(depot: Depot) -> None:
    await depot.storage()
    async with depot.db.transaction(depot.tenant.principal) as tx:
        known = await identity.create_customer(tx, reference="member-7", email="ada@example.org")
    await depot.reserve(wish(guest={"name": "Mallory", "email": "ada@example.org"}))
    assert (await depot.all_of())[0].customer_id != known.id


async def test_several_units_are_one_order(depot: Depot) -> None:
    await depot.storage(3)
    taken = (await depot.reserve(wish(quantity=3))).json()
    assert taken["amount_minor"] == 3 * 2 * DAILY
    assert (await depot.reserve()).status_code == 409


async def test_a_place_may_be_wished_for(depot: Depot) -> None:
    first, second = await depot.storage(name="Kadıköy"), await depot.storage(name="Beşiktaş")
    for name, storage in (("resource_id", second), ("location_id", first)):
        taken = (await depot.reserve(wish(**{name: storage}))).json()
        assert (await depot.get(f"/v1/widget-reservations/{taken['id']}")).json()["resource_id"] == storage
    assert (await depot.reserve(wish(resource_id=first))).status_code == 409


async def test_whatever_is_free_somewhere_is_found(depot: Depot) -> None:
    for name in ("A", "B", "C"):
        await depot.storage(name=name)
    answers = [await depot.reserve() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 409]


# ------------------------------------------------------------------------------------------------------------ nothing free


@pytest.mark.parametrize("lang", ["tr", "en"])
async def test_nothing_free_is_a_clear_error_in_the_callers_language(depot: Depot, lang: str) -> None:
    await depot.storage(0)
    by_header = await depot.reserve(headers={"Accept-Language": f"{lang}-XX,{lang};q=0.9"})
    by_body = await depot.reserve(wish(locale=lang), headers={"Accept-Language": "en" if lang == "tr" else "tr"})
    for answer in (by_header, by_body):
        assert answer.status_code == 409
        assert answer.json()["detail"] == NOTHING_FREE[lang]
        assert answer.json()["code"] == "no_storage_free"


async def test_a_tenant_that_speaks_turkish_answers_in_turkish_when_nobody_wishes(depot: Depot) -> None:
    await depot.change(locale="tr")
    answer = await depot.reserve(headers={"Accept-Language": ""})
    assert answer.json()["detail"] == NOTHING_FREE["tr"]


async def test_when_nothing_is_free_the_request_waits_and_nothing_else_is_left(depot: Depot) -> None:
    storage = await depot.storage(1)
    await depot.reserve()
    before = {name: await depot.count(name) for name in ("orders", "payments", "claims", "customers")}
    assert (await depot.reserve()).status_code == 409
    assert {name: await depot.count(name) for name in before} == before
    waiting = await depot.all_of(ReservationStatus.PENDING)
    assert len(waiting) == 1
    assert await depot.count("widget_consents") == 4
    async with depot.db.transaction(depot.tenant.principal) as tx:
        await bookings.add_units(tx, parse_id("rsc", storage), ["one more"])
    shown = (await depot.get("/v1/widget-reservations", status="pending")).json()["data"][0]
    converted = await depot.post(f"/v1/demo/widget-reservations/{shown['id']}/convert")
    again = await depot.post(f"/v1/demo/widget-reservations/{shown['id']}/convert")
    assert converted.status_code == 200
    assert converted.json()["payment_intent_id"].startswith("session_")
    assert again.json() == converted.json()
    assert await depot.count("orders") == before["orders"] + 1


async def test_converting_says_in_the_callers_language_that_nothing_is_free(depot: Depot) -> None:
    await depot.storage(0)
    await depot.reserve()
    waiting = (await depot.get("/v1/widget-reservations")).json()["data"][0]["id"]
    answer = await depot.post(f"/v1/demo/widget-reservations/{waiting}/convert", **{"Accept-Language": "tr"})
    assert (answer.status_code, answer.json()["detail"]) == (409, NOTHING_FREE["tr"])


async def test_what_is_not_on_sale_is_not_free(depot: Depot) -> None:
    await depot.storage()
    async with depot.db.transaction(depot.tenant.principal) as tx:
        await tx.execute("UPDATE items SET active = false WHERE tenant_id = $1", tx.tenant_id)
    assert (await depot.reserve()).status_code == 409


# ------------------------------------------------------------------------------------------------------- documented paths


async def test_the_documents_storage_scenario_on_the_documents_paths(depot: Depot) -> None:
    await depot.storage(2)
    begun = await depot.http.get("/public/widget/init", params={"key": depot.tenant.publishable_key})
    assert begun.json()["expires_in"] == 3600
    free = (await depot.get("/demo/available-storages", **days())).json()["data"]
    assert [each["free_units"] for each in free] == [2]
    taken = await depot.http.post(
        "/public/widget/reservations", json=wish(), headers={"Authorization": f"Bearer {begun.json()['access_token']}"}
    )
    assert taken.status_code == 200
    assert (await depot.post(f"/demo/widget-reservations/{taken.json()['id']}/convert")).json() == taken.json()
    ended = await depot.post(f"/demo/payments/{taken.json()['payment_intent_id']}/simulate", {"result": "success"})
    assert ended.json()["payment_status"] == "paid"


async def test_a_preflight_of_the_documents_paths_is_answered(depot: Depot) -> None:
    for path in ("/public/widget/init", "/public/widget/reservations"):
        answer = await depot.http.options(path, headers={"Origin": SITE, "Access-Control-Request-Method": "POST"})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, SITE)


async def test_the_error_body_is_as_documented(depot: Depot) -> None:
    answer = await depot.reserve(wish(kvkk_consent=False))
    told = answer.json()
    assert set(told) == {"detail", "code", "errors", "request_id"}
    assert set(told["errors"][0]) == {"loc", "msg", "type"}
