"""Setup intents: a payment method is to be kept for later, and nothing is taken now."""

from collections.abc import Callable

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, customers, events, objects, payment_methods, timers
from vezne.sandbox.stripe.calls import Call, get, post
from vezne.sandbox.stripe.cards import MESSAGES
from vezne.sandbox.stripe.errors import StripeRefused, card_error, unexpected
from vezne.sandbox.stripe.shapes import Object, change, new
from vezne.sandbox.stripe.webhooks import loopback

KIND = "setup_intent"
FOLLOWERS: list[Callable[[Tx, Object], None]] = []
"""Who hears of every setup intent that has moved to another state."""
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_UNEXPECTED = "setup_intent_unexpected_state"


def make(tx: Tx, *, customer: str | None, hidden: Object | None = None, **facts: object) -> Object:
    """A new setup intent that waits for a payment method."""
    id_ = account.new_id(tx, "seti")
    made = new(
        KIND,
        **{
            "id": id_,
            "client_secret": f"{id_}_secret_{account.new_id(tx, 's', 25)[2:]}",
            "customer": customer,
            "metadata": {},
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
            "usage": "off_session",
            **facts,
        },
    )
    made["created"] = timers.now(tx, timers.clock_of(tx, made))
    objects.insert(tx, made, **(hidden or {}))
    events.emit(tx, "setup_intent.created", made)
    return made


def confirm(tx: Tx, intent: Object, method_id: str | None = None, return_url: str | None = None) -> Object:
    """Let the bank agree that this method may be used later; it may want to ask its customer. A no is raised as a card_error."""
    if intent["status"] not in {"requires_payment_method", "requires_confirmation"}:
        raise unexpected(f"You cannot confirm this SetupIntent because it has a status of {intent['status']}.", _UNEXPECTED)
    named = method_id or intent["payment_method"]
    if named is None:
        raise unexpected("You cannot confirm this SetupIntent because it's missing a payment method.", _UNEXPECTED)
    method = payment_methods.named(tx, named, "payment_method")
    moved = change(intent, payment_method=method["id"], last_setup_error=None, next_action=None)
    card = payment_methods.card_of(tx, method)
    wallet = method["type"] == "card" and method["card"]["wallet"] is not None
    if card is not None and card.three_ds != "optional" and not wallet:
        url = f"{account.base_url(tx)}/stripe/3ds/{intent['id']}/{intent['client_secret']}"
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}
        objects.put(tx, moved, return_url=return_url)
        return _keep(tx, change(moved, status="requires_action", next_action=action), "setup_intent.requires_action")
    return _finish(tx, moved, method)


def answer(tx: Tx, intent_id: str, *, approved: bool) -> Object:
    """The customer has answered the bank."""
    intent = objects.get(tx, KIND, intent_id)
    if intent["status"] != "requires_action":
        return intent
    method = objects.get(tx, payment_methods.KIND, intent["payment_method"])
    moved = change(intent, next_action=None)
    try:
        if approved:
            return _finish(tx, moved, method)
        message = "We are unable to authenticate your payment method. Please choose a different payment method and try again."
        raise _failed(tx, moved, method, "setup_intent_authentication_failure", None, message)
    except StripeRefused:
        return objects.get(tx, KIND, intent_id)


def _finish(tx: Tx, intent: Object, method: Object) -> Object:
    card = payment_methods.card_of(tx, method)
    if card is not None and card.decline is not None and not card.attaches:
        decline = card.decline if card.code == "card_declined" else None
        raise _failed(tx, intent, method, card.code, decline, MESSAGES[card.decline])
    if intent["customer"] is not None and method["customer"] is None:
        method = payment_methods.keep_for(tx, method, intent["customer"])
    objects.put(tx, method, set_up=True)
    return _keep(tx, change(intent, status="succeeded"), "setup_intent.succeeded")


def _failed(tx: Tx, intent: Object, method: Object, code: str, decline_code: str | None, message: str) -> StripeRefused:
    error: Object = {"type": "card_error", "code": code, "message": message, "payment_method": method}
    if decline_code is not None:
        error["decline_code"] = decline_code
    moved = change(intent, status="requires_payment_method", payment_method=None, last_setup_error=error)
    kept = _keep(tx, moved, "setup_intent.setup_failed")
    return card_error(message, code, decline_code, setup_intent=kept, payment_method=method)


def _keep(tx: Tx, moved: Object, event: str) -> Object:
    objects.put(tx, moved)
    events.emit(tx, event, moved)
    for follower in FOLLOWERS:
        follower(tx, moved)
    return objects.get(tx, KIND, moved["id"])


def cancel(tx: Tx, intent: Object, reason: str | None = None) -> Object:
    """Nothing is set up."""
    if intent["status"] not in _OPEN:
        raise unexpected(f"You cannot cancel this SetupIntent because it has a status of {intent['status']}.", _UNEXPECTED)
    return _keep(tx, change(intent, status="canceled", cancellation_reason=reason, next_action=None), "setup_intent.canceled")


def _create(call: Call) -> Object:
    tx, params = call.tx, call.params
    automatic = params.inner("automatic_payment_methods")
    redirects = automatic.choice("allow_redirects", ("always", "never"), "always")
    enabled = automatic.boolean("enabled", default=not params.given("payment_method_types"))
    made = make(
        tx,
        customer=customers.of(tx, params),
        automatic_payment_methods={"allow_redirects": redirects, "enabled": True} if enabled else None,
        description=params.text("description"),
        metadata=params.metadata(),
        payment_method_types=params.texts("payment_method_types") or ["card"],
        usage=params.choice("usage", ("off_session", "on_session"), "off_session"),
    )
    method, now, back = params.text("payment_method"), params.boolean("confirm", default=False), loopback(params, "return_url")
    params.ignore("payment_method_options", "mandate_data", "use_stripe_sdk")
    if method is not None:
        used = payment_methods.named(tx, method, "payment_method")
        made = objects.put(tx, change(made, payment_method=used["id"], status="requires_confirmation"))
    params.finish()
    return confirm(tx, made, None, back) if now else made


def _confirm(call: Call) -> Object:
    intent = objects.get(call.tx, KIND, call.path["id"])
    method, back = call.params.text("payment_method"), loopback(call.params, "return_url")
    call.params.ignore("mandate_data", "use_stripe_sdk")
    call.params.finish()
    return confirm(call.tx, intent, method, back)


def _cancel(call: Call) -> Object:
    reason = call.params.choice("cancellation_reason", ("abandoned", "duplicate", "requested_by_customer"))
    return cancel(call.tx, objects.get(call.tx, KIND, call.path["id"]), reason)


def _update(call: Call) -> Object:
    old, params = objects.get(call.tx, KIND, call.path["id"]), call.params
    moved = change(old, metadata=params.metadata(old["metadata"]), description=params.text("description", old["description"]))
    return objects.put(call.tx, moved)


def _retrieve(call: Call) -> Object:
    call.params.ignore("client_secret")
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    facts = {name: value for name in ("customer", "payment_method") if (value := call.params.text(name))}
    return objects.page(call.tx, KIND, call.params, "/v1/setup_intents", **facts)


ROUTES = (
    post("/v1/setup_intents", _create, "create"),
    get("/v1/setup_intents", _list),
    get("/v1/setup_intents/{id}", _retrieve),
    post("/v1/setup_intents/{id}", _update),
    post("/v1/setup_intents/{id}/confirm", _confirm, "create"),
    post("/v1/setup_intents/{id}/cancel", _cancel, "cancel"),
)
