"""Charges: what became of each try to take money, and what it did to the account's balance."""

import copy
from typing import TypedDict

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, events, objects, timers
from vezne.sandbox.stripe.calls import Call, get, post
from vezne.sandbox.stripe.search import searched
from vezne.sandbox.stripe.shapes import Object, change, new

KIND = "charge"
_FEE_PER_MILLE, _FEE_FIXED = 29, 30
_NEVER_SHOWN = ("customer", "generated_from", "networks", "three_d_secure_usage", "display_brand")


class Said(TypedDict):
    """What the bank said of a try."""

    code: str
    decline_code: str | None
    message: str


def make(tx: Tx, intent: Object, method: Object, *, authenticated: bool = False, said: Said | None = None) -> Object:
    """A charge for an intent by a method: failed when the bank `said` why, else paid, or pending when the money comes later."""
    pending = method["type"] != "card" and said is None
    made = new(
        KIND,
        id=account.new_id(tx, "ch" if method["type"] == "card" else "py"),
        amount=intent["amount"],
        billing_details=copy.deepcopy(method["billing_details"]),
        created=timers.now(tx, timers.clock_of(tx, intent)),
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        failure_code=said["code"] if said else None,
        failure_message=said["message"] if said else None,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        outcome=_outcome(said, pending=pending),
        paid=said is None and not pending,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=details(intent, method, authenticated=authenticated),
        receipt_email=intent["receipt_email"],
        status="failed" if said else "pending" if pending else "succeeded",
    )
    made["refunds"] = None
    made["receipt_url"] = None if said else f"{account.base_url(tx)}/stripe/receipts/{made['id']}"
    objects.insert(tx, made)
    if pending or said:
        events.emit(tx, "charge.failed" if said else "charge.pending", made)
    return made


def _outcome(said: Said | None, *, pending: bool) -> Object:
    if said is None:
        return {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "seller_message": "Payment pending." if pending else "Payment complete.",
            "type": "authorized",
        }
    return {
        "advice_code": "try_again_later" if said["code"] == "card_declined" else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network",
        "reason": said["decline_code"] or said["code"],
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }


def details(intent: Object, method: Object, *, authenticated: bool) -> Object:
    """How it was paid, as a charge shows it."""
    if method["type"] != "card":
        shown = {name: value for name, value in method[method["type"]].items() if name not in _NEVER_SHOWN}
        return {"type": method["type"], method["type"]: {**shown, "mandate": None}}
    card = {name: copy.deepcopy(value) for name, value in method["card"].items() if name not in _NEVER_SHOWN}
    card["checks"]["cvc_check"] = "pass" if card["checks"]["cvc_check"] else None
    shape: Object = {
        **card,
        "amount_authorized": intent["amount"],
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "three_d_secure": _three_d_secure() if authenticated else None,
        "authorization_code": None,
        "network_transaction_id": None,
        "transaction_link_id": None,
    }
    return {"card": shape, "type": "card"}


def _three_d_secure() -> Object:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }


def authorise(tx: Tx, charge: Object) -> Object:
    """The bank has set the money aside."""
    events.emit(tx, "charge.succeeded", charge)
    return charge


def capture(tx: Tx, charge: Object, amount: int, *, later: bool) -> Object:
    """The money is taken: at once, or `later`, after it was set aside or was on its way; what is over is let go."""
    fee = min(amount * _FEE_PER_MILLE // 1000 + _FEE_FIXED, amount)
    balance = balance_transaction(tx, charge, amount, "charge", charge["id"], fee=fee)
    taken = change(
        charge,
        amount_captured=amount,
        amount_refunded=charge["amount"] - amount,
        balance_transaction=balance["id"],
        captured=True,
        paid=True,
        status="succeeded",
    )
    objects.put(tx, taken)
    events.emit(tx, "charge.captured" if later and charge["status"] == "succeeded" else "charge.succeeded", taken)
    return taken


def release(tx: Tx, charge: Object, *, expired: bool) -> Object:
    """What was set aside is let go."""
    freed = change(charge, amount_refunded=charge["amount"], refunded=True)
    objects.put(tx, freed)
    events.emit(tx, "charge.expired" if expired else "charge.refunded", freed)
    return freed


def fail(tx: Tx, charge: Object, said: Said) -> Object:
    """Money that was on its way will not come."""
    failed = change(
        charge, failure_code=said["code"], failure_message=said["message"], outcome=_outcome(said, pending=False), status="failed"
    )
    objects.put(tx, failed)
    events.emit(tx, "charge.failed", failed)
    return failed


def balance_transaction(tx: Tx, thing: Object, amount: int, type_: str, source: str, fee: int = 0) -> Object:
    """What the account's balance gains or, with an amount below nought, loses."""
    at = timers.now(tx, timers.clock_of(tx, thing))
    fees = [
        {
            "amount": fee,
            "application": None,
            "currency": thing["currency"],
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    made = new(
        "balance_transaction",
        id=account.new_id(tx, "txn"),
        amount=amount,
        available_on=at,
        balance_type="payments",
        created=at,
        currency=thing["currency"],
        fee=fee,
        fee_details=fees if fee else [],
        net=amount - fee,
        reporting_category="dispute" if type_ == "adjustment" else type_,
        source=source,
        status="available",
        type=type_,
    )
    return objects.insert(tx, made)


def _retrieve(call: Call) -> Object:
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    facts = {name: value for name in ("customer", "payment_intent") if (value := call.params.text(name))}
    return objects.page(call.tx, KIND, call.params, "/v1/charges", **facts)


def _update(call: Call) -> Object:
    old = objects.get(call.tx, KIND, call.path["id"])
    description = call.params.text("description", old["description"])
    moved = change(old, metadata=call.params.metadata(old["metadata"]), description=description)
    objects.put(call.tx, moved)
    events.emit(call.tx, "charge.updated", moved, {"metadata": old["metadata"]})
    return moved


ROUTES = (
    get("/v1/charges", _list),
    get("/v1/charges/search", lambda call: searched(call, KIND, "/v1/charges/search")),
    get("/v1/charges/{id}", _retrieve),
    post("/v1/charges/{id}", _update),
)
