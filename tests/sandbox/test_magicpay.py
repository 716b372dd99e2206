"""The sandbox as MagicPay: the engine of the simulated provider under another protocol, with books and keys of its own."""

import json
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from magicpay_fixtures import CREDENTIALS, KEY, WEBHOOK_SECRET, MagicPayMerchant, signed
from sandbox.merchant import Gateway, HeldClock, Merchant, Open, until
from vezne.sandbox import CARDS, SandboxSettings

GOOD, DECLINED, THREE_DS, DELAYED = "4242424242424242", "4000000000000002", "4000002500003155", "4000000000000077"


@pytest.fixture
async def played(open_gateway: Open) -> Gateway:
    """A sandbox that plays MagicPay, too."""
    return await open_gateway(**CREDENTIALS)


@pytest.fixture
def shop(played: Gateway, merchant: Merchant) -> MagicPayMerchant:
    """A merchant of MagicPay."""
    return MagicPayMerchant(played.base, facts={"webhook_url": merchant.webhook_url})


def code(answer: httpx2.Response) -> str:
    found: str = answer.json()["error"]["code"]
    return found


async def test_without_its_credentials_magicpay_is_not_played(gateway: Gateway) -> None:
    answer = await gateway.client.get("/magicpay/v1/sessions")
    assert (answer.status_code, code(answer)) == (404, "not_found")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"magic_pay_api_key": KEY}, "MagicPay needs its API key, its secret and its webhook secret"),
        ({**CREDENTIALS, "magic_pay_api_key": "mp_live_1"}, "looks like a live key"),
    ],
)
def test_half_its_credentials_and_live_ones_are_refused(tmp_path: Path, given: dict[str, str], reason: str) -> None:
    facts = {"database": tmp_path / "x", "api_key": "sim_sk_test_0123456789", "webhook_secret": "whsec_" + "A" * 24}
    with pytest.raises(ValueError, match=reason):
        SandboxSettings.model_validate({**facts, **given})


async def test_a_session_is_made_paid_and_refunded(shop: MagicPayMerchant) -> None:
    made = await shop.session(description="Depo")
    assert (made["object"], made["status"], made["paid_minor"]) == ("session", "open", 0)
    assert made["id"].startswith("mps_")
    assert made["checkout_url"] == f"{shop.url}/magicpay/pay/{made['id']}"
    assert (await shop.play(made["id"], GOOD))["status"] == "paid"
    seen = await shop.told("GET", f"/sessions/{made['id']}")
    assert (seen["status"], seen["paid_minor"], seen["card"]["last4"]) == ("paid", 10_000, "4242")
    refund = await shop.told("POST", f"/sessions/{made['id']}/refunds", {"amount_minor": 2_500, "merchant_reference": "r1"})
    assert (refund["status"], refund["session"], refund["id"][:4]) == ("succeeded", made["id"], "mpr_")
    assert (await shop.told("GET", f"/refunds/{refund['id']}")) == refund
    assert (await shop.told("GET", f"/sessions/{made['id']}"))["refunded_minor"] == 2_500


async def test_the_same_reference_is_the_same_session_and_is_found_by_it(shop: MagicPayMerchant) -> None:
    first = await shop.session(merchant_reference="att_1")
    assert await shop.session(merchant_reference="att_1") == first
    assert (await shop.told("GET", "/sessions?merchant_reference=att_1"))["data"] == [first]
    assert (await shop.told("GET", "/sessions?merchant_reference=nobody"))["data"] == []
    body = {**{name: first[name] for name in ("merchant_reference", "currency", "return_url")}, "amount_minor": 1}
    other = await shop.ask("POST", "/sessions", body)
    assert (other.status_code, code(other)) == (409, "merchant_reference_reused")


async def test_an_idempotency_key_replays_the_answer(shop: MagicPayMerchant) -> None:
    made = await shop.session()
    path, key = f"/sessions/{made['id']}/cancel", {"Idempotency-Key": "k1"}
    first, again = [await shop.ask("POST", path, {}, **key) for _ in range(2)]
    assert (first.json()["status"], first.json()) == ("cancelled", again.json())
    assert again.headers["idempotent-replayed"] == "true"


TARGET = "/magicpay/v1/sessions"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        ({"MagicPay-Api-Key": "mp_test_other"}, "unauthenticated"),
        ({"MagicPay-Api-Key": "mp_live_1"}, "live_key_refused"),
        ({"MagicPay-Api-Key": ""}, "unauthenticated"),
        ({"MagicPay-Signature": "v1=" + "0" * 64}, "signature_invalid"),
        ({"MagicPay-Signature": ""}, "signature_invalid"),
        ({"MagicPay-Timestamp": ""}, "signature_invalid"),
        ({"MagicPay-Timestamp": "nan"}, "signature_invalid"),
        ({"secret": "another"}, "signature_invalid"),
        ({"body": b"{ }"}, "signature_invalid"),
        ({"method": "GET"}, "signature_invalid"),
        ({"target": f"{TARGET}/x"}, "signature_invalid"),
    ],
)
async def test_a_request_whose_signature_is_not_its_own_is_refused(
    shop: MagicPayMerchant, spoil: dict[str, Any], expected: str
) -> None:
    other = {name: value for name, value in spoil.items() if name.islower()}
    headers = signed(**{"method": "POST", "target": TARGET, "body": b"{}", **other})
    headers |= {name: value for name, value in spoil.items() if not name.islower()}
    async with httpx2.AsyncClient(base_url=shop.url, trust_env=False) as client:
        answer = await client.post(TARGET, content=b"{}", headers=headers)
    assert (answer.status_code, code(answer)) == (401, expected)


@pytest.mark.parametrize(
    ("signed_for", "sent", "expected"),
    [(0, 1, "signature_invalid"), (-310, -310, "signature_expired"), (400, 400, "signature_expired")],
)
async def test_a_signature_is_of_one_moment_that_is_near(
    shop: MagicPayMerchant, signed_for: int, sent: int, expected: str
) -> None:
    now = int(time.time())
    headers = {**signed("POST", TARGET, b"{}", at=now + signed_for), "MagicPay-Timestamp": str(now + sent)}
    async with httpx2.AsyncClient(base_url=shop.url, trust_env=False) as client:
        answer = await client.post(TARGET, content=b"{}", headers=headers)
    assert (answer.status_code, code(answer)) == (401, expected)


async def test_a_signed_query_cannot_be_changed(shop: MagicPayMerchant) -> None:
    headers = signed("GET", f"{TARGET}?limit=1", b"")
    async with httpx2.AsyncClient(base_url=shop.url, headers=headers, trust_env=False) as client:
        assert (await client.get(f"{TARGET}?limit=1")).status_code == 200
        assert (await client.get(f"{TARGET}?limit=2")).status_code == 401


async def test_its_books_are_not_those_of_the_simulated_provider(played: Gateway, shop: MagicPayMerchant) -> None:
    await shop.session(merchant_reference="order-1")
    payment = await played.payment(merchant_reference="order-1")
    assert payment["id"].startswith("sim_pay_")
    assert [each["id"] for each in (await played.get("/payments"))["data"]] == [payment["id"]]
    assert (await shop.ask("GET", f"/sessions/{payment['id']}")).status_code == 404


async def test_webhooks_are_signed_with_its_own_secret(shop: MagicPayMerchant, merchant: Merchant) -> None:
    made = await shop.session()
    paid = await shop.play(made["id"], GOOD)
    await until(lambda: len(merchant.received) == 1)
    [received] = merchant.received
    event = Webhook(WEBHOOK_SECRET).verify(received.body, received.headers)
    assert (event["type"], event["data"]) == ("session.paid", paid)
    await shop.told("POST", f"/sessions/{made['id']}/refunds", {"amount_minor": 1})
    await until(lambda: len(merchant.received) == 2)
    assert merchant.types[1] == "refund.succeeded"
    assert merchant.received[1].event["data"]["session"] == made["id"]


async def test_seeded_faults_happen_here_as_well(shop: MagicPayMerchant, merchant: Merchant) -> None:
    await shop.arm(webhooks={"forge": True, "duplicate": 2, "stale": True})
    await shop.play((await shop.session())["id"], DECLINED)
    await until(lambda: len(merchant.received) == 5)
    forged = next(each for each in merchant.received if each.event["type"] == "session.paid")
    assert forged.event["data"]["status"] == "paid"
    with pytest.raises(WebhookVerificationError):
        Webhook(WEBHOOK_SECRET).verify(forged.body, forged.headers)
    assert sorted(merchant.types) == ["session.failed"] * 4 + ["session.paid"]
    assert (await shop.fired("webhooks.duplicate"), await shop.fired("webhooks.forge")) == (2, 1)


async def test_a_lost_answer_has_done_its_work(shop: MagicPayMerchant) -> None:
    await shop.arm(api={"error_500_after": "create"})
    body = {"merchant_reference": "lost", "amount_minor": 1, "currency": "TRY", "return_url": "http://127.0.0.1:9/"}
    assert (await shop.ask("POST", "/sessions", body)).status_code == 500
    assert len((await shop.told("GET", "/sessions?merchant_reference=lost"))["data"]) == 1


async def test_delayed_money_and_expiry_come_by_the_clock(open_gateway: Open) -> None:
    clock = HeldClock()
    gateway = await open_gateway(clock, **CREDENTIALS, delayed_success=5, payment_lasts=60)

    async def status(session: str) -> str:
        target = f"/magicpay/v1/sessions/{session}"
        answer = await gateway.client.get(target, headers=signed("GET", target, b"", at=int(clock.now.timestamp())))
        return str(answer.raise_for_status().json()["status"])

    async def post(path: str, body: dict[str, object]) -> dict[str, Any]:
        target, raw = f"/magicpay/v1{path}", json.dumps(body).encode()
        headers = signed("POST", target, raw, at=int(clock.now.timestamp()))
        made: dict[str, Any] = (await gateway.client.post(target, content=raw, headers=headers)).raise_for_status().json()
        return made

    order = {"amount_minor": 1, "currency": "TRY", "return_url": "http://127.0.0.1:9/"}
    paid, left = [(await post("/sessions", {"merchant_reference": name, **order}))["id"] for name in ("a", "b")]
    assert (await post(f"/sessions/{paid}/play", {"card": DELAYED}))["status"] == "processing"
    clock.move(seconds=6)
    assert await status(paid) == "paid"
    clock.move(seconds=60)
    assert await status(left) == "expired"


@pytest.mark.parametrize(("lang", "words"), [("en", "Card payment"), ("tr", "Kart")])
async def test_its_page_pays_in_both_languages(shop: MagicPayMerchant, played: Gateway, lang: str, words: str) -> None:
    made = await shop.session(locale=lang)
    page = await played.client.get(made["checkout_url"])
    assert page.status_code == 200
    assert words in page.text
    assert "MagicPay" in page.text
    assert f"/magicpay/pay/{made['id']}" in page.text
    assert "/simulated/pay" not in page.text
    fields = {"number": GOOD, "expiry": "08/40", "cvc": "123"}
    sent = await played.client.post(made["checkout_url"], data=fields)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("http://127.0.0.1:9/return")
    assert (await shop.told("GET", f"/sessions/{made['id']}"))["status"] == "paid"


async def test_its_bank_asks_in_its_own_place(shop: MagicPayMerchant, played: Gateway) -> None:
    made = await shop.session()
    sent = await played.client.post(made["checkout_url"], data={"number": THREE_DS, "expiry": "08/40", "cvc": "123"})
    assert sent.headers["location"] == f"/magicpay/pay/{made['id']}/3ds"
    answered = await played.client.post(f"/magicpay/pay/{made['id']}/3ds", data={"answer": "approve"})
    assert answered.headers["location"].startswith("http://127.0.0.1:9/return")
    assert (await shop.told("GET", f"/sessions/{made['id']}"))["status"] == "paid"


async def test_a_page_of_no_session_is_a_page_all_the_same(played: Gateway) -> None:
    answer = await played.client.get("/magicpay/pay/mps_nobody")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


async def test_every_card_of_the_sandbox_is_a_card_of_magicpay(shop: MagicPayMerchant) -> None:
    for card in CARDS.values():
        played = await shop.play((await shop.session())["id"], card.number)
        expected = "failed" if card.failure_code else "processing" if card.delayed else "paid"
        assert (played["status"], played["failure_code"]) == (expected, card.failure_code)
