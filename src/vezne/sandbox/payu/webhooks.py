"""What PayU posts back: to the browser's return addresses and, server to server, to the address set on its dashboard."""

import json
import secrets
from datetime import timedelta, timezone
from urllib.parse import parse_qsl, urlencode

from vezne.sandbox.events import Event, tell
from vezne.sandbox.ids import new_id
from vezne.sandbox.parcels import Parcel
from vezne.sandbox.payu import hashes, queries
from vezne.sandbox.payu.cards import ERRORS
from vezne.sandbox.payu.models import Refund, Transaction, rupees
from vezne.sandbox.settings import SandboxSettings
from vezne.sandbox.store import Tx, instant

NAME = "payu"
INDIA = timezone(timedelta(hours=5, minutes=30))
_WRONG_SALT = "forged-by-the-sandbox"  # signs the forged copies, and nothing else
_BRANDS = {"mastercard": "MAST", "visa": "VISA", "rupay": "RUPAY", "amex": "AMEX"}


def number(digits: int) -> str:
    """One of PayU's numbers, which nobody can guess."""
    return str(10 ** (digits - 1) + secrets.randbelow(9 * 10 ** (digits - 1)))


def india_time(stamp: str) -> str:
    """A time as PayU writes it: India's, without saying so."""
    return instant(stamp).astimezone(INDIA).strftime("%Y-%m-%d %H:%M:%S")


def postback(transaction: Transaction) -> dict[str, str]:
    """The fields PayU posts about a transaction, but for the hash. The amount has two decimals, whatever was posted."""
    posted, amount = transaction.posted, rupees(transaction.paise)
    code, message = ERRORS[transaction.failure_code] if transaction.failure_code else ("E000", "No Error")
    return {
        "mihpayid": transaction.mihpayid,
        "mode": "CC",
        "status": transaction.status,
        "unmappedstatus": transaction.unmappedstatus,
        "key": posted["key"],
        "txnid": transaction.txnid,
        "amount": amount,
        "discount": "0.00",
        "net_amount_debit": amount if transaction.status == "success" else "0.00",
        "addedon": india_time(transaction.created_at),
        **{name: posted.get(name, "") for name in ("productinfo", "firstname", "lastname", "email", "phone")},
        **{f"udf{place}": posted.get(f"udf{place}", "") for place in range(1, 11)},
        "field9": message,
        "payment_source": NAME,
        "PG_TYPE": "CC-PG",
        "bank_ref_num": transaction.bank_ref_num or "",
        "bankcode": _BRANDS.get(transaction.card_brand or "", "CC"),
        "error": code,
        "error_Message": message,
        "cardnum": transaction.card_masked or "",
        "cardhash": "This field is no longer supported in postback params.",
    }


def signed(fields: dict[str, str], salt: str) -> dict[str, str]:
    """The fields with their reverse hash."""
    return {**fields, "hash": hashes.of_answer(fields, salt)}


def announce_payment(tx: Tx, transaction: Transaction) -> None:
    """Tell the merchant of a payment's success or failure."""
    body = urlencode(postback(transaction))
    type_ = "payment.success" if transaction.status == "success" else "payment.failed"
    _tell(tx, type_, transaction, body)


def announce_refund(tx: Tx, transaction: Transaction, refund: Refund) -> None:
    """Tell the merchant of a refund's end: JSON that nobody signs, as it is documented."""
    body = {
        "action": "refund",
        "key": transaction.posted["key"],
        "mihpayid": transaction.mihpayid,
        "merchantTxnId": transaction.txnid,
        "request_id": refund.request_id,
        "token": refund.token,
        "amt": rupees(refund.paise),
        "status": refund.status,
        "bank_ref_num": transaction.bank_ref_num,
        "remark": None,
    }
    _tell(tx, f"refund.{refund.status}", transaction, json.dumps(body))


def _tell(tx: Tx, type_: str, transaction: Transaction, body: str) -> None:
    tell(tx, Event(new_id("payu_evt"), NAME, type_, transaction.txnid, queries.select_webhook_url(tx), body))


def pack(parcel: Parcel, settings: SandboxSettings) -> tuple[bytes, dict[str, str]]:
    """The body and headers to send. A forged copy claims success under a wrong salt; a stale one is a copy: no time is signed."""
    if parcel.body.startswith("{"):
        told = json.loads(parcel.body)
        body = json.dumps({**told, "status": "success"} if parcel.kind == "forged" else told)
        return body.encode(), {"content-type": "application/json", "user-agent": "vezne-payu"}
    fields, salt = dict(parse_qsl(parcel.body, keep_blank_values=True)), settings.payu_merchant_salt
    if parcel.kind == "forged":
        fields |= {"status": "success", "unmappedstatus": "captured"}
        salt = _WRONG_SALT
    body = urlencode(signed(fields, salt))
    return body.encode(), {"content-type": "application/x-www-form-urlencoded", "user-agent": "vezne-payu"}
