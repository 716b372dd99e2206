"""One payment, several providers: the next attempt elsewhere, forms that are signed when shown, and money that comes late."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from desk_fixtures import DECLINED, KEY, MINUTE, RETURN_URL, SECRET, Desk, unreached
from vezne import identity, payments
from vezne.kernel import clock
from vezne.kernel.ids import public_id
from vezne.payments.operations.starting import make_form_token
from vezne.payments.providers.base import Capabilities, FormPost, ProviderPayment, StartRequest
from vezne.payments.providers.simulated import SimulatedProvider


class Second(SimulatedProvider):
    """Another provider, entered by a form, that cannot be told to close a payment."""

    name = "second"
    capabilities = Capabilities(partial_refund=True, manual_capture=True, cancel=False)

    def form(self, request: StartRequest) -> FormPost:
        return FormPost(
            action="https://pay.example/_payment",
            fields={"txnid": request.reference, "hash": "0f" * 8, "email": request.payer.email},
        )

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        return await self.fetch(provider_ref)


@pytest_asyncio.fixture
async def two(desk: Desk) -> AsyncIterator[Desk]:
    """A desk that no webhook reaches, with two providers."""
    second = Second(base_url=desk.sandbox.url, api_key=KEY, webhook_secret=SECRET)
    desk.gateways.providers["second"] = second  # type: ignore[index]  # the fixture's own dictionary
    async with desk.db.transaction(desk.principal) as tx:
        await identity.change_tenant(tx, settings={"other_providers": ["second"]})
    yield replace(desk, gateways=unreached(desk.gateways))


async def start(desk: Desk, payment_id: UUID, provider: str | None = None) -> payments.StartedAttempt:
    return await payments.start_attempt(
        desk.db, desk.gateways, desk.principal, payment_id, return_url=RETURN_URL, provider=provider
    )


async def test_et4_after_a_decline_the_next_attempt_may_go_to_another_provider(two: Desk) -> None:
    made = await two.pay()
    await two.sandbox.play(await two.start(made.id), DECLINED)
    await two.finalise(made.id)
    started = await start(two, made.id, "second")
    first, second = await two.attempts(made.id)
    assert (first.provider, second.provider, second.parent_id) == ("simulated", "second", first.id)
    await two.sandbox.play(second.provider_ref or "")
    paid = await two.finalise(made.id)
    assert (paid.status, paid.amount_minor, started.number) == ("succeeded", made.amount_minor, 2)
    assert await two.held("clearing:second") == -10_000


async def test_a_live_attempt_elsewhere_is_closed_before_the_next_begins(two: Desk) -> None:
    made = await two.pay()
    await two.start(made.id)
    await start(two, made.id, "second")
    first, second = await two.attempts(made.id)
    assert (first.status, second.status) == ("cancelled", "pending")
    (at_provider,) = await two.sandbox.payments(first.reference)
    assert at_provider["status"] == "cancelled"


async def test_money_at_a_provider_that_was_left_is_still_found_and_flagged(two: Desk) -> None:
    made = await two.pay()
    await start(two, made.id, "second")
    await start(two, made.id, "simulated")
    left, taken = await two.attempts(made.id)
    assert (left.status, left.failure_code) == ("cancelled", "left_for_another")
    await two.sandbox.play(left.provider_ref or "")
    await two.sandbox.play(taken.provider_ref or "")
    await two.finalise(made.id)
    await two.work("payments.poll", ahead=timedelta(seconds=6))
    assert (await two.payment(made.id)).flag == "paid_twice"
    assert await two.held("unapplied") == 20_000


async def test_a_provider_that_is_not_offered_is_refused_by_name(two: Desk) -> None:
    made = await two.pay()
    with pytest.raises(payments.ProviderNotOffered) as refused:
        await start(two, made.id, "elsewhere")
    assert refused.value.loc == ("body", "provider")
    assert await two.attempts(made.id) == []


async def test_whoever_is_sent_to_a_provider_has_fifteen_minutes(two: Desk) -> None:
    made = await two.pay()
    async with two.db.transaction(two.principal) as tx:
        await clock.hold(tx, made.expires_at - MINUTE)
    await two.start(made.id)
    assert (await two.payment(made.id)).expires_at == made.expires_at + 14 * MINUTE


async def test_a_provider_that_cannot_be_told_is_given_up_in_time_and_its_late_money_found(two: Desk) -> None:
    made = await two.pay()
    await start(two, made.id, "second")
    async with two.db.transaction(two.principal) as tx:
        await clock.hold(tx, made.expires_at + MINUTE)
    expired = await payments.expire(two.db, two.gateways, two.principal, made.id)
    (attempt,) = await two.attempts(made.id)
    assert (expired.status, attempt.status, attempt.failure_code) == ("expired", "expired", "not_paid_in_time")
    await two.sandbox.play(attempt.provider_ref or "")
    await two.work("payments.poll", ahead=timedelta(seconds=6))
    assert (await two.payment(made.id)).status == "succeeded"
    assert await two.held("unapplied") == 10_000


async def test_a_form_is_made_for_each_view_and_only_while_the_attempt_lives(two: Desk) -> None:
    made = await two.pay()
    started = await start(two, made.id, "second")
    assert started.form is not None
    async with two.db.transaction(two.principal) as tx:
        token = make_form_token(tx.vault, tx.tenant_id, started.attempt_id)
    page = await two.http.get(f"/pay/{token}")
    assert page.status_code == 200
    assert 'action="https://pay.example/_payment"' in page.text
    assert "form-action 'self' https://pay.example;" in page.headers["content-security-policy"]
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (forged, "x", token.replace("att_", "pay_")):
        assert (await two.http.get(f"/pay/{wrong}")).status_code == 404
    await two.sandbox.play((await two.attempts(made.id))[-1].provider_ref or "", DECLINED)
    await two.finalise(made.id)
    assert (await two.http.get(f"/pay/{token}")).status_code == 404


async def test_et5_everything_a_provider_said_is_kept_and_unreadable_at_rest(two: Desk) -> None:
    made = await two.pay()
    await two.sandbox.play(await two.start(made.id), DECLINED)
    await two.finalise(made.id)
    await two.sandbox.play(await two.start(made.id))
    await two.finalise(made.id)
    async with two.db.transaction(two.principal) as tx:
        await payments.refund(tx, made.id, 2_500)
    await two.work("payments.refund_at_provider")
    heard = (await two.get(f"/v1/payments/{public_id('pay', made.id)}/transactions"))["data"]
    assert [line["status"] for line in heard] == ["failed", "captured", "refund_succeeded"]
    assert heard[1]["provider_response"]["status"] == "succeeded"
    assert heard[2]["amount_minor"] == 2_500
    raw = await two.owner.fetch("SELECT response FROM payment_transactions WHERE tenant_id = $1", two.tenant.tenant_id)
    assert all(b"succeeded" not in bytes(row["response"]) and b"merchant_reference" not in bytes(row["response"]) for row in raw)
    with pytest.raises(Exception, match="permission denied"):
        await _as_service(two, "UPDATE payment_transactions SET status = 'captured'")


async def _as_service(desk: Desk, statement: str) -> None:
    async with desk.db.connection() as connection:
        await connection.execute(statement)
