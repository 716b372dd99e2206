"""The endpoints of Checkout Sessions."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, customers, line_items, objects, sessions, timers
from vezne.sandbox.stripe.addresses import email
from vezne.sandbox.stripe.amounts import check, currency_of
from vezne.sandbox.stripe.calls import Call, get, post
from vezne.sandbox.stripe.errors import invalid, missing, unexpected
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.shapes import Object, change, listed, new
from vezne.sandbox.stripe.webhooks import loopback

KIND = sessions.KIND
_LETTERS = 58
_MARK = "{CHECKOUT_SESSION_ID}"
_SHORTEST, _LONGEST = 30 * 60, 24 * 3600
_LOCALES = (
    *("auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id"),
    *("it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi"),
    *("zh", "zh-HK", "zh-TW"),
)
_CHANGES_NOTHING = (
    "adaptive_pricing",
    "automatic_tax",
    "branding_settings",
    "consent_collection",
    "custom_text",
    "customer_update",
)


def _url(params: Params, name: str) -> str | None:
    """A way back, in which the session's id may stand for itself."""
    text = params.text(name)
    loopback(params, name, url=None if text is None else text.replace(_MARK, "cs_test_1"))
    return text


def _create(call: Call) -> Object:
    tx, params = call.tx, call.params
    mode = params.choice("mode", ("payment", "setup", "subscription"))
    if mode is None:
        raise missing("mode")
    if mode not in sessions.MODES:
        raise invalid(f"The mode {mode} is not played here.", "mode")
    session, items = _opened(call, mode)
    hidden = sessions.MODES[mode].prepare(call, session)
    params.ignore(*_CHANGES_NOTHING)
    objects.insert(tx, session, items=items, **hidden)
    timers.wind_at(tx, session["expires_at"], "expire_session", session["id"], timers.clock_of(tx, session))
    return session


def _opened(call: Call, mode: str) -> tuple[Object, list[Object]]:
    tx, params = call.tx, call.params
    if params.choice("ui_mode", ("hosted_page", "hosted"), "hosted_page") is None or not params.given("success_url"):
        raise missing("success_url")
    items, currency = _sold(call, mode)
    total = sum(item["amount_total"] for item in items)
    customer = customers.of(tx, params)
    mail = email(params, "customer_email")
    if customer is not None and mail is not None:
        raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer_email")
    id_ = f"cs_test_{account.new_id(tx, 'a', _LETTERS)[2:]}"
    known = objects.find(tx, customers.KIND, customer)
    now = timers.now(tx, None if known is None else known["test_clock"])
    session = new(
        KIND,
        **_given(params, mode),
        id=id_,
        amount_subtotal=total if items else None,
        amount_total=total if items else None,
        created=now,
        currency=currency,
        customer=customer,
        customer_creation=_creation(params, mode, customer),
        customer_details=_details(known, mail) if known or mail else None,
        customer_email=mail,
        expires_at=_expires_at(params, now),
        mode=mode,
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
        url=f"{account.base_url(tx)}/stripe/pay/{id_}",
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0} if items else None,
    )
    return session, items


def _sold(call: Call, mode: str) -> tuple[list[Object], str | None]:
    """The line items that suit the mode, and their currency."""
    items = line_items.read(call.tx, call.params)
    if (mode == "setup") == bool(items):
        raise invalid("You can not pass `line_items` in `setup` mode.", "line_items") if items else missing("line_items")
    if mode == "payment" and any(item["price"]["type"] == "recurring" for item in items):
        raise invalid("You specified `payment` mode but passed a recurring price. Use `subscription` mode.", "line_items")
    if mode == "subscription" and all(item["price"]["type"] != "recurring" for item in items):
        raise invalid("You must provide at least one recurring price in `subscription` mode when using prices.", "line_items")
    currency = items[0]["currency"] if items else currency_of(call.params) if call.params.given("currency") else None
    call.params.ignore("currency")
    if mode == "payment":
        check(sum(item["amount_total"] for item in items), str(currency), "line_items")
    return items, currency


def _given(params: Params, mode: str) -> Object:
    """What a session only repeats, and what all have alike."""
    types = params.texts("payment_method_types")
    for place, type_ in enumerate(types):
        if type_ not in {"card", "sepa_debit", "link"}:
            raise invalid(f"Invalid payment_method_types[{place}]: {type_[:40]}", f"payment_method_types[{place}]")
    collection = "always" if mode == "subscription" else "if_required"
    return {
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": params.boolean("allow_promotion_codes"),
        "billing_address_collection": params.choice("billing_address_collection", ("auto", "required")),
        "cancel_url": _url(params, "cancel_url"),
        "client_reference_id": params.text("client_reference_id", longest=200),
        "locale": params.choice("locale", _LOCALES),
        "managed_payments": {"enabled": False},
        "metadata": params.metadata(),
        "payment_method_collection": params.choice("payment_method_collection", ("always", "if_required"), collection),
        "payment_method_options": _options(params),
        "payment_method_types": types or ["card"],
        "phone_number_collection": {"enabled": params.inner("phone_number_collection").boolean("enabled", default=False)},
        "saved_payment_method_options": _saving(params, mode),
        "status": "open",
        "submit_type": params.choice("submit_type", ("auto", "book", "donate", "pay", "subscribe")),
        "success_url": _url(params, "success_url"),
        "ui_mode": "hosted_page",
    }


def _options(params: Params) -> Object:
    card = params.inner("payment_method_options").inner("card")
    asked = card.choice("request_three_d_secure", ("any", "automatic", "challenge"), "automatic")
    card.ignore("setup_future_usage")
    return {"card": {"request_three_d_secure": asked}}


def _saving(params: Params, mode: str) -> Object | None:
    sent = params.inner("saved_payment_method_options")
    save = sent.choice("payment_method_save", ("disabled", "enabled"))
    shown = sent.texts("allow_redisplay_filters") or ["always"]
    sent.ignore("payment_method_remove")
    if mode == "setup":
        return None
    return {"allow_redisplay_filters": shown, "payment_method_remove": "disabled", "payment_method_save": save}


def _creation(params: Params, mode: str, customer: str | None) -> str | None:
    sent = params.choice("customer_creation", ("always", "if_required"))
    if sent is not None and (mode == "subscription" or customer is not None):
        raise invalid("You may only use `customer_creation` in payment and setup mode, without a customer.", "customer_creation")
    if customer is not None:
        return None
    return "always" if mode == "subscription" else sent or "if_required"


def _details(known: Object | None, mail: str | None) -> Object:
    name = known["name"] if known else None
    nothing = {"address": None, "phone": None, "tax_ids": None, "business_name": None, "individual_name": None}
    return {**nothing, "email": known["email"] if known else mail, "name": name, "tax_exempt": "none"}


def _expires_at(params: Params, now: int) -> int:
    at = params.integer("expires_at")
    if at is None:
        return now + _LONGEST
    if not now + _SHORTEST <= at <= now + _LONGEST + 60:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.", "expires_at"
        )
    return at


def _retrieve(call: Call) -> Object:
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    facts = {
        name: value for name in ("customer", "payment_intent", "status", "subscription") if (value := call.params.text(name))
    }
    mail = call.params.inner("customer_details").text("email")
    if mail:
        facts["customer_details__email"] = mail
    return objects.page(call.tx, KIND, call.params, "/v1/checkout/sessions", **facts)


def _update(call: Call) -> Object:
    old = objects.get(call.tx, KIND, call.path["id"])
    return objects.put(call.tx, change(old, metadata=call.params.metadata(old["metadata"])))


def _expire(call: Call) -> Object:
    session = objects.get(call.tx, KIND, call.path["id"])
    if session["status"] != "open":
        message = 'Only Checkout Sessions with a status in ["open"] can be expired.'
        raise unexpected(f"{message} This Checkout Session has a status of `{session['status']}`.", "checkout_session_not_open")
    return sessions.expire(call.tx, session)


def _items(tx: Tx, session: Object) -> Object:
    found: list[Object] = objects.hidden_of(tx, session["id"])["items"]
    return listed(f"/v1/checkout/sessions/{session['id']}/line_items", found)


def _list_items(call: Call) -> Object:
    call.params.ignore("limit", "starting_after", "ending_before")
    return _items(call.tx, objects.get(call.tx, KIND, call.path["id"]))


objects.PARTS[(KIND, "line_items")] = _items
_HERE = "/v1/checkout/sessions"
ROUTES = (
    post(_HERE, _create, "create"),
    get(_HERE, _list),
    get(f"{_HERE}/{{id}}", _retrieve),
    post(f"{_HERE}/{{id}}", _update),
    post(f"{_HERE}/{{id}}/expire", _expire, "cancel"),
    get(f"{_HERE}/{{id}}/line_items", _list_items),
)
