"""Cash and bank transfers: what the customer is told, what staff confirm, and what follows from it."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from magicpay_desk_fixtures import Storage, payment_id, storage
from vezne import bookings, identity, ledger, orders, payments, settlements
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.principal import Principal
from vezne.orders import OrderStatus
from vezne.payments.jobs import jobs_on

__all__ = ["storage"]

OFFLINE = ("cash", "bank_transfer")
RETURN_URL = "https://shop.example/return"


async def promise(storage: Storage, provider: str, placed: orders.Placed | None = None) -> tuple[orders.Placed, str]:
    """A guest who chose to pay offline, and the address of the page that tells how."""
    placed = placed or await storage.reserved(provider=provider)
    assert placed.payment is not None
    started = await payments.start_attempt(
        storage.db, storage.gateways, storage.tenant.principal, placed.payment.id, return_url=RETURN_URL, provider=provider
    )
    return placed, urlsplit(started.redirect_url).path


async def confirm(storage: Storage, placed: orders.Placed, minor: int = 15_000, **more: Any) -> httpx2.Response:  # noqa: ANN401
    body = {"received_minor": minor, "currency": "TRY", "note": "seen on the statement", "reference": "EKSTRE 12", **more}
    return await storage.http.post(f"/v1/payments/{payment_id(placed)}/confirmations", json=body, headers=storage.tenant.headers)


async def reject(storage: Storage, placed: orders.Placed) -> httpx2.Response:
    return await storage.http.post(
        f"/v1/payments/{payment_id(placed)}/rejections", json={"note": "nothing came"}, headers=storage.tenant.headers
    )


async def balance(storage: Storage, code: str) -> int:
    """What a house account holds in lira."""
    async with storage.db.transaction(storage.tenant.principal, read_only=True) as tx:
        return sum(line.balance for line in await ledger.trial_balance(tx) if (line.code, line.currency) == (code, "TRY"))


async def facts(storage: Storage, type_: str) -> list[dict[str, Any]]:
    """What the audit log says of one kind of thing."""
    answer = await storage.http.get("/v1/audit-log", params={"type": type_}, headers=storage.tenant.headers)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
    return found


@pytest.mark.parametrize("provider", OFFLINE)
async def test_money_that_staff_confirm_pays_books_and_settles(storage: Storage, provider: str) -> None:
    host = await storage.host()
    placed, _ = await promise(storage, provider, await storage.reserved(host=host, provider=provider))
    assert (await storage.order(placed)).status is OrderStatus.PENDING
    answer = await confirm(storage, placed)
    assert (answer.status_code, answer.json()["status"]) == (201, "succeeded")
    assert (await storage.order(placed)).status is OrderStatus.FULFILLED
    assert await balance(storage, f"clearing:{provider}") == -15_000
    async with storage.db.transaction(storage.tenant.principal, read_only=True) as tx:
        assert (await settlements.owed(tx, host, "TRY")).available == 13_500
    (told,) = await facts(storage, "payment.confirmed")
    assert told["actor"].startswith("key:key_")
    assert told["payload"]["note"] == "seen on the statement"
    said = await storage.http.get(f"/v1/payments/{payment_id(placed)}/transactions", headers=storage.tenant.headers)
    assert said.json()["data"][-1]["provider_response"]["reference"] == "EKSTRE 12"


async def test_the_same_confirmation_again_is_the_same_answer(storage: Storage) -> None:
    placed, _ = await promise(storage, "cash")
    answers = await asyncio.gather(*(confirm(storage, placed) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(await facts(storage, "payment.confirmed")) == 1
    assert await balance(storage, "clearing:cash") == -15_000


@pytest.mark.parametrize(("minor", "currency", "field"), [(14_000, "TRY", "received_minor"), (15_000, "USD", "currency")])
async def test_another_amount_is_refused_by_name_and_nothing_is_booked(
    storage: Storage, minor: int, currency: str, field: str
) -> None:
    placed, _ = await promise(storage, "bank_transfer")
    answer = await confirm(storage, placed, minor, currency=currency)
    assert (answer.status_code, answer.json()["code"]) == (409, "received_amount_differs")
    assert answer.json()["errors"][0]["loc"] == ["body", field]
    assert (await storage.order(placed)).status is OrderStatus.PENDING
    assert await balance(storage, "clearing:bank_transfer") == 0
    assert (await confirm(storage, placed)).status_code == 201


async def test_another_amount_that_really_came_waits_for_a_person(storage: Storage) -> None:
    placed, _ = await promise(storage, "bank_transfer")
    answer = await confirm(storage, placed, 14_000, other_amount=True)
    assert (answer.status_code, answer.json()["flag"]) == (201, "amount_mismatch")
    assert (await storage.order(placed)).status is OrderStatus.PENDING
    waiting = await storage.http.get("/v1/unmatched-money", headers=storage.tenant.headers)
    assert [each["amount_minor"] for each in waiting.json()["data"]] == [14_000]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"received_minor": 0, "currency": "TRY"},
        {"received_minor": "15000", "currency": "TRY"},
        {"received_minor": 1, "currency": "?"},
    ],
)
async def test_a_confirmation_that_says_too_little_is_refused(storage: Storage, body: dict[str, Any]) -> None:
    placed, _ = await promise(storage, "cash")
    answer = await storage.http.post(
        f"/v1/payments/{payment_id(placed)}/confirmations", json=body, headers=storage.tenant.headers
    )
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_a_payment_by_card_is_not_confirmed_by_hand(storage: Storage) -> None:
    placed = await storage.reserved()
    assert (await confirm(storage, placed)).json()["code"] == "nothing_to_confirm"
    await storage.session(public_id("ord", placed.order.id))
    answer = await confirm(storage, placed)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_confirm")
    assert (await reject(storage, placed)).json()["code"] == "nothing_to_confirm"


async def test_only_who_may_confirm_does(storage: Storage) -> None:
    placed, _ = await promise(storage, "cash")
    async with storage.db.transaction(storage.tenant.principal) as tx:
        _, key = await identity.create_key(
            tx, kind="restricted", name="support", permissions=frozenset({"payments.read", "payments.write"})
        )
    answer = await storage.http.post(
        f"/v1/payments/{payment_id(placed)}/confirmations",
        json={"received_minor": 15_000, "currency": "TRY"},
        headers={"Authorization": f"Bearer {key.text}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


async def test_what_did_not_come_is_rejected_and_the_guest_may_pay_otherwise(storage: Storage) -> None:
    placed, _ = await promise(storage, "bank_transfer")
    for _ in range(2):
        answer = await reject(storage, placed)
        assert (answer.status_code, answer.json()["status"]) == (201, "requires_payment")
        assert answer.json()["last_error"] == "not_received"
    assert len(await facts(storage, "payment.rejected")) == 1
    session = await storage.session(public_id("ord", placed.order.id))
    assert (await storage.complete(session))["payment_status"] == "paid"


async def test_what_was_confirmed_is_not_rejected(storage: Storage) -> None:
    placed, _ = await promise(storage, "cash")
    await confirm(storage, placed)
    answer = await reject(storage, placed)
    assert (answer.status_code, answer.json()["code"]) == (409, "confirmed_already")


async def test_rejected_money_that_comes_after_all_is_taken(storage: Storage) -> None:
    placed, _ = await promise(storage, "cash")
    await reject(storage, placed)
    assert (await confirm(storage, placed)).json()["status"] == "succeeded"
    assert (await storage.order(placed)).status is OrderStatus.FULFILLED


async def test_a_promised_transfer_is_waited_for_as_many_days_as_the_tenant_says(storage: Storage) -> None:
    placed, _ = await promise(storage, "bank_transfer")
    assert placed.payment is not None
    async with storage.db.transaction(storage.tenant.principal, read_only=True) as tx:
        asked = await payments.payment(tx, placed.payment.id)
        claim = await bookings.claim(tx, parse_id("clm", placed.lines[0].details["claim_id"]))
        assert timedelta(days=4, hours=23) < asked.expires_at - tx.now <= timedelta(days=5)
        assert claim.expires_at is not None
        assert claim.expires_at >= asked.expires_at
    await storage.pass_time(timedelta(days=4))
    await payments.expire_due(storage.db, storage.gateways, storage.tenant.principal)
    assert (await confirm(storage, placed)).json()["status"] == "succeeded"


async def test_money_that_comes_after_its_time_is_late_money(storage: Storage) -> None:
    placed, _ = await promise(storage, "bank_transfer")
    await storage.pass_time(timedelta(days=6))
    await payments.expire_due(storage.db, storage.gateways, storage.tenant.principal)
    assert (await storage.order(placed)).status is OrderStatus.EXPIRED
    assert (await confirm(storage, placed)).json()["status"] == "succeeded"
    assert (await storage.order(placed)).status is OrderStatus.FULFILLED  # the same place was free again


async def test_a_guest_who_paid_by_card_as_well_has_paid_twice(storage: Storage) -> None:
    placed, _ = await promise(storage, "bank_transfer")
    session = await storage.session(public_id("ord", placed.order.id))
    assert (await storage.complete(session))["payment_status"] == "paid"
    answer = await confirm(storage, placed)
    assert (answer.status_code, answer.json()["flag"]) == (201, "paid_twice")
    assert await balance(storage, "clearing:bank_transfer") == -15_000


async def test_nobody_is_asked_about_an_offline_attempt(storage: Storage) -> None:
    placed, _ = await promise(storage, "cash")
    assert placed.payment is not None
    found = await payments.finalise(storage.db, storage.gateways, storage.tenant.principal, placed.payment.id)
    assert found.status is payments.PaymentStatus.REQUIRES_ACTION
    polls = "SELECT count(*) FROM jobs.pgqueuer WHERE entrypoint = 'payments.poll' AND convert_from(payload, 'UTF8') LIKE $1"
    (attempt,) = await storage.attempts(placed)
    async with storage.db.connection() as connection:
        assert await connection.fetchval(polls, f"%{attempt.reference}%") == 0


async def refunded(storage: Storage, placed: orders.Placed) -> str:
    """Ask for a refund, and let its job run; its public id."""
    answer = await storage.http.post(
        f"/v1/payments/{payment_id(placed)}/refunds", json={"amount_minor": 15_000}, headers=storage.tenant.headers
    )
    assert answer.status_code == 201, answer.text
    refund: str = answer.json()["id"]
    call = JobCall("payments.refund_at_provider", storage.tenant.tenant_id, {"refund_id": refund})
    await jobs_on(storage.gateways)["payments.refund_at_provider"](storage.db, call)
    return refund


async def end_refund(storage: Storage, refund: str, how: str) -> httpx2.Response:
    return await storage.http.post(f"/v1/refunds/{refund}/{how}", json={"note": "by the counter"}, headers=storage.tenant.headers)


async def test_a_refund_waits_until_staff_have_paid_it_out(storage: Storage) -> None:
    placed, _ = await promise(storage, "cash")
    await confirm(storage, placed)
    refund = await refunded(storage, placed)
    listed = await storage.http.get(f"/v1/payments/{payment_id(placed)}/refunds", headers=storage.tenant.headers)
    assert [each["status"] for each in listed.json()["data"]] == ["pending"]
    assert await balance(storage, "clearing:cash") == -15_000
    answers = await asyncio.gather(*(end_refund(storage, refund, "confirmations") for _ in range(5)))
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(201, "succeeded")}
    assert await balance(storage, "clearing:cash") == 0
    assert len(await facts(storage, "refund.confirmed")) == 1
    assert (await storage.order(placed)).status is OrderStatus.REFUNDED
    answer = await end_refund(storage, refund, "rejections")
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_ended")


async def test_a_refund_that_could_not_be_paid_out_gives_back_what_it_took(storage: Storage) -> None:
    placed, _ = await promise(storage, "bank_transfer")
    await confirm(storage, placed)
    refund = await refunded(storage, placed)
    for _ in range(2):
        answer = await end_refund(storage, refund, "rejections")
        assert (answer.status_code, answer.json()["status"], answer.json()["failure_code"]) == (201, "failed", "not_paid_out")
    assert await balance(storage, "clearing:bank_transfer") == -15_000
    assert len(await facts(storage, "refund.rejected")) == 1
    assert (await end_refund(storage, refund, "confirmations")).json()["code"] == "refund_ended"


async def test_a_card_refund_is_not_paid_out_by_hand(storage: Storage) -> None:
    placed = await storage.reserved()
    await storage.complete(await storage.session(public_id("ord", placed.order.id)))
    asked = await storage.http.post(
        f"/v1/payments/{payment_id(placed)}/refunds", json={"amount_minor": 15_000}, headers=storage.tenant.headers
    )
    answer = await end_refund(storage, asked.json()["id"], "confirmations")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_pay_out")
    unknown = await end_refund(storage, "ref_01h455vb4pex5vsknk084sn02q", "confirmations")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_refund")


async def test_the_page_tells_how_to_transfer_and_then_that_it_came(storage: Storage) -> None:
    async with storage.db.transaction(storage.tenant.principal) as tx:
        await identity.change_tenant(tx, settings={"transfer_instructions": "Banka: Örnek\nIBAN: TR33 <b>"})
    placed, page = await promise(storage, "bank_transfer")
    shown = await storage.http.get(page, params={"lang": "tr"})
    assert shown.status_code == 200
    assert "150,00" in shown.text
    assert "Banka: Örnek\nIBAN: TR33 &lt;b&gt;" in shown.text
    (attempt,) = await storage.attempts(placed)
    code = (attempt.provider_ref or "")[-10:].upper()
    assert f"{code[:5]}-{code[5:]}" in shown.text
    await confirm(storage, placed)
    assert "Your payment has arrived" in (await storage.http.get(page, params={"lang": "en"})).text


async def test_the_page_of_a_promise_that_is_over_says_not_to_pay(storage: Storage) -> None:
    placed, page = await promise(storage, "cash")
    assert "at the counter" in (await storage.http.get(page, params={"lang": "en"})).text
    await reject(storage, placed)
    assert "no longer expected" in (await storage.http.get(page, params={"lang": "en"})).text


@pytest.mark.parametrize("spoil", [str.upper, lambda page: page.replace("/pay/", "/pay/1"), lambda page: page[:-20] + page[-13:]])
async def test_a_page_nobody_was_sent_to_is_not_there(storage: Storage, spoil: Any) -> None:  # noqa: ANN401 - any change of text
    _, page = await promise(storage, "cash")
    token = page.removeprefix("/pay/").removesuffix("/instructions")
    answer = await storage.http.get(f"/pay/{spoil(token)}x/instructions")
    assert answer.status_code == 404


async def test_confirmations_of_two_tenants_do_not_meet(storage: Storage) -> None:
    placed, _ = await promise(storage, "cash")
    stranger = Principal.system(storage.tenant.tenant_id + 1_000_000, "stranger")
    async with storage.db.transaction(stranger) as tx:
        with pytest.raises(payments.UnknownPayment):
            await payments.confirm(tx, storage.gateways, placed.payment.id, placed.payment.amount)  # type: ignore[union-attr]
