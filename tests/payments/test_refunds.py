"""Money on its way back."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from desk_fixtures import KEY, MINUTE, SECRET, Desk
from vezne import payments
from vezne.kernel.ids import public_id
from vezne.payments.operations.refunding import refund_at_provider
from vezne.payments.providers.base import Capabilities, ProviderRefund, RefundRequest
from vezne.payments.providers.simulated import SimulatedProvider


async def paid(desk: Desk, minor: int = 10_000) -> UUID:
    made = await desk.pay(minor)
    await desk.sandbox.play(await desk.start(made.id))
    await desk.finalise(made.id)
    return made.id


async def refund(desk: Desk, payment_id: UUID, minor: int | None = None) -> payments.Refund:
    async with desk.db.transaction(desk.principal) as tx:
        return await payments.refund(tx, payment_id, minor)


async def refunds(desk: Desk, payment_id: UUID) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await desk.get(f"/v1/payments/{public_id('pay', payment_id)}/refunds"))["data"]
    return found


async def test_a_whole_refund_goes_back_through_the_provider(desk: Desk) -> None:
    payment_id = await paid(desk)
    await refund(desk, payment_id)
    promised = await desk.payment(payment_id)
    assert (promised.refunding_minor, promised.refunded_minor) == (10_000, 0)
    assert await desk.held("unapplied") == 10_000
    await desk.work("payments.refund_at_provider")
    done = await desk.payment(payment_id)
    assert (done.status, done.refunding_minor, done.refunded_minor) == ("succeeded", 0, 10_000)
    assert await desk.held("unapplied") == await desk.held("clearing:simulated") == 0
    assert await desk.events("refund.succeeded") == 1


async def test_partial_refunds_add_up_and_no_more_can_be_refunded_than_was_captured(desk: Desk) -> None:
    payment_id = await paid(desk)
    await refund(desk, payment_id, 3_000)
    await desk.work("payments.refund_at_provider")
    with pytest.raises(payments.RefundTooLarge):
        await refund(desk, payment_id, 7_001)
    await refund(desk, payment_id, 6_999)
    with pytest.raises(payments.RefundTooLarge):
        await refund(desk, payment_id, 2)
    await refund(desk, payment_id)
    with pytest.raises(payments.RefundTooLarge):
        await refund(desk, payment_id)
    await desk.work("payments.refund_at_provider")
    assert (await desk.payment(payment_id)).refunded_minor == 10_000
    assert [row["amount_minor"] for row in await refunds(desk, payment_id)] == [1, 6_999, 3_000]


async def test_two_refunds_at_once_never_give_back_more_than_was_captured(desk: Desk) -> None:
    payment_id = await paid(desk)
    outcomes = await asyncio.gather(*[refund(desk, payment_id, 6_000) for _ in range(5)], return_exceptions=True)
    assert sum(isinstance(outcome, payments.Refund) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, payments.RefundTooLarge) for outcome in outcomes) == 4


async def test_a_refund_whose_answer_never_came_is_given_back_once(desk: Desk) -> None:
    payment_id = await paid(desk)
    await desk.sandbox.arm(api={"timeout_after": "refund", "times": 3, "hang_ms": 1500})
    await refund(desk, payment_id, 4_000)
    await desk.work("payments.refund_at_provider")
    assert await desk.sandbox.fired("api.timeout_after") == 3
    assert (await desk.payment(payment_id)).refunding_minor == 4_000
    await desk.work("payments.refund_at_provider", ahead=MINUTE)
    assert (await desk.payment(payment_id)).refunded_minor == 4_000
    (attempt,) = await desk.attempts(payment_id)
    assert (await desk.sandbox.payments(attempt.reference))[0]["refunded_minor"] == 4_000


async def test_the_same_job_run_five_times_at_once_refunds_once(desk: Desk) -> None:
    payment_id = await paid(desk)
    made = await refund(desk, payment_id, 4_000)
    await asyncio.gather(*[refund_at_provider(desk.db, desk.gateways, desk.principal, made.id) for _ in range(5)])
    assert (await desk.payment(payment_id)).refunded_minor == 4_000
    assert await desk.events("refund.succeeded") == 1
    assert await desk.held("unapplied") == 6_000


async def test_a_refund_that_takes_its_time_is_pending_until_the_webhook(desk: Desk) -> None:
    payment_id = await paid(desk)
    (attempt,) = await desk.attempts(payment_id)
    ref = attempt.provider_ref or ""
    await desk.until_told(ref)
    await desk.sandbox.arm(refunds={"delay_ms": 300})
    await refund(desk, payment_id)
    await desk.work("payments.refund_at_provider", "payments.act_on_webhook")
    assert [row["status"] for row in await refunds(desk, payment_id)] == ["pending"]
    await desk.until_told(ref, events=2)
    await desk.work("payments.act_on_webhook")
    assert [row["status"] for row in await refunds(desk, payment_id)] == ["succeeded"]
    assert await desk.held("unapplied") == 0


async def test_a_refund_that_takes_its_time_is_asked_after_without_a_webhook(desk: Desk) -> None:
    payment_id = await paid(desk)
    await desk.sandbox.arm(refunds={"delay_ms": 200})
    await refund(desk, payment_id)
    await desk.work("payments.refund_at_provider")
    await asyncio.sleep(0.3)
    await desk.work("payments.refund_at_provider", ahead=timedelta(seconds=6))
    assert [row["status"] for row in await refunds(desk, payment_id)] == ["succeeded"]


async def test_a_refund_the_provider_refuses_can_be_tried_again(desk: Desk) -> None:
    payment_id = await paid(desk)
    await desk.sandbox.arm(refunds={"fail": True})
    await refund(desk, payment_id)
    await desk.work("payments.refund_at_provider")
    failed = await desk.payment(payment_id)
    assert (failed.refunding_minor, failed.refunded_minor) == (0, 0)
    assert await desk.held("unapplied") == 10_000
    assert [(row["status"], row["failure_code"]) for row in await refunds(desk, payment_id)] == [("failed", "refund_rejected")]
    await desk.sandbox.arm()
    await refund(desk, payment_id)
    await desk.work("payments.refund_at_provider")
    assert (await desk.payment(payment_id)).refunded_minor == 10_000


async def test_a_payment_that_was_not_paid_cannot_be_refunded(desk: Desk) -> None:
    made = await desk.pay()
    answer = await desk.post(f"/v1/payments/{public_id('pay', made.id)}/refunds", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_refundable")


@pytest.mark.parametrize("amount", [0, -1, 1.5, "100", True, 2**53, "NoneType", float(10), []])
async def test_an_amount_that_is_none_is_refused(desk: Desk, amount: object) -> None:
    payment_id = await paid(desk)
    answer = await desk.post(f"/v1/payments/{public_id('pay', payment_id)}/refunds", {"amount_minor": amount})
    assert answer.status_code == 422
    assert (await desk.payment(payment_id)).refunding_minor == 0


async def test_a_refund_asked_twice_with_one_key_is_one_refund(desk: Desk) -> None:
    payment_id = await paid(desk)
    path, key = f"/v1/payments/{public_id('pay', payment_id)}/refunds", {"Idempotency-Key": "r1"}
    first = await desk.post(path, {"amount_minor": 100}, **key)
    again = await desk.post(path, {"amount_minor": 100}, **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await desk.payment(payment_id)).refunding_minor == 100


class Slow(SimulatedProvider):
    """A provider that takes its time to give money back, and would do so twice."""

    capabilities = Capabilities(partial_refund=True, manual_capture=True, cancel=True, recognises_refunds=False)
    asked = 0

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        self.asked += 1
        await asyncio.sleep(0.3)
        return await super().refund(request)


async def slowly_refunded(desk: Desk) -> tuple[Desk, Slow, UUID]:
    """A refund that was promised, at a slow provider."""
    slow = Slow(base_url=desk.sandbox.url, api_key=KEY, webhook_secret=SECRET)
    at = replace(desk, gateways=replace(desk.gateways, providers={"simulated": slow}))
    made = await at.pay()
    await at.sandbox.play(await at.start(made.id))
    await at.finalise(made.id)
    async with at.db.transaction(at.principal) as tx:
        refund = await payments.refund(tx, made.id, 2_500)
    return at, slow, refund.id


async def test_two_workers_with_the_same_refund_ask_its_provider_once(desk: Desk) -> None:
    at, slow, refund_id = await slowly_refunded(desk)
    await asyncio.gather(*(refund_at_provider(at.db, at.gateways, at.principal, refund_id) for _ in range(4)))
    assert slow.asked == 1
    assert await desk.events("refund.succeeded") == 1
    await slow.aclose()


async def test_a_refund_whose_asker_was_killed_is_asked_again_when_the_lease_is_over(desk: Desk) -> None:
    at, slow, _ = await slowly_refunded(desk)
    lease = "UPDATE payment_refunds SET asking_until = $2 WHERE tenant_id = $1"
    await desk.owner.execute(lease, desk.tenant.tenant_id, at.gateways.now() + timedelta(minutes=1))
    assert await at.work("payments.refund_at_provider") == 1
    assert slow.asked == 0
    await desk.owner.execute(lease, desk.tenant.tenant_id, at.gateways.now())
    assert await at.work("payments.refund_at_provider", ahead=timedelta(minutes=3)) == 1
    assert slow.asked == 1
    assert await desk.events("refund.succeeded") == 1
    await slow.aclose()
