"""The event documents' payment orders (ET1, ET3, ET4, ET6, ET12)."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from desk_fixtures import DECLINED, MINUTE
from orders_fixtures import BoxOffice
from vezne import bookings, identity
from vezne.kernel.ids import parse_id, public_id
from vezne.orders.operations.ticket_orders import _STATUSES
from vezne.payments.providers.payu import PayuProvider

PATH = "/v1/ticket-orders"


async def reserved(office: BoxOffice, event: bookings.Resource, customer: UUID, quantity: int = 2) -> str:
    """A capacity reservation."""
    async with office.db.transaction(office.principal) as tx:
        ask = bookings.Ask(resource_id=event.id, customer_id=customer, purpose="widget", quantity=quantity)
        claim = await bookings.hold(tx, ask, until=tx.now + 5 * MINUTE)
    return public_id("clm", claim.id)


async def ordered(office: BoxOffice, **body: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await office.post(PATH, body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def pay(office: BoxOffice, order: dict[str, Any], card: str | None = None) -> dict[str, Any]:
    """Pay the order's live attempt."""
    seen = await office.get(f"/v1/orders/{order['order_id']}")
    payment_id = parse_id("pay", seen["payment_id"])
    ref = (await office.attempts(payment_id))[-1].provider_ref or ""
    await (office.sandbox.play(ref) if card is None else office.sandbox.play(ref, card))
    await office.finalise(payment_id)
    return await office.get(f"{PATH}/{order['order_id']}")


async def test_et6_a_paid_event_needs_a_capacity_reservation_and_takes_its_seats_from_it(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    user, shown = public_id("cus", customer), public_id("rsc", event.id)
    refused = await office.post(PATH, {"user": user, "event": shown, "seats_count": 2})
    assert (refused.status_code, refused.json()["code"]) == (409, "capacity_reservation_needed")
    reservation = await reserved(office, event, customer, 3)
    wrong = await office.post(PATH, {"user": user, "event": shown, "reservation": reservation, "seats_count": 2})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "seats_differ")
    order = await ordered(office, user=user, event=shown, reservation=reservation)
    assert (order["seats_count"], order["amount"], order["amount_minor"]) == (3, "75.00", 7_500)
    assert (order["status"], order["is_final"], order["redirect_url"] is not None) == ("pending", False, True)


async def test_et3_et12_paid_the_order_shows_its_financial_snapshot_and_transactions(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    reservation = await reserved(office, event, customer)
    order = await ordered(office, customer_id=public_id("cus", customer), reservation=reservation)
    paid = await pay(office, order)
    assert (paid["status"], paid["is_final"], paid["parent_order"]) == ("completed", True, None)
    assert paid["financial_snapshot"] == {
        "base_price_per_seat": "25.00",
        "platform_fee_percentage": "10.00",
        "platform_fee_amount": "5.00",
        "host_earning_per_seat": "22.50",
    }
    assert [heard["status"] for heard in paid["transactions"]][-1] == "captured"
    assert paid["transactions"][-1]["amount"] == "50.00"
    assert ((booked := await office.resource(event)).held, booked.going_count) == (0, 2)


async def test_et4_a_retry_names_its_parent_and_keeps_seats_and_price(office: BoxOffice) -> None:
    event, customer = await office.event(2_500, 2), await office.customer()
    reservation = await reserved(office, event, customer)
    first = await ordered(office, customer_id=public_id("cus", customer), reservation=reservation)
    assert (await pay(office, first, DECLINED))["status"] == "pending"
    assert (await office.resource(event)).held == 2
    second = await ordered(office, parent_order=first["order_id"])
    assert (second["parent_order"], second["amount"], len(second["attempts"])) == (first["order_id"], "50.00", 2)
    assert second["attempts"][1]["parent_id"] == second["attempts"][0]["id"]
    paid = await pay(office, second)
    assert (paid["status"], paid["is_final"]) == ("completed", True)
    over = await office.post(PATH, {"parent_order": first["order_id"]})
    assert (over.status_code, over.json()["code"]) == (409, "payment_not_open")


async def test_a_free_event_is_booked_at_once(office: BoxOffice) -> None:
    event = await office.event(None)
    order = await ordered(office, user=f"student-{uuid4().hex}", event=public_id("rsc", event.id), seats_count=2)
    assert (order["status"], order["amount"], order["redirect_url"], order["payu"]) == ("completed", "0.00", None, None)
    assert (await office.resource(event)).going_count == 2


async def test_payu_is_entered_by_a_form_that_is_made_anew_and_never_stored(office: BoxOffice) -> None:
    async with office.db.transaction(office.principal) as tx:
        await identity.change_tenant(tx, settings={"other_providers": ["payu"]})
    payu = PayuProvider(
        payment_url="http://127.0.0.1:9",
        api_url="http://127.0.0.1:9",
        merchant_key="key",
        merchant_salt="salt",
        timeout=timedelta(milliseconds=200),
    )
    office.gateways.providers["payu"] = payu  # type: ignore[index]
    event, customer = await office.event(2_500, currency="INR"), await office.customer()
    reservation = await reserved(office, event, customer)
    user = public_id("cus", customer)
    body = {"user": user, "reservation": reservation, "payment_provider": "payu", "currency": "INR"}
    first = await office.post(PATH, body, **{"Idempotency-Key": "one"})
    assert first.status_code == 201, first.text
    order = first.json()
    assert order["payment_provider"] == "payu"
    assert order["payu"]["action"].startswith("http://127.0.0.1:9")
    assert order["payu"]["fields"]["amount"] == "50.00"
    digest = order["payu"]["fields"]["hash"]
    again = await office.post(PATH, body, **{"Idempotency-Key": "one"})
    assert (again.headers["Idempotency-Replayed"], again.json()["payu"]) == ("true", order["payu"])
    kept = await office.owner.fetchval(
        "SELECT body FROM idempotency_keys WHERE tenant_id = $1 AND key = 'one'", office.tenant.tenant_id
    )
    assert digest.encode() not in bytes(kept)
    assert (await office.resource(event)).held == 2


async def test_an_order_stands_when_its_provider_cannot_be_asked(office: BoxOffice) -> None:
    event, customer = await office.event(2_500), await office.customer()
    reservation = await reserved(office, event, customer)
    await office.sandbox.arm(api={"timeout_after": "create"})
    answer = await office.post(PATH, {"customer_id": public_id("cus", customer), "reservation": reservation})
    assert answer.status_code == 201, answer.text
    assert (await office.resource(event)).held == 2
    assert answer.json()["checkout_url"].startswith(office.gateways.public_url)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"user": None, "customer_id": None}, 422, "user_needed"),
        ({"customer_id": "cus_01h455vb4pex5vsknk084sn02q"}, 404, "customer_not_found"),
        ({"reservation": "clm_01h455vb4pex5vsknk084sn02q"}, 404, "claim_unknown"),
        ({"reservation": None}, 422, "event_needed"),
        ({"payment_provider": "stripe"}, 422, "provider_not_offered"),
        ({"currency": "EUR"}, 409, "no_price_in"),
        ({"amount": 1}, 422, "invalid"),
        ({"parent_order": "ord_01h455vb4pex5vsknk084sn02q"}, 404, "unknown_order"),
    ],
)
async def test_a_ticket_order_that_makes_no_sense_is_refused_and_leaves_nothing(
    office: BoxOffice, change: dict[str, object], status: int, code: str
) -> None:
    event, customer = await office.event(2_500), await office.customer()
    body = {"customer_id": public_id("cus", customer), "reservation": await reserved(office, event, customer), **change}
    answer = await office.post(PATH, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await office.get("/v1/orders"))["data"] == []


async def test_et1_the_words_of_the_documents_are_used(office: BoxOffice) -> None:
    assert set(_STATUSES.values()) | {"created", "pending"} == {
        "created",
        "pending",
        "paid",
        "completed",
        "failed",
        "cancelled",
        "refunded",
        "unpaid",
    }
    event, customer = await office.event(2_500), await office.customer()
    reservation = await reserved(office, event, customer)
    order = await ordered(office, customer_id=public_id("cus", customer), reservation=reservation)
    assert (await office.post(f"/v1/orders/{order['order_id']}/cancellations")).status_code == 201
    assert (await office.get(f"{PATH}/{order['order_id']}"))["status"] == "cancelled"
