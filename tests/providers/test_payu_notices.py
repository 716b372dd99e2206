"""What PayU posts back: forms with its reverse hash, and JSON that nobody signs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from providers.played_payu import PAYU_KEY, PAYU_SALT
from vezne.kernel.ids import public_id
from vezne.payments.providers import payu_texts as texts
from vezne.payments.providers.base import SignatureInvalid
from vezne.payments.providers.payu import PayuProvider

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TXNID = texts.txnid_of(public_id("att", uuid4()))


@pytest.fixture
def alone() -> PayuProvider:
    """The provider: reading needs no PayU."""
    nowhere = "http://127.0.0.1:9"
    return PayuProvider(payment_url=nowhere, api_url=nowhere, merchant_key=PAYU_KEY, merchant_salt=PAYU_SALT)


def form(**changes: str) -> bytes:
    """News of a payment, rightly signed."""
    fields = {
        "mihpayid": "403993715521937565",
        "status": "success",
        "unmappedstatus": "captured",
        "key": PAYU_KEY,
        "txnid": TXNID,
        "amount": "100.00",
        "productinfo": "Concert",
        "firstname": "Ada",
        "email": "ada@shop.example",
        "udf1": "7",
        **changes,
    }
    return urlencode({**fields, "hash": next(texts.reverse_hashes(fields, PAYU_SALT))}).encode()


async def test_a_genuine_form_is_read_and_names_its_event_alike_each_time(alone: PayuProvider) -> None:
    first, again = (alone.read_webhook(form(), {}, NOW + timedelta(days=days)) for days in (0, 400))
    assert first == again
    assert (first.type, first.provider_ref) == ("payment.success", TXNID)
    other = alone.read_webhook(form(status="failure", unmappedstatus="in progress"), {}, NOW)
    assert (other.type, other.event_id != first.event_id) == ("payment.failure", True)


@pytest.mark.parametrize(
    "raw",
    [
        form().replace(b"100.00", b"1.00"),
        form() + b"&amount=1.00",
        form(key="OTHER"),
        form().replace(b"&hash=", b"&hashes="),
        form(txnid=""),
        form(txnid="a b"),
        form(txnid="x" * 65),
        form(txnid="a\x00b"),
        b"&".join([b"a=1"] * 300),
        b"a=%ff",
        b"%",
        b"",
    ],
)
async def test_a_form_with_anything_wrong_is_not_believed(alone: PayuProvider, raw: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        alone.read_webhook(raw, {}, NOW)


async def test_a_refunds_notice_is_read_as_a_reason_to_ask(alone: PayuProvider) -> None:
    told = {
        "action": "refund",
        "key": PAYU_KEY,
        "merchantTxnId": TXNID,
        "mihpayid": 403,
        "request_id": "77",
        "status": "in progress",
    }
    notice = alone.read_webhook(b" \n" + json.dumps(told).encode(), {}, NOW)
    assert (notice.type, notice.provider_ref, notice.event_id) == ("refund.in_progress", TXNID, "refund:403:77:in_progress")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"key": "OTHER", "merchantTxnId": TXNID},
        {"key": PAYU_KEY},
        {"key": PAYU_KEY, "merchantTxnId": None},
        {"key": PAYU_KEY, "merchantTxnId": "a\u0000b", "action": "refund"},
        {"key": PAYU_KEY, "merchantTxnId": TXNID, "action": "x" * 80},
        {"key": PAYU_KEY, "merchantTxnId": {"a": 1}},
    ],
)
async def test_a_notice_that_names_nothing_of_ours_is_not_believed(alone: PayuProvider, told: dict[str, Any]) -> None:
    with pytest.raises(SignatureInvalid):
        alone.read_webhook(json.dumps(told).encode(), {}, NOW)
