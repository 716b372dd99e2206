"""Money that came too late, twice, in another amount, or for nothing we know: none of it is lost, and a person sees it."""

import asyncio
from typing import Any

import pytest

from desk_fixtures import MINUTE
from orders_fixtures import BoxOffice, by_wallet, seats
from vezne import bookings, identity, payments, wallets
from vezne.kernel import clock
from vezne.kernel.ids import parse_id, public_id


async def paid_at_the_bank_after_its_time(office: BoxOffice, event: bookings.Resource, **order: Any) -> dict[str, Any]:  # noqa: ANN401
    """An order whose card page stays open until its time is over; then the customer pays."""
    customer = order.pop("customer", None) or await office.customer()
    placed = await office.order(customer, [seats(event)], **order)
    payment_id = parse_id("pay", placed["payment"]["id"])
    ref = await office.start(payment_id)
    # The provider's answer to our cancelling is lost, so that the page stays open there.
    await office.owner.execute(
        "UPDATE payment_attempts SET status = 'cancelled' WHERE tenant_id = $1 AND provider_ref = $2",
        office.tenant.tenant_id,
        ref,
    )
    async with office.db.transaction(office.principal) as tx:
        await clock.hold(tx, tx.now + 61 * MINUTE)
    async with office.db.transaction(office.principal) as tx:
        await bookings.expire_due(tx)
        await wallets.expire_holds(tx)
    await payments.expire_due(office.db, office.gateways, office.principal)
    assert (await office.seen(placed))["status"] == "expired"
    return {**placed, "ref": ref}


async def arrives(office: BoxOffice, placed: dict[str, Any]) -> dict[str, Any]:
    """The money comes after all."""
    await office.sandbox.play(placed["ref"])
    told = {"id": f"sim_evt_{placed['ref']}", "type": "payment.succeeded", "data": {"id": placed["ref"]}}
    assert (await office.tell(told)).status_code == 200
    await office.work("payments.act_on_webhook")
    return await office.seen(placed)


async def unmatched(office: BoxOffice, **params: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await office.get("/v1/unmatched-money", **params))["data"]
    return found


async def resolve(office: BoxOffice, found: dict[str, Any], action: str, **more: object) -> dict[str, Any]:
    answer = await office.post(f"/v1/unmatched-money/{found['id']}/resolutions", {"action": action, **more})
    assert answer.status_code == 201, answer.text
    resolved: dict[str, Any] = answer.json()
    return resolved


async def test_late_money_gets_the_same_seats_when_they_are_still_free(office: BoxOffice) -> None:
    event, customer = await office.event(2_500, 1), await office.customer()
    wallet = await office.wallet(customer, 1_000)
    placed = await paid_at_the_bank_after_its_time(office, event, customer=customer, tenders=[by_wallet(wallet, 1_000)])
    assert (await office.balance(wallet)) == (1_000, 0)
    order = await arrives(office, placed)
    assert order["status"] == "fulfilled"
    assert (await office.balance(wallet)) == (0, 0)
    assert (await office.resource(event)).taken == 1


@pytest.mark.parametrize("where", ["wallet", "refund"])
async def test_late_money_for_a_seat_that_was_sold_goes_where_the_tenant_says(office: BoxOffice, where: str) -> None:
    async with office.db.transaction(office.principal) as tx:
        await identity.change_tenant(tx, settings={"late_money": where})
    event, customer = await office.event(2_500, 1), await office.customer()
    wallet = await office.wallet(customer, 1_000)
    placed = await paid_at_the_bank_after_its_time(office, event, customer=customer, tenders=[by_wallet(wallet, 1_000)])
    other = await office.order(await office.customer(), [seats(event)])
    await office.settle(other)
    order = await arrives(office, placed)
    assert (order["status"], order["last_error"]) == ("expired", "sold_out")
    assert await office.events("order.paid_late") == 1
    await office.work("payments.refund_at_provider")
    (found,) = await unmatched(office, reason="paid_late")
    assert (found["status"], found["action"], found["order_id"]) == ("resolved", where, order["id"])
    assert await office.balance(wallet) == ((2_500 if where == "wallet" else 1_000), 0)
    assert await office.held("unapplied") == 0
    assert (await office.resource(event)).taken == 1
    refused = await office.post(f"/v1/payments/{placed['payment']['id']}/refunds", {})
    assert refused.status_code == 409


async def test_a_hold_that_lapses_while_the_card_page_is_open_costs_the_seat_only_when_somebody_took_it(
    office: BoxOffice,
) -> None:
    """In time for the payment, too late for the seat: another customer has it."""
    event = await office.event(2_500, 1)
    placed = await office.order(await office.customer(), [seats(event)])
    ref = await office.start(parse_id("pay", placed["payment"]["id"]))
    async with office.db.transaction(office.principal) as tx:
        await bookings.release(tx, parse_id("clm", placed["order"]["lines"][0]["details"]["claim_id"]))
    other = await office.order(await office.customer(), [seats(event)])
    await office.settle(other)
    await office.sandbox.play(ref)
    await office.finalise(parse_id("pay", placed["payment"]["id"]))
    order = await office.seen(placed)
    assert (order["status"], order["last_error"]) == ("failed", "sold_out")
    (found,) = await unmatched(office)
    assert (found["reason"], found["detail"], found["action"]) == ("paid_late", "sold_out", "wallet")
    assert await office.held("unapplied") == 0


async def test_late_money_that_cannot_go_into_a_closed_wallet_waits_for_a_person(office: BoxOffice) -> None:
    event, customer = await office.event(2_500, 1), await office.customer()
    wallet = await office.wallet(customer, 0)
    async with office.db.transaction(office.principal) as tx:
        await wallets.close(tx, wallet.id)
    placed = await paid_at_the_bank_after_its_time(office, event, customer=customer)
    await office.settle(await office.order(await office.customer(), [seats(event)]))
    await arrives(office, placed)
    (found,) = await unmatched(office, status="waiting")
    assert await office.held("unapplied") == 2_500
    somebody = await office.customer()
    other = await office.wallet(somebody, 0)
    resolved = await resolve(office, found, "wallet", customer_id=public_id("cus", somebody))
    assert (resolved["status"], (await office.balance(other))[0]) == ("resolved", 2_500)
    again = await resolve(office, found, "wallet")
    assert (again["transaction_id"], (await office.balance(other))[0]) == (resolved["transaction_id"], 2_500)
    changed = await office.post(f"/v1/unmatched-money/{found['id']}/resolutions", {"action": "refund"})
    assert (changed.status_code, changed.json()["code"]) == (409, "unmatched_decided")


async def paid_twice(office: BoxOffice) -> dict[str, Any]:
    """A customer pays at two pages of one order."""
    event = await office.event(2_500)
    placed = await office.order(await office.customer(), [seats(event)])
    payment_id = parse_id("pay", placed["payment"]["id"])
    first = await office.start(payment_id)
    await office.owner.execute(
        "UPDATE payment_attempts SET status = 'cancelled' WHERE tenant_id = $1 AND provider_ref = $2",
        office.tenant.tenant_id,
        first,
    )
    await office.settle(placed)
    await arrives(office, {**placed, "ref": first})
    assert (await office.payment(payment_id)).flag == "paid_twice"
    (found,) = await unmatched(office, status="waiting")
    assert (found["reason"], found["amount_minor"], found["order_id"]) == ("paid_twice", 2_500, placed["order"]["id"])
    return {**placed, "found": found, "payment_id": payment_id}


@pytest.mark.parametrize("action", ["refund", "wallet", "accept"])
async def test_what_was_paid_twice_is_decided_once_and_the_flag_ends(office: BoxOffice, action: str) -> None:
    placed = await paid_twice(office)
    found = placed["found"]
    answers = await asyncio.gather(*[resolve(office, found, action) for _ in range(4)])
    assert {answer["action"] for answer in answers} == {action}
    await office.work("payments.refund_at_provider")
    (now,) = await unmatched(office)
    assert now["status"] == "resolved"
    payment = await office.payment(placed["payment_id"])
    assert (payment.flag, payment.refunded_minor) == (None, 0)
    assert await office.held("unapplied") == 0
    assert await office.held("clearing:simulated") == (-2_500 if action == "refund" else -5_000)
    assert await office.held("revenue") == (2_500 if action == "accept" else 0)
    assert (await office.refund(placed)).status_code == 201  # the order's own money is untouched
    await office.work("payments.refund_at_provider")
    assert (await office.seen(placed))["status"] == "refunded"


async def test_a_refund_of_unmatched_money_that_its_provider_refuses_waits_again(office: BoxOffice) -> None:
    placed = await paid_twice(office)
    await office.sandbox.arm(refunds={"fail": True})
    assert (await resolve(office, placed["found"], "refund"))["status"] == "under_way"
    await office.work("payments.refund_at_provider")
    (found,) = await unmatched(office)
    assert (found["status"], found["action"]) == ("waiting", None)
    assert (await resolve(office, found, "accept"))["status"] == "resolved"


@pytest.mark.parametrize("action", ["refund", "wallet", "accept"])
async def test_money_of_another_amount_is_taken_into_the_books_and_decided(office: BoxOffice, action: str) -> None:
    event, customer = await office.event(2_500), await office.customer()
    wallet = await office.wallet(customer, 0)
    placed = await office.order(customer, [seats(event)])
    payment_id = parse_id("pay", placed["payment"]["id"])
    ref = await office.start(payment_id)
    # What we ask for is not what the provider was told: it takes 2,500 where 2,600 are due.
    await office.owner.execute(
        "UPDATE payments SET amount_minor = 2600 WHERE tenant_id = $1 AND id = $2", office.tenant.tenant_id, payment_id
    )
    await office.sandbox.play(ref)
    await office.finalise(payment_id)
    (found,) = await unmatched(office, status="waiting")
    assert (found["reason"], found["amount_minor"], found["detail"]) == ("amount_mismatch", 2_500, "2500 TRY")
    assert await office.held("unapplied") == 0
    await office.owner.execute(
        "UPDATE payments SET amount_minor = 2500 WHERE tenant_id = $1 AND id = $2", office.tenant.tenant_id, payment_id
    )
    await resolve(office, found, action)
    await office.work("payments.refund_at_provider")
    assert (await office.payment(payment_id)).flag is None
    assert (await office.balance(wallet))[0] == (2_500 if action == "wallet" else 0)
    assert await office.held("unapplied") == 0
    await office.settle(placed)  # the order may be paid again, rightly
    assert (await office.seen(placed))["status"] == "fulfilled"


async def test_money_that_belongs_to_no_order_waits_in_the_queue_until_it_is_refunded(office: BoxOffice) -> None:
    made = await office.pay(4_000)
    await office.sandbox.play(await office.start(made.id))
    await office.finalise(made.id)
    (found,) = await unmatched(office, status="waiting")
    assert (found["reason"], found["amount_minor"]) == ("no_order", 4_000)
    nobody = await office.post(f"/v1/unmatched-money/{found['id']}/resolutions", {"action": "wallet"})
    assert (nobody.status_code, nobody.json()["code"]) == (422, "unmatched_customer_needed")
    part = await office.post(f"/v1/payments/{public_id('pay', made.id)}/refunds", {"amount_minor": 1_000})
    assert part.status_code == 201
    refused = await office.post(f"/v1/unmatched-money/{found['id']}/resolutions", {"action": "accept"})
    assert (refused.status_code, refused.json()["code"]) == (409, "unmatched_partly_returned")
    assert (await resolve(office, found, "refund"))["status"] == "under_way"
    await office.work("payments.refund_at_provider")
    assert [each["status"] for each in await unmatched(office)] == ["resolved"]
    assert await office.held("unapplied") == 0


async def test_foreign_unmatched_money_is_not_found(office: BoxOffice) -> None:
    for path in ("umt_01h455vb4pex5vsknk084sn02q", "ord_01h455vb4pex5vsknk084sn02q"):
        answer = await office.http.get(f"/v1/unmatched-money/{path}", headers=office.tenant.headers)
        assert answer.status_code == 404
