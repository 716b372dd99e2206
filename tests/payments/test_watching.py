"""CM11: a customer whose attempts are declined, or who has much given back, is told to staff in the same transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from desk_fixtures import DECLINED, MINUTE, Desk, unreached
from vezne import identity, payments
from vezne.kernel import clock
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money

NOON = datetime(2031, 3, 10, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def deaf(desk: Desk) -> Desk:
    """A desk whose webhooks reach nobody: what happens is its jobs' own doing."""
    return replace(desk, gateways=unreached(desk.gateways))


async def at(desk: Desk, moment: datetime) -> None:
    async with desk.db.transaction(desk.principal) as tx:
        await clock.hold(tx, moment)


async def asked(desk: Desk, customer_id: UUID | None, minor: int = 10_000) -> payments.Payment:
    async with desk.db.transaction(desk.principal) as tx:
        amount = Money(minor, "TRY")
        made, _ = await payments.create(tx, amount, "test", expires_after=30 * MINUTE, customer_id=customer_id)
    return made


async def decline(desk: Desk, payment_id: UUID) -> None:
    await desk.sandbox.play(await desk.start(payment_id), DECLINED)
    await desk.finalise(payment_id)


async def refund(desk: Desk, payment_id: UUID, minor: int) -> None:
    async with desk.db.transaction(desk.principal) as tx:
        await payments.refund(tx, payment_id, minor)


async def paid(desk: Desk, customer_id: UUID) -> UUID:
    made = await asked(desk, customer_id)
    await desk.sandbox.play(await desk.start(made.id))
    await desk.finalise(made.id)
    return made.id


async def alerts(desk: Desk) -> Sequence[identity.Alert]:
    """All there are, oldest first."""
    async with desk.db.transaction(desk.principal, read_only=True) as tx:
        return (await identity.alerts(tx))[::-1]


async def test_cm11_the_fifth_decline_of_a_customer_in_an_hour_is_told_whatever_the_payment(deaf: Desk) -> None:
    customer, other = await deaf.customer(), await deaf.customer()
    first, second = await asked(deaf, customer), await asked(deaf, customer)
    for _ in range(2):
        await decline(deaf, first.id)
        await decline(deaf, second.id)
    await decline(deaf, (await asked(deaf, other)).id)
    await decline(deaf, (await asked(deaf, None)).id)
    assert await alerts(deaf) == []
    await decline(deaf, first.id)
    (alert,) = await alerts(deaf)
    assert (alert.rule, alert.customer_id, alert.subject) == ("many_declines", customer, public_id("pay", first.id))
    assert (alert.facts["count"], alert.facts["threshold"], alert.status) == (5, 5, "open")
    await decline(deaf, second.id)
    assert len(await alerts(deaf)) == 1
    assert await deaf.events("customer.alerted") == 1
    await deaf.sandbox.play(await deaf.start(first.id))
    assert (await deaf.finalise(first.id)).status == "succeeded"  # an alert changes nothing


async def test_cm11_declines_count_for_an_hour_of_the_tenants_and_from_a_decision_on(deaf: Desk) -> None:
    async with deaf.db.transaction(deaf.principal) as tx:
        await identity.change_tenant(tx, settings={"alert_thresholds": {"many_declines": 2}})
    await at(deaf, NOON)
    customer = await deaf.customer()
    await decline(deaf, (await asked(deaf, customer)).id)
    await at(deaf, NOON + HOUR)
    await decline(deaf, (await asked(deaf, customer)).id)
    assert await alerts(deaf) == []
    await at(deaf, NOON + HOUR + 59 * MINUTE)
    await decline(deaf, (await asked(deaf, customer)).id)
    (alert,) = await alerts(deaf)
    assert alert.raised_at == NOON + HOUR + 59 * MINUTE
    async with deaf.db.transaction(deaf.principal) as tx:
        await identity.decide_alert(tx, alert.id, "dismissed")
    await at(deaf, NOON + 2 * HOUR)
    await decline(deaf, (await asked(deaf, customer)).id)
    assert len(await alerts(deaf)) == 1
    await at(deaf, NOON + 2 * HOUR + MINUTE)
    await decline(deaf, (await asked(deaf, customer)).id)
    assert [each.status for each in await alerts(deaf)] == ["dismissed", "open"]


async def test_cm11_the_fifth_refund_of_a_customer_in_a_day_is_told_and_one_that_is_refused_is_not(deaf: Desk) -> None:
    customer = await deaf.customer()
    await at(deaf, NOON)
    first, second = await paid(deaf, customer), await paid(deaf, customer)
    await refund(deaf, first, 1_000)
    await at(deaf, NOON + DAY)
    for payment_id in (first, second, first, second):
        await refund(deaf, payment_id, 1_000)
    with pytest.raises(payments.RefundTooLarge):
        await refund(deaf, first, 10_000)
    assert await alerts(deaf) == []
    await refund(deaf, second, 1_000)
    (alert,) = await alerts(deaf)
    assert (alert.rule, alert.customer_id, alert.facts["count"]) == ("many_refunds", customer, 5)
    assert alert.subject == public_id("pay", second)


@pytest.mark.concurrency
async def test_cm11_five_at_once_are_counted_and_fifty_raise_one_alert(deaf: Desk) -> None:
    for customer, refunds in ((await deaf.customer(), 5), (await deaf.customer(), 50)):
        bought = [await paid(deaf, customer) for _ in range(5)]
        await asyncio.gather(*(refund(deaf, bought[turn % 5], 100) for turn in range(refunds)))
        assert [alert.rule for alert in await alerts(deaf) if alert.customer_id == customer] == ["many_refunds"]
