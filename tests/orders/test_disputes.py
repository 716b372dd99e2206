"""Disputes that were lost: what the money had bought is taken back; what is used already is the tenant's loss."""

from typing import Any
from uuid import UUID

from orders_fixtures import BoxOffice, seats
from vezne import bookings, payments
from vezne.kernel.ids import new_id, parse_id
from vezne.kernel.money import Money
from vezne.payments.operations import disputing
from vezne.payments.providers.base import ProviderDispute


async def dispute(office: BoxOffice, payment_id: UUID, minor: int, *statuses: str) -> None:
    """The provider tells of a dispute, status by status."""
    attempt = next(attempt for attempt in await office.attempts(payment_id) if attempt.is_final)
    name = f"dp_{new_id().hex}"
    for status in statuses:
        seen = ProviderDispute(
            dispute_ref=name,
            provider_ref=attempt.provider_ref or "",
            status=status,  # type: ignore[arg-type]
            amount=Money(minor, "TRY"),
            reason="fraudulent",
        )
        async with office.db.transaction(office.principal) as tx:
            assert await disputing.settle(tx, attempt, seen)


async def bought(office: BoxOffice, quantity: int = 2) -> tuple[dict[str, Any], bookings.Resource, UUID, UUID]:
    """Seats of a host's event, paid by card: the placed order, the event, the host, the payment."""
    payee = await office.payee()
    event = await office.event(item={"payee_id": payee})
    placed = await office.order(await office.customer(), [seats(event, quantity)])
    await office.settle(placed)
    return placed, event, payee, parse_id("pay", placed["payment"]["id"])


async def test_a_lost_dispute_takes_back_seats_and_shares(office: BoxOffice) -> None:
    placed, event, payee, payment_id = await bought(office)
    await dispute(office, payment_id, 5_000, "needs_response", "lost")
    assert (await office.seen(placed))["status"] == "refunded"
    assert (await office.resource(event)).taken == 0
    assert (await office.owed(payee), await office.held("unapplied"), await office.held("disputed")) == (0, 0, 0)
    assert await office.events("order.refunded") == 1
    assert (await office.payment(payment_id)).refundable_minor == 0


async def test_a_won_dispute_changes_nothing(office: BoxOffice) -> None:
    placed, event, payee, payment_id = await bought(office)
    await dispute(office, payment_id, 5_000, "needs_response", "under_review", "won")
    assert (await office.seen(placed))["status"] == "fulfilled"
    assert ((await office.resource(event)).taken, await office.owed(payee)) == (2, 4_500)
    assert await office.held("disputed") == 0


async def test_what_is_used_already_is_the_tenants_loss(office: BoxOffice) -> None:
    placed, event, payee, payment_id = await bought(office)
    (ticket, *_) = await office.tickets(placed)
    async with office.db.transaction(office.principal) as tx:
        await bookings.check_in(tx, await bookings.ticket_code(tx, ticket), "nonce-1")
    await dispute(office, payment_id, 5_000, "lost")
    assert (await office.seen(placed))["status"] == "fulfilled"
    assert ((await office.resource(event)).taken, await office.owed(payee)) == (2, 4_500)
    assert (await office.held("dispute_losses"), await office.held("unapplied")) == (-5_000, 0)
    assert await office.events("order.loss_borne") == 1


async def test_what_was_refunded_before_is_lost_twice_and_told(office: BoxOffice) -> None:
    placed, event, _, payment_id = await bought(office)
    (await office.refund(placed, {"lines": [{"line_id": placed["order"]["lines"][0]["id"], "quantity": 1}]})).raise_for_status()
    await office.work("payments.refund_at_provider")
    await dispute(office, payment_id, 5_000, "lost")
    assert (await office.resource(event)).taken == 0
    assert (await office.held("dispute_losses"), await office.held("unapplied")) == (-2_500, 0)
    assert isinstance(await office.payment(payment_id), payments.Payment)
