"""Webhooks: signed, at least once, retried by the schedule, logged, and delivered again on request."""

from datetime import timedelta

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from sandbox.merchant import KEY, SECRET, Gateway, HeldClock, Merchant, Open, until


async def test_a_webhook_is_signed_and_tells_the_whole_payment(gateway: Gateway, merchant: Merchant) -> None:
    payment = await gateway.played()
    await until(lambda: len(merchant.received) == 1)
    [received] = merchant.received
    event = Webhook(SECRET).verify(received.body, received.headers)
    assert event["type"] == "payment.succeeded"
    assert event["id"] == received.headers["webhook-id"]
    assert event["data"] == payment
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(received.body.replace(b"10000", b"10001"), received.headers)


async def test_every_outcome_has_its_event(gateway: Gateway, merchant: Merchant) -> None:
    await gateway.played(card="4000000000000002")
    paid = await gateway.played()
    await gateway.post(f"/payments/{paid['id']}/refunds", {"amount_minor": 1})
    held = await gateway.played(capture="manual")
    await gateway.post(f"/payments/{held['id']}/cancel")
    await gateway.played(card="4000000000000077")
    await gateway.played(webhook_url=None)
    expected = ["failed", "succeeded", "authorised", "cancelled", "processing", "succeeded"]
    await until(lambda: len(merchant.received) == 7)
    assert sorted(merchant.types) == sorted([*(f"payment.{status}" for status in expected), "refund.succeeded"])


async def test_a_failing_receiver_gets_the_same_event_again(gateway: Gateway, merchant: Merchant) -> None:
    merchant.answers = [500, 404, 302]
    payment = await gateway.played()
    await until(lambda: len(merchant.received) == 4)
    assert len({received.headers["webhook-id"] for received in merchant.received}) == 1
    for received in merchant.received:
        Webhook(SECRET).verify(received.body, received.headers)

    async def logged() -> bool:
        [event] = (await gateway.get(f"/events?payment={payment['id']}"))["data"]
        [delivery] = event["deliveries"]
        statuses = [(tried["outcome"], tried["status"]) for tried in delivery["tries"]]
        return delivery["state"] == "delivered" and statuses == [
            ("refused", 500),
            ("refused", 404),
            ("refused", 302),
            ("accepted", 204),
        ]

    await until(logged)


async def test_a_receiver_that_never_accepts_is_given_up_and_can_be_asked_again(open_gateway: Open, merchant: Merchant) -> None:
    gateway = await open_gateway(retry_delays=(timedelta(milliseconds=10),))
    merchant.answers = [500, 500]
    payment = await gateway.played()

    async def given_up() -> bool:
        [event] = (await gateway.get(f"/events?payment={payment['id']}"))["data"]
        return event["deliveries"][0]["state"] == "given_up" and len(event["deliveries"][0]["tries"]) == 2

    await until(given_up)
    [event] = (await gateway.get(f"/events?payment={payment['id']}"))["data"]
    assert (await gateway.post(f"/events/{event['id']}/redeliver")).status_code == 202
    await until(lambda: len(merchant.received) == 3)
    assert merchant.received[2].event == merchant.received[0].event == event["body"]


async def test_an_unreachable_receiver_does_not_stop_the_others(gateway: Gateway, merchant: Merchant) -> None:
    lost = await gateway.played(webhook_url="http://127.0.0.1:9/nobody")
    await gateway.played()
    await until(lambda: len(merchant.received) == 1)

    async def logged() -> bool:
        [event] = (await gateway.get(f"/events?payment={lost['id']}"))["data"]
        tries = event["deliveries"][0]["tries"]
        return len(tries) > 1 and {tried["outcome"] for tried in tries} == {"unreachable"}

    await until(logged)


async def test_a_slow_receiver_is_cut_off_and_tried_again(open_gateway: Open, merchant: Merchant) -> None:
    gateway = await open_gateway(webhook_timeout=timedelta(milliseconds=80))
    merchant.delay_seconds = 1
    payment = await gateway.played()

    async def timed_out() -> bool:
        [event] = (await gateway.get(f"/events?payment={payment['id']}"))["data"]
        return any(tried["outcome"] == "timed_out" for tried in event["deliveries"][0]["tries"])

    await until(timed_out)
    merchant.delay_seconds = 0
    await until(lambda: len(merchant.received) >= 2)


async def test_retries_follow_the_clock_that_was_given(open_gateway: Open, merchant: Merchant) -> None:
    clock = HeldClock()
    gateway = await open_gateway(clock, retry_delays=(timedelta(minutes=5),))
    merchant.answers = [503]
    payment = await gateway.played()

    async def planned() -> bool:
        [event] = (await gateway.get(f"/events?payment={payment['id']}"))["data"]
        return len(event["deliveries"][0]["tries"]) == 1

    await until(planned)
    clock.move(minutes=4, seconds=59)
    await gateway.get("/events")
    assert len(merchant.received) == 1
    clock.move(seconds=1)
    await until(lambda: len(merchant.received) == 2)


async def test_events_are_listed_and_read_by_id_only_with_the_key(gateway: Gateway) -> None:
    await gateway.played()
    [event] = (await gateway.get("/events"))["data"]
    assert (await gateway.get(f"/events/{event['id']}"))["body"]["data"]["status"] == "succeeded"
    async with httpx2.AsyncClient(trust_env=False) as stranger:
        answer = await stranger.get(f"{gateway.base}/simulated/v1/events/{event['id']}", headers={"authorization": "Bearer x"})
    assert answer.status_code == 401
    assert KEY not in answer.text
