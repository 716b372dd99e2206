"""Giving money back through PayU, which does the same refund again when it is asked again: asked for once, looked for first."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from payu_fixtures import PAYU_KEY, Counter
from vezne import payments


async def refund(counter: Counter, payment_id: UUID, minor: int) -> None:
    async with counter.db.transaction(counter.principal) as tx:
        await payments.refund(tx, payment_id, minor)


async def until_refunded(counter: Counter, payment_id: UUID, minor: int) -> None:
    async with asyncio.timeout(10):
        while (await counter.payment(payment_id)).refunded_minor < minor:
            await counter.work("payments.refund_at_provider", ahead=timedelta(minutes=2))
            await asyncio.sleep(0.02)


async def test_two_partial_refunds_are_given_back_and_booked_once_each(counter: Counter) -> None:
    payment_id, txnid = await counter.paid()
    for minor in (2_500, 7_500):
        await refund(counter, payment_id, minor)
    await until_refunded(counter, payment_id, 10_000)
    assert sorted(each["paise"] for each in await counter.refunds(txnid)) == [2_500, 7_500]
    assert await counter.held("unapplied", "INR") == 0
    with pytest.raises(payments.RefundTooLarge):
        await refund(counter, payment_id, 1)


async def test_a_refund_whose_answer_never_came_is_not_asked_for_again(counter: Counter) -> None:
    payment_id, txnid = await counter.paid()
    await counter.sandbox.arm(api={"timeout_after": "refund", "hang_ms": 200})
    await refund(counter, payment_id, 4_000)
    await counter.work("payments.refund_at_provider")
    assert await counter.sandbox.fired("api.timeout_after") == 1
    assert (await counter.payment(payment_id)).refunded_minor == 0
    await until_refunded(counter, payment_id, 4_000)
    assert [each["paise"] for each in await counter.refunds(txnid)] == [4_000]
    assert await counter.held("unapplied", "INR") == 6_000


async def test_an_unsigned_refund_notice_only_makes_us_ask(counter: Counter) -> None:
    await counter.sandbox.arm(refunds={"delay_ms": 60_000})
    payment_id, txnid = await counter.paid()
    await refund(counter, payment_id, 10_000)
    await counter.work("payments.refund_at_provider")
    claim = {"action": "refund", "key": PAYU_KEY, "merchantTxnId": txnid, "request_id": "1", "status": "success", "amt": "100.00"}
    assert (await counter.http.post("/v1/payu/webhook", json=claim)).status_code == 200
    await counter.work("payments.act_on_webhook")
    assert (await counter.payment(payment_id)).refunded_minor == 0


async def test_a_genuine_refund_notice_ends_the_refund(counter: Counter) -> None:
    await counter.sandbox.arm(refunds={"delay_ms": 300})
    await counter.told()
    payment_id, txnid = await counter.paid()
    await refund(counter, payment_id, 10_000)
    await counter.work("payments.refund_at_provider")
    assert (await counter.payment(payment_id)).refunding_minor == 10_000
    await counter.until_told(txnid, 2)  # the payment's news, and the refund's
    async with asyncio.timeout(10):
        while not any(hook["type"] == "refund.success" for hook in await counter.webhooks()):
            await asyncio.sleep(0.02)
    await counter.work("payments.act_on_webhook")
    assert (await counter.payment(payment_id)).refunded_minor == 10_000


async def test_a_refund_that_fails_at_the_bank_gives_the_money_back_to_the_payment(counter: Counter) -> None:
    payment_id, _ = await counter.paid()
    await counter.sandbox.arm(refunds={"fail": True})
    await refund(counter, payment_id, 10_000)
    async with asyncio.timeout(10):
        while (await counter.payment(payment_id)).refunding_minor:
            await counter.work("payments.refund_at_provider", ahead=timedelta(minutes=2))
            await asyncio.sleep(0.02)
    assert (await counter.payment(payment_id)).refundable_minor == 10_000
    assert await counter.events("refund.failed") == 1
    assert await counter.held("unapplied", "INR") == 10_000
