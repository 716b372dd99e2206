"""Paying through PayU, whole and over HTTP: our form page, PayU's page, the browser's return, webhooks, refunds (ET4, ET7)."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
import structlog

from desk_fixtures import RETURN_URL
from payu_fixtures import PAYU_KEY, PAYU_SALT, Counter
from tenancy_fixtures import TenantMaker
from vezne import payments
from vezne.payments.providers.payu import PayuProvider
from vezne.payments.providers.payu_texts import reverse_hashes
from vezne.sandbox.payu import hashes

POOR, DELAYED = "4000000000009995", "4000000000000077"


async def booked(counter: Counter) -> tuple[int, int]:
    """What has come in, and how often a payment was said to have succeeded."""
    return await counter.held("unapplied", "INR"), await counter.events("payment.succeeded")


async def test_the_browsers_return_alone_finishes_a_payment(counter: Counter) -> None:
    payment_id, _ = await counter.paid()
    assert await counter.status(payment_id) == "succeeded"
    assert await booked(counter) == (10_000, 1)


async def test_the_webhook_alone_finishes_a_payment_whose_browser_never_returned(counter: Counter) -> None:
    await counter.told()
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    await counter.act(txnid)
    await counter.until_told(txnid)
    await counter.work("payments.act_on_webhook")
    assert await counter.status(payment_id) == "succeeded"
    assert await booked(counter) == (10_000, 1)


async def test_without_return_and_webhook_the_poller_finishes_it(counter: Counter) -> None:
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    await counter.act(txnid)
    await counter.work("payments.poll", ahead=timedelta(minutes=1))
    assert await counter.status(payment_id) == "succeeded"
    assert await booked(counter) == (10_000, 1)


async def test_return_webhook_and_poller_at_once_book_the_money_once(counter: Counter) -> None:
    await counter.told()
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    done = await counter.act(txnid)
    await counter.until_told(txnid)
    answers: list[Any] = await asyncio.gather(
        *(counter.post_back(done) for _ in range(4)),
        *(counter.http.post("/v1/payu/webhook", data=done["fields"]) for _ in range(4)),
        counter.work("payments.act_on_webhook"),
        counter.finalise(payment_id),
    )
    assert [answer.status_code for answer in answers[:8]] == [303] * 4 + [200] * 4
    await counter.work("payments.act_on_webhook")
    assert await counter.status(payment_id) == "succeeded"
    assert await booked(counter) == (10_000, 1)
    outcomes = [hook["outcome"] for hook in await counter.webhooks()]
    assert (outcomes.count("applied"), set(outcomes)) == (1, {"applied", "duplicate"})


async def test_a_declined_card_leads_back_and_the_next_attempt_pays_the_same_price(counter: Counter) -> None:
    payment_id = await counter.asked()
    first, form = await counter.entered(payment_id)
    back = await counter.post_back(await counter.act(first, card=POOR))
    assert (back.status_code, back.headers["location"]) == (303, RETURN_URL)
    declined = await counter.payment(payment_id)
    assert (declined.status, declined.last_error) == ("requires_payment", "insufficient_funds")
    second, again = await counter.entered(payment_id)
    assert second != first
    assert (again["amount"], again["udf1"]) == (form["amount"], form["udf1"])
    await counter.post_back(await counter.act(second))
    assert await counter.status(payment_id) == "succeeded"
    one, two = await counter.attempts(payment_id)
    assert (two.parent_id, one.is_final, two.is_final) == (one.id, False, True)
    assert await booked(counter) == (10_000, 1)


async def test_a_customer_who_cancels_may_pay_again(counter: Counter) -> None:
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    done = await counter.act(txnid, act="cancel")
    assert done["action"].endswith("/failure")
    assert (await counter.post_back(done)).status_code == 303
    assert [attempt.status for attempt in await counter.attempts(payment_id)] == ["cancelled"]
    assert await counter.status(payment_id) == "requires_payment"


async def test_money_on_its_way_is_waited_for(counter: Counter) -> None:
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    await counter.post_back(await counter.act(txnid, card=DELAYED))
    assert await counter.status(payment_id) == "processing"
    await counter.act(txnid, act="finish")
    assert (await counter.finalise(payment_id)).status == "succeeded"
    assert await booked(counter) == (10_000, 1)


async def test_authorised_money_is_not_ours_until_payu_takes_it(counter: Counter) -> None:
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    await counter.post_back(await counter.act(txnid, act="hold"))
    assert (await counter.status(payment_id), await booked(counter)) == ("processing", (0, 0))
    await counter.act(txnid, act="finish")
    assert (await counter.finalise(payment_id)).status == "succeeded"


async def test_closing_the_tab_on_payus_page_and_coming_back_leads_to_the_same_attempt(counter: Counter) -> None:
    payment_id = await counter.asked()
    first, _ = await counter.entered(payment_id)
    again, _ = await counter.entered(payment_id)
    assert again == first
    assert len(await counter.attempts(payment_id)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "1.00"},
        {"hash": "0" * 128},
        {"hash": ""},
        {"status": "success"},
        {"txnid": "0" * 25},
        {"key": "OTHER"},
        {"udf1": "zzzzzzzz"},
        {"udf1": ""},
        {"additionalCharges": "5.00"},
    ],
)
async def test_a_tampered_return_is_refused_and_nothing_changes(counter: Counter, changes: dict[str, str]) -> None:
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    done = await counter.act(txnid, card=POOR)
    for path in ("success", "failure", "webhook"):
        answer = await counter.http.post(f"/v1/payu/{path}", data={**done["fields"], **changes})
        assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    assert await counter.work("payments.act_on_webhook") == 0
    assert [attempt.status for attempt in await counter.attempts(payment_id)] == ["pending"]
    assert {hook["outcome"] for hook in await counter.webhooks()} <= {"forged"}


async def test_a_browser_with_a_tampered_form_sees_a_page(counter: Counter) -> None:
    txnid, _ = await counter.entered(await counter.asked())
    done = await counter.act(txnid)
    answer = await counter.post_back(done, amount="1.00")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "could not be confirmed" in answer.text


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"a", b"{}", b"{", b'{"key": "SANDBOX"}', b"[1]", b"udf1=1&udf1=2", b"udf1=%00"]
)
async def test_what_is_no_answer_of_payus_is_refused(counter: Counter, body: bytes) -> None:
    for path in ("success", "failure", "webhook"):
        answer = await counter.http.post(f"/v1/payu/{path}", content=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")


async def test_a_customer_who_lowers_the_amount_on_the_way_to_payu_is_stopped_there(counter: Counter) -> None:
    payment_id = await counter.asked()
    _, form = await counter.entered(payment_id)
    cheap = {**form, "txnid": form["txnid"][::-1], "amount": "1.00"}
    answer = await counter.sandbox.client.post("/_payment", data=cheap)
    assert answer.status_code == 400
    assert "incorrectly calculated hash" in answer.text


async def test_another_amount_at_payu_is_kept_apart_for_a_person(counter: Counter) -> None:
    """Signed rightly, but not what was asked for: a second program with our key, or a bug."""
    payment_id = await counter.asked()
    attempt = await payments.start_attempt(counter.db, counter.gateways, counter.principal, payment_id, return_url=RETURN_URL)
    assert attempt.form is not None
    fields = {**attempt.form.fields, "amount": "1.00"}
    fields["hash"] = hashes.of_request(fields, PAYU_SALT)
    assert (await counter.sandbox.client.post("/_payment", data=fields)).status_code == 303
    assert (await counter.post_back(await counter.act(fields["txnid"]))).status_code == 303
    assert (await counter.payment(payment_id)).flag == "amount_mismatch"
    assert await booked(counter) == (0, 0)


async def test_a_foreign_txnid_is_answered_kept_and_changes_nothing(counter: Counter) -> None:
    txnid, _ = await counter.entered(await counter.asked())
    fields = {**(await counter.act(txnid))["fields"], "txnid": "not-of-this-shop"}
    fields["hash"] = next(reverse_hashes(fields, PAYU_SALT))
    answer = await counter.http.post("/v1/payu/success", data=fields)
    assert (answer.status_code, answer.json()["code"]) == (404, "return_unknown")
    page = await counter.http.post("/v1/payu/success", data=fields, headers={"accept": "text/html"})
    assert (page.status_code, "We know no payment" in page.text) == (404, True)
    assert (await counter.http.post("/v1/payu/webhook", data=fields)).status_code == 200
    await counter.work("payments.act_on_webhook")
    assert {hook["outcome"] for hook in await counter.webhooks()} == {"unknown_payment", "duplicate"}
    assert await booked(counter) == (0, 0)


async def test_an_answer_for_a_tenant_that_is_none_is_not_found(counter: Counter) -> None:
    txnid, _ = await counter.entered(await counter.asked())
    fields = {**(await counter.act(txnid))["fields"], "udf1": "zzzzzzzz"}
    fields["hash"] = next(reverse_hashes(fields, PAYU_SALT))
    for path in ("success", "webhook"):
        answer = await counter.http.post(f"/v1/payu/{path}", data=fields)
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook_address_unknown")


async def test_a_deployment_without_payu_has_no_such_addresses(counter: Counter) -> None:
    with counter.providers():
        answer = await counter.http.post("/v1/payu/webhook", data={"a": "b"})
    assert (answer.status_code, answer.json()["code"]) == (404, "provider_unknown")


async def test_seeded_faults_of_the_sandbox_change_nothing_in_the_outcome(counter: Counter) -> None:
    """Forged first, then the genuine one, two copies, and lost at its first try."""
    await counter.sandbox.arm(webhooks={"duplicate": 2, "forge": True, "drop_first": 1})
    await counter.told()
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    await counter.act(txnid)
    await counter.until_told(txnid, 3)
    await counter.work("payments.act_on_webhook")
    for fault in ("webhooks.duplicate", "webhooks.forge", "webhooks.drop_first"):
        assert await counter.sandbox.fired(fault) > 0
    outcomes = [hook["outcome"] for hook in await counter.webhooks()]
    assert (outcomes.count("applied"), outcomes.count("forged")) == (1, 1)
    assert await booked(counter) == (10_000, 1)


async def test_events_in_the_wrong_order_end_in_the_truth(counter: Counter) -> None:
    await counter.sandbox.arm(webhooks={"reorder": 1_000})
    await counter.told()
    payment_id = await counter.asked()
    first, _ = await counter.entered(payment_id)
    await counter.act(first, card=POOR)
    assert (await counter.finalise(payment_id)).status == "requires_payment"
    second, _ = await counter.entered(payment_id)
    await counter.act(second)
    await counter.until_told(second)
    await counter.until_told(first)
    await counter.work("payments.act_on_webhook")
    assert await counter.status(payment_id) == "succeeded"
    assert await booked(counter) == (10_000, 1)


async def expire(counter: Counter, payment_id: UUID) -> None:
    """Let the payment's time be over."""
    await counter.owner.execute(
        "UPDATE payments SET expires_at = created_at WHERE tenant_id = $1 AND id = $2", counter.tenant.tenant_id, payment_id
    )
    expired = await payments.expire(counter.db, counter.gateways, counter.principal, payment_id)
    assert expired.status == "expired"


@pytest.mark.parametrize("by", ["return", "webhook"])
async def test_money_that_comes_after_the_end_is_kept_and_told_as_late(counter: Counter, by: str) -> None:
    if by == "webhook":
        await counter.told()
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    await expire(counter, payment_id)
    done = await counter.act(txnid)
    if by == "return":
        assert (await counter.post_back(done)).status_code == 303
    else:
        await counter.until_told(txnid)
        await counter.work("payments.act_on_webhook")
    assert await counter.status(payment_id) == "succeeded"
    assert await counter.events("payment.succeeded_late") == 1
    assert await booked(counter) == (10_000, 0)


async def test_while_payus_api_is_away_the_customer_waits_and_the_webhook_finishes(counter: Counter) -> None:
    payment_id = await counter.asked()
    txnid, _ = await counter.entered(payment_id)
    done = await counter.act(txnid)
    away = PayuProvider(
        payment_url=counter.sandbox.url,
        api_url="http://127.0.0.1:9",
        merchant_key=PAYU_KEY,
        merchant_salt=PAYU_SALT,
        timeout=timedelta(milliseconds=100),
    )
    with counter.providers(payu=away):
        back = await counter.post_back(done)
    assert (back.status_code, back.headers["location"]) == (303, RETURN_URL)
    assert await counter.status(payment_id) == "requires_action"
    await away.aclose()
    await counter.work("payments.act_on_webhook")  # the browser's form was kept, and is acted on like a webhook
    assert await counter.status(payment_id) == "succeeded"


async def test_neither_hash_nor_salt_is_in_any_table_or_log(counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await counter.told()
    with structlog.testing.capture_logs() as logs:
        payment_id = await counter.asked()
        txnid, form = await counter.entered(payment_id)
        done = await counter.act(txnid)
        await counter.post_back(done)
        await counter.post_back(done, amount="1.00")
        await counter.until_told(txnid)
        await counter.work("payments.act_on_webhook")
    secret = {form["hash"], done["fields"]["hash"], PAYU_SALT}
    texts = [caplog.text, str(logs)]
    tables = await counter.owner.fetch(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
    )
    assert len(tables) > 20
    for table in tables:
        rows = await counter.owner.fetch(f"SELECT t::text FROM {table['name']} t")  # the catalogue's own names
        texts += [row["t"] for row in rows]
    for text in texts:
        assert not any(word in text for word in secret)


async def test_each_tenants_answers_find_their_own_payments(counter: Counter, make_tenant: TenantMaker) -> None:
    other = replace(counter, tenant=await make_tenant(payment_provider="payu", default_currency="INR"))
    mine, theirs = await counter.paid(1_000), await other.paid(2_000)
    assert await counter.held("unapplied", "INR") == 1_000
    assert await other.held("unapplied", "INR") == 2_000
    fields = (await other.act(theirs[1], act="finish"))["fields"]
    moved = {**fields, "udf1": (await counter.act(mine[1], act="finish"))["fields"]["udf1"]}
    assert (await counter.http.post("/v1/payu/success", data=moved)).status_code == 401
    moved["hash"] = next(reverse_hashes(moved, PAYU_SALT))
    assert (await counter.http.post("/v1/payu/success", content=urlencode(moved))).status_code == 404
