"""Whoever holds a checkout's address may see and pay its one order, and nothing more (CW4, SR5)."""

from datetime import timedelta

import pytest

from checkout_fixtures import Till
from tenancy_fixtures import TestTenant
from vezne.kernel import clock
from vezne.kernel.ids import public_id


async def _advance(till: Till, by: timedelta) -> None:
    async with till.db.transaction(till.principal) as tx:
        await clock.hold(tx, tx.now + by)


async def test_the_address_shows_its_order_and_is_told_to_nobody(till: Till) -> None:
    page = await till.page(await till.bill())
    assert page.status_code == 200
    assert "TRY\N{NO-BREAK SPACE}100.00" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    assert f"form-action 'self' {till.sandbox.url};" in page.headers["content-security-policy"]


@pytest.mark.parametrize("step", ["", "/return", "/cancel", "/status"])
async def test_an_altered_address_opens_nothing(till: Till, step: str) -> None:
    bill = await till.bill()
    other = await till.bill()
    swapped = other.token[:30] + bill.token[30:]
    for token in (bill.token[:-1] + ("A" if bill.token[-1] != "A" else "B"), swapped, "pay_1", "cks_x", "a" * 3000):
        answer = await till.http.get(f"/checkout/{token}{step}")
        assert answer.status_code == 404
        assert "100.00" not in answer.text


async def test_an_address_of_another_tenant_opens_nothing_there(till: Till, other_tenant: TestTenant) -> None:
    opened = (await till.post("/v1/checkout-sessions", {"order_id": (await till.bill()).order})).json()
    token = opened["checkout_url"].rpartition("/")[2]
    head, _, rest = token[31:].partition("_")
    forged = f"{token[:31]}{other_tenant.tenant_id:x}_{rest}"
    assert int(head, 16) == till.tenant.tenant_id
    assert (await till.http.get(f"/checkout/{forged}")).status_code == 404
    assert (await till.http.get(f"/checkout/{token[:31]}{2**50:x}_{rest}")).status_code == 404


async def test_only_the_hash_of_a_token_is_kept(till: Till) -> None:
    opened = (await till.post("/v1/checkout-sessions", {"order_id": (await till.bill()).order})).json()
    secret = opened["checkout_url"][-32:]
    row = await till.owner.fetchrow("SELECT * FROM checkout_sessions WHERE tenant_id = $1", till.tenant.tenant_id)
    assert secret not in str(dict(row or {}))
    assert secret not in str(await till.get(f"/v1/checkout-sessions/{opened['session_id']}"))


async def test_after_its_time_it_cannot_be_paid_and_a_day_later_it_is_gone(till: Till) -> None:
    bill = await till.bill()
    await _advance(till, timedelta(minutes=31))
    page = await till.page(bill)
    assert "The time to pay is over" in page.text
    answer = await till.http.post(f"/checkout/{bill.token}/attempts")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/checkout/{bill.token}")
    assert await till.attempts(bill.payment_id) == []
    await _advance(till, timedelta(days=2))
    gone = await till.page(bill)
    assert gone.status_code == 410
    assert "100.00" not in gone.text


async def test_a_session_opened_later_pays_the_same_order_and_ends_with_its_payment(till: Till) -> None:
    bill = await till.bill()
    await _advance(till, timedelta(minutes=10))
    answer = await till.post("/v1/checkout-sessions", {"order_id": bill.order})
    assert answer.status_code == 201
    opened = answer.json()
    first = await till.get(f"/v1/checkout-sessions/{public_id('cks', bill.payment_id)}")
    assert (opened["status"], opened["amount_minor"], opened["order_id"]) == ("open", 10_000, bill.order)
    assert opened["expires_at"] == first["expires_at"]
    assert (first["order_id"], first["checkout_url"]) == (bill.order, None)
    page = await till.http.get(opened["checkout_url"])
    assert (page.status_code, bill.order in page.text) == (200, True)
    assert (await till.get(f"/v1/checkout-sessions/{opened['session_id']}"))["status"] == "open"


async def test_a_paid_or_foreign_or_unknown_order_gets_no_session(till: Till, other_tenant: TestTenant) -> None:
    bill = await till.bill()
    foreign = await till.http.post("/v1/checkout-sessions", json={"order_id": bill.order}, headers=other_tenant.headers)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "unknown_order")
    session = f"/v1/checkout-sessions/{public_id('cks', bill.payment_id)}"
    assert (await till.http.get(session, headers=other_tenant.headers)).status_code == 404
    await till.pay_at_bank(bill, "4242424242424242")
    await till.page(bill, "/return")
    paid = await till.post("/v1/checkout-sessions", {"order_id": bill.order})
    assert (paid.status_code, paid.json()["code"]) == (409, "order_not_payable")


async def test_a_browser_sees_its_session_by_publishable_key_and_client_secret(till: Till, other_tenant: TestTenant) -> None:
    bill = await till.bill()
    mine = {"Authorization": f"Bearer {till.tenant.publishable_key}"}
    theirs = {"Authorization": f"Bearer {other_tenant.publishable_key}"}
    path, session = "/v1/checkout-sessions/current", f"/v1/checkout-sessions/{public_id('cks', bill.payment_id)}"
    seen = await till.http.get(path, headers={**mine, "Client-Secret": bill.client_secret})
    assert (seen.status_code, seen.json()["order_id"]) == (200, bill.order)
    assert (await till.http.get(path, headers={**theirs, "Client-Secret": bill.client_secret})).status_code == 404
    assert (await till.http.get(path, headers={**mine, "Client-Secret": bill.client_secret[:-2] + "xx"})).status_code == 404
    assert (await till.http.get(path, headers=mine)).status_code == 422
    assert (await till.http.get(session, headers=mine)).status_code == 403


async def test_a_return_address_that_could_run_is_not_linked(till: Till) -> None:
    refused = await till.post(
        "/v1/top-ups",
        {
            "customer_id": public_id("cus", await till.customer()),
            "amount_minor": 1,
            "currency": "TRY",
            "return_url": "javascript:alert(1)",
        },
    )
    assert refused.status_code == 422
