"""The machine API: payments, captures, cancellations and refunds over real HTTP."""

from sandbox.merchant import Gateway
from vezne.sandbox import CARDS


async def test_a_payment_waits_for_its_customer_and_names_the_page(gateway: Gateway) -> None:
    payment = await gateway.payment(description="Lunch")
    assert payment["status"] == "pending"
    assert payment["redirect_url"] == f"{gateway.base}/simulated/pay/{payment['id']}"
    assert (payment["captured_minor"], payment["refunded_minor"], payment["card"]) == (0, 0, None)
    assert await gateway.get(f"/payments/{payment['id']}") == payment


async def test_each_card_does_what_it_promises(gateway: Gateway) -> None:
    for number, card in CARDS.items():
        if card.delayed:
            continue
        payment = await gateway.played(card=number)
        status = "failed" if card.failure_code else "succeeded"
        assert (payment["status"], payment["failure_code"]) == (status, card.failure_code), number
        assert payment["captured_minor"] == (10_000 if status == "succeeded" else 0)
        assert payment["card"] == {"brand": card.brand, "last4": number[-4:]}


async def test_a_challenge_may_be_declined_or_left_standing(gateway: Gateway) -> None:
    declined = await gateway.played(card="4000002500003155", three_ds="decline")
    assert (declined["status"], declined["failure_code"]) == ("failed", "authentication_failed")
    assert (await gateway.played(card="4000002500003155", three_ds="abandon"))["status"] == "requires_action"


async def test_manual_capture_takes_a_part_once_and_no_more_than_was_authorised(gateway: Gateway) -> None:
    payment = await gateway.played(capture="manual")
    assert payment["status"] == "authorised"
    path = f"/payments/{payment['id']}/capture"
    too_much = await gateway.post(path, {"amount_minor": 10_001})
    assert (too_much.status_code, too_much.json()["error"]["code"]) == (422, "amount_exceeds_authorised")
    captured = (await gateway.post(path, {"amount_minor": 7_000})).json()
    assert (captured["status"], captured["captured_minor"]) == ("succeeded", 7_000)
    again = await gateway.post(path, {"amount_minor": 1})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "invalid_state")


async def test_several_partial_refunds_never_exceed_what_was_captured(gateway: Gateway) -> None:
    payment = await gateway.played()
    path = f"/payments/{payment['id']}/refunds"
    assert (await gateway.post(path, {"amount_minor": 4_000, "merchant_reference": "r1"})).json()["status"] == "succeeded"
    assert (await gateway.post(path, {"amount_minor": 6_001})).status_code == 422
    rest = (await gateway.post(path)).json()
    assert rest["amount_minor"] == 6_000
    assert (await gateway.post(path)).status_code == 422
    refunds = (await gateway.get(path))["data"]
    assert [refund["amount_minor"] for refund in refunds] == [4_000, 6_000]
    assert await gateway.get(f"/refunds/{rest['id']}") == rest
    assert (await gateway.get(f"/payments/{payment['id']}"))["refunded_minor"] == 10_000


async def test_an_unpaid_payment_is_neither_captured_nor_refunded(gateway: Gateway) -> None:
    payment = await gateway.payment()
    for verb in ("capture", "refunds"):
        answer = await gateway.post(f"/payments/{payment['id']}/{verb}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "invalid_state")


async def test_cancelling_twice_is_cancelling_once_and_a_paid_payment_stays_paid(gateway: Gateway) -> None:
    payment = await gateway.payment()
    for _ in range(2):
        assert (await gateway.post(f"/payments/{payment['id']}/cancel")).json()["status"] == "cancelled"
    assert (await gateway.post(f"/payments/{payment['id']}/play", {"card": "4242424242424242"})).status_code == 409
    paid = await gateway.played()
    assert (await gateway.post(f"/payments/{paid['id']}/cancel")).status_code == 409
    events = (await gateway.get(f"/events?payment={payment['id']}"))["data"]
    assert [event["type"] for event in events] == ["payment.cancelled"]


async def test_the_same_idempotency_key_gets_the_same_answer_and_another_body_is_refused(gateway: Gateway) -> None:
    order = gateway.order()
    key = {"Idempotency-Key": "k-1"}
    first = await gateway.post("/payments", order, **key)
    again = await gateway.post("/payments", dict(reversed(order.items())), **key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = await gateway.post("/payments", {**order, "amount_minor": 1}, **key)
    assert (other.status_code, other.json()["error"]["code"]) == (400, "idempotency_error")


async def test_a_refund_with_one_key_is_made_once_and_its_refusal_is_replayed_too(gateway: Gateway) -> None:
    payment = await gateway.played()
    path = f"/payments/{payment['id']}/refunds"
    first = await gateway.post(path, {"amount_minor": 100}, **{"Idempotency-Key": "r"})
    again = await gateway.post(path, {"amount_minor": 100}, **{"Idempotency-Key": "r"})
    assert first.json() == again.json()
    assert (await gateway.get(f"/payments/{payment['id']}"))["refunded_minor"] == 100
    replayed = []
    for _ in range(2):
        refused = await gateway.post(path, {"amount_minor": 9_901}, **{"Idempotency-Key": "too-much"})
        assert refused.status_code == 422
        replayed.append(refused.headers.get("idempotent-replayed"))
    assert replayed == [None, "true"]


async def test_a_merchant_reference_names_one_payment(gateway: Gateway) -> None:
    order = gateway.order()
    first = (await gateway.post("/payments", order)).json()
    again = await gateway.post("/payments", order)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    other = await gateway.post("/payments", {**order, "amount_minor": 1})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "merchant_reference_reused")
    assert [p["id"] for p in (await gateway.get("/payments?merchant_reference=order-1"))["data"]] == [first["id"]]
    assert (await gateway.get("/payments?merchant_reference=none"))["data"] == []


async def test_a_refund_reference_names_one_refund(gateway: Gateway) -> None:
    path = f"/payments/{(await gateway.played())['id']}/refunds"
    first = await gateway.post(path, {"amount_minor": 5, "merchant_reference": "r"})
    again = await gateway.post(path, {"amount_minor": 5, "merchant_reference": "r"})
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert (await gateway.post(path, {"amount_minor": 6, "merchant_reference": "r"})).status_code == 409


async def test_payments_are_listed_newest_first_and_by_pages(gateway: Gateway) -> None:
    made = [(await gateway.payment())["id"] for _ in range(3)]
    page = await gateway.get("/payments?limit=2")
    assert ([p["id"] for p in page["data"]], page["has_more"]) == ([made[2], made[1]], True)
    rest = await gateway.get(f"/payments?limit=2&after={made[1]}")
    assert ([p["id"] for p in rest["data"]], rest["has_more"]) == ([made[0]], False)
    assert (await gateway.client.get("/simulated/v1/payments?limit=0")).status_code == 400
    assert (await gateway.client.get("/simulated/v1/payments?limit=99999")).status_code == 400
