"""Disputes: what a payer's bank takes back is booked once, whenever and however often we hear of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from desk_fixtures import MINUTE, RETURN_URL, Desk
from subscribing_fixtures import NAME, Billed
from vezne import payments
from vezne.kernel import clock
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.payments.providers.base import ProviderDispute

TILL = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def billed(desk: Desk) -> Billed:
    """A desk whose provider tells of disputes."""
    return Billed.at(desk)


async def paid(billed: Billed, *, settled: bool = True) -> tuple[payments.Payment, str]:
    """A payment of 100.00, and the provider's name for it; not settled: we have not heard that it was paid."""
    where = (billed.desk.db, billed.gateways, billed.desk.principal)
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        made, _ = await payments.create(tx, Money(10_000, "TRY"), "test", expires_after=30 * MINUTE, provider=NAME)
    await payments.start_attempt(*where, made.id, return_url=RETURN_URL)
    ref = (await billed.desk.attempts(made.id))[-1].provider_ref or ""
    billed.biller.pay(ref)
    return (await payments.finalise(*where, made.id) if settled else made), ref


def dispute(billed: Billed, ref: str, minor: int = 10_000, **changes: object) -> ProviderDispute:
    """The bank takes money back."""
    facts = {"dispute_ref": f"bdp_{ref}", "provider_ref": ref, "status": "needs_response", "reason": "fraudulent", **changes}
    made = ProviderDispute(amount=Money(minor, "TRY"), respond_by=TILL, **facts)  # type: ignore[arg-type]
    billed.biller.disputes[made.dispute_ref] = made
    return made


def move(billed: Billed, made: ProviderDispute, **changes: object) -> None:
    """The dispute becomes another."""
    billed.biller.disputes[made.dispute_ref] = replace(made, **changes)  # type: ignore[arg-type]


async def told(billed: Billed, made: ProviderDispute, event: str | None = None) -> None:
    """We hear of it, and act."""
    await billed.tell(event, dispute=made.dispute_ref)
    await billed.act()


async def books(billed: Billed) -> tuple[int, int, int]:
    """What stands at the provider, in dispute, and unapplied, as what is held there."""
    return (
        -await billed.desk.held(f"clearing:{NAME}"),
        -await billed.desk.held("disputed"),
        await billed.desk.held("unapplied"),
    )


async def kinds(billed: Billed) -> list[str]:
    """What was published of disputes, in order."""
    async with billed.desk.db.transaction(billed.desk.principal, read_only=True) as tx:
        rows = await tx.fetch("SELECT type FROM events WHERE tenant_id = $1 AND type LIKE 'dispute.%' ORDER BY id", tx.tenant_id)
    return [row["type"] for row in rows]


async def test_an_open_dispute_is_no_longer_at_the_provider_and_cannot_be_refunded(billed: Billed) -> None:
    payment, ref = await paid(billed)
    await told(billed, dispute(billed, ref))
    assert await books(billed) == (0, 10_000, 10_000)
    now = await billed.desk.payment(payment.id)
    assert (now.status, now.refunding_minor, now.refundable_minor) == ("succeeded", 10_000, 0)
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        with pytest.raises(payments.RefundTooLarge):
            await payments.refund(tx, payment.id, 1)
    (opened,) = await billed.facts("dispute.opened")
    assert (opened["payment_id"], opened["amount_minor"], opened["reason"]) == (
        public_id("pay", payment.id),
        10_000,
        "fraudulent",
    )


async def test_a_dispute_that_was_won_is_back_at_the_provider(billed: Billed) -> None:
    payment, ref = await paid(billed)
    made = dispute(billed, ref)
    await told(billed, made)
    move(billed, made, status="under_review")
    await told(billed, made)
    move(billed, made, status="won")
    await told(billed, made)
    assert await books(billed) == (10_000, 0, 10_000)
    assert (await billed.desk.payment(payment.id)).refundable_minor == 10_000
    assert await kinds(billed) == ["dispute.opened", "dispute.won"]


async def test_a_dispute_that_was_lost_is_gone_and_never_refunded_again(billed: Billed) -> None:
    payment, ref = await paid(billed)
    made = dispute(billed, ref, 4_000)
    await told(billed, made)
    move(billed, made, status="lost")
    await told(billed, made)
    assert await books(billed) == (6_000, 0, 6_000)
    now = await billed.desk.payment(payment.id)
    assert (now.refunded_minor, now.refundable_minor) == (4_000, 6_000)
    assert await kinds(billed) == ["dispute.opened", "dispute.lost"]
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        await payments.refund(tx, payment.id)
    await billed.desk.work("payments.refund_at_provider")
    assert await books(billed) == (0, 0, 0)


async def test_cm5_news_of_a_dispute_twice_at_once_and_out_of_order_are_booked_once(billed: Billed) -> None:
    _, ref = await paid(billed)
    made = dispute(billed, ref)
    for _ in range(4):
        await billed.tell(dispute=made.dispute_ref)
    await asyncio.gather(*[billed.act() for _ in range(4)])
    move(billed, made, status="lost")
    await told(billed, made, "bevt_closed")
    await told(billed, made, "bevt_closed")
    move(billed, made, status="needs_response")  # older news
    await told(billed, made)
    move(billed, made, status="won")  # decided is decided
    await told(billed, made)
    assert await books(billed) == (0, 0, 0)
    assert await kinds(billed) == ["dispute.opened", "dispute.lost"]


async def test_a_dispute_first_heard_of_when_it_is_over_is_opened_and_ended(billed: Billed) -> None:
    _, ref = await paid(billed)
    await told(billed, dispute(billed, ref, status="lost"))
    assert await books(billed) == (0, 0, 0)
    assert await kinds(billed) == ["dispute.opened", "dispute.lost"]


async def test_a_dispute_of_money_we_have_not_heard_of_takes_the_money_first(billed: Billed) -> None:
    payment, ref = await paid(billed, settled=False)
    await told(billed, dispute(billed, ref))
    assert (await billed.desk.payment(payment.id)).status == "succeeded"
    assert await books(billed) == (0, 10_000, 10_000)


async def test_a_dispute_of_a_payment_that_is_not_known_here_waits_for_it(billed: Billed) -> None:
    found, ref = await billed.subscribed()
    billed.biller.renew(ref)
    made = dispute(billed, f"bpay_{ref}_2", 9_900)
    await told(billed, made)
    assert [hook["outcome"] for hook in await billed.desk.webhooks()] == ["unknown_payment"]
    assert await kinds(billed) == []
    await billed.look(found.id)  # the bill is taken
    await billed.act()
    assert [hook["outcome"] for hook in await billed.desk.webhooks()] == ["applied"]
    assert await books(billed) == (9_900, 9_900, 19_800)


async def test_a_dispute_of_more_than_is_left_reserves_what_is_left(billed: Billed) -> None:
    payment, ref = await paid(billed)
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        await payments.refund(tx, payment.id, 3_000)
    await billed.desk.work("payments.refund_at_provider")
    made = dispute(billed, ref)
    await told(billed, made)
    now = await billed.desk.payment(payment.id)
    assert (now.refunded_minor, now.refunding_minor) == (3_000, 7_000)
    move(billed, made, status="lost")
    await told(billed, made)
    assert (await billed.desk.payment(payment.id)).refunded_minor == 10_000
    assert await books(billed) == (-3_000, 0, -3_000)  # the bank took back what was given back already: that is a loss


async def test_a_dispute_the_provider_does_not_know_changes_nothing(billed: Billed) -> None:
    await paid(billed)
    await billed.tell(dispute="bdp_nobody")
    await billed.act()
    (hook,) = await billed.desk.webhooks()
    assert (hook["outcome"], hook["processed_at"] is not None) == ("unknown_payment", True)


async def test_an_open_dispute_is_looked_at_each_day_though_nothing_is_told(billed: Billed) -> None:
    _, ref = await paid(billed)
    made = dispute(billed, ref)
    await told(billed, made)
    move(billed, made, status="won")
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(hours=23))
    await billed.sweep("payments.look_at_disputes")
    assert await kinds(billed) == ["dispute.opened"]
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        await clock.advance(tx, tx.now + timedelta(hours=2))
    billed.biller.away = True
    await billed.sweep("payments.look_at_disputes")
    billed.biller.away = False
    async with billed.desk.db.transaction(billed.desk.principal) as tx:
        await clock.advance(tx, tx.now + timedelta(hours=25))
    await billed.sweep("payments.look_at_disputes")
    assert await kinds(billed) == ["dispute.opened", "dispute.won"]


async def test_disputes_over_the_api(billed: Billed) -> None:
    payment, ref = await paid(billed)
    await told(billed, dispute(billed, ref, 4_000))
    await told(billed, dispute(billed, ref, 1_000, dispute_ref="bdp_second", reason="x" * 3_000))
    page = await billed.desk.get("/v1/disputes", payment_id=public_id("pay", payment.id), limit=1)
    (shown,) = page["data"]
    assert (shown["amount_minor"], shown["status"], len(shown["reason"]), page["has_more"]) == (
        1_000,
        "needs_response",
        200,
        True,
    )
    (first,) = (await billed.desk.get("/v1/disputes", after=page["next"]))["data"]
    assert (first["dispute_ref"], first["reserved_minor"]) == (f"bdp_{ref}", 4_000)
    assert (await billed.desk.get(f"/v1/disputes/{first['id']}"))["respond_by"].startswith("2100-01-01")
    assert (await billed.desk.get("/v1/disputes", status="won"))["data"] == []
    nobody = await billed.desk.http.get(f"/v1/disputes/{public_id('dsp', payment.id)}", headers=billed.desk.tenant.headers)
    assert (nobody.status_code, nobody.json()["code"]) == (404, "dispute_unknown")
    wrong = await billed.desk.http.get("/v1/disputes?status=maybe", headers=billed.desk.tenant.headers)
    assert wrong.status_code == 422
