"""Products, and what they cost."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import events, line_items, objects, timers
from vezne.sandbox.stripe.amounts import currency_of
from vezne.sandbox.stripe.calls import Call, delete, get, post
from vezne.sandbox.stripe.errors import invalid, missing, unexpected
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.search import searched
from vezne.sandbox.stripe.shapes import Object, change, gone, listed

PRICE, PRODUCT = "price", "product"
_LONGEST_NAME = 250
_LOOKUP_KEYS = 10


def _create_product(call: Call) -> Object:
    params = call.params
    name, wanted = params.text("name", longest=_LONGEST_NAME), params.text("id")
    if name is None:
        raise missing("name")
    if wanted is not None and objects.find(call.tx, PRODUCT, wanted):
        raise unexpected(f"Product already exists: {wanted[:80]}", "resource_already_exists")
    made = _make_product(
        call.tx,
        **({} if wanted is None else {"id": wanted}),
        name=name,
        active=params.boolean("active", default=True),
        description=params.text("description"),
        metadata=params.metadata(),
        statement_descriptor=params.text("statement_descriptor", longest=22),
        unit_label=params.text("unit_label"),
        url=params.text("url"),
    )
    params.ignore("images", "tax_code", "shippable", "type", "marketing_features")
    if params.given("default_price_data"):
        sent = params.inner("default_price_data")
        price = line_items.make_price(call.tx, product=made["id"], **_cost(sent), metadata=sent.metadata())
        made = objects.put(call.tx, change(made, default_price=price["id"]))
        events.emit(call.tx, "price.created", price)
    return made


def _cost(sent: Params) -> Object:
    """What is asked for, in what, and how often."""
    currency, amount = currency_of(sent), sent.integer("unit_amount", least=0)
    if amount is None:
        raise missing(sent.name("unit_amount"))
    sent.ignore("tax_behavior", "billing_scheme")
    recurring = line_items.recurring_of(sent.inner("recurring")) if sent.given("recurring") else None
    return {"currency": currency, "unit_amount": amount, "recurring": recurring}


def _make_product(tx: Tx, **facts: object) -> Object:
    made = line_items.make_product(tx, **facts)
    events.emit(tx, "product.created", made)
    return made


def _update_product(call: Call) -> Object:
    params = call.params
    old = objects.get(call.tx, PRODUCT, call.path["id"])
    price = params.text("default_price", old["default_price"])
    if price is not None and params.given("default_price"):
        objects.get(call.tx, PRICE, price, "default_price")
    moved = change(
        old,
        name=params.text("name", old["name"], longest=_LONGEST_NAME),
        active=params.boolean("active", default=old["active"]),
        description=params.text("description", old["description"]),
        default_price=price,
        metadata=params.metadata(old["metadata"]),
        updated=timers.now(call.tx),
    )
    params.ignore("images", "tax_code", "shippable", "unit_label", "url", "statement_descriptor", "marketing_features")
    return _kept(call.tx, "product.updated", old, moved)


def _kept(tx: Tx, event: str, old: Object, moved: Object) -> Object:
    objects.put(tx, moved)
    previous = {name: old[name] for name in old if old[name] != moved[name]}
    if previous:
        events.emit(tx, event, moved, previous)
    return moved


def _list_products(call: Call) -> Object:
    facts: dict[str, str | int | bool | None] = {}
    active = call.params.boolean("active")
    if active is not None:
        facts["active"] = active
    call.params.ignore("ids", "shippable", "url")
    return objects.page(call.tx, PRODUCT, call.params, "/v1/products", **facts)


def _delete_product(call: Call) -> Object:
    found = objects.get(call.tx, PRODUCT, call.path["id"])
    if objects.select(call.tx, PRICE, product=found["id"]):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.")
    objects.delete(call.tx, found["id"])
    events.emit(call.tx, "product.deleted", found)
    return gone(PRODUCT, found["id"])


def _create_price(call: Call) -> Object:
    tx, params = call.tx, call.params
    cost = _cost(params)
    made = line_items.make_price(
        tx,
        product=_product_of(call),
        **cost,
        active=params.boolean("active", default=True),
        lookup_key=_lookup_key(call, None),
        metadata=params.metadata(),
        nickname=params.text("nickname"),
    )
    events.emit(tx, "price.created", made)
    return made


def _product_of(call: Call) -> str:
    """The product that is named, or described beside the price."""
    named, described = call.params.text("product"), call.params.inner("product_data")
    if named is not None:
        return str(objects.get(call.tx, PRODUCT, named, "product")["id"])
    name = described.text("name", longest=_LONGEST_NAME)
    if name is None:
        raise missing("product")
    described.ignore("tax_code", "unit_label", "statement_descriptor", "active")
    return str(_make_product(call.tx, name=name, metadata=described.metadata())["id"])


def _lookup_key(call: Call, own: Object | None) -> str | None:
    """A key belongs to one price; with `transfer_lookup_key` it is taken from the one that has it."""
    key = call.params.text("lookup_key", None if own is None else own["lookup_key"], longest=200)
    moves = call.params.boolean("transfer_lookup_key", default=False)
    for other in objects.select(call.tx, PRICE, lookup_key=key) if key is not None else []:
        if own is not None and other["id"] == own["id"]:
            continue
        if not moves:
            message = f"A price (`{other['id']}`) already uses that lookup key."
            raise invalid(message, "lookup_key", "resource_already_exists")
        objects.put(call.tx, change(other, lookup_key=None))
    return key


def _update_price(call: Call) -> Object:
    params = call.params
    old = objects.get(call.tx, PRICE, call.path["id"])
    moved = change(
        old,
        active=params.boolean("active", default=old["active"]),
        lookup_key=_lookup_key(call, old),
        metadata=params.metadata(old["metadata"]),
        nickname=params.text("nickname", old["nickname"]),
    )
    params.ignore("tax_behavior")
    return _kept(call.tx, "price.updated", old, moved)


def _list_prices(call: Call) -> Object:
    params = call.params
    facts: dict[str, str | int | bool | None] = {
        name: value for name in ("product", "type", "currency") if (value := params.text(name))
    }
    active = params.boolean("active")
    if active is not None:
        facts["active"] = active
    interval = params.inner("recurring").text("interval")
    if interval is not None:
        facts["recurring__interval"] = interval
    keys = params.texts("lookup_keys")
    if len(keys) > _LOOKUP_KEYS:
        raise invalid(f"You may only specify up to {_LOOKUP_KEYS} lookup_keys.", "lookup_keys")
    if not keys:
        return objects.page(call.tx, PRICE, params, "/v1/prices", **facts)
    params.ignore("limit", "starting_after", "ending_before", "created")
    found = [one for key in keys for one in objects.select(call.tx, PRICE, lookup_key=key, **facts)]
    return listed("/v1/prices", found)


def _price(call: Call) -> Object:
    return objects.get(call.tx, PRICE, call.path["id"])


def _product(call: Call) -> Object:
    return objects.get(call.tx, PRODUCT, call.path["id"])


ROUTES = (
    post("/v1/products", _create_product, "create"),
    get("/v1/products", _list_products),
    get("/v1/products/search", lambda call: searched(call, PRODUCT, "/v1/products/search")),
    get("/v1/products/{id}", _product),
    post("/v1/products/{id}", _update_product),
    delete("/v1/products/{id}", _delete_product),
    post("/v1/prices", _create_price, "create"),
    get("/v1/prices", _list_prices),
    get("/v1/prices/search", lambda call: searched(call, PRICE, "/v1/prices/search")),
    get("/v1/prices/{id}", _price),
    post("/v1/prices/{id}", _update_price),
)
