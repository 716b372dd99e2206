"""Disputes: a customer's bank takes money back, and the merchant may say why it should not."""

from datetime import timedelta

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, charges, events, objects, timers
from vezne.sandbox.stripe.calls import Call, get, post
from vezne.sandbox.stripe.cards import TestCard
from vezne.sandbox.stripe.errors import unexpected
from vezne.sandbox.stripe.shapes import Object, change, new

KIND = "dispute"
_FEE = 1500
_TIME_TO_ANSWER = timedelta(days=9)
_CODES = {"fraudulent": "10.4", "product_not_received": "13.1", "general": "10.4"}
_OPEN = frozenset({"needs_response", "warning_needs_response", "under_review", "warning_under_review"})


def expect(tx: Tx, charge_id: str, card: TestCard) -> None:
    """A payment by this card will be disputed as soon as it was made, when the card is one of those."""
    if card.dispute is not None:
        clock = timers.clock_of(tx, objects.get(tx, charges.KIND, charge_id))
        timers.wind_after(tx, timedelta(0), "open_dispute", f"{charge_id} {card.dispute}", clock)


@timers.deed("open_dispute")
def _open(tx: Tx, subject: str, at: int) -> None:
    charge_id, _, reason = subject.partition(" ")
    charge = objects.find(tx, charges.KIND, charge_id)
    left = (
        0
        if charge is None
        else charge["amount_captured"] - charge["amount_refunded"] + charge["amount"] - charge["amount_captured"]
    )
    if charge is None or left <= 0 or charge["disputed"]:
        return
    inquiry = reason == "inquiry"
    id_, until = account.new_id(tx, "du"), at + int(_TIME_TO_ANSWER.total_seconds())
    taken = [] if inquiry else [_moved(tx, charge, -left, id_, fee=_FEE)]
    brand = charge["payment_method_details"]["card"]["brand"]
    code = _CODES["general" if inquiry else reason]
    shown = {"brand": brand, "case_type": "inquiry" if inquiry else "chargeback", "network_reason_code": code, "network": brand}
    made = new(
        KIND,
        id=id_,
        amount=left,
        balance_transactions=taken,
        charge=charge_id,
        created=at,
        currency=charge["currency"],
        is_charge_refundable=inquiry,
        payment_intent=charge["payment_intent"],
        payment_method_details={"card": shown, "type": "card"},
        reason="general" if inquiry else reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )
    made["evidence_details"]["due_by"] = until
    objects.insert(tx, made)
    objects.put(tx, change(charge, disputed=True))
    events.emit(tx, "charge.dispute.created", made)
    if taken:
        events.emit(tx, "charge.dispute.funds_withdrawn", made)
    timers.wind_at(tx, until, "miss_dispute", id_, timers.clock_of(tx, charge))


def _moved(tx: Tx, charge: Object, amount: int, id_: str, fee: int) -> Object:
    return charges.balance_transaction(tx, charge, amount, "adjustment", id_, fee=fee)


@timers.deed("miss_dispute")
def _miss(tx: Tx, id_: str, _: int) -> None:
    dispute = objects.find(tx, KIND, id_)
    if dispute is not None and dispute["status"] in {"needs_response", "warning_needs_response"}:
        details = {**dispute["evidence_details"], "past_due": True}
        _end(tx, change(dispute, evidence_details=details), won=dispute["status"] != "needs_response")


@timers.deed("judge_dispute")
def _judge(tx: Tx, id_: str, _: int) -> None:
    dispute = objects.find(tx, KIND, id_)
    if dispute is not None and dispute["status"] in {"under_review", "warning_under_review"}:
        _end(tx, dispute, won=dispute["evidence"]["uncategorized_text"] != "losing_evidence")


def _end(tx: Tx, dispute: Object, *, won: bool) -> Object:
    inquiry = str(dispute["status"]).startswith("warning")
    ended = change(dispute, status="warning_closed" if inquiry and won else "won" if won else "lost")
    charge = objects.get(tx, charges.KIND, dispute["charge"])
    back = won and not inquiry
    if back:
        ended["balance_transactions"] = [
            *dispute["balance_transactions"],
            _moved(tx, charge, dispute["amount"], dispute["id"], 0),
        ]
    objects.put(tx, ended)
    if back:
        events.emit(tx, "charge.dispute.funds_reinstated", ended)
    events.emit(tx, "charge.dispute.closed", ended)
    return ended


def _update(call: Call) -> Object:
    """Evidence; unless `submit` is false the bank begins to look at it. `winning_evidence` wins, `losing_evidence` loses."""
    tx, params = call.tx, call.params
    old = objects.get(tx, KIND, call.path["id"])
    sent, evidence = params.inner("evidence"), dict(old["evidence"])
    for name in sent.names():
        if name in evidence and name != "enhanced_evidence":
            evidence[name] = sent.text(name, longest=150_000)
    submit = params.boolean("submit", default=True)
    moved = change(old, evidence=evidence, metadata=params.metadata(old["metadata"]))
    details = moved["evidence_details"]
    details["has_evidence"] = any(value for value in evidence.values())
    if sent.names() and old["status"] not in {"needs_response", "warning_needs_response"}:
        raise unexpected("This dispute is already closed or under review.", "dispute_unexpected_state")
    if submit and sent.names():
        details["submission_count"] += 1
        moved["status"] = "warning_under_review" if str(old["status"]).startswith("warning") else "under_review"
        clock = timers.clock_of(tx, objects.get(tx, charges.KIND, old["charge"]))
        timers.wind_after(tx, tx.settings.delayed_success, "judge_dispute", old["id"], clock)
    objects.put(tx, moved)
    events.emit(tx, "charge.dispute.updated", moved, {"status": old["status"]})
    return moved


def _close(call: Call) -> Object:
    """The merchant gives in."""
    old = objects.get(call.tx, KIND, call.path["id"])
    if old["status"] not in _OPEN:
        raise unexpected("This dispute is already closed.", "dispute_unexpected_state")
    return _end(call.tx, old, won=False)


def _retrieve(call: Call) -> Object:
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    facts = {name: value for name in ("charge", "payment_intent") if (value := call.params.text(name))}
    return objects.page(call.tx, KIND, call.params, "/v1/disputes", **facts)


ROUTES = (
    get("/v1/disputes", _list),
    get("/v1/disputes/{id}", _retrieve),
    post("/v1/disputes/{id}", _update),
    post("/v1/disputes/{id}/close", _close),
)
