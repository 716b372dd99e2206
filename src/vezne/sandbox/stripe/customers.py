"""Customers."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, events, objects, payment_methods, timers
from vezne.sandbox.stripe.addresses import address, email
from vezne.sandbox.stripe.calls import Call, delete, get, post
from vezne.sandbox.stripe.errors import no_such
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.search import searched
from vezne.sandbox.stripe.shapes import Object, change, gone, new

KIND = "customer"
_NOTHING_SET: Object = {"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None}


def of(tx: Tx, params: Params, name: str = "customer") -> str | None:
    """The customer a parameter names; refused when there is none."""
    id_ = params.text(name)
    return None if id_ is None else str(objects.get(tx, KIND, id_, params.name(name))["id"])


def _invoice_settings(call: Call, old: Object) -> Object:
    sent, kept = call.params.inner("invoice_settings"), dict(old)
    if sent.given("default_payment_method"):
        method = sent.text("default_payment_method")
        if method is not None:
            objects.get(call.tx, "payment_method", method, sent.name("default_payment_method"))
        kept["default_payment_method"] = method
    kept["footer"] = sent.text("footer", kept["footer"])
    return kept


def make(tx: Tx, **facts: object) -> Object:
    """A new customer."""
    id_ = account.new_id(tx, "cus", 14)
    made = new(
        KIND,
        **{
            "id": id_,
            "address": None,
            "balance": 0,
            "delinquent": False,
            "invoice_prefix": id_[-8:].upper(),
            "invoice_settings": dict(_NOTHING_SET),
            "metadata": {},
            "next_invoice_sequence": 1,
            "preferred_locales": [],
            "tax_exempt": "none",
            **facts,
        },
    )
    made["created"] = timers.now(tx, made["test_clock"])
    objects.insert(tx, made)
    events.emit(tx, "customer.created", made)
    return made


def _create(call: Call) -> Object:
    tx, params = call.tx, call.params
    clock = params.text("test_clock")
    if clock is not None:
        objects.get(tx, "test_helpers.test_clock", clock, "test_clock")
    made = make(
        tx,
        address=address(params),
        balance=params.integer("balance", 0),
        description=params.text("description"),
        email=email(params),
        metadata=params.metadata(),
        name=params.text("name"),
        phone=params.text("phone"),
        preferred_locales=params.texts("preferred_locales"),
        tax_exempt=params.choice("tax_exempt", ("exempt", "none", "reverse"), "none"),
        test_clock=clock,
    )
    method, default = params.text("payment_method"), params.inner("invoice_settings").text("default_payment_method")
    if method is not None:
        kept = payment_methods.attach(tx, method, made["id"], "payment_method")
        if default == method:
            made["invoice_settings"]["default_payment_method"] = kept["id"]
            objects.put(tx, made)
    return objects.get(tx, KIND, made["id"])


def _update(call: Call) -> Object:
    params = call.params
    old = objects.get(call.tx, KIND, call.path["id"])
    moved = change(
        old,
        address=address(params) or old["address"],
        balance=params.integer("balance", old["balance"]),
        description=params.text("description", old["description"]),
        email=email(params, default=old["email"]),
        invoice_settings=_invoice_settings(call, old["invoice_settings"]),
        metadata=params.metadata(old["metadata"]),
        name=params.text("name", old["name"]),
        phone=params.text("phone", old["phone"]),
        preferred_locales=params.texts("preferred_locales") or old["preferred_locales"],
    )
    objects.put(call.tx, moved)
    previous = {name: old[name] for name in old if old[name] != moved[name]}
    if previous:
        events.emit(call.tx, "customer.updated", moved, previous)
    return moved


def _retrieve(call: Call) -> Object:
    if objects.find(call.tx, "deleted_customer", call.path["id"]):
        return gone(KIND, call.path["id"])
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    facts = {name: value for name in ("email", "test_clock") if (value := call.params.text(name))}
    return objects.page(call.tx, KIND, call.params, "/v1/customers", **facts)


def remove(tx: Tx, customer: Object) -> Object:
    """The customer is deleted, and its payment methods let go."""
    for method in objects.select(tx, "payment_method", customer=customer["id"]):
        objects.put(tx, change(method, customer=None), used=True)
    objects.delete(tx, customer["id"])
    objects.insert(tx, {"id": customer["id"], "object": "deleted_customer"})
    events.emit(tx, "customer.deleted", customer)
    return gone(KIND, customer["id"])


def _delete(call: Call) -> Object:
    return remove(call.tx, objects.get(call.tx, KIND, call.path["id"]))


def _methods(call: Call) -> Object:
    objects.get(call.tx, KIND, call.path["id"])
    type_ = call.params.text("type")
    call.params.ignore("allow_redisplay")
    facts = {"type": type_} if type_ else {}
    url = f"/v1/customers/{call.path['id']}/payment_methods"
    return objects.page(call.tx, "payment_method", call.params, url, customer=call.path["id"], **facts)


def _method(call: Call) -> Object:
    found = objects.get(call.tx, "payment_method", call.path["method"])
    if found["customer"] != call.path["id"]:
        raise no_such("payment_method", call.path["method"])
    return found


ROUTES = (
    post("/v1/customers", _create, "create"),
    get("/v1/customers", _list),
    get("/v1/customers/search", lambda call: searched(call, KIND, "/v1/customers/search")),
    get("/v1/customers/{id}", _retrieve),
    post("/v1/customers/{id}", _update),
    delete("/v1/customers/{id}", _delete),
    get("/v1/customers/{id}/payment_methods", _methods),
    get("/v1/customers/{id}/payment_methods/{method}", _method),
)
