"""Refunds: money that goes back, at once, after a while, or not at all, as the card has it."""

from datetime import timedelta

from vezne.sandbox import faults
from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, charges, events, objects, payment_methods, timers
from vezne.sandbox.stripe.calls import Call, get, post
from vezne.sandbox.stripe.errors import StripeRefused, invalid, missing, unexpected
from vezne.sandbox.stripe.shapes import Object, change, new

KIND = "refund"
_CUSTOMER_ANSWERS_WITHIN = timedelta(days=45)
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def _charge_of(call: Call) -> Object:
    """The charge to be refunded, named itself or by its intent."""
    tx, params = call.tx, call.params
    intent, charge = params.text("payment_intent"), params.text("charge")
    if intent is None and charge is None:
        raise missing("charge")
    if intent is not None:
        found = objects.get(tx, "payment_intent", intent, "payment_intent")
        if found["status"] != "succeeded" or found["latest_charge"] is None:
            message = f"This PaymentIntent ({intent}) does not have a successful charge to refund."
            raise unexpected(message, "payment_intent_unexpected_state", payment_intent=found)
        charge = found["latest_charge"]
    return objects.get(tx, charges.KIND, str(charge), "charge")


def _checked(call: Call, charge: Object) -> int:
    """How much is to go back; refused when the charge has not so much."""
    amount, left = call.params.integer("amount", least=1), charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise unexpected(f"Charge {charge['id']} has not been captured and cannot be refunded.", "charge_not_refundable")
    if charge["disputed"] and _taken_back(call.tx, charge):
        raise unexpected(f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed")
    if left == 0:
        raise unexpected(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if amount is not None and amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}) in {charge['currency']}", "amount"
        )
    return left if amount is None else amount


def _taken_back(tx: Tx, charge: Object) -> bool:
    found = objects.select(tx, "dispute", charge=charge["id"])
    return any(not dispute["is_charge_refundable"] and dispute["status"] != "won" for dispute in found)


def _create(call: Call) -> Object:
    tx, params = call.tx, call.params
    charge = _charge_of(call)
    amount = _checked(call, charge)
    to_ask = params.text("instructions_email") is not None
    reason, metadata = params.choice("reason", _REASONS), params.metadata()
    params.ignore("origin", "refund_application_fee", "reverse_transfer")
    card = payment_methods.card_of(tx, {"id": charge["payment_method"]})
    ends = "requires_action" if to_ask else "pending" if card is None else card.refund
    wait = _wait(tx)
    pending = ends == "pending" or wait is not None
    made = new(
        KIND,
        id=account.new_id(tx, "re" if card else "pyr"),
        amount=amount,
        charge=charge["id"],
        created=timers.now(tx, timers.clock_of(tx, charge)),
        currency=charge["currency"],
        destination_details={"card": {"type": "refund"}, "type": "card"} if card else {"type": "sepa_bank_transfer"},
        metadata=metadata,
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="requires_action" if to_ask else "pending" if pending else "succeeded",
    )
    balance = charges.balance_transaction(tx, {**charge, "customer": charge["customer"]}, -amount, "refund", made["id"])
    objects.insert(tx, {**made, "balance_transaction": balance["id"]})
    made["balance_transaction"] = balance["id"]
    _count(tx, charge, amount)
    events.emit(tx, "refund.created", made)
    if to_ask or pending or ends == "failed" or faults.armed(tx).refunds.fail:
        later = _CUSTOMER_ANSWERS_WITHIN if to_ask else tx.settings.delayed_success if wait is None else wait
        timers.wind_after(tx, later, "settle_refund", made["id"], timers.clock_of(tx, charge))
    return made


def _wait(tx: Tx) -> timedelta | None:
    """How long every refund takes here, when it takes long."""
    delay = faults.armed(tx).refunds.delay_ms
    if delay is not None:
        faults.fire(tx, "refunds.delay_ms")
        return timedelta(milliseconds=delay)
    return tx.settings.refund_delay or None


def _count(tx: Tx, charge: Object, amount: int) -> None:
    """What is given back of a charge is more, or, below nought, less than it was."""
    refunded = charge["amount_refunded"] + amount
    moved = change(charge, amount_refunded=refunded, refunded=refunded == charge["amount"])
    objects.put(tx, moved)
    if amount > 0:
        events.emit(tx, "charge.refunded", moved, {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]})


@timers.deed("settle_refund")
def _settle(tx: Tx, id_: str, _: int) -> None:
    refund = objects.find(tx, KIND, id_)
    if refund is None or refund["status"] not in {"pending", "succeeded", "requires_action"}:
        return
    charge = objects.get(tx, charges.KIND, refund["charge"])
    card = payment_methods.card_of(tx, {"id": charge["payment_method"]})
    armed = faults.armed(tx).refunds.fail
    if armed:
        faults.fire(tx, "refunds.fail")
    failed = armed or refund["status"] == "requires_action" or (card is not None and card.refund == "failed")
    if not failed:
        if refund["status"] == "pending":
            _end(tx, refund, "succeeded", "refund.updated")
        return
    _return(tx, refund, charge)
    _end(tx, {**refund, "failure_reason": "expired_or_canceled_card"}, "failed", "refund.failed")


def _return(tx: Tx, refund: Object, charge: Object) -> None:
    """The money is the account's again."""
    charges.balance_transaction(tx, charge, refund["amount"], "refund_failure", refund["id"])
    _count(tx, charge, -refund["amount"])


def _end(tx: Tx, refund: Object, status: str, event: str) -> Object:
    ended = change(refund, status=status)
    objects.put(tx, ended)
    events.emit(tx, event, ended, {"status": refund["status"]})
    events.emit(tx, "charge.refund.updated", ended, {"status": refund["status"]})
    return ended


def _cancel(call: Call) -> Object:
    refund = objects.get(call.tx, KIND, call.path["id"])
    if refund["status"] != "requires_action":
        message = f"You cannot cancel a refund with a status of {refund['status']}; only one that requires_action."
        raise StripeRefused(400, "invalid_request_error", message, code="refund_unexpected_state", stored=True)
    _return(call.tx, refund, objects.get(call.tx, charges.KIND, refund["charge"]))
    return _end(call.tx, refund, "canceled", "refund.updated")


def _update(call: Call) -> Object:
    old = objects.get(call.tx, KIND, call.path["id"])
    moved = change(old, metadata=call.params.metadata(old["metadata"]))
    objects.put(call.tx, moved)
    events.emit(call.tx, "refund.updated", moved, {"metadata": old["metadata"]})
    return moved


def _retrieve(call: Call) -> Object:
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    facts = {name: value for name in ("charge", "payment_intent") if (value := call.params.text(name))}
    return objects.page(call.tx, KIND, call.params, "/v1/refunds", **facts)


ROUTES = (
    post("/v1/refunds", _create, "refund"),
    get("/v1/refunds", _list),
    get("/v1/refunds/{id}", _retrieve),
    post("/v1/refunds/{id}", _update),
    post("/v1/refunds/{id}/cancel", _cancel, "cancel"),
)
