"""The endpoints of payment intents: what a merchant's program may ask of them."""

from vezne.sandbox.stripe import customers, objects, payment_intents, payment_methods, sessions
from vezne.sandbox.stripe.addresses import email
from vezne.sandbox.stripe.amounts import amount_of, check, currency_of
from vezne.sandbox.stripe.calls import Call, get, post
from vezne.sandbox.stripe.errors import invalid, unexpected
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.search import searched
from vezne.sandbox.stripe.shapes import Object, change
from vezne.sandbox.stripe.webhooks import loopback

KIND = payment_intents.KIND
TYPES = ("card", "sepa_debit", "link")
_CAPTURE = ("automatic", "automatic_async", "manual")
_USAGE = ("off_session", "on_session")
_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
_THREE_DS = ("any", "automatic", "challenge")
_ANY_TIME = frozenset({"metadata", "description", "receipt_email", "expand"})


def _types(params: Params, currency: str) -> tuple[list[str], Object | None]:
    """The types of payment methods, and what `automatic_payment_methods` then shows."""
    sent = params.texts("payment_method_types")
    automatic = params.inner("automatic_payment_methods")
    enabled = automatic.boolean("enabled", default=not sent)
    redirects = automatic.choice("allow_redirects", ("always", "never"), "always")
    for place, type_ in enumerate(sent):
        if type_ not in TYPES:
            message = f"The payment method type provided: {type_[:40]} is invalid."
            raise invalid(message, f"payment_method_types[{place}]", "payment_intent_invalid_parameter")
    if sent and automatic.given("enabled") and enabled:
        message = "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."
        raise invalid(message, "automatic_payment_methods")
    if sent:
        return sent, None
    types = ["card", "sepa_debit"] if currency == "eur" else ["card"]
    return types, {"allow_redirects": redirects, "enabled": True} if enabled else None


def _options(params: Params, old: Object | None = None) -> Object:
    options = old or {
        "card": {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
    }
    card = params.inner("payment_method_options").inner("card")
    asked = card.choice("request_three_d_secure", _THREE_DS)
    card.ignore("setup_future_usage", "capture_method", "moto")
    if asked is not None:
        options["card"]["request_three_d_secure"] = asked
    return options


def _create(call: Call) -> Object:
    tx, params = call.tx, call.params
    currency = currency_of(params)
    amount = amount_of(params, currency)
    types, automatic = _types(params, currency)
    facts: Object = {
        "automatic_payment_methods": automatic,
        "capture_method": params.choice("capture_method", _CAPTURE, "automatic_async"),
        "confirmation_method": params.choice("confirmation_method", ("automatic", "manual"), "automatic"),
        "customer": customers.of(tx, params),
        "description": params.text("description", longest=1000),
        "metadata": params.metadata(),
        "payment_method_options": _options(params),
        "payment_method_types": types,
        "receipt_email": email(params, "receipt_email"),
        "setup_future_usage": params.choice("setup_future_usage", _USAGE),
        "statement_descriptor": params.text("statement_descriptor", longest=22),
        "statement_descriptor_suffix": params.text("statement_descriptor_suffix", longest=22),
    }
    params.ignore("shipping", "transfer_group", "use_stripe_sdk", "radar_options", "amount_details")
    now = params.boolean("confirm", default=False)
    if not now and (params.given("off_session") or params.given("return_url")):
        name = "off_session" if params.given("off_session") else "return_url"
        raise invalid(f"You can only set {name} when confirm is true.", name)
    method = _method(call)
    if now:
        _check_return_url(call, facts)
    made = payment_intents.make(tx, amount=amount, currency=currency, **facts)
    if method is not None:
        method = payment_intents.usable(tx, made, method)["id"]
        made = objects.put(tx, change(made, payment_method=method, status="requires_confirmation"))
    return _confirmed(call, made, method) if now else made


def _check_return_url(call: Call, facts: Object) -> None:
    automatic = facts["automatic_payment_methods"]
    if automatic and automatic["allow_redirects"] == "always" and not call.params.given("return_url") and not _off_session(call):
        message = (
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment"
            " methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept"
            " redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and"
            " `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
        )
        raise invalid(message, "return_url")


def _off_session(call: Call) -> bool:
    return call.params.choice("off_session", ("true", "false", "one_off", "recurring"), "false") != "false"


def _method(call: Call) -> str | None:
    """The payment method that was named, or made of what was sent."""
    params = call.params
    params.ignore("mandate_data", "mandate")
    if params.given("payment_method_data"):
        return str(payment_methods.from_params(call.tx, params.inner("payment_method_data"))["id"])
    return params.text("payment_method")


def _confirmed(call: Call, intent: Object, method: str | None) -> Object:
    tx, params = call.tx, call.params
    back = loopback(params, "return_url")
    strict = params.boolean("error_on_requires_action", default=False)
    off_session = _off_session(call)
    params.finish()  # what is wrong with the request is said before the bank is asked, as the bank's no is kept
    return payment_intents.confirm(tx, intent, method, off_session=off_session, strict=bool(strict), return_url=back)


def _confirm(call: Call) -> Object:
    tx, params = call.tx, call.params
    intent = objects.get(tx, KIND, call.path["id"])
    usage = params.choice("setup_future_usage", _USAGE, intent["setup_future_usage"])
    params.ignore("use_stripe_sdk", "shipping", "radar_options", "client_secret")
    intent = change(intent, setup_future_usage=usage, payment_method_options=_options(params, intent["payment_method_options"]))
    method = _method(call)
    if not (
        intent["automatic_payment_methods"] is None
        or intent["status"] not in {"requires_payment_method", "requires_confirmation"}
    ):
        _check_return_url(call, intent)
    return _confirmed(call, intent, method)


def _update(call: Call) -> Object:
    tx, params = call.tx, call.params
    old = objects.get(tx, KIND, call.path["id"])
    if set(params.names()) - _ANY_TIME:
        payment_intents.check_changeable(old)
    currency = currency_of(params) if params.given("currency") else old["currency"]
    amount = amount_of(params, currency) if params.given("amount") else check(old["amount"], currency, "currency")
    moved = change(
        old,
        amount=amount,
        currency=currency,
        customer=customers.of(tx, params) if params.given("customer") else old["customer"],
        description=params.text("description", old["description"], longest=1000),
        metadata=params.metadata(old["metadata"]),
        receipt_email=email(params, "receipt_email", old["receipt_email"]),
        setup_future_usage=params.choice("setup_future_usage", _USAGE, old["setup_future_usage"]),
        statement_descriptor_suffix=params.text("statement_descriptor_suffix", old["statement_descriptor_suffix"], longest=22),
        payment_method_options=_options(params, old["payment_method_options"]),
    )
    method = _method(call)
    if method is not None:
        used = payment_intents.usable(tx, moved, method)
        moved = change(moved, payment_method=used["id"], status="requires_confirmation")
    return objects.put(tx, moved)


def _capture(call: Call) -> Object:
    intent = objects.get(call.tx, KIND, call.path["id"])
    amount = call.params.integer("amount_to_capture", least=1)
    call.params.ignore("final_capture", "statement_descriptor_suffix", "statement_descriptor")
    metadata = call.params.metadata(intent["metadata"])
    return payment_intents.capture(call.tx, change(intent, metadata=metadata), amount)


def _cancel(call: Call) -> Object:
    intent = objects.get(call.tx, KIND, call.path["id"])
    reason = call.params.choice("cancellation_reason", _REASONS)
    session = sessions.of_intent(call.tx, intent["id"])
    if session is not None and session["status"] == "open":
        message = "You cannot cancel this PaymentIntent: it belongs to a Checkout Session, which you can expire."
        raise unexpected(message, "payment_intent_unexpected_state", payment_intent=intent)
    return payment_intents.cancel(call.tx, intent, reason)


def _retrieve(call: Call) -> Object:
    call.params.ignore("client_secret")
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    customer = call.params.text("customer")
    return objects.page(call.tx, KIND, call.params, "/v1/payment_intents", **({"customer": customer} if customer else {}))


ROUTES = (
    post("/v1/payment_intents", _create, "create"),
    get("/v1/payment_intents", _list),
    get("/v1/payment_intents/search", lambda call: searched(call, KIND, "/v1/payment_intents/search")),
    get("/v1/payment_intents/{id}", _retrieve),
    post("/v1/payment_intents/{id}", _update),
    post("/v1/payment_intents/{id}/confirm", _confirm, "create"),
    post("/v1/payment_intents/{id}/capture", _capture, "capture"),
    post("/v1/payment_intents/{id}/cancel", _cancel, "cancel"),
)
