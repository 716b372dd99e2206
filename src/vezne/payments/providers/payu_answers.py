"""What PayU India's answers mean: its statuses, reasons and notices in our words. Pure, no network."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from vezne.kernel.errors import Refusal
from vezne.kernel.money import Money
from vezne.payments.providers import payu_texts as texts
from vezne.payments.providers.base import (
    Grade,
    ProviderPayment,
    ProviderRefund,
    ProviderUnavailable,
    RefundGrade,
    SignatureInvalid,
    WebhookNotice,
)

NAME: Final = "payu"
CURRENCY: Final = "INR"
"""The form names no currency: the account's, which is the rupee."""

_GRADES: Mapping[tuple[str, str], Grade] = {
    ("success", "captured"): Grade.CAPTURED,
    ("success", "auth"): Grade.AUTHORISED,
    ("pending", "initiated"): Grade.PENDING,  # its customer is on the page
    ("failure", "usercancelled"): Grade.CANCELLED,
    ("failure", "bounced"): Grade.CANCELLED,  # its customer left without having pressed "pay"
}
_BY_STATUS: Mapping[str, Grade] = {"success": Grade.PROCESSING, "pending": Grade.PROCESSING, "failure": Grade.FAILED}
"""What a status means whose `unmappedstatus` we do not know: the list of those is not confirmed. Nothing is credited by it."""

_REFUND_GRADES = {"success": RefundGrade.SUCCEEDED, "failure": RefundGrade.FAILED}
"""All others (queued, requested, in progress, pending, od_hit) are on their way."""

_REASONS: Sequence[tuple[str, str]] = (
    ("insufficient", "insufficient_funds"),
    ("expire", "expired_card"),
    ("cvv", "incorrect_cvc"),
    ("cvc", "incorrect_cvc"),
    ("lost", "lost_card"),
    ("stolen", "stolen_card"),
    ("authenticat", "authentication_failed"),
    ("3d secure", "authentication_failed"),
    ("3dsecure", "authentication_failed"),
    ("technical", "processing_error"),
    ("time out", "processing_error"),
    ("timed out", "processing_error"),
    ("timeout", "processing_error"),
)
"""PayU has hundreds of codes, which differ by bank; the words beside them say the same."""

_NUMBER = re.compile(r"[0-9]{1,32}", re.ASCII)
_NAME = re.compile(r"[!-~]{1,64}", re.ASCII)
_MOST_FIELDS = 200
_UNKEPT = frozenset({"hash", "cardtoken", "card_token", "cardhash"})


def grade_of(found: Mapping[str, Any]) -> Grade:
    """How far a payment has come."""
    status = str(found.get("status", "")).strip().lower()
    unmapped = str(found.get("unmappedstatus", "")).strip().lower()
    if (grade := _GRADES.get((status, unmapped)) or _BY_STATUS.get(status)) is None:
        raise ProviderUnavailable(provider=NAME, reason="a status that is not known")
    return grade


def payment_of(txnid: str, found: Mapping[str, Any], refunds: Sequence[ProviderRefund]) -> ProviderPayment:
    """A payment, as PayU shows it."""
    grade, amount = grade_of(found), _money(found, "amt", "transaction_amount")
    nothing = Money(0, CURRENCY)
    returned = sum(refund.amount.minor for refund in refunds if refund.grade is RefundGrade.SUCCEEDED)
    return ProviderPayment(
        provider_ref=txnid,
        reference=texts.reference_of(txnid),
        grade=grade,
        amount=amount,
        captured=amount if grade is Grade.CAPTURED else nothing,
        refunded=Money(returned, CURRENCY),
        failure_code=_failure_code(found) if grade is Grade.FAILED else None,
        response=_kept(found),
    )


def _failure_code(found: Mapping[str, Any]) -> str:
    words = " ".join(str(found.get(name, "")) for name in ("error_Message", "error_message", "field9", "field8")).lower()
    return next((code for word, code in _REASONS if word in words), "card_declined")


def mihpayid_of(found: Mapping[str, Any]) -> str:
    """PayU's own number of a payment."""
    number = str(found.get("mihpayid", "")).strip()
    if not is_number(number):
        raise ProviderUnavailable(provider=NAME, reason="a payment without a number")
    return number


def is_number(text: str) -> bool:
    """Whether it may be one of PayU's numbers."""
    return _NUMBER.fullmatch(text) is not None


def refunds_of(actions: Sequence[Mapping[str, Any]]) -> list[ProviderRefund]:
    """The refunds among all that was done to a payment."""
    return [refund_of(action) for action in actions if str(action.get("action", "")).lower() == "refund"]


def refund_of(action: Mapping[str, Any]) -> ProviderRefund:
    """A refund, as PayU shows it."""
    grade = _REFUND_GRADES.get(str(action.get("status", "")).strip().lower(), RefundGrade.PENDING)
    return ProviderRefund(
        refund_ref=_request_id(action),
        grade=grade,
        amount=_money(action, "amt"),
        failure_code="refund_rejected" if grade is RefundGrade.FAILED else None,
        response=_kept(action),
    )


def queued_refund(answer: Mapping[str, Any], amount: Money) -> ProviderRefund:
    """A refund that PayU has accepted just now."""
    return ProviderRefund(refund_ref=_request_id(answer), grade=RefundGrade.PENDING, amount=amount, response=_kept(answer))


def is_accepted(answer: Mapping[str, Any]) -> bool:
    """Whether PayU has queued the refund."""
    return str(answer.get("status")) == "1"


def refusal_of(answer: Mapping[str, Any]) -> str:
    """Why PayU refused, as a code: its own error codes of refunds are not confirmed, so its words are taken."""
    words = re.sub(r"[^a-z0-9]+", "_", str(answer.get("msg", "")).lower()).strip("_")
    return words[:60] or "refused"


def _request_id(answer: Mapping[str, Any]) -> str:
    number = str(answer.get("request_id", "")).strip()
    if not is_number(number):
        raise ProviderUnavailable(provider=NAME, reason="a refund without a number")
    return number


def _money(answer: Mapping[str, Any], *names: str) -> Money:
    written = ["" if answer.get(name) is None else str(answer[name]) for name in names]
    try:
        return texts.money_of(next((text for text in written if text), ""), CURRENCY)
    except (ValueError, Refusal):
        raise ProviderUnavailable(provider=NAME, reason="an answer without a usable amount") from None


def _kept(answer: Mapping[str, Any]) -> dict[str, object]:
    """What is kept of an answer: no hash, no token that stands for a card."""
    return {name: value for name, value in answer.items() if name.lower() not in _UNKEPT}


def read_form(raw: bytes) -> dict[str, str]:
    """The fields that PayU posted, as the texts that were signed. Raises SignatureInvalid when they cannot be read."""
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise SignatureInvalid(reason="its content is no form") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise SignatureInvalid(reason="a field occurs twice")
    return fields


def notice_of_form(raw: bytes, key: str, salt: str) -> WebhookNotice:
    """A payment's news, once its reverse hash is believed."""
    fields = read_form(raw)
    if fields.get("key") != key:
        raise SignatureInvalid(reason="it is for another merchant")
    if not texts.reverse_hash_is_right(fields, salt):
        raise SignatureInvalid(reason="its hash is not PayU's")
    status = fields.get("status", "")
    event = ":".join((fields.get("mihpayid", ""), fields.get("txnid", ""), status, fields.get("unmappedstatus", "")))
    return _notice(event, f"payment.{status}", fields.get("txnid", ""))


def notice_of_json(raw: bytes, key: str) -> WebhookNotice:
    """A refund's or dispute's news, which nobody signs: a reason to look, and no more."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or told.get("key") != key:
        raise SignatureInvalid(reason="it is for another merchant, or no notice")
    text = {name: str(told.get(name) or "").strip() for name in ("action", "mihpayid", "request_id", "status", "merchantTxnId")}
    action = text["action"] or "notice"
    event = ":".join((action, text["mihpayid"], text["request_id"], text["status"]))
    return _notice(event, f"{action}.{text['status'] or 'told'}", text["merchantTxnId"])


def _notice(event: str, type_: str, txnid: str) -> WebhookNotice:
    """All three come from outside, and are kept and shown. Some of PayU's statuses are two words."""
    event, type_ = event.replace(" ", "_"), type_.replace(" ", "_")
    if not (re.fullmatch(r"[!-~]{1,200}", event) and _NAME.fullmatch(type_) and _NAME.fullmatch(txnid)):
        raise SignatureInvalid(reason="it names nothing that could be a payment")
    return WebhookNotice(event_id=event, type=type_, provider_ref=txnid)
