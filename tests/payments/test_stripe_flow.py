"""Paying through Stripe, whole and over HTTP: its page, its one address for webhooks, thin and snapshot events (CM2, CM5)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stripe_fixtures import DOCUMENTED, Till
from tenancy_fixtures import TenantMaker
from vezne import payments
from vezne.payments.tenant_texts import tenant_text

POOR, DISPUTED = "4000000000009995", "4000000000000259"
PAID = "checkout.session.completed"


async def booked(till: Till) -> tuple[int, int]:
    """What has come in, and how often a payment was said to have succeeded."""
    return await till.held("unapplied"), await till.events("payment.succeeded")


def event(id_: str = "evt_1", type_: str = PAID, **thing: Any) -> dict[str, Any]:  # noqa: ANN401 - any object of Stripe's
    """A snapshot event."""
    return {"id": id_, "object": "event", "type": type_, "data": {"object": thing}}


@pytest.mark.parametrize("payload", ["snapshot", "thin", "both"])
async def test_the_webhook_alone_finishes_a_payment_at_the_documented_address(till: Till, payload: str) -> None:
    """CM2, CM5, CM13: whether an event shows its object or only names it, and told both ways it counts once."""
    await till.told(payload=payload)
    payment_id = await till.asked()
    await till.act(await till.start(payment_id))
    await till.heard(f"v1.{PAID}" if payload == "thin" else PAID)
    await till.work("payments.act_on_webhook")
    assert await till.status(payment_id) == "succeeded"
    assert await booked(till) == (10_000, 1)


async def test_return_webhooks_and_poller_at_once_book_the_money_once(till: Till) -> None:
    await till.told()
    payment_id = await till.asked()
    ref = await till.start(payment_id)
    await till.act(ref)
    (hook,) = await till.heard(PAID)
    shown = event("evt_again", id=ref, object="checkout.session", mode="payment", metadata={"tenant": _name(till)})
    answers: list[Any] = await asyncio.gather(
        *(till.send(shown) for _ in range(4)),
        till.work("payments.act_on_webhook"),
        till.finalise(payment_id),
        till.finalise(payment_id),
    )
    assert [answer.status_code for answer in answers[:4]] == [200] * 4
    await till.work("payments.act_on_webhook")
    assert await booked(till) == (10_000, 1)
    outcomes = [one["outcome"] for one in await till.webhooks()]
    assert (outcomes.count("duplicate"), "forged" in outcomes) == (3, False)
    assert hook["signature_valid"] is True


def _name(till: Till) -> str:
    return tenant_text(till.tenant.tenant_id)


async def test_events_in_any_order_and_late_lead_to_the_same(till: Till) -> None:
    await till.sandbox.arm(webhooks={"duplicate": 2, "reorder": 50})
    await till.told()
    payment_id = await till.asked()
    await till.act(await till.start(payment_id))
    await till.heard(PAID, 3)
    await till.heard("payment_intent.succeeded", 3)
    await till.work("payments.act_on_webhook")
    assert (await till.status(payment_id), await booked(till)) == ("succeeded", (10_000, 1))


async def test_a_declined_card_is_tried_again_on_the_same_page(till: Till) -> None:
    await till.told()
    payment_id = await till.asked()
    ref = await till.start(payment_id)
    await till.act(ref, card=POOR)
    await till.heard("payment_intent.payment_failed")
    await till.work("payments.act_on_webhook")
    assert (await till.status(payment_id), len(await till.attempts(payment_id))) == ("requires_action", 1)
    await till.act(ref)
    assert (await till.finalise(payment_id)).status == "succeeded"


async def test_a_refund_that_fails_later_is_heard_of(till: Till) -> None:
    payment_id = await till.asked()
    await till.act(await till.start(payment_id))
    await till.finalise(payment_id)
    await till.told()
    async with till.db.transaction(till.principal) as tx:
        await payments.refund(tx, payment_id, 2_500)
    await till.work("payments.refund_at_provider")
    assert (await till.payment(payment_id)).refunded_minor == 2_500
    await till.heard("charge.refunded")
    await till.work("payments.act_on_webhook")
    assert (await till.payment(payment_id)).refunded_minor == 2_500
    assert await till.held("clearing:stripe") == -7_500


async def test_a_dispute_is_heard_of_and_booked(till: Till) -> None:
    await till.told()
    payment_id = await till.asked()
    ref = await till.start(payment_id)
    await till.act(ref, card=DISPUTED)
    await till.heard("charge.dispute.created")
    await till.work("payments.act_on_webhook")
    assert await till.status(payment_id) == "succeeded"
    assert (await till.events("dispute.opened"), await till.held("clearing:stripe")) == (1, 0)


async def test_what_a_payment_was_paid_with_is_kept_and_charged_again(till: Till) -> None:
    """CM3: the road of renewals: a stored card, charged while its owner is away."""
    customer_id = await till.customer()
    first = await till.asked(customer_id=customer_id, save_method=True)
    await till.act(await till.start(first))
    assert (await till.finalise(first)).status == "succeeded"
    async with till.db.transaction(till.principal) as tx:
        (method,) = await payments.methods_of(tx, customer_id)
    assert (method.brand, method.last4, method.provider) == ("visa", "4242", "stripe")
    second = await till.asked(2_000, customer_id=customer_id)
    async with till.db.transaction(till.principal) as tx:
        await payments.charge(tx, second, method.id)
    await till.work("payments.charge")
    assert await till.status(second) == "succeeded"
    assert await till.held("unapplied") == 12_000


async def test_a_forged_event_is_kept_and_refused_with_the_documented_code(till: Till) -> None:
    """CM7: PAY005."""
    payment_id = await till.asked()
    ref = await till.start(payment_id)
    shown = event(id=ref, object="checkout.session", mode="payment", status="complete", metadata={"tenant": _name(till)})
    for sent in (
        await till.send(shown, secret="whsec_of_somebody_else"),
        await till.send(shown, at=datetime.now(UTC) + timedelta(minutes=6)),  # noqa: TID251 - a forger's clock
        await till.send(shown, at=datetime.now(UTC) - timedelta(minutes=6)),  # noqa: TID251
        await till.http.post(DOCUMENTED, json=shown),
    ):
        assert (sent.status_code, sent.json()["code"]) == (401, "PAY005")
    assert [hook["outcome"] for hook in await till.webhooks()] == ["forged"] * 4
    assert await booked(till) == (0, 0)
    for nobody in (event(object="checkout.session", id="cs_1"), event(metadata={"tenant": "zzzzzzzz"}), {"no": "event"}):
        answer = await till.send(nobody, secret="whsec_of_somebody_else")
        assert (answer.status_code, answer.json()["code"]) == (401, "PAY005")


async def test_of_several_tenants_stripe_is_asked_whose_an_event_is(till: Till, make_tenant: TenantMaker) -> None:
    """A thin event names no tenant, nor does a dispute; what we made says so at Stripe. What nobody of us made is nobody's."""
    await make_tenant(payment_provider="stripe")
    payment_id = await till.asked()
    ref = await till.start(payment_id)
    done = await till.act(ref)
    intent = done["intent"]["id"]
    nameless = event("evt_charge", "charge.refunded", id="ch_1", object="charge", payment_intent=intent, metadata={})
    answer = await till.send(nameless)
    assert (answer.status_code, answer.json()["id"] is not None) == (200, True)
    alien = event("evt_alien", "payment_intent.succeeded", id="pi_none", object="payment_intent", metadata={})
    boring = event("evt_boring", "balance.available", object="balance")
    foreign = event("evt_foreign", PAID, id="cs_1", object="checkout.session", metadata={"tenant": "zzzzzzzz"})
    for nobodys in (alien, boring, foreign):
        answer = await till.send(nobodys)
        assert (answer.status_code, answer.json()) == (200, {"id": None})
    assert {hook["event_id"] for hook in await till.webhooks()} == {"evt_charge"}


async def test_where_one_tenant_uses_stripe_everything_is_kept_for_it(till: Till) -> None:
    """Nothing is dropped: neither what names nobody, nor what nobody believes."""
    await till.owner.execute(
        """UPDATE tenants SET settings = settings || '{"payment_provider": "simulated", "other_providers": []}'
           WHERE tenant_id <> $1""",
        till.tenant.tenant_id,
    )
    answer = await till.send(event("evt_boring", "balance.available", object="balance"))
    assert (answer.status_code, answer.json()["id"] is not None) == (200, True)
    assert (await till.send(event("evt_forged"), secret="whsec_wrong")).json()["code"] == "PAY005"
    await till.work("payments.act_on_webhook")
    assert [hook["signature_valid"] for hook in await till.webhooks()] == [False, True]


async def test_an_event_that_is_too_long_is_refused(till: Till) -> None:
    answer = await till.send(event(object="x", padding="x" * (256 * 1024)))
    assert answer.status_code == 413
