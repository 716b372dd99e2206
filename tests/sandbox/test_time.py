"""What happens by itself when time passes, by a clock that is moved."""

from datetime import timedelta

from sandbox.merchant import HeldClock, Merchant, Open, until


async def test_an_abandoned_payment_expires(open_gateway: Open, merchant: Merchant) -> None:
    clock = HeldClock()
    gateway = await open_gateway(clock)
    left, challenged = await gateway.payment(), await gateway.played(card="4000002500003155", three_ds="abandon")
    clock.move(minutes=29, seconds=59)
    assert (await gateway.get(f"/payments/{left['id']}"))["status"] == "pending"
    clock.move(seconds=1)
    for payment in (left, challenged):
        assert (await gateway.get(f"/payments/{payment['id']}"))["status"] == "expired"
    await until(lambda: merchant.types == ["payment.expired"] * 2)


async def test_a_payment_may_have_less_time_and_a_paid_one_never_expires(open_gateway: Open) -> None:
    clock = HeldClock()
    gateway = await open_gateway(clock)
    short, paid = await gateway.payment(expires_in=60), await gateway.played(expires_in=60)
    clock.move(seconds=60)
    assert (await gateway.get(f"/payments/{short['id']}"))["status"] == "expired"
    assert (await gateway.get(f"/payments/{paid['id']}"))["status"] == "succeeded"


async def test_a_delayed_card_is_processing_and_then_succeeds(open_gateway: Open, merchant: Merchant) -> None:
    clock = HeldClock()
    gateway = await open_gateway(clock, delayed_success=timedelta(seconds=90))
    payment = await gateway.played(card="4000000000000077")
    assert (payment["status"], payment["captured_minor"]) == ("processing", 0)
    assert (await gateway.post(f"/payments/{payment['id']}/cancel")).status_code == 409
    clock.move(seconds=90)
    later = await gateway.get(f"/payments/{payment['id']}")
    assert (later["status"], later["captured_minor"]) == ("succeeded", 10_000)
    await until(lambda: sorted(merchant.types) == ["payment.processing", "payment.succeeded"])


async def test_a_delayed_card_with_manual_capture_is_authorised_later_and_that_expires_too(open_gateway: Open) -> None:
    clock = HeldClock()
    gateway = await open_gateway(clock, authorisation_lasts=timedelta(days=2))
    payment = await gateway.played(card="4000000000000077", capture="manual")
    clock.move(seconds=1)
    assert (await gateway.get(f"/payments/{payment['id']}"))["status"] == "authorised"
    clock.move(days=2)
    assert (await gateway.get(f"/payments/{payment['id']}"))["status"] == "expired"
    assert (await gateway.post(f"/payments/{payment['id']}/capture")).status_code == 409
