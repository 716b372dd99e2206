"""Stored methods, and charges of them while the customer is away."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from desk_fixtures import CHALLENGED, DECLINED, DELAYED, GOOD, KEY, MINUTE, RETURN_URL, SECRET, Desk, unreached
from vezne import identity, payments
from vezne.kernel import clock
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.payments.providers.simulated import SimulatedProvider

MASTERCARD = "5555555555554444"


async def asked(desk: Desk, customer_id: UUID | None, *, save_method: bool = False) -> payments.Payment:
    """A payment that a customer is asked for."""
    async with desk.db.transaction(desk.principal) as tx:
        made, _ = await payments.create(
            tx,
            Money(10_000, "TRY"),
            "test",
            expires_after=30 * MINUTE,
            customer_id=customer_id,
            save_method=save_method,
        )
    return made


async def stored(desk: Desk, customer_id: UUID, card: str = GOOD) -> payments.PaymentMethod:
    """A card of the customer's, kept of a payment."""
    made = await asked(desk, customer_id, save_method=True)
    await desk.sandbox.play(await desk.start(made.id), card)
    await desk.finalise(made.id)
    return max(await methods(desk, customer_id), key=lambda method: method.id)


async def methods(desk: Desk, customer_id: UUID) -> list[payments.PaymentMethod]:
    """What the customer has."""
    async with desk.db.transaction(desk.principal, read_only=True) as tx:
        return await payments.methods_of(tx, customer_id)


async def charge(desk: Desk, payment_id: UUID, method_id: UUID) -> payments.Attempt:
    """What a renewal does."""
    async with desk.db.transaction(desk.principal) as tx:
        return await payments.charge(tx, payment_id, method_id)


@pytest.fixture
def deaf(desk: Desk) -> Desk:
    """A desk whose webhooks reach nobody: what happens is its jobs' own doing."""
    return replace(desk, gateways=unreached(desk.gateways))


async def test_cm11_what_is_paid_with_is_kept_for_the_customer_who_wanted_so(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id)
    assert (method.customer_id, method.provider, method.brand, method.last4) == (customer_id, "simulated", "visa", "4242")
    assert (method.is_default, method.active, method.expires_month) == (True, True, 12)
    kept = await deaf.owner.fetchval("SELECT string_agg(method::text, '') FROM payment_methods AS method")
    assert "4242" in kept
    assert GOOD not in kept  # of a card's number only what a person knows it by
    assert await deaf.events("method.saved") == 1
    again = await asked(deaf, customer_id)
    await deaf.sandbox.play(await deaf.start(again.id), MASTERCARD)
    await deaf.finalise(again.id)
    assert [kept.id for kept in await methods(deaf, customer_id)] == [method.id]


async def test_nothing_is_kept_of_a_declined_card_nor_for_nobody(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    for whose, card in ((customer_id, DECLINED), (None, GOOD)):
        made = await asked(deaf, whose, save_method=True)
        await deaf.sandbox.play(await deaf.start(made.id), card)
        await deaf.finalise(made.id)
    assert await deaf.events("method.saved") == 0


async def test_two_cards_that_are_kept_at_once_make_one_default(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    made = [await asked(deaf, customer_id, save_method=True) for _ in range(4)]
    for one, card in zip(made, (GOOD, MASTERCARD, "9792030394440796", CHALLENGED), strict=True):
        await deaf.sandbox.play(await deaf.start(one.id), card)
    await asyncio.gather(*[deaf.finalise(one.id) for one in (*made, *made)])
    kept = await methods(deaf, customer_id)
    assert len(kept) == len({method.method_ref for method in kept}) == 4
    assert [method.is_default for method in kept] == [True, False, False, False]


async def test_cm3_a_stored_card_pays_while_its_customer_is_away(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id)
    made = await asked(deaf, customer_id)
    attempt = await charge(deaf, made.id, method.id)
    assert (attempt.provider, attempt.status, attempt.method_id) == ("simulated", "processing", method.id)
    assert await deaf.work("payments.charge") == 1
    assert (await deaf.payment(made.id)).status == "succeeded"
    assert await deaf.held("unapplied") == 20_000
    assert [each.is_final for each in await deaf.attempts(made.id)] == [True]
    async with deaf.db.transaction(deaf.principal) as tx:
        await payments.refund(tx, made.id, 4_000)
    await deaf.work("payments.refund_at_provider")
    assert (await deaf.payment(made.id)).refunded_minor == 4_000


async def test_the_webhook_of_a_charge_ends_it_too(desk: Desk) -> None:
    customer_id = await desk.customer()
    method = await stored(desk, customer_id)
    made = await asked(desk, customer_id)
    attempt = await charge(desk, made.id, method.id)
    await desk.sandbox.client.post(
        "/simulated/v1/charges",
        json={
            "merchant_reference": attempt.reference,
            "amount_minor": 10_000,
            "currency": "TRY",
            "method": method.method_ref,
            "customer": public_id("cus", customer_id),
            "webhook_url": desk.gateways.webhook_url("simulated", desk.tenant.tenant_id),
            "description": "test",
        },
    )
    (found,) = await desk.sandbox.payments(attempt.reference)
    await desk.until_told(found["id"])
    await desk.work("payments.act_on_webhook")
    assert (await desk.payment(made.id)).status == "succeeded"
    await desk.work("payments.charge")
    assert await desk.events("payment.succeeded") == 2


async def test_a_decline_leaves_the_payment_open_for_the_next_attempt(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id)
    await deaf.sandbox.play_method(method.method_ref, "4000000000009995")
    made = await asked(deaf, customer_id)
    await charge(deaf, made.id, method.id)
    await deaf.work("payments.charge")
    declined = await deaf.payment(made.id)
    assert (declined.status, declined.last_error) == ("requires_payment", "insufficient_funds")
    assert await deaf.events("payment.failed") == 1
    await deaf.sandbox.play_method(method.method_ref, GOOD)
    again = await charge(deaf, made.id, method.id)
    assert again.number == 2
    await deaf.work("payments.charge")
    assert (await deaf.payment(made.id)).status == "succeeded"


async def test_a_charge_that_needs_its_customer_has_failed_and_the_customer_can_pay_on_a_page(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id, CHALLENGED)
    made = await asked(deaf, customer_id)
    await charge(deaf, made.id, method.id)
    await deaf.work("payments.charge")
    failed = await deaf.payment(made.id)
    assert (failed.status, failed.last_error) == ("requires_payment", "authentication_required")
    await deaf.sandbox.play(await deaf.start(made.id), GOOD)
    assert (await deaf.finalise(made.id)).status == "succeeded"
    assert await deaf.held("unapplied") == 20_000


async def test_delayed_money_of_a_charge_is_waited_for_by_the_poller(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id)
    await deaf.sandbox.play_method(method.method_ref, DELAYED)
    made = await asked(deaf, customer_id)
    await charge(deaf, made.id, method.id)
    await deaf.work("payments.charge")
    assert (await deaf.payment(made.id)).status == "processing"
    await asyncio.sleep(2)
    await deaf.work("payments.poll", ahead=timedelta(seconds=30))
    assert (await deaf.payment(made.id)).status == "succeeded"


async def test_two_charges_of_one_payment_at_once_are_one_attempt(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    first, second = await stored(deaf, customer_id), await stored(deaf, customer_id, MASTERCARD)
    made = await asked(deaf, customer_id)
    same = await asyncio.gather(*[charge(deaf, made.id, first.id) for _ in range(5)])
    assert len({attempt.id for attempt in same}) == 1
    with pytest.raises(payments.PaymentInFlight):
        await charge(deaf, made.id, second.id)
    with pytest.raises(payments.PaymentInFlight):
        await deaf.start(made.id)
    async with deaf.db.transaction(deaf.principal) as tx:
        with pytest.raises(payments.PaymentInFlight):
            await payments.cancel(tx, made.id)
    await asyncio.gather(deaf.work("payments.charge"), deaf.work("payments.poll", ahead=MINUTE), deaf.finalise(made.id))
    assert await deaf.held("unapplied") == 30_000
    assert len(await deaf.attempts(made.id)) == 1


async def test_a_charge_whose_answer_was_lost_is_looked_for_and_never_made_twice(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id)
    made = await asked(deaf, customer_id)
    await deaf.sandbox.arm(api={"timeout_after": "charge", "times": 3, "hang_ms": 1500})
    attempt = await charge(deaf, made.id, method.id)
    await deaf.work("payments.charge")
    assert await deaf.sandbox.fired("api.timeout_after") == 3
    assert (await deaf.payment(made.id)).status == "processing"
    assert await deaf.work("payments.charge", ahead=MINUTE) == 1
    assert (await deaf.payment(made.id)).status == "succeeded"
    assert len(await deaf.sandbox.payments(attempt.reference)) == 1
    assert await deaf.held("unapplied") == 20_000


async def test_a_provider_that_is_away_leaves_one_try_more_and_no_two(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id)
    made = await asked(deaf, customer_id)
    await charge(deaf, made.id, method.id)
    gone = SimulatedProvider(
        base_url="http://127.0.0.1:9", api_key=KEY, webhook_secret=SECRET, timeout=timedelta(milliseconds=50)
    )
    lost = replace(deaf, gateways=replace(deaf.gateways, providers={"simulated": gone}))
    for _ in range(3):
        assert await lost.work("payments.charge", ahead=60 * MINUTE) == 1
    assert (await deaf.payment(made.id)).status == "processing"
    await deaf.work("payments.charge", ahead=60 * MINUTE)
    assert (await deaf.payment(made.id)).status == "succeeded"
    await gone.aclose()


async def test_a_charge_that_was_never_asked_for_in_time_is_not_asked_for_any_more(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id)
    async with deaf.db.transaction(deaf.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(seconds=1))
    made = await asked(deaf, customer_id)
    attempt = await charge(deaf, made.id, method.id)
    async with deaf.db.transaction(deaf.principal) as tx:
        await clock.advance(tx, tx.now + 31 * MINUTE)
    await deaf.work("payments.charge")
    assert await deaf.sandbox.payments(attempt.reference) == []
    (ended,) = await deaf.attempts(made.id)
    assert (ended.status, ended.failure_code) == ("failed", "not_charged_in_time")
    await payments.expire_due(deaf.db, deaf.gateways, deaf.principal)
    assert (await deaf.payment(made.id)).status == "expired"


async def test_only_the_customers_own_method_is_charged(deaf: Desk) -> None:
    mine, theirs = await deaf.customer(), await deaf.customer()
    method = await stored(deaf, mine)
    for whose in (theirs, None):
        made = await asked(deaf, whose)
        with pytest.raises(payments.MethodUnknown):
            await charge(deaf, made.id, method.id)
    made = await asked(deaf, mine)
    with pytest.raises(payments.MethodUnknown):
        await charge(deaf, made.id, made.id)


async def test_a_method_of_a_provider_that_is_gone_fails_the_charge(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id)
    made = await asked(deaf, customer_id)
    await charge(deaf, made.id, method.id)
    await replace(deaf, gateways=replace(deaf.gateways, providers={})).work("payments.charge")
    assert (await deaf.payment(made.id)).last_error == "provider_cannot_charge"


async def test_a_forgotten_method_is_charged_no_more_and_the_provider_is_told(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    first, second = await stored(deaf, customer_id), await stored(deaf, customer_id, MASTERCARD)
    under_way = await asked(deaf, customer_id)
    await charge(deaf, under_way.id, first.id)
    for _ in range(2):
        forgotten = await payments.forget_method(deaf.db, deaf.gateways, deaf.principal, first.id)
        assert not forgotten.active
    assert await deaf.events("method.forgotten") == 1
    (left,) = await methods(deaf, customer_id)
    assert (left.id, left.is_default) == (second.id, True)
    answer = await deaf.sandbox.client.get(f"/simulated/v1/methods/{first.method_ref}")
    assert answer.json()["removed_at"] is not None
    await deaf.work("payments.charge")
    assert (await deaf.payment(under_way.id)).last_error == "method_forgotten"
    with pytest.raises(payments.MethodUnknown):
        await charge(deaf, under_way.id, first.id)
    async with deaf.db.transaction(deaf.principal) as tx:
        with pytest.raises(payments.MethodUnknown):
            await payments.make_default(tx, first.id)


async def test_one_at_a_time_is_the_default_however_many_are_chosen_at_once(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    kept = [await stored(deaf, customer_id, card) for card in (GOOD, MASTERCARD, CHALLENGED)]

    async def choose(method_id: UUID) -> None:
        async with deaf.db.transaction(deaf.principal) as tx:
            await payments.make_default(tx, method_id)

    await asyncio.gather(*[choose(method.id) for method in kept * 3])
    assert [method.is_default for method in await methods(deaf, customer_id)] == [True, False, False]


async def test_a_customers_methods_over_the_api(deaf: Desk) -> None:
    customer_id, other = await deaf.customer(), await deaf.customer()
    first, second = await stored(deaf, customer_id), await stored(deaf, customer_id, MASTERCARD)
    path = f"/v1/customers/{public_id('cus', customer_id)}/payment-methods"
    page = await deaf.get(path, limit=1)
    assert ([each["last4"] for each in page["data"]], page["has_more"]) == (["4444"], True)
    rest = await deaf.get(path, after=page["next"])
    assert [(each["last4"], each["is_default"]) for each in rest["data"]] == [("4242", True)]
    shown = public_id("mtd", second.id)
    made = await deaf.post(f"{path}/{shown}/default", **{"Idempotency-Key": "k1"})
    assert (made.status_code, made.json()["is_default"]) == (201, True)
    assert "method_ref" not in made.json()
    removed = await deaf.http.delete(f"{path}/{shown}", headers=deaf.tenant.headers)
    assert (removed.status_code, removed.json()["active"]) == (200, False)
    await deaf.work("payments.forget_at_provider")
    assert (await deaf.sandbox.client.get(f"/simulated/v1/methods/{second.method_ref}")).json()["removed_at"] is not None
    assert (await deaf.get(f"{path}/{public_id('mtd', first.id)}"))["is_default"] is True
    for wrong in (f"{path}/{shown}", f"/v1/customers/{public_id('cus', other)}/payment-methods/{public_id('mtd', first.id)}"):
        answer = await deaf.http.get(wrong, headers=deaf.tenant.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "method_unknown")
        assert (await deaf.post(f"{wrong}/default")).status_code == 404
    nobody = f"/v1/customers/{public_id('cus', first.id)}/payment-methods"
    assert (await deaf.http.get(nobody, headers=deaf.tenant.headers)).status_code == 404
    assert (await deaf.http.get(path, headers=deaf.tenant.headers, params={"after": "x" * 600})).status_code == 422


async def test_a_customers_token_opens_that_customers_methods_alone(deaf: Desk) -> None:
    mine, theirs = await deaf.customer(), await deaf.customer()
    method = await stored(deaf, mine)
    async with deaf.db.transaction(deaf.principal) as tx:
        token = await identity.give_token(tx, mine, life=timedelta(minutes=5))
        stranger = await identity.give_token(tx, theirs, life=timedelta(minutes=5))
    path = f"/v1/customers/{public_id('cus', mine)}/payment-methods"
    for given, status in ((token, 200), (stranger, 404)):
        headers = {"Authorization": f"Bearer {given.text}"}
        assert (await deaf.http.get(path, headers=headers)).status_code == status
        removed = await deaf.http.delete(f"{path}/{public_id('mtd', method.id)}", headers=headers)
        assert removed.status_code == status


async def test_a_page_that_the_customer_was_sent_to_is_not_charged_beside(deaf: Desk) -> None:
    customer_id = await deaf.customer()
    method = await stored(deaf, customer_id)
    made = await asked(deaf, customer_id)
    await payments.start_attempt(deaf.db, deaf.gateways, deaf.principal, made.id, return_url=RETURN_URL)
    with pytest.raises(payments.PaymentInFlight):
        await charge(deaf, made.id, method.id)
