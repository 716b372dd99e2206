"""What providers, or others in their name, send us."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from desk_fixtures import DECLINED, GOOD, RETURN_URL, SECRET, Desk, unreached
from tenancy_fixtures import TestTenant
from vezne.kernel.ids import public_id
from vezne.payments.operations import settling

OTHER_SECRET = "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA=="


def about(ref: str, event: str = "sim_evt_1", type_: str = "payment.succeeded") -> dict[str, object]:
    return {"id": event, "type": type_, "created_at": "2026-01-01T00:00:00Z", "data": {"id": ref, "status": "succeeded"}}


async def paid_in_silence(desk: Desk) -> tuple[Desk, str]:
    """A payment the provider has taken, of which no webhook reached us."""
    deaf = replace(desk, gateways=unreached(desk.gateways))
    made = await deaf.pay()
    ref = await deaf.start(made.id)
    await desk.sandbox.play(ref)
    return deaf, ref


async def test_a_forged_webhook_is_kept_refused_and_not_acted_on(desk: Desk) -> None:
    _, ref = await paid_in_silence(desk)
    answer = await desk.tell(about(ref), secret=OTHER_SECRET)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    (hook,) = await desk.webhooks()
    assert (hook["signature_valid"], hook["outcome"], hook["event_id"]) == (False, "forged", None)
    assert await desk.work("payments.act_on_webhook") == 0
    assert await desk.held("unapplied") == 0


@pytest.mark.parametrize("minutes", [-10, -6, 6, 10, 60 * 24 * 365])
async def test_a_stale_or_future_webhook_is_refused_though_rightly_signed(desk: Desk, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)  # noqa: TID251 - a sender's own clock
    answer = await desk.tell(about("sim_pay_x"), at=at)
    assert answer.status_code == 401
    assert [hook["outcome"] for hook in await desk.webhooks()] == ["forged"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "sim_evt_1"},
        {"webhook-id": "sim_evt_1", "webhook-timestamp": "now", "webhook-signature": "v1,x"},
        {"webhook-id": "sim_evt_1", "webhook-timestamp": "1" * 400, "webhook-signature": "v1,x"},
        {"webhook-id": "sim_evt_1", "webhook-timestamp": "-5", "webhook-signature": "nocomma"},
        {"webhook-id": "sim_evt_1", "webhook-timestamp": "0", "webhook-signature": "v1,"},
    ],
)
async def test_a_webhook_without_proper_headers_is_kept_and_refused(desk: Desk, headers: dict[str, str]) -> None:
    url = desk.gateways.webhook_url("simulated", desk.tenant.tenant_id)
    answer = await desk.http.post(url, content=b"\xff\x00 no json", headers={**headers, "authorization": "Bearer secret"})
    assert answer.status_code == 401
    (hook,) = await desk.webhooks()
    assert hook["outcome"] == "forged"
    assert "authorization" not in hook["headers"]


async def test_the_same_event_twice_is_answered_and_acted_on_once(desk: Desk) -> None:
    _, ref = await paid_in_silence(desk)
    for _ in range(3):
        assert (await desk.tell(about(ref))).status_code == 200
    await desk.work("payments.act_on_webhook")
    assert (await desk.tell(about(ref))).status_code == 200
    await desk.work("payments.act_on_webhook")
    assert sorted(hook["outcome"] for hook in await desk.webhooks()) == ["applied", "duplicate", "duplicate", "duplicate"]
    assert await desk.held("unapplied") == 10_000
    assert await desk.events("payment.succeeded") == 1


async def test_one_event_delivered_ten_times_at_once_is_acted_on_once(desk: Desk) -> None:
    _, ref = await paid_in_silence(desk)
    answers = await asyncio.gather(*[desk.tell(about(ref)) for _ in range(10)])
    assert {answer.status_code for answer in answers} == {200}
    await desk.work("payments.act_on_webhook")
    outcomes = [hook["outcome"] for hook in await desk.webhooks()]
    assert (outcomes.count("applied"), outcomes.count("duplicate")) == (1, 9)
    assert await desk.held("unapplied") == 10_000


async def test_a_webhook_that_lies_about_success_credits_nothing(desk: Desk) -> None:
    """Rightly signed, and wrong: the provider is asked, and knows nothing of a success."""
    made = await desk.pay()
    ref = await desk.start(made.id)
    assert (await desk.tell(about(ref))).status_code == 200
    await desk.work("payments.act_on_webhook")
    assert (await desk.payment(made.id)).status == "requires_action"
    assert await desk.held("unapplied") == 0


async def test_news_that_come_in_the_wrong_order_change_nothing(desk: Desk) -> None:
    deaf, ref = await paid_in_silence(desk)
    await desk.tell(about(ref, "sim_evt_2", "payment.succeeded"))
    await desk.work("payments.act_on_webhook")
    for number, type_ in enumerate(("payment.processing", "payment.failed", "payment.cancelled"), 3):
        await desk.tell(about(ref, f"sim_evt_{number}", type_))
    await desk.work("payments.act_on_webhook")
    (attempt,) = await deaf.attempts(await desk_payment(desk, ref))
    assert (attempt.status, attempt.is_final) == ("captured", True)
    assert await desk.events("payment.succeeded") == 1
    assert await desk.events("payment.failed") == 0


async def desk_payment(desk: Desk, ref: str) -> UUID:
    found: UUID = await desk.owner.fetchval(
        "SELECT payment_id FROM payment_attempts WHERE tenant_id = $1 AND provider_ref = $2", desk.tenant.tenant_id, ref
    )
    return found


async def test_a_webhook_for_an_unknown_payment_is_kept_and_applied_when_the_payment_appears(desk: Desk) -> None:
    made = await desk.pay()
    await desk.start(made.id)
    (attempt,) = await desk.attempts(made.id)
    stranger = await desk.sandbox.client.post(
        "/simulated/v1/payments",
        json={"merchant_reference": "not-known-yet", "amount_minor": 10_000, "currency": "TRY", "return_url": RETURN_URL},
    )
    ref = stranger.json()["id"]
    await desk.sandbox.play(ref)
    assert (await desk.tell(about(ref))).status_code == 200
    await desk.work("payments.act_on_webhook")
    assert [hook["outcome"] for hook in await desk.webhooks()] == ["unknown_payment"]
    # The attempt's name becomes known: what waited for it is taken up again.
    await desk.owner.execute(
        "UPDATE payment_attempts SET provider_ref = NULL, status = 'starting' WHERE tenant_id = $1 AND id = $2",
        desk.tenant.tenant_id,
        attempt.id,
    )
    async with desk.db.transaction(desk.principal) as tx:
        await settling.name(tx, attempt.id, ref, None)
    await desk.work("payments.act_on_webhook")
    assert [hook["outcome"] for hook in await desk.webhooks()] == ["applied"]
    assert (await desk.payment(made.id)).status == "succeeded"


async def test_a_webhook_quicker_than_our_own_transaction_finds_its_attempt_by_reference(desk: Desk) -> None:
    deaf, ref = await paid_in_silence(desk)
    await desk.owner.execute(
        "UPDATE payment_attempts SET provider_ref = NULL, redirect_url = NULL, status = 'starting' WHERE tenant_id = $1",
        desk.tenant.tenant_id,
    )
    await desk.tell(about(ref))
    await desk.work("payments.act_on_webhook")
    assert [hook["outcome"] for hook in await desk.webhooks()] == ["applied"]
    (attempt,) = await deaf.attempts(await desk_payment(desk, ref))
    assert (attempt.status, attempt.provider_ref) == ("captured", ref)


async def test_seeded_faults_of_the_sandbox_change_nothing_in_the_outcome(desk: Desk) -> None:
    """Forged first, stale next, then the genuine one, two copies, and lost at its first try."""
    await desk.sandbox.arm(webhooks={"duplicate": 2, "forge": True, "stale": True, "drop_first": 1})
    made = await desk.pay()
    ref = await desk.start(made.id)
    await desk.sandbox.play(ref)
    async with asyncio.timeout(10):
        while not [hook for hook in await desk.webhooks() if hook["event_id"]]:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    await desk.work("payments.act_on_webhook")
    for fault in ("webhooks.duplicate", "webhooks.forge", "webhooks.stale", "webhooks.drop_first"):
        assert await desk.sandbox.fired(fault) > 0
    outcomes = [hook["outcome"] for hook in await desk.webhooks()]
    assert outcomes.count("applied") == 1
    assert outcomes.count("forged") >= 2
    assert await desk.held("unapplied") == 10_000


async def test_events_the_sandbox_sends_in_the_wrong_order_end_in_the_truth(desk: Desk) -> None:
    await desk.sandbox.arm(webhooks={"reorder": 500})
    made = await desk.pay()
    first = await desk.start(made.id)
    await desk.sandbox.play(first, DECLINED)
    assert (await desk.finalise(made.id)).status == "requires_payment"
    second = await desk.start(made.id)
    await desk.sandbox.play(second, GOOD)
    await desk.until_told(second)
    await desk.until_told(first)
    await desk.work("payments.act_on_webhook")
    assert (await desk.payment(made.id)).status == "succeeded"
    assert await desk.held("unapplied") == 10_000


@pytest.mark.parametrize("token", ["0", "zzzzzzzzzzzz", "u", "ten_x", "1" * 40, "%00"])
async def test_an_address_of_nobody_receives_nothing(desk: Desk, token: str) -> None:
    answer = await desk.tell(about("sim_pay_x"), tenant=f"/v1/providers/simulated/webhooks/{token}")
    assert answer.status_code == 404


async def test_an_unknown_provider_is_not_found(desk: Desk) -> None:
    answer = await desk.http.post("/v1/providers/nobody/webhooks/1", content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (404, "provider_unknown")


async def test_a_webhook_larger_than_is_taken_is_refused(desk: Desk) -> None:
    url = desk.gateways.webhook_url("simulated", desk.tenant.tenant_id)
    assert (await desk.http.post(url, content=b"x" * (64 * 1024 + 1))).status_code == 413


async def test_a_webhook_at_another_tenants_address_moves_nothing(desk: Desk, other_tenant: TestTenant) -> None:
    _, ref = await paid_in_silence(desk)
    address = desk.gateways.webhook_url("simulated", other_tenant.tenant_id)
    assert (await desk.tell(about(ref), tenant=address)).status_code == 200
    elsewhere = replace(desk, tenant=other_tenant)
    await elsewhere.work("payments.act_on_webhook")
    assert [hook["outcome"] for hook in await elsewhere.webhooks()] == ["unknown_payment"]
    assert await desk.held("unapplied") == 0


async def test_the_log_is_read_page_by_page_and_filtered(desk: Desk) -> None:
    for number in range(3):
        await desk.tell(about("sim_pay_none", f"sim_evt_{number}"))
    await desk.tell(about("sim_pay_none", "sim_evt_bad"), secret=OTHER_SECRET)
    first = await desk.get("/v1/inbound-webhooks", limit=2)
    assert (len(first["data"]), first["has_more"]) == (2, True)
    rest = await desk.get("/v1/inbound-webhooks", limit=2, after=first["next"])
    assert (len(rest["data"]), rest["has_more"], rest["next"]) == (2, False, None)
    assert len((await desk.get("/v1/inbound-webhooks", outcome="forged"))["data"]) == 1
    assert SECRET not in str(first)


async def test_foreign_payments_are_not_found(desk: Desk, other_tenant: TestTenant) -> None:
    made = await desk.pay()
    shown = public_id("pay", made.id)
    for method, path in (
        ("GET", ""),
        ("GET", "/attempts"),
        ("GET", "/refunds"),
        ("POST", "/refunds"),
        ("POST", "/cancellations"),
    ):
        body: dict[str, str] | None = {} if path == "/refunds" and method == "POST" else None
        answer = await desk.http.request(method, f"/v1/payments/{shown}{path}", json=body, headers=other_tenant.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_payment")


async def test_et11_a_webhook_is_kept_unreadable_at_rest_and_read_by_who_may(desk: Desk) -> None:
    _, ref = await paid_in_silence(desk)
    (await desk.tell(about(ref))).raise_for_status()
    await desk.work("payments.act_on_webhook")
    (row,) = await desk.owner.fetch(
        "SELECT raw_body, is_sealed, processed_at FROM inbound_webhooks WHERE tenant_id = $1", desk.tenant.tenant_id
    )
    assert row["is_sealed"]
    assert row["processed_at"] is not None
    assert ref.encode() not in bytes(row["raw_body"])
    (hook,) = await desk.webhooks()
    assert ref in hook["body"]
    assert (hook["provider"], hook["type"], hook["outcome"]) == ("simulated", "payment.succeeded", "applied")
