"""Faults on request: each happens as promised, is counted, and stops when disarmed."""

import asyncio
from datetime import timedelta
from functools import partial

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from sandbox.merchant import SECRET, Gateway, Merchant, Open, Received, until


def genuine(received: Received) -> bool:
    try:
        Webhook(SECRET).verify(received.body, received.headers)
    except WebhookVerificationError:
        return False
    return True


def arrived_in_all(merchant: Merchant, number: int) -> bool:
    return len(merchant.received) == number


async def fired(gateway: Gateway, **expected: int) -> None:
    names = {name.replace("__", "."): times for name, times in expected.items()}

    async def all_fired() -> bool:
        return await gateway.fired() == names

    await until(all_fired)


async def test_duplicates_carry_the_same_event(gateway: Gateway, merchant: Merchant) -> None:
    await gateway.arm(webhooks={"duplicate": 2})
    await gateway.played()
    await until(lambda: len(merchant.received) == 3)
    assert len({received.headers["webhook-id"] for received in merchant.received}) == 1
    assert all(genuine(received) for received in merchant.received)
    await fired(gateway, webhooks__duplicate=2)


async def test_the_same_seed_duplicates_the_same_events(gateway: Gateway, merchant: Merchant) -> None:
    patterns = []
    for _ in range(2):
        await gateway.arm(seed=7, webhooks={"duplicate": 0.5})
        before = len(merchant.received)
        made = [(await gateway.played())["id"] for _ in range(12)]
        await fired(gateway, webhooks__duplicate=5)
        await until(partial(arrived_in_all, merchant, before + 17))
        arrived = [received.event["data"]["id"] for received in merchant.received[before:]]
        patterns.append([arrived.count(payment) for payment in made])
    assert patterns[0] == patterns[1]


async def test_events_arrive_in_the_wrong_order(gateway: Gateway, merchant: Merchant) -> None:
    await gateway.arm(webhooks={"reorder": True})
    first, second = await gateway.played(), await gateway.played()
    await until(lambda: len(merchant.received) == 2)
    assert [received.event["data"]["id"] for received in merchant.received] == [second["id"], first["id"]]
    await fired(gateway, webhooks__reorder=1)


async def test_a_held_event_goes_alone_when_no_other_comes(gateway: Gateway, merchant: Merchant) -> None:
    await gateway.arm(webhooks={"reorder": 100})
    await gateway.played()
    await until(lambda: len(merchant.received) == 1)
    await fired(gateway, webhooks__reorder=0)


async def test_events_set_out_late(gateway: Gateway, merchant: Merchant) -> None:
    await gateway.arm(webhooks={"delay_ms": 300})
    began = asyncio.get_running_loop().time()
    await gateway.played()
    await until(lambda: len(merchant.received) == 1)
    assert asyncio.get_running_loop().time() - began >= 0.3
    await fired(gateway, webhooks__delay_ms=1)


async def test_lost_webhooks_arrive_by_the_retry_schedule(gateway: Gateway, merchant: Merchant) -> None:
    await gateway.arm(webhooks={"drop_first": 2})
    payment = await gateway.played()
    await until(lambda: len(merchant.received) == 1)
    await fired(gateway, webhooks__drop_first=2)

    async def logged() -> bool:
        [event] = (await gateway.get(f"/events?payment={payment['id']}"))["data"]
        return [tried["outcome"] for tried in event["deliveries"][0]["tries"]] == ["lost", "lost", "accepted"]

    await until(logged)


async def test_a_forged_copy_comes_first_and_claims_success(gateway: Gateway, merchant: Merchant) -> None:
    await gateway.arm(webhooks={"forge": True})
    await gateway.played(card="4000000000000002")
    await until(lambda: len(merchant.received) == 2)
    forged, true = merchant.received
    assert (genuine(forged), genuine(true)) == (False, True)
    assert forged.event["id"] == true.event["id"] == forged.headers["webhook-id"]
    assert (forged.event["type"], true.event["type"]) == ("payment.succeeded", "payment.failed")
    await fired(gateway, webhooks__forge=1)


async def test_a_stale_copy_comes_first(gateway: Gateway, merchant: Merchant) -> None:
    await gateway.arm(webhooks={"stale": True})
    await gateway.played()
    await until(lambda: len(merchant.received) == 2)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRET).verify(merchant.received[0].body, merchant.received[0].headers)
    assert genuine(merchant.received[1])
    await fired(gateway, webhooks__stale=1)


async def test_the_answer_is_lost_after_the_work_is_done(gateway: Gateway) -> None:
    payment = await gateway.played()
    await gateway.arm(api={"timeout_after": "refund", "hang_ms": 100})
    path, body = f"/payments/{payment['id']}/refunds", {"amount_minor": 300}
    with pytest.raises(httpx2.HTTPError):
        await gateway.post(path, body, **{"Idempotency-Key": "lost"})
    again = await gateway.post(path, body, **{"Idempotency-Key": "lost"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert (await gateway.get(f"/payments/{payment['id']}"))["refunded_minor"] == 300
    await fired(gateway, api__timeout_after=1)


async def test_a_client_that_waits_no_longer_finds_its_payment_by_reference(gateway: Gateway) -> None:
    await gateway.arm(api={"timeout_after": "create"})
    order = gateway.order()
    with pytest.raises(httpx2.ReadTimeout):
        await gateway.client.post("/simulated/v1/payments", json=order, timeout=0.2)
    found = (await gateway.get(f"/payments?merchant_reference={order['merchant_reference']}"))["data"]
    assert [payment["amount_minor"] for payment in found] == [10_000]


async def test_a_capture_fails_with_500_after_it_was_made(gateway: Gateway) -> None:
    payment = await gateway.played(capture="manual")
    await gateway.arm(api={"error_500_after": "capture", "times": 2})
    for _ in range(2):
        answer = await gateway.post(f"/payments/{payment['id']}/capture", **{"Idempotency-Key": "c"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert (await gateway.post(f"/payments/{payment['id']}/capture", **{"Idempotency-Key": "c"})).status_code == 200
    assert (await gateway.get(f"/payments/{payment['id']}"))["captured_minor"] == 10_000
    await fired(gateway, api__error_500_after=2)


async def test_answers_are_slow(gateway: Gateway) -> None:
    await gateway.arm(api={"slow_ms": 150})
    began = asyncio.get_running_loop().time()
    await gateway.payment()
    assert asyncio.get_running_loop().time() - began >= 0.15
    await fired(gateway, api__slow_ms=1)


async def test_refunds_stay_pending_and_then_fail_giving_the_amount_free_again(gateway: Gateway, merchant: Merchant) -> None:
    payment = await gateway.played()
    await gateway.arm(refunds={"delay_ms": 100, "fail": True})
    refund = (await gateway.post(f"/payments/{payment['id']}/refunds", {"amount_minor": 10_000})).json()
    assert refund["status"] == "pending"
    assert (await gateway.get(f"/payments/{payment['id']}"))["refunding_minor"] == 10_000
    assert (await gateway.post(f"/payments/{payment['id']}/refunds", {"amount_minor": 1})).status_code == 422
    await until(lambda: "refund.failed" in merchant.types)
    assert (await gateway.get(f"/refunds/{refund['id']}"))["failure_code"] == "refund_rejected"
    after = await gateway.get(f"/payments/{payment['id']}")
    assert (after["refunding_minor"], after["refunded_minor"]) == (0, 0)
    await fired(gateway, refunds__delay_ms=1, refunds__fail=1)


async def test_refunds_may_take_their_time_by_setting(open_gateway: Open, merchant: Merchant) -> None:
    gateway = await open_gateway(refund_delay=timedelta(milliseconds=50))
    payment = await gateway.played()
    assert (await gateway.post(f"/payments/{payment['id']}/refunds")).json()["status"] == "pending"
    await until(lambda: "refund.succeeded" in merchant.types)
    assert (await gateway.get(f"/payments/{payment['id']}"))["refunded_minor"] == 10_000


async def test_a_fault_that_never_fired_shows_nought_and_disarming_ends_all(gateway: Gateway, merchant: Merchant) -> None:
    await gateway.arm(seed=3, webhooks={"forge": True, "duplicate": 1})
    assert await gateway.fired() == {"webhooks.duplicate": 0, "webhooks.forge": 0}
    cleared = (await gateway.client.delete("/simulated/v1/faults")).json()
    assert (cleared["fired"], cleared["webhooks"]["forge"], cleared["seed"]) == ({}, False, 0)
    await gateway.played()
    await until(lambda: len(merchant.received) == 1)


async def test_faults_that_do_not_exist_are_refused_by_name(gateway: Gateway) -> None:
    for body, param in (
        ({"webhooks": {"explode": True}}, "webhooks.explode"),
        ({"api": {"timeout_after": "lunch"}}, "api.timeout_after"),
        ({"webhooks": {"drop_first": 0}}, "webhooks.drop_first"),
        ({"seed": -1}, "seed"),
    ):
        answer = await gateway.post("/faults", body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
