"""A payment from its making to its money."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from desk_fixtures import DECLINED, DELAYED, GOOD, KEY, MINUTE, RETURN_URL, SECRET, Desk, unreached
from vezne import payments
from vezne.kernel import clock
from vezne.kernel.money import Money
from vezne.payments.providers.simulated import SimulatedProvider


async def test_a_redirect_without_a_webhook_takes_the_money(desk: Desk) -> None:
    deaf = replace(desk, gateways=unreached(desk.gateways))
    made = await deaf.pay()
    await desk.sandbox.play(await deaf.start(made.id))
    assert (await deaf.finalise(made.id)).status == "succeeded"
    assert await desk.held("unapplied") == 10_000
    assert await desk.held("clearing:simulated") == -10_000


async def test_a_webhook_without_a_redirect_takes_the_money(desk: Desk) -> None:
    made = await desk.pay()
    ref = await desk.start(made.id)
    await desk.sandbox.play(ref)
    await desk.until_told(ref)
    await desk.work("payments.act_on_webhook")
    assert (await desk.payment(made.id)).status == "succeeded"
    assert await desk.held("unapplied") == 10_000
    (hook,) = await desk.webhooks()
    assert (hook["outcome"], hook["signature_valid"], hook["type"]) == ("applied", True, "payment.succeeded")


async def test_the_poller_alone_takes_the_money(desk: Desk) -> None:
    deaf = replace(desk, gateways=unreached(desk.gateways))
    made = await deaf.pay()
    await desk.sandbox.play(await deaf.start(made.id))
    assert await deaf.work("payments.poll") == 0  # not yet
    await deaf.work("payments.poll", ahead=timedelta(seconds=6))
    assert (await desk.payment(made.id)).status == "succeeded"
    assert await desk.held("unapplied") == 10_000
    assert await deaf.work("payments.poll", ahead=60 * MINUTE) == 1  # and then it rests


async def test_delayed_money_is_processing_until_it_is_there(desk: Desk) -> None:
    deaf = replace(desk, gateways=unreached(desk.gateways))
    made = await deaf.pay()
    await desk.sandbox.play(await deaf.start(made.id), DELAYED)
    assert (await deaf.finalise(made.id)).status == "processing"
    assert await desk.held("unapplied") == 0
    with pytest.raises(payments.PaymentInFlight):
        await deaf.start(made.id)
    async with desk.db.transaction(desk.principal) as tx:
        with pytest.raises(payments.PaymentInFlight):
            await payments.cancel(tx, made.id)
    await asyncio.sleep(2)
    assert (await deaf.finalise(made.id)).status == "succeeded"


async def test_a_double_click_starts_one_attempt(desk: Desk) -> None:
    made = await desk.pay()
    started = await asyncio.gather(
        *[payments.start_attempt(desk.db, desk.gateways, desk.principal, made.id, return_url=RETURN_URL) for _ in range(5)]
    )
    assert len({(one.attempt_id, one.redirect_url) for one in started}) == 1
    (attempt,) = await desk.attempts(made.id)
    assert len(await desk.sandbox.payments(attempt.reference)) == 1
    assert await desk.events("attempt.started") == 1


async def test_et4_the_attempt_after_a_decline_names_its_parent_and_the_one_that_paid_is_final(desk: Desk) -> None:
    made = await desk.pay()
    await desk.sandbox.play(await desk.start(made.id), DECLINED)
    declined = await desk.finalise(made.id)
    assert (declined.status, declined.last_error) == ("requires_payment", "card_declined")
    await desk.sandbox.play(await desk.start(made.id), GOOD)
    assert (await desk.finalise(made.id)).status == "succeeded"
    first, second = await desk.attempts(made.id)
    assert (first.status, first.failure_code, first.is_final, first.parent_id) == ("failed", "card_declined", False, None)
    assert (second.status, second.is_final, second.parent_id) == ("captured", True, first.id)
    assert await desk.held("unapplied") == 10_000


async def test_after_ten_declines_a_payment_has_failed_for_good(desk: Desk) -> None:
    made = await desk.pay()
    for _ in range(10):
        await desk.sandbox.play(await desk.start(made.id), DECLINED)
        await desk.finalise(made.id)
    assert (await desk.payment(made.id)).status == "failed"
    with pytest.raises(payments.PaymentNotOpen):
        await desk.start(made.id)


async def test_a_start_that_was_not_answered_is_looked_up_before_anything_new_is_made(desk: Desk) -> None:
    made = await desk.pay()
    await desk.sandbox.arm(api={"timeout_after": "create", "times": 3, "hang_ms": 1500})
    with pytest.raises(payments.ProviderUnavailable):
        await desk.start(made.id)
    assert await desk.sandbox.fired("api.timeout_after") == 3
    (attempt,) = await desk.attempts(made.id)
    assert (attempt.status, attempt.provider_ref) == ("starting", None)
    ref = await desk.start(made.id)
    assert [found["id"] for found in await desk.sandbox.payments(attempt.reference)] == [ref]
    assert len(await desk.attempts(made.id)) == 1


async def test_the_poller_finds_an_attempt_whose_start_was_not_answered(desk: Desk) -> None:
    deaf = replace(desk, gateways=unreached(desk.gateways))
    made = await deaf.pay()
    await desk.sandbox.arm(api={"timeout_after": "create", "times": 3, "hang_ms": 1500})
    with pytest.raises(payments.ProviderUnavailable):
        await deaf.start(made.id)
    (attempt,) = await desk.attempts(made.id)
    (found,) = await desk.sandbox.payments(attempt.reference)
    await desk.sandbox.play(found["id"])
    await deaf.work("payments.poll", ahead=timedelta(seconds=6))
    assert (await desk.payment(made.id)).status == "succeeded"


async def test_an_attempt_that_was_only_authorised_is_captured(desk: Desk) -> None:
    made = await desk.pay()
    await desk.start(made.id)
    (attempt,) = await desk.attempts(made.id)
    manual = await desk.sandbox.client.post(
        "/simulated/v1/payments",
        json={
            "merchant_reference": "authorised-elsewhere",
            "amount_minor": 10_000,
            "currency": "TRY",
            "return_url": RETURN_URL,
            "capture": "manual",
        },
    )
    ref = manual.json()["id"]
    await desk.owner.execute(
        "UPDATE payment_attempts SET provider_ref = $1 WHERE tenant_id = $2 AND id = $3", ref, desk.tenant.tenant_id, attempt.id
    )
    assert (await desk.sandbox.play(ref))["status"] == "authorised"
    assert (await desk.finalise(made.id)).status == "succeeded"
    assert (await desk.sandbox.payments("authorised-elsewhere"))[0]["captured_minor"] == 10_000


@pytest.mark.parametrize(("minor", "currency"), [(9_999, "TRY"), (10_001, "TRY"), (10_000, "EUR"), (1, "KWD")])
async def test_another_amount_at_the_provider_is_kept_for_staff_and_never_credited(desk: Desk, minor: int, currency: str) -> None:
    made = await desk.pay()
    await desk.start(made.id)
    other = await desk.sandbox.client.post(
        "/simulated/v1/payments",
        json={"merchant_reference": "tampered", "amount_minor": minor, "currency": currency, "return_url": RETURN_URL},
    )
    ref = other.json()["id"]
    await desk.owner.execute("UPDATE payment_attempts SET provider_ref = $1 WHERE tenant_id = $2", ref, desk.tenant.tenant_id)
    await desk.sandbox.play(ref)
    flagged = await desk.finalise(made.id)
    assert (flagged.status, flagged.flag, flagged.captured_minor) == ("processing", "amount_mismatch", 0)
    assert await desk.events("payment.flagged") == 1
    assert await desk.held("unapplied") == 0
    with pytest.raises(payments.PaymentUnderReview):
        await desk.start(made.id)


async def test_redirect_webhook_and_poller_at_once_take_the_money_once_fifty_times(desk: Desk) -> None:
    for _ in range(50):
        made = await desk.pay(100)
        ref = await desk.start(made.id)
        await desk.sandbox.play(ref)
        await desk.until_told(ref)
        await asyncio.gather(
            desk.finalise(made.id),
            desk.work("payments.act_on_webhook"),
            desk.work("payments.poll", ahead=timedelta(seconds=6)),
            desk.finalise(made.id),
        )
        assert (await desk.payment(made.id)).status == "succeeded"
    assert await desk.held("unapplied") == 5_000
    assert await desk.events("payment.succeeded") == 50


async def test_an_unpaid_payment_expires_and_its_attempt_is_closed_at_the_provider(desk: Desk) -> None:
    async with desk.db.transaction(desk.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(seconds=1))
    made = await desk.pay()
    ref = await desk.start(made.id)
    assert await desk.work("payments.expire", ahead=31 * MINUTE) == 1
    assert (await desk.payment(made.id)).status == "requires_action"  # its tenant's clock stands
    async with desk.db.transaction(desk.principal) as tx:
        await clock.advance(tx, tx.now + 31 * MINUTE)
    assert await payments.expire_due(desk.db, desk.gateways, desk.principal) == 1
    assert (await desk.payment(made.id)).status == "expired"
    (attempt,) = await desk.attempts(made.id)
    assert attempt.status == "cancelled"
    assert (await desk.sandbox.client.get(f"/simulated/v1/payments/{ref}")).json()["status"] == "cancelled"
    assert await desk.events("payment.expired") == 1
    assert await payments.expire_due(desk.db, desk.gateways, desk.principal) == 0


async def test_a_payment_past_its_time_cannot_be_started(desk: Desk) -> None:
    async with desk.db.transaction(desk.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(seconds=1))
    made = await desk.pay()
    async with desk.db.transaction(desk.principal) as tx:
        await clock.advance(tx, tx.now + 30 * MINUTE)
    with pytest.raises(payments.PaymentNotOpen):
        await desk.start(made.id)


async def test_money_that_comes_after_the_payment_was_cancelled_is_not_lost(desk: Desk) -> None:
    deaf = replace(desk, gateways=unreached(desk.gateways))
    made = await deaf.pay()
    ref = await deaf.start(made.id)
    async with desk.db.transaction(desk.principal) as tx:
        assert (await payments.cancel(tx, made.id)).status == "cancelled"
        assert (await payments.cancel(tx, made.id)).status == "cancelled"
    await desk.sandbox.play(ref)
    await deaf.work("payments.cancel_at_provider")
    late = await desk.payment(made.id)
    assert (late.status, late.captured_minor) == ("succeeded", 10_000)
    assert await desk.events("payment.succeeded_late") == 1
    assert await desk.events("payment.cancelled") == 1
    assert await desk.held("unapplied") == 10_000


async def test_a_cancelled_payment_is_closed_at_its_provider(desk: Desk) -> None:
    made = await desk.pay()
    ref = await desk.start(made.id)
    async with desk.db.transaction(desk.principal) as tx:
        await payments.cancel(tx, made.id)
    await desk.work("payments.cancel_at_provider")
    assert (await desk.sandbox.client.get(f"/simulated/v1/payments/{ref}")).json()["status"] == "cancelled"
    assert (await desk.payment(made.id)).status == "cancelled"


async def test_a_second_capture_is_kept_and_flagged(desk: Desk) -> None:
    """Two attempts of one payment that both brought money: no provider should, and it must not vanish."""
    made = await desk.pay()
    first = await desk.start(made.id)
    await desk.sandbox.play(first, DECLINED)
    await desk.finalise(made.id)
    await desk.sandbox.play(await desk.start(made.id))
    await desk.finalise(made.id)
    other = await desk.sandbox.client.post(
        "/simulated/v1/payments",
        json={"merchant_reference": "again", "amount_minor": 10_000, "currency": "TRY", "return_url": RETURN_URL},
    )
    ref = other.json()["id"]
    await desk.sandbox.play(ref)
    await desk.owner.execute(
        "UPDATE payment_attempts SET provider_ref = $1 WHERE tenant_id = $2 AND provider_ref = $3",
        ref,
        desk.tenant.tenant_id,
        first,
    )
    event = {"id": "sim_evt_twice", "type": "payment.succeeded", "data": {"id": ref}}
    assert (await desk.tell(event)).status_code == 200
    await desk.work("payments.act_on_webhook")
    assert (await desk.payment(made.id)).flag == "paid_twice"
    assert await desk.held("unapplied") == 20_000


async def test_a_client_secret_opens_its_own_payment_only(desk: Desk) -> None:
    async with desk.db.transaction(desk.principal) as tx:
        made, secret = await payments.create(tx, Money(100, "TRY"), "test", expires_after=MINUTE)
        _, other = await payments.create(tx, Money(100, "TRY"), "test", expires_after=MINUTE)
        assert (await payments.of_client_secret(tx, secret)).id == made.id
        forged = secret[:35] + other[35:]
        for wrong in ("", "pay_x", secret[:-1], secret + "A", forged, secret.upper(), secret.replace("pay_", "ord_")):
            with pytest.raises(payments.ClientSecretUnknown):
                await payments.of_client_secret(tx, wrong)
        stored = await tx.fetchval(
            "SELECT client_secret_hash FROM payments WHERE tenant_id = $1 AND id = $2", tx.tenant_id, made.id
        )
        assert secret.encode() not in stored
    assert (await payments.payer(desk.db, secret)).tenant_id == desk.tenant.tenant_id
    with pytest.raises(payments.ClientSecretUnknown):
        await payments.payer(desk.db, forged)


async def test_a_provider_that_is_away_does_not_make_the_tries_multiply(desk: Desk) -> None:
    away = SimulatedProvider(
        base_url="http://127.0.0.1:9", api_key=KEY, webhook_secret=SECRET, timeout=timedelta(milliseconds=50)
    )
    made = await desk.pay()
    await desk.start(made.id)
    lost = replace(desk, gateways=replace(desk.gateways, providers={"simulated": away}))
    for _ in range(3):
        assert await lost.work("payments.poll", ahead=60 * MINUTE) == 1
    assert await lost.work("payments.expire", ahead=60 * MINUTE) == 1
    assert await desk.work("payments.poll", ahead=60 * MINUTE) == 1
    await away.aclose()
