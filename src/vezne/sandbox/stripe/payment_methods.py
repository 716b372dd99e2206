"""Payment methods: cards, by number, by name or in a wallet, and accounts that are debited later."""

from vezne.sandbox.cards import is_card_number
from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, events, objects, timers
from vezne.sandbox.stripe.addresses import billing_details
from vezne.sandbox.stripe.calls import Call, get, post
from vezne.sandbox.stripe.cards import CARDS, IBANS, MESSAGES, NAMED, TestCard
from vezne.sandbox.stripe.errors import StripeRefused, card_error, invalid, missing, unexpected
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.shapes import ADDRESS, Object, change, new

KIND = "payment_method"
WALLETS = ("apple_pay", "google_pay", "link")
_DEFAULT_YEAR, _TWO_DIGITS, _MONTHS = 2034, 100, 12
_NOBODY: Object = {"address": dict.fromkeys(ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None}


def card_of(tx: Tx, method: Object) -> TestCard | None:
    """The test card behind a payment method; None when it is an account."""
    return CARDS.get(str(objects.hidden_of(tx, method["id"]).get("number")))


def of_card(
    tx: Tx,
    card: TestCard,
    *,
    wallet: str | None = None,
    month: int = _MONTHS,
    year: int = _DEFAULT_YEAR,
    billing: Object | None = None,
    metadata: Object | None = None,
) -> Object:
    """A new payment method of a test card."""
    shown = {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None if wallet else "unchecked"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": f"{int(card.number) * 7919:x}"[:16].ljust(16, "0"),
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": card.brand != "amex"},
        "wallet": {"dynamic_last4": card.last4, "type": wallet, wallet: {}} if wallet else None,
        "regulated_status": "unregulated",
    }
    made = _new(tx, "card", billing, metadata)
    return objects.insert(tx, {**made, "card": shown}, number=card.number)


def of_iban(tx: Tx, iban: str, billing: Object | None = None, metadata: Object | None = None) -> Object:
    """A new payment method of a test account, by SEPA debit."""
    debit = {
        "bank_code": iban[4:9],
        "branch_code": "",
        "country": iban[:2],
        "fingerprint": iban[::-1][:16],
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban[-4:],
    }
    made = _new(tx, "sepa_debit", billing, metadata)
    del made["card"]
    return objects.insert(tx, {**made, "sepa_debit": debit}, iban=iban)


def _new(tx: Tx, type_: str, billing: Object | None, metadata: Object | None) -> Object:
    return new(
        KIND,
        id=account.new_id(tx, "pm"),
        allow_redisplay="unspecified",
        billing_details=billing or _NOBODY,
        created=timers.now(tx),
        metadata=metadata or {},
        type=type_,
    )


def named(tx: Tx, id_: str, param: str) -> Object:
    """The payment method called so. A name of the documentation, such as `pm_card_visa`, is a new one each time."""
    prefix, _, name = id_.partition("_card_")
    if prefix == "pm" and name in NAMED:
        return of_card(tx, NAMED[name])
    return objects.get(tx, KIND, id_, param)


def create(call: Call) -> Object:
    """POST /v1/payment_methods"""
    return from_params(call.tx, call.params)


def from_params(tx: Tx, params: Params) -> Object:
    """A new payment method as its type and that type's hash say."""
    type_ = params.choice("type", ("card", "sepa_debit"))
    if type_ is None:
        raise missing(params.name("type"))
    billing, metadata = billing_details(params), params.metadata()
    params.choice("allow_redisplay", ("always", "limited", "unspecified"))
    sent = params.inner(type_)
    if type_ == "sepa_debit":
        iban = sent.needed("iban").replace(" ", "").upper()
        if iban not in IBANS:
            raise invalid("The IBAN you provided is invalid: only test accounts are taken.", sent.name("iban"), "invalid_iban")
        return of_iban(tx, iban, billing, metadata)
    token = sent.text("token")
    if token is not None:
        if token.removeprefix("tok_") not in NAMED:
            raise invalid(f"No such token: '{token[:80]}'", sent.name("token"), "resource_missing")
        return of_card(tx, NAMED[token.removeprefix("tok_")], billing=billing, metadata=metadata)
    card, month, year = _typed(tx, sent)
    return of_card(tx, card, month=month, year=year, billing=billing, metadata=metadata)


def _typed(tx: Tx, sent: Params) -> tuple[TestCard, int, int]:
    """A card by its number; a real one is neither kept nor charged."""
    number = sent.needed("number").replace(" ", "").replace("-", "")
    card = CARDS.get(number)
    if card is None:
        known = is_card_number(number)
        message = "Your card was declined. Your request was in test mode, but used a non test card."
        code, text = ("card_declined", message) if known else ("incorrect_number", "Your card number is incorrect.")
        raise StripeRefused(402, "card_error", text, code=code, param=sent.name("number"))
    month, year = sent.integer("exp_month"), sent.integer("exp_year")
    sent.text("cvc", longest=4)
    if month is None or not 1 <= month <= _MONTHS:
        message = "Your card's expiration month is invalid."
        raise StripeRefused(402, "card_error", message, code="invalid_expiry_month", param=sent.name("exp_month"))
    whole = (year or 0) + (2000 if (year or 0) < _TWO_DIGITS else 0)
    if year is None or (whole, month) < (tx.now.year, tx.now.month):
        message = "Your card's expiration year is invalid."
        raise StripeRefused(402, "card_error", message, code="invalid_expiry_year", param=sent.name("exp_year"))
    return card, month, whole


def attach(tx: Tx, id_: str, customer: str, param: str = "id") -> Object:
    """A customer has this method from now on. Refused when another has it, when it was used up, or when the bank says no."""
    method = named(tx, id_, param)
    if method["customer"] == customer:
        return method
    if method["customer"] is not None:
        raise unexpected(
            "The payment method you provided has already been attached to a customer.", "payment_method_unexpected_state"
        )
    if objects.hidden_of(tx, method["id"]).get("used"):
        message = (
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer,"
            " and may not be used again."
        )
        raise unexpected(message, "payment_method_unexpected_state")
    card = card_of(tx, method)
    if card is not None and card.decline is not None and not card.attaches:
        decline = card.decline if card.code == "card_declined" else None
        raise card_error(MESSAGES[card.decline], card.code, decline, payment_method=method)
    return keep_for(tx, method, customer)


def keep_for(tx: Tx, method: Object, customer: str) -> Object:
    """A customer has this method, the bank having said yes."""
    kept = change(method, customer=customer)
    if kept.get("card"):
        kept["card"]["checks"]["cvc_check"] = "pass"
    objects.put(tx, kept)
    events.emit(tx, "payment_method.attached", kept)
    return kept


def _attach(call: Call) -> Object:
    customer = call.params.needed("customer")
    objects.get(call.tx, "customer", customer, "customer")
    return attach(call.tx, call.path["id"], customer)


def _detach(call: Call) -> Object:
    """The customer no longer has it, and nobody can use it again."""
    method = objects.get(call.tx, KIND, call.path["id"])
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise unexpected(message, "payment_method_unexpected_state")
    freed = change(method, customer=None)
    objects.put(call.tx, freed, used=True)
    owner = objects.get(call.tx, "customer", method["customer"])
    if owner["invoice_settings"]["default_payment_method"] == method["id"]:
        owner["invoice_settings"]["default_payment_method"] = None
        objects.put(call.tx, owner)
    events.emit(call.tx, "payment_method.detached", freed, {"customer": method["customer"]})
    return freed


def _update(call: Call) -> Object:
    old, params = objects.get(call.tx, KIND, call.path["id"]), call.params
    moved = change(old, metadata=params.metadata(old["metadata"]))
    if params.given("billing_details"):
        moved["billing_details"] = billing_details(params)
    sent = params.inner("card")
    for name in ("exp_month", "exp_year"):
        if sent.given(name):
            moved["card"][name] = sent.integer(name, least=1)
    objects.put(call.tx, moved)
    events.emit(call.tx, "payment_method.updated", moved, {name: old[name] for name in old if old[name] != moved[name]})
    return moved


def _retrieve(call: Call) -> Object:
    return named(call.tx, call.path["id"], "id")


def _list(call: Call) -> Object:
    customer, type_ = call.params.text("customer"), call.params.text("type")
    call.params.ignore("allow_redisplay")
    facts = {name: value for name, value in (("customer", customer), ("type", type_)) if value}
    if customer is not None:
        objects.get(call.tx, "customer", customer, "customer")
    return objects.page(call.tx, KIND, call.params, "/v1/payment_methods", **facts)


ROUTES = (
    post("/v1/payment_methods", create, "create"),
    get("/v1/payment_methods", _list),
    get("/v1/payment_methods/{id}", _retrieve),
    post("/v1/payment_methods/{id}", _update),
    post("/v1/payment_methods/{id}/attach", _attach),
    post("/v1/payment_methods/{id}/detach", _detach),
)
