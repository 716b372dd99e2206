"""PayU's command API: one address, signed forms, and answers of HTTP 200 whatever they say."""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from vezne.sandbox import api
from vezne.sandbox.forms import read_form
from vezne.sandbox.payu import hashes, operations, queries
from vezne.sandbox.payu.cards import ERRORS
from vezne.sandbox.payu.models import Refund, Transaction, rupees
from vezne.sandbox.payu.webhooks import india_time, postback
from vezne.sandbox.refusals import Refused
from vezne.sandbox.requests import LARGEST_BODY
from vezne.sandbox.store import Store, Tx

Said = dict[str, object]
_MOST_TXNIDS = 50


async def answer(request: Request) -> Response:
    """POST /merchant/postservice.php"""
    store: Store = request.app.state.store
    asked = read_form(await api.read_limited(request, LARGEST_BODY))
    command = asked.get("command", "")
    operation = "refund" if command == "cancel_refund_transaction" else "read"
    return await api.send(await store.transact(lambda tx: api.spoil(tx, operation, api.Answer(200, _said(tx, asked)))))


def _said(tx: Tx, asked: Mapping[str, str]) -> Said:
    command, var1 = asked.get("command", ""), asked.get("var1", "")
    action = _COMMANDS.get(command)
    if not var1 or "hash" not in asked:
        return {"status": 0, "msg": "Parameter missing"}
    settings = tx.settings
    expected = hashes.of_command(settings.payu_merchant_key, command, var1, settings.payu_merchant_salt)
    if asked.get("key") != settings.payu_merchant_key or not hashes.same(expected, asked["hash"]):
        return {"status": 0, "msg": "Invalid Hash."}
    if action is None:
        return {"status": 0, "msg": "Invalid Command"}
    return action(tx, var1, asked)


def _verify_payment(tx: Tx, var1: str, _: Mapping[str, str]) -> Said:
    txnids = var1.split("|")[:_MOST_TXNIDS]
    found = {txnid: queries.select_by_txnid(tx, txnid) for txnid in txnids}
    seen = sum(transaction is not None for transaction in found.values())
    return {
        "status": int(seen > 0),
        "msg": f"{seen} out of {len(txnids)} Transactions Fetched Successfully",
        "transaction_details": {
            txnid: {"mihpayid": "Not Found", "status": "Not Found"} if transaction is None else _details(transaction)
            for txnid, transaction in found.items()
        },
    }


def _check_payment(tx: Tx, var1: str, _: Mapping[str, str]) -> Said:
    found = queries.select_by_mihpayid(tx, var1)
    if found is None:
        return {"status": 0, "msg": "Transaction not found", "transaction_details": {}}
    return {"status": 1, "msg": "Transaction Fetched Successfully", "transaction_details": _details(found)}


def _details(transaction: Transaction) -> Said:
    back = postback(transaction)
    code, message = ERRORS[transaction.failure_code] if transaction.failure_code else ("E000", "NO ERROR")
    same = ("mihpayid", "txnid", "status", "unmappedstatus", "mode", "productinfo", "firstname", "addedon", "PG_TYPE", "bankcode")
    return {
        **{name: back[name] for name in (*same, "net_amount_debit", "udf1", "udf2", "udf3", "udf4", "udf5", "field9")},
        "request_id": "",
        "bank_ref_num": transaction.bank_ref_num,
        "amt": back["amount"],
        "transaction_amount": back["amount"],
        "additional_charges": "0.00",
        "disc": "0.00",
        "card_no": transaction.card_masked or "",
        "error_code": code,
        "error_Message": message,
    }


def _check_action_status(tx: Tx, var1: str, asked: Mapping[str, str]) -> Said:
    actions: dict[str, Said] = {}
    if asked.get("var2") == "payuid":
        found = queries.select_by_mihpayid(tx, var1)
        if found is not None and found.unmappedstatus == "captured":
            refunds = [_action(refund) for refund in queries.select_refunds_of(tx, var1)]
            actions = {str(action["request_id"]): action for action in (_capture(found), *refunds)}
    else:
        refund = queries.select_refund(tx, var1)
        if refund is not None:
            actions = {var1: _action(refund)}
    return {
        "status": int(bool(actions)),
        "msg": f"{int(bool(actions))} out of 1 Transactions Fetched Successfully",
        "transaction_details": {var1: actions or "No action status found"},
    }


def _capture(transaction: Transaction) -> Said:
    return {
        "mihpayid": transaction.mihpayid,
        "bank_ref_num": transaction.bank_ref_num,
        "request_id": f"1{transaction.mihpayid[-9:]}",
        "amt": rupees(transaction.paise),
        "mode": "CC",
        "action": "capture",
        "token": "",
        "status": "SUCCESS",
        "refund_mode": "-",
        "value_date": india_time(transaction.created_at),
    }


def _action(refund: Refund) -> Said:
    return {
        "mihpayid": refund.mihpayid,
        "bank_ref_num": None,
        "request_id": refund.request_id,
        "amt": rupees(refund.paise),
        "mode": "CC",
        "action": "refund",
        "token": refund.token,
        "status": refund.status,
        "refund_mode": "Back to Source",
        "value_date": None,
    }


def _cancel_refund_transaction(tx: Tx, var1: str, asked: Mapping[str, str]) -> Said:
    try:
        begun = operations.refund(tx, var1, asked.get("var2", ""), asked.get("var3", ""))
    except Refused as refused:
        return {"status": 0, "msg": refused.message, "error_code": int(refused.code)}
    return {
        "status": 1,
        "msg": "Refund Request Queued",
        "request_id": begun.request_id,
        "bank_ref_num": None,
        "mihpayid": var1,
        "error_code": 102,
    }


_COMMANDS: Mapping[str, Callable[[Tx, str, Mapping[str, str]], Said]] = {
    "verify_payment": _verify_payment,
    "check_payment": _check_payment,
    "check_action_status": _check_action_status,
    "cancel_refund_transaction": _cancel_refund_transaction,
}
