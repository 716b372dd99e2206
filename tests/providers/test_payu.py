"""PayU's own ways: its form, its answers' grades and reasons, what goes wrong with refunds, its notices."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from desk_fixtures import Sandbox
from providers.played_payu import PAYU_KEY, PAYU_SALT, Payu, act, bring
from sandbox.merchant import serving
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.payments.providers import payu_texts as texts
from vezne.payments.providers.base import (
    Grade,
    Payer,
    ProviderRefused,
    ProviderUnavailable,
    RefundGrade,
    RefundRequest,
    StartRequest,
)
from vezne.payments.providers.payu import PayuProvider
from vezne.payments.providers.payu_answers import grade_of, payment_of, refund_of
from vezne.payments.tenant_texts import tenant_text

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
REFERENCE = public_id("att", uuid4())
TXNID = texts.txnid_of(REFERENCE)


@pytest_asyncio.fixture
async def played(sandbox: Sandbox) -> AsyncIterator[Payu]:
    """The provider over its sandbox."""
    one = Payu(sandbox)
    yield one
    await one.provider.aclose()


@pytest_asyncio.fixture
async def alone() -> AsyncIterator[PayuProvider]:
    """The provider, where it needs no PayU."""
    one = reaching("http://127.0.0.1:9")
    yield one
    await one.aclose()


def reaching(url: str, timeout: timedelta = timedelta(seconds=2)) -> PayuProvider:
    return PayuProvider(payment_url=url, api_url=url, merchant_key=PAYU_KEY, merchant_salt=PAYU_SALT, timeout=timeout)


def request(**changes: object) -> StartRequest:
    facts: dict[str, Any] = {
        "reference": REFERENCE,
        "amount": Money(123_450, "INR"),
        "return_url": "https://shop.example/back",
        "webhook_url": "https://pay.example:8443/v1/providers/payu/webhooks/5",
        "form_url": "https://pay.example:8443/pay/x",
        "tenant_id": 5,
        "description": "Concert | VIP",
        "payer": Payer(name="Ayşe\nYılmaz", email="ayse@shop.example", phone="+90 555 000 00 00"),
        **changes,
    }
    return StartRequest(**facts)


async def test_the_form_is_whole_signed_and_leads_back_to_us(alone: PayuProvider) -> None:
    form = alone.form(request())
    assert form.action == "http://127.0.0.1:9/_payment"
    fields = dict(form.fields)
    signed = fields.pop("hash")
    assert fields == {
        "key": PAYU_KEY,
        "txnid": TXNID,
        "amount": "1234.50",
        "productinfo": "Concert VIP",
        "firstname": "Ayşe Yılmaz",
        "email": "ayse@shop.example",
        "phone": "+90 555 000 00 00",
        "surl": "https://pay.example:8443/api/payments/payu/success",
        "furl": "https://pay.example:8443/api/payments/payu/failure",
        "udf1": tenant_text(5),
        "udf2": REFERENCE,
    }
    assert signed == texts.request_hash(fields, PAYU_SALT)
    assert PAYU_SALT not in str(form)


async def test_an_unknown_customer_has_a_name_and_an_address_that_cannot_exist(alone: PayuProvider) -> None:
    fields = alone.form(request(payer=Payer(), description="")).fields
    assert (fields["firstname"], fields["email"]) == ("Customer", f"{TXNID}@payer.invalid")
    assert fields["productinfo"] == "Payment"


async def test_other_money_than_rupees_is_refused_before_anybody_is_sent_away(alone: PayuProvider) -> None:
    with pytest.raises(ProviderRefused, match="currency_not_supported"):
        await alone.start(request(amount=Money(100, "TRY")))


@pytest.mark.parametrize(
    "text", ["Tab\tNew\nLine", "a|b|c", " ünïcödé ₹ ", '"><script>alert(1)</script>', "x" * 500, "\u202e", "&amp;"]
)
async def test_whatever_is_sold_to_whomever_payu_accepts_the_hash(played: Payu, text: str) -> None:
    asked = played.request(description=text, payer=Payer(name=text, email=text, phone=text))
    page = await bring(played.sandbox, played.provider, asked)
    shown = await played.sandbox.client.get(page)
    assert shown.status_code == 200
    assert "<script>alert(1)" not in shown.text
    done = await act(played.sandbox, texts.txnid_of(asked.reference))
    notice = played.provider.read_webhook(urlencode(fields_of(done)).encode(), {}, NOW)
    assert notice.provider_ref == texts.txnid_of(asked.reference)


def fields_of(done: dict[str, object]) -> dict[str, str]:
    found = done["fields"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("status", "unmapped", "grade"),
    [
        ("success", "captured", Grade.CAPTURED),
        ("success", "auth", Grade.AUTHORISED),
        ("success", "something new", Grade.PROCESSING),
        ("pending", "initiated", Grade.PENDING),
        ("pending", "pending", Grade.PROCESSING),
        ("pending", "in progress", Grade.PROCESSING),
        ("pending", "captured", Grade.PROCESSING),
        ("failure", "failed", Grade.FAILED),
        ("failure", "dropped", Grade.FAILED),
        ("failure", "captured", Grade.FAILED),
        ("failure", "bounced", Grade.CANCELLED),
        ("failure", "userCancelled", Grade.CANCELLED),
        ("Success", "Captured", Grade.CAPTURED),
    ],
)
def test_only_a_captured_success_is_money(status: str, unmapped: str, grade: Grade) -> None:
    found = {"status": status, "unmappedstatus": unmapped, "amt": "10.00"}
    assert grade_of(found) is grade
    assert payment_of(TXNID, found, []).captured.minor == (1_000 if grade is Grade.CAPTURED else 0)


@pytest.mark.parametrize("found", [{}, {"status": "new"}, {"status": None}, {"status": 1}])
def test_a_status_that_is_not_known_is_no_answer(found: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable):
        grade_of(found)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Insufficient funds", "insufficient_funds"),
        ("Card has expired", "expired_card"),
        ("Invalid CVV", "incorrect_cvc"),
        ("Card reported LOST", "lost_card"),
        ("Stolen card", "stolen_card"),
        ("3D Secure authentication failed", "authentication_failed"),
        ("Bank timed out", "processing_error"),
        ("Do not honour", "card_declined"),
        ("", "card_declined"),
    ],
)
def test_a_failures_words_become_our_code(message: str, code: str) -> None:
    found = {"status": "failure", "unmappedstatus": "failed", "amt": "10.00", "error_Message": message}
    assert payment_of(TXNID, found, []).failure_code == code


def test_what_is_kept_of_an_answer_has_no_hash_and_no_token_of_a_card() -> None:
    found = {"status": "failure", "amt": "1.00", "hash": "h", "cardToken": "t", "cardhash": "c", "mode": "CC"}
    assert payment_of(TXNID, found, []).response == {"status": "failure", "amt": "1.00", "mode": "CC"}


@pytest.mark.parametrize("amount", [None, "", "ten", "1.001", {}])
def test_an_amount_that_is_none_is_no_answer(amount: object) -> None:
    with pytest.raises(ProviderUnavailable):
        payment_of(TXNID, {"status": "success", "unmappedstatus": "captured", "amt": amount}, [])


@pytest.mark.parametrize(
    ("status", "grade"),
    [
        ("success", RefundGrade.SUCCEEDED),
        ("SUCCESS", RefundGrade.SUCCEEDED),
        ("failure", RefundGrade.FAILED),
        *(
            (status, RefundGrade.PENDING)
            for status in ("queued", "requested", "in progress", "IN PROGRESS", "pending", "od_hit", "")
        ),
    ],
)
def test_a_refund_is_over_when_payu_says_so(status: str, grade: RefundGrade) -> None:
    assert refund_of({"request_id": 12, "amt": "2.50", "status": status}).grade is grade


# ------------------------------------------------------------------------------------------------- what goes wrong with refunds


async def test_a_refund_that_timed_out_after_it_was_accepted_is_found_and_not_made_again(played: Payu) -> None:
    ref = await played.captured()
    asked = played.refund(ref, 4_000)
    await played.sandbox.arm(api={"timeout_after": "refund", "hang_ms": 100})
    with pytest.raises(ProviderUnavailable):
        await played.provider.refund(asked)
    found = await played.ended(await played.provider.refund(asked))
    assert (found.grade, found.amount) == (RefundGrade.SUCCEEDED, Money(4_000, "INR"))
    assert len(await refunds_at_payu(played, ref)) == 1


async def test_payu_itself_does_the_same_refund_again(played: Payu) -> None:
    """What the look-up before each refund is for."""
    ref = await played.captured()
    mihpayid = (await played.provider.fetch(ref)).response["mihpayid"]
    for _ in range(2):
        form = {"key": PAYU_KEY, "command": "cancel_refund_transaction", "var1": mihpayid, "var2": "token", "var3": "10.00"}
        form["hash"] = texts.command_hash(PAYU_KEY, form["command"], str(mihpayid), PAYU_SALT)
        answer = await played.sandbox.client.post("/merchant/postservice.php?form=2", data=form)
        assert answer.json()["status"] == 1
    assert len(await refunds_at_payu(played, ref)) == 2


async def test_many_askers_of_one_refund_make_one(played: Payu) -> None:
    ref = await played.captured()
    asked = played.refund(ref, 1_000)
    await asyncio.gather(*(played.provider.refund(asked) for _ in range(8)))
    assert len(await refunds_at_payu(played, ref)) == 1


async def refunds_at_payu(played: Payu, txnid: str) -> list[dict[str, Any]]:
    answer = await played.sandbox.client.get(f"/payu/play/{txnid}/refunds")
    found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
    return found


async def test_the_sum_that_was_given_back_counts_what_has_arrived_only(played: Payu) -> None:
    ref = await played.captured()
    await played.sandbox.arm(refunds={"delay_ms": 60_000})
    await played.provider.refund(played.refund(ref, 4_000))
    assert (await played.provider.fetch(ref)).refunded == Money(0, "INR")


@asynccontextmanager
async def answering(answer: Callable[[dict[str, str]], object]) -> AsyncIterator[PayuProvider]:
    """A PayU that answers each command as it is told: a mapping as JSON, bytes or a status as they are."""

    async def command(asked: Request) -> Response:
        said = answer(dict(parse_qsl((await asked.body()).decode())))
        if isinstance(said, int):
            return Response(status_code=said)
        return Response(said if isinstance(said, bytes) else json.dumps(said), media_type="application/json")

    async with serving(Starlette(routes=[Route("/merchant/postservice.php", command, methods=["POST"])])) as url:
        provider = reaching(url)
        yield provider
        await provider.aclose()


PAID = {"mihpayid": "403", "status": "success", "unmappedstatus": "captured", "amt": "100.00"}
REFUND = RefundRequest(reference=public_id("ref", uuid4()), provider_ref=TXNID, amount=Money(4_000, "INR"))
MADE = {"request_id": "77", "action": "refund", "token": texts.refund_token(REFUND.reference), "status": "queued", "amt": "40.00"}


async def test_a_no_to_a_refund_that_is_there_all_the_same_is_the_refund() -> None:
    """PayU may refuse the copy of a question whose first answer was lost, as "token already used"."""
    asked: list[str] = []

    def answer(form: dict[str, str]) -> object:
        asked.append(form["command"])
        if form["command"] == "verify_payment":
            return {"status": 1, "transaction_details": {TXNID: PAID}}
        if form["command"] == "cancel_refund_transaction":
            return {"status": 0, "msg": "token already used or request pending."}
        there = asked.count("cancel_refund_transaction") > 0
        return {"status": int(there), "transaction_details": {"403": {"77": MADE} if there else "No action status found"}}

    async with answering(answer) as provider:
        refund = await provider.refund(REFUND)
    assert (refund.refund_ref, refund.grade) == ("77", RefundGrade.PENDING)
    assert asked.count("cancel_refund_transaction") == 1


async def test_a_refused_refund_says_why_in_payus_words() -> None:
    def answer(form: dict[str, str]) -> object:
        if form["command"] == "verify_payment":
            return {"status": 1, "transaction_details": {TXNID: PAID}}
        if form["command"] == "cancel_refund_transaction":
            return {"status": 0, "msg": "Refund FAILURE - Exceeds!", "error_code": 9}
        return {"status": 0, "transaction_details": {"403": "No action status found"}}

    async with answering(answer) as provider:
        with pytest.raises(ProviderRefused, match="refund_failure_exceeds"):
            await provider.refund(REFUND)


async def test_a_refund_that_payu_does_not_show_yet_is_asked_after_again_and_not_failed() -> None:
    async with answering(lambda _: {"status": 0, "transaction_details": {"77": "No action status found"}}) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.fetch_refund("77")


@pytest.mark.parametrize("ref", ["", "x", "1 2", "../1", "9" * 40])
async def test_a_refund_it_does_not_know_is_refused(alone: PayuProvider, ref: str) -> None:
    with pytest.raises(ProviderRefused):
        await alone.fetch_refund(ref)


@pytest.mark.parametrize(
    "said",
    [
        500,
        404,
        302,
        b"",
        b"<html>502</html>",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        {"status": 0, "msg": "Invalid Hash."},
        {"status": 1, "transaction_details": {TXNID: {**PAID, "amt": 100.001}}},
        {"status": 1, "transaction_details": {TXNID: {**PAID, "mihpayid": None}}},
        {"status": 1, "transaction_details": {TXNID: {**PAID, "status": "??"}}},
    ],
)
async def test_an_answer_that_is_none_is_no_answer(said: object) -> None:
    async with answering(lambda _: said) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.fetch(TXNID)


@pytest.mark.parametrize("entry", [{"status": "Not Found"}, {"mihpayid": "Not Found", "status": "not found"}, "Not Found", None])
async def test_a_payment_that_no_browser_has_brought_waits_without_an_amount(entry: object) -> None:
    async with answering(lambda _: {"status": 0, "transaction_details": {TXNID: entry}}) as provider:
        seen = await provider.fetch(TXNID)
        assert (seen.grade, seen.amount, seen.captured.minor) == (Grade.PENDING, None, 0)
        assert await provider.find(REFERENCE) is None


async def test_a_numbers_decimals_are_read_as_they_were_written() -> None:
    def answer(form: dict[str, str]) -> object:
        if form["command"] == "verify_payment":
            return b'{"status": 1, "transaction_details": {"%b": {"mihpayid": 403, "status": "success",' % TXNID.encode() + (
                b' "unmappedstatus": "captured", "amt": 90071992547409.91}}}'
            )
        return {"status": 0, "transaction_details": {}}

    async with answering(answer) as provider:
        assert (await provider.fetch(TXNID)).amount == Money(2**53 - 1, "INR")


async def test_a_provider_that_hangs_is_unavailable_before_the_next_question_for_the_same_refund() -> None:
    async def hang(_: Request) -> Response:
        await asyncio.sleep(2)
        return Response()

    async with serving(Starlette(routes=[Route("/merchant/postservice.php", hang, methods=["POST"])])) as url:
        provider = reaching(url, timedelta(milliseconds=200))
        began = asyncio.get_running_loop().time()
        with pytest.raises(ProviderUnavailable):
            await provider.refund(REFUND)
        assert asyncio.get_running_loop().time() - began < 9
        await provider.aclose()
