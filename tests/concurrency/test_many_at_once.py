"""Over two instances at once: nothing is made twice, spent twice, or taken from an empty wallet, and nobody waits for ever."""

import asyncio
from uuid import uuid4

from concurrency.many import Ask, Many, lira, statuses


async def test_first_uses_at_once_make_one_wallet(many: Many) -> None:
    for _ in many.rounds(60):
        customer = await many.customer()
        answers = await many.at_once(*[("POST", "/v1/wallets", {"customer_id": customer, "currency": "TRY"}, None)] * 8)
        assert statuses(answers) == {201: 8}
        assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_customer_made_known_many_times_at_once_is_one(many: Many) -> None:
    for _ in many.rounds(60):
        answers = await many.at_once(*[("POST", "/v1/customers", {"reference": uuid4().hex}, None)] * 8)
        assert statuses(answers) == {201: 1, 200: 7}
        assert len({answer.json()["id"] for answer in answers}) == 1


async def test_one_key_at_two_instances_happens_once(many: Many) -> None:
    many.figures.promise("replayed")
    one, two = await many.wallet(1_000_000), await many.wallet(1_000_000)
    expected = 1_000_000
    for number in many.rounds(120):
        path, body = (
            (f"/v1/wallets/{one}/debits", lira(7)),
            (f"/v1/wallets/{one}/holds", lira(7)),
            ("/v1/transfers", lira(7) | {"from_wallet_id": one, "to_wallet_id": two}),
            (f"/v1/wallets/{one}/credits", lira(7)),
        )[number % 4]
        answers = await many.at_once(*[("POST", path, body, f"key-{number}")] * 8)
        done = [answer for answer in answers if answer.status_code == 201]
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 409)
        assert len({answer.content for answer in done}) == 1
        assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1
        many.figures["replayed"] += len(done) - 1
        many.figures["told to try again"] += len(answers) - len(done)
        expected += (-7, 0, -7, 7)[number % 4]
    assert (await many.shown(one))["balance_minor"] == expected


async def test_another_body_under_a_key_in_flight_is_refused(many: Many) -> None:
    wallet = await many.wallet(1_000_000)
    for number in many.rounds(60):
        asks: list[Ask] = [("POST", f"/v1/wallets/{wallet}/debits", lira(1 + at % 2), f"key-{number}") for at in range(8)]
        answers = await many.at_once(*asks)
        assert {answer.status_code for answer in answers} <= {201, 409, 422}
        assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
        assert {answer.json()["code"] for answer in answers if answer.status_code == 422} <= {"idempotency_key_reused"}


async def test_shared_wallets_are_never_overspent_and_nobody_deadlocks(many: Many) -> None:
    many.figures.promise("done", "refused")
    wallets = [await many.wallet(500) for _ in range(4)]
    total = 2_000
    for _ in many.rounds(25):
        asks: list[Ask] = []
        for _ in range(60):
            kind = many.random.choice(["debit", "credit", "transfer", "transfer", "transfer", "hold"])
            giver, taker = many.random.sample(wallets, 2)
            amount = many.random.randint(1, 90)
            path = "/v1/transfers" if kind == "transfer" else f"/v1/wallets/{giver}/{kind}s"
            body = lira(amount) | ({"from_wallet_id": giver, "to_wallet_id": taker} if kind == "transfer" else {})
            asks.append(("POST", path, body, uuid4().hex))
        async with asyncio.timeout(60):
            answers = await many.at_once(*asks)
        holds = []
        for (_, path, body, _), answer in zip(asks, answers, strict=True):
            if answer.status_code == 201:
                many.figures["done"] += 1
                total += body["amount_minor"] * (path.endswith("credits") - path.endswith("debits"))
                holds += [answer.json()["id"]] if path.endswith("holds") else []
            else:
                assert answer.json()["code"] in {"insufficient_funds", "PAY001"}, answer.text
                many.figures["refused"] += 1
        total -= await end_holds(many, holds)
        shown = [await many.shown(wallet) for wallet in wallets]
        assert all(each["balance_minor"] >= each["held_minor"] == 0 for each in shown)
        assert sum(each["balance_minor"] for each in shown) == total


async def end_holds(many: Many, holds: list[str]) -> int:
    """Capture and release each hold at once: one of the two wins. How much was captured."""
    asks: list[Ask] = []
    for hold in holds:
        asks += [("POST", f"/v1/holds/{hold}/captures", {}, None), ("POST", f"/v1/holds/{hold}/releases", None, None)]
    answers = await many.at_once(*asks)
    captured = 0
    for capture, release in zip(answers[::2], answers[1::2], strict=True):
        if capture.status_code == 201:
            captured += capture.json()["transaction"]["amount_minor"]
            many.figures["captured"] += 1
        else:
            assert capture.json()["code"] == "hold_ended", capture.text
            assert release.status_code == 201, release.text
            many.figures["released"] += 1
    return captured


async def test_of_many_refunds_at_once_no_more_is_given_back_than_was_taken(many: Many) -> None:
    wallet = await many.wallet(1_000_000)
    for _ in many.rounds(50):
        before = (await many.shown(wallet))["balance_minor"]
        debit = await many.make(f"/v1/wallets/{wallet}/debits", lira(100))
        answers = await many.at_once(*[("POST", f"/v1/transactions/{debit['id']}/refunds", {"amount_minor": 40}, None)] * 6)
        assert statuses(answers) == {201: 2, 409: 4}
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
            "refund_exceeds_transaction",
            "transaction_not_refundable",
        }
        assert (await many.shown(wallet))["balance_minor"] == before - 20


async def test_a_wallet_closed_while_it_is_credited_is_either_empty_or_open(many: Many) -> None:
    many.figures.promise("closed", "credited")
    for number in many.rounds(40):
        wallet = await many.wallet(0)
        asks: list[Ask] = [("PATCH", f"/v1/wallets/{wallet}", {"status": "closed"}, None)]
        asks.insert(number % 2, ("POST", f"/v1/wallets/{wallet}/credits", lira(5), None))
        answers = dict(zip([ask[0] for ask in asks], await many.at_once(*asks), strict=True))
        shown = await many.shown(wallet)
        closed = answers["PATCH"].status_code == 200
        credited = answers["POST"].status_code == 201
        assert closed != credited, (answers["PATCH"].text, answers["POST"].text)
        assert (shown["status"], shown["balance_minor"]) == (("closed", 0) if closed else ("open", 5))
        many.figures["closed"] += closed
        many.figures["credited"] += credited
