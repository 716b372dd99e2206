"""Checkout Sessions: a hosted page for one payment, one subscription or one payment method to be kept, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, customers, events, objects, payment_intents, setup_intents, timers
from vezne.sandbox.stripe.calls import Call
from vezne.sandbox.stripe.errors import StripeRefused
from vezne.sandbox.stripe.shapes import ADDRESS, Object, change

KIND = "checkout.session"
_PAID = frozenset({"succeeded"})
_ENDED_WELL = frozenset({"succeeded", "requires_capture", "processing"})


@dataclass(frozen=True, slots=True)
class Mode:
    """What one mode of Checkout does of its own."""

    prepare: Callable[[Call, Object], Object]
    """Reads the mode's own parameters while a session is made; gives what is to be hidden with it."""
    intent: Callable[[Tx, Object, Object], Object]
    """Makes the intent of a session whose customer has come with a payment method: a payment or a setup intent."""
    completed: Callable[[Tx, Object, Object], Object]
    """The session with what came of its intent, which has ended well."""


MODES: dict[str, Mode] = {}


def of_intent(tx: Tx, intent_id: str) -> Object | None:
    """The session an intent belongs to."""
    return objects.find(tx, KIND, objects.hidden_of(tx, intent_id).get("session"))


def intent_of(tx: Tx, session: Object) -> Object | None:
    """The intent a session has, once its customer has tried to pay."""
    id_ = objects.hidden_of(tx, session["id"]).get("intent")
    kind = setup_intents.KIND if str(id_).startswith("seti_") else payment_intents.KIND
    return objects.find(tx, kind, id_)


def submit(tx: Tx, session: Object, method: Object) -> tuple[Object, StripeRefused | None]:
    """The customer pays with this method. A session that is no longer open stays as it is: a form sent twice pays once.
    The refusal is the bank's, and the page may be tried again.
    """
    if session["status"] != "open":
        return session, None
    session = _with_customer(tx, session, method["billing_details"])
    intent = intent_of(tx, session)
    if intent is None:
        intent = MODES[session["mode"]].intent(tx, session, method)
        objects.put(tx, objects.get(tx, intent["object"], intent["id"]), session=session["id"])
        name = "setup_intent" if intent["object"] == setup_intents.KIND else "payment_intent"
        known = session if session["mode"] == "subscription" else change(session, **{name: intent["id"]})
        session = objects.put(tx, known, intent=intent["id"])
    refused = None
    if intent["status"] in {"requires_payment_method", "requires_confirmation"}:
        back = f"{account.base_url(tx)}/stripe/pay/{session['id']}"
        try:
            if intent["object"] == setup_intents.KIND:
                setup_intents.confirm(tx, intent, method["id"], back)
            else:
                payment_intents.confirm(tx, intent, method["id"], return_url=back)
        except StripeRefused as declined:
            refused = declined
    return objects.get(tx, KIND, session["id"]), refused


def _with_customer(tx: Tx, session: Object, billing: Object) -> Object:
    """The session with who pays, and a customer made of them where one is wanted."""
    known = objects.find(tx, customers.KIND, session["customer"])
    email = (known or {}).get("email") or session["customer_email"] or billing["email"]
    details = {
        "address": billing["address"] or dict.fromkeys(ADDRESS),
        "email": email,
        "name": billing["name"] or (known or {}).get("name"),
        "phone": billing["phone"],
        "tax_exempt": "none",
        "tax_ids": [],
        "business_name": None,
        "individual_name": None,
    }
    wanted = session["customer_creation"] == "always" or objects.hidden_of(tx, session["id"]).get("needs_customer")
    customer = session["customer"]
    if customer is None and wanted:
        customer = str(customers.make(tx, email=email, name=billing["name"])["id"])
    return objects.put(tx, change(session, customer=customer, customer_details=details))


def follow(tx: Tx, intent: Object) -> None:
    """A session whose intent has moved may be complete by it, or paid at last, or not after all."""
    session = of_intent(tx, intent["id"])
    if session is None:
        return
    status = intent["status"]
    if session["status"] == "open" and status in _ENDED_WELL:
        done = MODES[session["mode"]].completed(tx, session, intent)
        paid = "no_payment_required" if intent["object"] == setup_intents.KIND else "paid" if status in _PAID else "unpaid"
        done = change(done, status="complete", payment_status=paid, url=None)
        objects.put(tx, done)
        timers.unwind(tx, "expire_session", session["id"])
        events.emit(tx, "checkout.session.completed", done)
    elif session["status"] == "complete" and session["payment_status"] == "unpaid" and status in _PAID:
        paid_at_last = objects.put(tx, change(session, payment_status="paid"))
        if intent["capture_method"] != "manual":
            events.emit(tx, "checkout.session.async_payment_succeeded", paid_at_last)
    elif session["status"] == "complete" and status == "requires_payment_method":
        events.emit(tx, "checkout.session.async_payment_failed", session)


payment_intents.FOLLOWERS.append(follow)
setup_intents.FOLLOWERS.append(follow)


def expire(tx: Tx, session: Object) -> Object:
    """Nobody can pay on it any more."""
    expired = change(session, status="expired", url=None)
    objects.put(tx, expired)
    timers.unwind(tx, "expire_session", session["id"])
    intent = intent_of(tx, session)
    if intent is not None and intent["object"] == payment_intents.KIND and intent["status"] not in {"canceled", "succeeded"}:
        payment_intents.cancel(tx, intent, "abandoned")
    events.emit(tx, "checkout.session.expired", expired)
    return expired


@timers.deed("expire_session")
def _expire(tx: Tx, id_: str, _: int) -> None:
    session = objects.find(tx, KIND, id_)
    if session is not None and session["status"] == "open":
        expire(tx, session)


def _no_more(_: Tx, session: Object, __: Object) -> Object:
    return session


def _payment(tx: Tx, session: Object, method: Object) -> Object:
    """The payment intent of a page that sells for one payment."""
    data = objects.hidden_of(tx, session["id"])["data"]
    types = [type_ for type_ in session["payment_method_types"] if type_ != "link"]
    return payment_intents.make(
        tx,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        payment_method_types=types if method["type"] in types else [*types, method["type"]],
        **data,
    )


def _setup(tx: Tx, session: Object, _: Object) -> Object:
    """The setup intent of a page that only keeps a payment method."""
    data = objects.hidden_of(tx, session["id"])["data"]
    return setup_intents.make(tx, customer=session["customer"], payment_method_types=session["payment_method_types"], **data)


def _prepare_payment(call: Call, _: Object) -> Object:
    sent = call.params.inner("payment_intent_data")
    usage = sent.choice("setup_future_usage", ("off_session", "on_session"))
    data = {
        "capture_method": sent.choice("capture_method", ("automatic", "automatic_async", "manual"), "automatic_async"),
        "description": sent.text("description", longest=1000),
        "metadata": sent.metadata(),
        "receipt_email": sent.text("receipt_email"),
        "setup_future_usage": usage,
        "statement_descriptor": sent.text("statement_descriptor", longest=22),
        "statement_descriptor_suffix": sent.text("statement_descriptor_suffix", longest=22),
    }
    sent.ignore("shipping", "transfer_group")
    return {"data": data, "needs_customer": usage is not None}


def _prepare_setup(call: Call, _: Object) -> Object:
    sent = call.params.inner("setup_intent_data")
    return {"data": {"description": sent.text("description"), "metadata": sent.metadata()}, "needs_customer": False}


MODES["payment"] = Mode(_prepare_payment, _payment, _no_more)
MODES["setup"] = Mode(_prepare_setup, _setup, _no_more)
OPEN_FOR = timedelta(hours=24)
