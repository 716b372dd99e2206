"""The storage documents' MagicPay endpoints, at their own addresses: one payment a reservation, a demo page, a documented end."""

import asyncio

import pytest
import structlog

from magicpay_desk_fixtures import Storage, order_id, payment_id, storage
from tenancy_fixtures import TestTenant
from vezne import identity, payments, settlements
from vezne.kernel.ids import new_id, parse_id, public_id
from vezne.orders import OrderStatus

__all__ = ["storage"]

JSON = {"Content-Type": "application/json"}


async def test_sr5_a_checkout_session_answers_as_documented(storage: Storage) -> None:
    placed = await storage.reserved()
    session = await storage.session(order_id(placed))
    assert session.keys() == {"payment_id", "session_id", "checkout_url", "amount_minor", "currency", "expires_at"}
    assert (session["amount_minor"], session["currency"]) == (15_000, "TRY")
    assert session["session_id"].startswith("session_")
    assert session["checkout_url"] == f"/payments/magicpay/demo/{session['session_id']}"
    assert session["payment_id"] == payment_id(placed)


async def test_sr1_the_same_reservation_again_is_the_same_payment_and_says_so_in_the_log(storage: Storage) -> None:
    with structlog.testing.capture_logs() as logs:
        placed = await storage.reserved()
        first = await storage.session(order_id(placed))
        again = await storage.session(order_id(placed))
    assert first == again
    told = [line["event"] for line in logs]
    assert told.index("Created new payment") < told.index("Existing payment detected, skipping creation")
    assert len(await storage.attempts(placed)) == 1


async def test_a_claim_stands_for_its_order(storage: Storage) -> None:
    placed = await storage.reserved()
    by_claim = await storage.session(placed.lines[0].details["claim_id"])
    assert by_claim == await storage.session(order_id(placed))


async def test_whatever_a_payment_was_linked_to_stands_for_it(storage: Storage) -> None:
    placed = await storage.reserved()
    widget = public_id("wrs", new_id())
    async with storage.db.transaction(storage.tenant.principal) as tx:
        await tx.execute(
            "UPDATE payments SET reservation = $2 WHERE tenant_id = $1 AND id = $3", tx.tenant_id, widget, placed.order.payment_id
        )
    assert await storage.session(widget) == await storage.session(order_id(placed))


async def test_fifty_requests_at_once_find_one_payment_and_one_session(storage: Storage) -> None:
    placed = await storage.reserved()
    answers = await asyncio.gather(*(storage.post("/checkout-session", {"reservation_id": order_id(placed)}) for _ in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert len({answer.text for answer in answers}) == 1
    assert len(await storage.attempts(placed)) == 1
    async with storage.db.transaction(storage.tenant.principal, read_only=True) as tx:
        assert await tx.fetchval("SELECT count(*) FROM payments WHERE tenant_id = $1", tx.tenant_id) == 1
        assert await tx.fetchval("SELECT count(*) FROM magicpay_sessions WHERE tenant_id = $1", tx.tenant_id) == 1


@pytest.mark.parametrize("reservation", ["ord_01h455vb4pex5vsknk084sn02q", "clm_01h455vb4pex5vsknk084sn02q", "nobody", "1"])
async def test_a_reservation_that_is_not_there_is_not_found(storage: Storage, reservation: str) -> None:
    answer = await storage.post("/checkout-session", {"reservation_id": reservation})
    assert (answer.status_code, answer.json()["code"]) == (404, "reservation_not_found")
    assert answer.json()["errors"][0]["loc"] == ["body", "reservation_id"]


async def test_sr9_bad_bodies_and_callers_get_the_documented_codes(storage: Storage) -> None:
    placed = await storage.reserved()
    session = await storage.session(order_id(placed))
    for path, body in (
        ("/checkout-session", {}),
        ("/checkout-session", {"reservation_id": 7}),
        (f"/demo/{session['session_id']}/complete", {"result": "maybe"}),
    ):
        answer = await storage.post(path, body)
        assert answer.status_code == 422
        assert {"loc", "msg", "type"} <= answer.json()["errors"][0].keys()
        assert answer.json()["detail"]
    assert (await storage.post("/checkout-session", None, Authorization="Bearer nobody")).status_code == 401
    publishable = {"Authorization": f"Bearer {storage.tenant.publishable_key}"}
    assert (
        await storage.post(f"/demo/{session['session_id']}/complete", {"result": "success"}, **publishable)
    ).status_code == 403
    raw = await storage.http.post("/payments/magicpay/checkout-session", content=b"{", headers=JSON | storage.tenant.headers)
    assert raw.status_code == 400


async def test_sr6_success_pays_books_and_settles_and_again_changes_nothing(storage: Storage) -> None:
    host = await storage.host()
    placed = await storage.reserved(host=host)
    session = await storage.session(order_id(placed))
    done = await storage.complete(session)
    assert (done["ok"], done["payment_status"]) == (True, "paid")
    assert (await storage.order(placed)).status is OrderStatus.FULFILLED
    async with storage.db.transaction(storage.tenant.principal, read_only=True) as tx:
        settled = await settlements.settlement_of(tx, placed.lines[0].id)
        assert (await settlements.owed(tx, host, "TRY")).available == 13_500
    assert done["settlement_id"] == public_id("stl", settled.id)
    assert await storage.complete(session) == done
    assert (await storage.seen(session))["payment_status"] == "paid"
    other_end = await storage.post(f"/demo/{session['session_id']}/complete", {"result": "failed"})
    assert (other_end.status_code, other_end.json()["code"]) == (409, "magic_pay_session_decided")
    assert await storage.session(order_id(placed)) == session


async def test_sr6_failed_leaves_the_reservation_for_another_session(storage: Storage) -> None:
    placed = await storage.reserved()
    first = await storage.session(order_id(placed))
    assert await storage.complete(first, "failed") == {"ok": True, "payment_status": "failed", "settlement_id": None}
    assert (await storage.order(placed)).status is OrderStatus.PENDING
    second = await storage.session(order_id(placed))
    assert second["payment_id"] == first["payment_id"]
    assert second["session_id"] != first["session_id"]
    assert (await storage.complete(second))["payment_status"] == "paid"
    declined, paid = await storage.attempts(placed)
    assert (declined.is_final, paid.is_final, paid.parent_id) == (False, True, declined.id)


async def test_success_pressed_by_many_at_once_pays_once(storage: Storage) -> None:
    placed = await storage.reserved()
    session = await storage.session(order_id(placed))
    path = f"/demo/{session['session_id']}/complete"
    answers = await asyncio.gather(*(storage.post(path, {"result": "success"}) for _ in range(20)))
    assert [answer.json()["payment_status"] for answer in answers] == ["paid"] * 20
    async with storage.db.transaction(storage.tenant.principal, read_only=True) as tx:
        captured = "SELECT count(*) FROM entries WHERE tenant_id = $1 AND kind = 'payment.captured'"
        assert await tx.fetchval(captured, tx.tenant_id) == 1


async def test_another_tenants_session_is_not_there(storage: Storage, other_tenant: TestTenant) -> None:
    session = await storage.session(order_id(await storage.reserved()))
    answer = await storage.http.post(
        f"/payments/magicpay/demo/{session['session_id']}/complete", json={"result": "success"}, headers=other_tenant.headers
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "magic_pay_session_unknown")
    assert (await storage.seen(session))["status"] == "open"


@pytest.mark.parametrize("name", ["session_1_" + "0" * 32, "session_x", "mps_1", "..%2F..", "session_1_" + "0" * 31 + "%00"])
async def test_a_session_nobody_made_is_not_there(storage: Storage, name: str) -> None:
    for headers in ({}, {"Accept": "text/html"}):
        answer = await storage.http.get(f"/payments/magicpay/demo/{name}", headers=headers)
        assert answer.status_code == 404
    answer = await storage.post(f"/demo/{name}/complete", {"result": "success"})
    assert answer.status_code in {404, 422}


async def test_a_tenant_that_does_not_offer_magicpay_is_told_so(storage: Storage) -> None:
    async with storage.db.transaction(storage.tenant.principal) as tx:
        await identity.change_tenant(tx, settings={"payment_provider": "cash", "other_providers": []})
    placed = await storage.reserved()
    answer = await storage.post("/checkout-session", {"reservation_id": order_id(placed)})
    assert (answer.status_code, answer.json()["code"]) == (422, "provider_not_offered")


async def test_a_reservation_that_was_given_up_cannot_be_paid(storage: Storage) -> None:
    placed = await storage.reserved()
    async with storage.db.transaction(storage.tenant.principal) as tx:
        await payments.cancel(tx, parse_id("pay", payment_id(placed)))
    answer = await storage.post("/checkout-session", {"reservation_id": order_id(placed)})
    assert (answer.status_code, answer.json()["code"]) == (409, "order_not_payable")
