"""A top-up: the first thing money can buy."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from desk_fixtures import DECLINED, GOOD, MINUTE, RETURN_URL, Desk, unreached
from tenancy_fixtures import TestTenant
from vezne import identity, orders, payments, wallets
from vezne.kernel import clock
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money


async def asked(desk: Desk, minor: int = 10_000, **more: object) -> dict[str, Any]:
    """A top-up of 100 TRY is asked for."""
    customer = await desk.customer()
    body = {"customer_id": public_id("cus", customer), "amount_minor": minor, "currency": "TRY", **more}
    answer = await desk.post("/v1/top-ups", body)
    assert answer.status_code == 201, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


def payment_of(placed: dict[str, Any]) -> UUID:
    return parse_id("pay", placed["payment"]["id"])


async def wallet_of(desk: Desk, placed: dict[str, Any]) -> tuple[wallets.Wallet, int]:
    """The wallet that is topped up, and its balance."""
    async with desk.db.transaction(desk.principal) as tx:
        wallet = await wallets.wallet(tx, parse_id("wal", placed["order"]["lines"][0]["details"]["wallet_id"]))
        return wallet, (await wallets.holdings(tx, [wallet]))[wallet.id].balance


async def balance(desk: Desk, placed: dict[str, Any]) -> int:
    return (await wallet_of(desk, placed))[1]


async def order(desk: Desk, placed: dict[str, Any]) -> dict[str, Any]:
    return await desk.get(f"/v1/orders/{placed['order']['id']}")


async def paid(desk: Desk, minor: int = 10_000) -> dict[str, Any]:
    """A top-up that has been paid."""
    placed = await asked(desk, minor)
    await desk.sandbox.play(await desk.start(payment_of(placed)))
    await desk.finalise(payment_of(placed))
    return placed


async def spend(desk: Desk, placed: dict[str, Any], minor: int) -> None:
    wallet, _ = await wallet_of(desk, placed)
    async with desk.db.transaction(desk.principal) as tx:
        await wallets.debit(tx, wallets.Debit(wallet_id=wallet.id, amount=Money(minor, "TRY")))


async def test_cw4_a_top_up_is_credited_once_however_often_the_webhook_comes_and_though_the_browser_never_returns(
    desk: Desk,
) -> None:
    placed = await asked(desk)
    secret = placed["payment"]["client_secret"]
    assert placed["checkout_url"] == f"{desk.gateways.public_url}/checkout/{secret}"
    assert secret.startswith(f"{placed['payment']['id']}_secret_")
    assert placed["payment"]["status"] == "requires_payment"
    await desk.sandbox.arm(webhooks={"duplicate": 3})
    ref = await desk.start(payment_of(placed))
    await desk.sandbox.play(ref, GOOD)
    await desk.until_told(ref, events=4)
    event = (await desk.sandbox.events(ref))[0]["id"]
    (await desk.sandbox.client.post(f"/simulated/v1/events/{event}/redeliver")).raise_for_status()
    await desk.until_told(ref, events=5)
    await desk.work("payments.act_on_webhook")
    assert await balance(desk, placed) == 10_000
    assert (await order(desk, placed))["status"] == "fulfilled"
    assert await desk.events("wallet.credited") == await desk.events("order.fulfilled") == 1
    assert await desk.held("unapplied") == 0


async def test_cw5_the_gateway_is_a_setting(desk: Desk, make_tenant: Any) -> None:  # noqa: ANN401 - a fixture's maker
    """Another name in the tenant's settings, and the same code asks another provider."""
    elsewhere = replace(desk, tenant=await make_tenant(payment_provider="elsewhere"))
    made = await elsewhere.pay()
    with pytest.raises(payments.ProviderUnknown):
        await elsewhere.start(made.id)
    adapter = desk.gateways.provider("simulated")
    renamed = replace(elsewhere, gateways=replace(desk.gateways, providers={"elsewhere": adapter}))
    await desk.sandbox.play(await renamed.start(made.id))
    assert (await renamed.finalise(made.id)).status == "succeeded"
    assert await renamed.held("clearing:elsewhere") == -10_000
    async with renamed.db.transaction(renamed.principal) as tx:
        await payments.refund(tx, made.id)
    await renamed.work("payments.refund_at_provider")
    assert await renamed.held("unapplied") == 0


async def test_a_top_up_declined_and_tried_again_keeps_its_order_and_price(desk: Desk) -> None:
    placed = await asked(desk)
    await desk.sandbox.play(await desk.start(payment_of(placed)), DECLINED)
    await desk.finalise(payment_of(placed))
    assert (await order(desk, placed))["status"] == "pending"
    assert await balance(desk, placed) == 0
    await desk.sandbox.play(await desk.start(payment_of(placed)))
    await desk.finalise(payment_of(placed))
    assert (await order(desk, placed))["status"] == "fulfilled"
    assert await balance(desk, placed) == 10_000


async def test_redirect_webhook_and_poller_at_once_credit_the_wallet_once(desk: Desk) -> None:
    for _ in range(10):
        placed = await asked(desk, 100)
        payment = payment_of(placed)
        ref = await desk.start(payment)
        await desk.sandbox.play(ref)
        await desk.until_told(ref)
        await asyncio.gather(
            desk.finalise(payment),
            desk.work("payments.act_on_webhook"),
            desk.work("payments.poll", ahead=timedelta(seconds=6)),
            desk.finalise(payment),
        )
        assert await balance(desk, placed) == 100


async def test_many_top_ups_paid_at_once_are_each_credited_once(desk: Desk) -> None:
    placed = [await asked(desk, 100 + number) for number in range(24)]
    for one in placed:
        await desk.sandbox.play(await desk.start(payment_of(one)))
    await asyncio.gather(*[desk.finalise(payment_of(one)) for one in placed for _ in range(2)])
    assert [await balance(desk, one) for one in placed] == [100 + number for number in range(24)]
    assert await desk.held("unapplied") == 0


async def test_money_that_comes_after_the_order_expired_is_still_put_into_the_wallet(desk: Desk) -> None:
    async with desk.db.transaction(desk.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(seconds=1))
    deaf = replace(desk, gateways=unreached(desk.gateways))
    placed = await asked(deaf)
    ref = await deaf.start(payment_of(placed))
    async with desk.db.transaction(desk.principal) as tx:
        await clock.advance(tx, tx.now + 31 * MINUTE)
    # The provider knows of no cancellation: its answer is lost, and the customer pays meanwhile.
    await desk.owner.execute(
        "UPDATE payment_attempts SET status = 'cancelled' WHERE tenant_id = $1 AND provider_ref = $2", desk.tenant.tenant_id, ref
    )
    await payments.expire_due(deaf.db, deaf.gateways, deaf.principal)
    assert (await order(desk, placed))["status"] == "expired"
    await desk.sandbox.play(ref)
    assert (await desk.tell({"id": "sim_evt_late", "type": "payment.succeeded", "data": {"id": ref}})).status_code == 200
    await desk.work("payments.act_on_webhook")
    assert (await order(desk, placed))["status"] == "fulfilled"
    assert await balance(desk, placed) == 10_000
    assert await desk.events("payment.succeeded_late") == 1


async def test_a_refund_comes_out_of_the_wallet_before_it_goes_to_the_provider(desk: Desk) -> None:
    placed = await paid(desk)
    answer = await desk.post(f"/v1/orders/{placed['order']['id']}/refunds", {"amount_minor": 4_000, "reason": "asked"})
    assert (answer.status_code, answer.json()["status"]) == (201, "pending")
    assert await balance(desk, placed) == 6_000
    assert await desk.held("unapplied") == 4_000
    await desk.work("payments.refund_at_provider")
    assert await desk.held("unapplied") == 0
    assert await desk.held("clearing:simulated") == -6_000
    part = await order(desk, placed)
    assert (part["status"], part["refunded_minor"]) == ("fulfilled", 4_000)
    await desk.post(f"/v1/payments/{placed['payment']['id']}/refunds", {})  # the other door, the same rules
    await desk.work("payments.refund_at_provider")
    assert await balance(desk, placed) == 0
    assert (await order(desk, placed))["status"] == "refunded"


@pytest.mark.parametrize("door", ["orders", "payments"])
async def test_money_that_was_spent_cannot_be_refunded_and_nothing_is_left_of_the_try(desk: Desk, door: str) -> None:
    placed = await paid(desk)
    await spend(desk, placed, 1)
    id_ = placed["order"]["id"] if door == "orders" else placed["payment"]["id"]
    answer = await desk.post(f"/v1/{door}/{id_}/refunds", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_funds")
    assert await balance(desk, placed) == 9_999
    assert (await desk.payment(payment_of(placed))).refunding_minor == 0
    assert await desk.work("payments.refund_at_provider") == 0


async def test_a_refund_the_provider_refuses_puts_the_money_back_into_the_wallet(desk: Desk) -> None:
    placed = await paid(desk)
    await desk.sandbox.arm(refunds={"fail": True})
    await desk.post(f"/v1/orders/{placed['order']['id']}/refunds", {"amount_minor": 2_500})
    assert await balance(desk, placed) == 7_500
    await desk.work("payments.refund_at_provider")
    assert await balance(desk, placed) == 10_000
    put_back = await order(desk, placed)
    assert (put_back["status"], put_back["refunded_minor"]) == ("fulfilled", 0)
    assert await desk.held("unapplied") == 0


async def test_refunds_and_spending_at_once_never_give_out_more_than_there_is(desk: Desk) -> None:
    placed = await paid(desk)
    path = f"/v1/orders/{placed['order']['id']}/refunds"
    outcomes = await asyncio.gather(
        *[desk.post(path, {"amount_minor": 3_000}) for _ in range(4)],
        *[spend(desk, placed, 3_000) for _ in range(4)],
        return_exceptions=True,
    )
    codes = [answer.status_code for answer in outcomes[:4] if not isinstance(answer, BaseException) and answer is not None]
    spent = sum(outcome is None for outcome in outcomes[4:])
    assert codes.count(201) + spent <= 3
    assert await balance(desk, placed) == 10_000 - 3_000 * (codes.count(201) + spent)
    await desk.work("payments.refund_at_provider")


async def test_a_paid_order_whose_wallet_was_closed_keeps_its_money_apart_until_it_can_be_given(desk: Desk) -> None:
    placed = await asked(desk)
    wallet, _ = await wallet_of(desk, placed)
    ref = await desk.start(payment_of(placed))
    async with desk.db.transaction(desk.principal) as tx:
        await wallets.close(tx, wallet.id)
    await desk.sandbox.play(ref)
    assert (await desk.finalise(payment_of(placed))).status == "succeeded"
    stuck = await order(desk, placed)
    assert (stuck["status"], stuck["last_error"]) == ("paid", "wallet_closed")
    assert await desk.held("unapplied") == 10_000
    async with desk.db.transaction(desk.principal) as tx:
        await wallets.reopen(tx, wallet.id)
    given = await desk.post(f"/v1/orders/{placed['order']['id']}/fulfilments")
    assert given.json()["status"] == "fulfilled"
    again = await desk.post(f"/v1/orders/{placed['order']['id']}/fulfilments")
    assert again.json()["status"] == "fulfilled"
    assert await balance(desk, placed) == 10_000


async def test_a_paid_order_that_could_not_be_given_can_be_refunded_instead(desk: Desk) -> None:
    placed = await asked(desk)
    wallet, _ = await wallet_of(desk, placed)
    ref = await desk.start(payment_of(placed))
    async with desk.db.transaction(desk.principal) as tx:
        await wallets.close(tx, wallet.id)
    await desk.sandbox.play(ref)
    await desk.finalise(payment_of(placed))
    assert (await desk.post(f"/v1/orders/{placed['order']['id']}/refunds", {})).status_code == 201
    await desk.work("payments.refund_at_provider")
    assert (await order(desk, placed))["status"] == "refunded"
    assert await desk.held("unapplied") == 0


async def test_a_cancelled_order_can_no_longer_be_paid(desk: Desk) -> None:
    placed = await asked(desk)
    for _ in range(2):
        cancelled = await desk.post(f"/v1/orders/{placed['order']['id']}/cancellations")
        assert (cancelled.status_code, cancelled.json()["status"]) == (201, "cancelled")
    with pytest.raises(payments.PaymentNotOpen):
        await desk.start(payment_of(placed))
    assert (await desk.post(f"/v1/orders/{placed['order']['id']}/fulfilments")).json()["code"] == "order_not_paid"


async def test_a_paid_order_cannot_be_cancelled(desk: Desk) -> None:
    placed = await paid(desk)
    answer = await desk.post(f"/v1/orders/{placed['order']['id']}/cancellations")
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_not_open")


async def test_several_lines_are_one_payment_and_a_refund_takes_the_first_lines_first(desk: Desk) -> None:
    customer = await desk.customer()
    lines = [{"kind": "top_up", "amount_minor": minor, "currency": "TRY"} for minor in (1_000, 2_000)]
    answer = await desk.post("/v1/orders", {"customer_id": public_id("cus", customer), "lines": lines, "metadata": {"desk": "3"}})
    placed = answer.json()
    assert (answer.status_code, placed["order"]["total_minor"]) == (201, 3_000)
    await desk.sandbox.play(await desk.start(payment_of(placed)))
    await desk.finalise(payment_of(placed))
    assert await balance(desk, placed) == 3_000
    assert (await desk.post(f"/v1/orders/{placed['order']['id']}/refunds", {"amount_minor": 1_500})).status_code == 201
    await desk.work("payments.refund_at_provider")
    assert [line["refunded_minor"] for line in (await order(desk, placed))["lines"]] == [1_000, 500]
    assert await balance(desk, placed) == 1_500


async def test_a_checkout_view_shows_what_is_bought(desk: Desk) -> None:
    placed = await asked(desk, return_url="https://shop.example/back")
    secret = placed["payment"]["client_secret"]
    async with desk.db.transaction(await payments.payer(desk.db, secret), read_only=True) as tx:
        view = await orders.checkout_view(tx, secret)
    assert view.order is not None
    assert (view.order.return_url, view.payment.amount_minor, view.lines[0].kind) == (
        "https://shop.example/back",
        10_000,
        "top_up",
    )


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"amount_minor": 0}, 422, "invalid"),
        ({"amount_minor": -5}, 422, "invalid"),
        ({"amount_minor": 2**53}, 422, "invalid"),
        ({"amount_minor": 10.0}, 422, "invalid"),
        ({"amount_minor": "100"}, 422, "invalid"),
        ({"amount_minor": "１００"}, 422, "invalid"),
        ({"amount_minor": True}, 422, "invalid"),
        ({"currency": "try"}, 422, "invalid"),
        ({"currency": "CREDIT"}, 422, "currency_not_of_kind"),
        ({"customer_id": "cus_01h455vb4pex5vsknk084sn02q"}, 404, "customer_not_found"),
        ({"customer_id": "wal_01h455vb4pex5vsknk084sn02q"}, 404, "unknown_id"),
        ({"customer_id": None}, 422, "customer_or_wallet"),
        ({"wallet_id": "wal_01h455vb4pex5vsknk084sn02q"}, 404, "wallet_missing"),
        ({"return_url": "javascript:alert(1)"}, 422, "invalid"),
        ({"return_url": "https://user@evil.example/"}, 422, "invalid"),
        ({"return_url": "https://a b/"}, 422, "invalid"),
        ({"unknown": 1}, 422, "invalid"),
        ({"metadata": {"card": "4242424242424242"}}, 422, "card_number_refused"),
    ],
)
async def test_a_top_up_that_makes_no_sense_is_refused_and_leaves_nothing(
    desk: Desk, change: dict[str, object], status: int, code: str
) -> None:
    customer = await desk.customer()
    body: dict[str, object] = {"customer_id": public_id("cus", customer), "amount_minor": 100, "currency": "TRY", **change}
    answer = await desk.post("/v1/top-ups", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await desk.get("/v1/orders"))["data"] == []
    assert (await desk.get("/v1/payments"))["data"] == []


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 500), ("KWD", 1_234), ("TRY", 2**53 - 1)])
async def test_a_top_up_of_any_currency_and_size_is_exact(desk: Desk, currency: str, minor: int) -> None:
    customer = await desk.customer()
    body = {"customer_id": public_id("cus", customer), "amount_minor": minor, "currency": currency}
    placed = (await desk.post("/v1/top-ups", body)).json()
    await desk.sandbox.play(await desk.start(payment_of(placed)))
    await desk.finalise(payment_of(placed))
    assert await balance(desk, placed) == minor


async def test_another_customers_wallet_is_not_found(desk: Desk) -> None:
    placed = await asked(desk)
    stranger = await desk.customer()
    body = {
        "customer_id": public_id("cus", stranger),
        "wallet_id": placed["order"]["lines"][0]["details"]["wallet_id"],
        "amount_minor": 100,
        "currency": "TRY",
    }
    answer = await desk.post("/v1/top-ups", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "wallet_missing")


async def test_a_wallet_alone_names_its_customer(desk: Desk) -> None:
    placed = await asked(desk)
    body = {"wallet_id": placed["order"]["lines"][0]["details"]["wallet_id"], "amount_minor": 100, "currency": "TRY"}
    again = await desk.post("/v1/top-ups", body)
    assert again.json()["order"]["customer_id"] == placed["order"]["customer_id"]
    wrong = await desk.post("/v1/top-ups", {**body, "currency": "EUR"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "currency_mismatch")


async def test_lines_of_two_currencies_are_refused(desk: Desk) -> None:
    customer = await desk.customer()
    lines = [{"kind": "top_up", "amount_minor": 1, "currency": currency} for currency in ("TRY", "EUR")]
    answer = await desk.post("/v1/orders", {"customer_id": public_id("cus", customer), "lines": lines})
    assert (answer.status_code, answer.json()["code"]) == (422, "currency_mismatch")


async def test_orders_are_listed_page_by_page(desk: Desk) -> None:
    placed = [await asked(desk) for _ in range(3)]
    first = await desk.get("/v1/orders", limit=2)
    rest = await desk.get("/v1/orders", limit=2, after=first["next"])
    assert [row["id"] for row in first["data"] + rest["data"]] == [one["order"]["id"] for one in reversed(placed)]
    mine = await desk.get("/v1/orders", customer_id=placed[0]["order"]["customer_id"], status="pending")
    assert [row["id"] for row in mine["data"]] == [placed[0]["order"]["id"]]


async def test_foreign_orders_are_not_found(desk: Desk, other_tenant: TestTenant) -> None:
    placed = await asked(desk)
    for method, path in (("GET", ""), ("POST", "/refunds"), ("POST", "/cancellations"), ("POST", "/fulfilments")):
        body: dict[str, str] | None = {} if path == "/refunds" else None
        url = f"/v1/orders/{placed['order']['id']}{path}"
        answer = await desk.http.request(method, url, json=body, headers=other_tenant.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_order")


async def test_the_client_secret_is_shown_once(desk: Desk) -> None:
    placed = await asked(desk)
    shown = await desk.get(f"/v1/payments/{placed['payment']['id']}")
    assert shown["client_secret"] is None
    assert shown["purpose"] == placed["order"]["id"]
    assert RETURN_URL not in str(shown)


async def test_a_refund_of_a_top_up_is_not_bound_by_the_customers_spending_limit(desk: Desk) -> None:
    placed = await paid(desk)
    async with desk.db.transaction(desk.principal) as tx:
        await identity.change_tenant(tx, settings={"max_transaction_amount": 1, "max_daily_transactions": 1})
    answer = await desk.post(f"/v1/orders/{placed['order']['id']}/refunds", {"amount_minor": 4_000})
    assert answer.status_code == 201, answer.text
    assert await balance(desk, placed) == 6_000
