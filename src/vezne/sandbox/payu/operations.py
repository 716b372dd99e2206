"""What customers, the merchant and time do to PayU's transactions. Each runs in the caller's transaction."""

import hmac
from collections.abc import Mapping
from datetime import timedelta

from vezne.sandbox import faults
from vezne.sandbox.cards import Card
from vezne.sandbox.ids import new_id
from vezne.sandbox.loopback import loopback_url
from vezne.sandbox.payu import hashes, queries
from vezne.sandbox.payu.models import Refund, Transaction, paise_of
from vezne.sandbox.payu.webhooks import announce_payment, announce_refund, number
from vezne.sandbox.queries import insert_timer
from vezne.sandbox.refusals import Refused, no_such
from vezne.sandbox.settings import LIVE_MARK
from vezne.sandbox.store import Tx

_MANDATORY = ("key", "txnid", "amount", "productinfo", "firstname", "email", "surl", "furl", "hash")
_LONGEST_TXNID, _LONGEST_TOKEN, _LONGEST_VALUE = 25, 23, 2048


def enter(tx: Tx, posted: Mapping[str, str]) -> Transaction:
    """A browser has posted the merchant's form. Refused unless it is whole and rightly signed. The same form again while the
    payment is open: the same transaction; a txnid that was used is refused.
    """
    _check(tx, posted)
    paise = paise_of(posted["amount"])
    if paise is None:
        raise Refused(400, "payu_amount", "Amount is not a valid number.")
    existing = queries.select_by_txnid(tx, posted["txnid"])
    if existing is not None:
        if existing.is_open and existing.posted == posted:
            return existing
        raise Refused(409, "payu_duplicate", "Transaction failed: this txnid was used before.")
    made = Transaction(
        mihpayid=f"4039937{number(11)}",
        txnid=posted["txnid"],
        page=new_id("payu"),
        posted=dict(posted),
        paise=paise,
        created_at=tx.stamp,
    )
    queries.insert_transaction(tx, made)
    insert_timer(tx, tx.settings.payment_lasts, "payu.abandon", made.mihpayid)
    return made


def _check(tx: Tx, posted: Mapping[str, str]) -> None:
    for name in _MANDATORY:
        if not posted.get(name):
            raise Refused(400, "payu_missing", f"One or more mandatory parameters are missing: {name}.")
    if any(len(value) > _LONGEST_VALUE for value in posted.values()) or len(posted["txnid"]) > _LONGEST_TXNID:
        raise Refused(400, "payu_too_long", "One or more parameters are too long.")
    if LIVE_MARK in posted["key"]:
        raise Refused(403, "payu_live_key", "This is a test gateway; a live key must never be sent to it.")
    if not hmac.compare_digest(posted["key"].encode(), tx.settings.payu_merchant_key.encode()):
        raise Refused(403, "payu_key", "No merchant has this key.")
    if not hashes.same(hashes.of_request(posted, tx.settings.payu_merchant_salt), posted["hash"]):
        raise Refused(400, "payu_checksum", "Transaction failed due to incorrectly calculated hash parameter.")
    for name in ("surl", "furl"):
        try:
            loopback_url(posted[name])
        except ValueError as error:
            raise Refused(400, "payu_url", f"{name}: {error}") from None


def of_page(tx: Tx, page: str) -> Transaction:
    """The transaction whose page it is; Refused with 404 when there is none."""
    found = queries.select_by_page(tx, page)
    if found is None:
        raise no_such("page", page)
    return found


def pay(tx: Tx, transaction: Transaction, card: Card, *, hold: bool = False) -> Transaction:
    """The customer pays with this card. One that is no longer open stays as it is: a form sent twice pays once."""
    if not transaction.is_open:
        return transaction
    return _keep(tx, transaction.pay(card, number(12), hold=hold))


def cancel(tx: Tx, transaction: Transaction) -> Transaction:
    """The customer turns back."""
    return _keep(tx, transaction.cancel()) if transaction.is_open else transaction


def finish(tx: Tx, transaction: Transaction) -> Transaction:
    """Money that was on its way, or only authorised, is captured."""
    moved = transaction.finish()
    return transaction if moved == transaction else _keep(tx, moved)


def _keep(tx: Tx, moved: Transaction) -> Transaction:
    queries.update_transaction(tx, moved)
    if moved.status == "pending":
        insert_timer(tx, tx.settings.delayed_success, "payu.finish", moved.mihpayid)
    else:
        announce_payment(tx, moved)
    return moved


def refund(tx: Tx, mihpayid: str, token: str, amount: str) -> Refund:
    """Begin to give money back: another refund each time it is asked for, whatever the token. Refused with PayU's words."""
    found = queries.select_by_mihpayid(tx, mihpayid)
    paise = paise_of(amount)
    if found is None:
        raise Refused(200, "105", "Invalid payuid")
    if not token or len(token) > _LONGEST_TOKEN:
        raise Refused(200, "106", "token is empty or too long")
    if paise is None:
        raise Refused(200, "107", "Amount is empty or invalid")
    if found.unmappedstatus != "captured":
        raise Refused(200, "108", "Refund not allowed: transaction is not captured")
    if paise > found.refundable_paise:
        raise Refused(200, "109", "Refund FAILURE - refund amount exceeds the transaction amount")
    begun = Refund(request_id=number(10), mihpayid=mihpayid, token=token, paise=paise, created_at=tx.stamp)
    queries.insert_refund(tx, begun)
    queries.update_transaction(tx, found.begin_refund(paise))
    delay, wait = faults.armed(tx).refunds.delay_ms, tx.settings.refund_delay
    if delay is not None:
        faults.fire(tx, "refunds.delay_ms")
        wait = timedelta(milliseconds=delay)
    insert_timer(tx, wait, "payu.settle_refund", begun.request_id)
    return begun


def happen(tx: Tx, what: str, subject: str) -> None:
    """What a timer of PayU's was wound for."""
    if what == "settle_refund":
        _settle_refund(tx, subject)
        return
    found = queries.select_by_mihpayid(tx, subject)
    if found is None:
        return
    if what == "abandon" and found.is_open:
        _keep(tx, found.abandon())
    elif what == "finish":
        finish(tx, found)


def _settle_refund(tx: Tx, request_id: str) -> None:
    refund_ = queries.select_refund(tx, request_id)
    found = queries.select_by_mihpayid(tx, refund_.mihpayid) if refund_ else None
    if refund_ is None or found is None:
        return
    failed = faults.armed(tx).refunds.fail
    if failed:
        faults.fire(tx, "refunds.fail")
    queries.update_refund_status(tx, request_id, "failure" if failed else "success")
    moved = found.end_refund(refund_.paise, succeeded=not failed)
    queries.update_transaction(tx, moved)
    settled = queries.select_refund(tx, request_id)
    if settled is not None:
        announce_refund(tx, moved, settled)
