"""Invoice items: what waits for a customer's next bill, prorations above all."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, customers, events, objects, timers
from vezne.sandbox.stripe.amounts import currency_of
from vezne.sandbox.stripe.billing import bills
from vezne.sandbox.stripe.calls import Call, delete, get, post
from vezne.sandbox.stripe.errors import invalid, missing
from vezne.sandbox.stripe.shapes import Object, change, gone, new

KIND = "invoiceitem"


def keep(tx: Tx, customer: Object, line: Object, subscription: str | None, *, proration: bool) -> Object:
    """Let a line wait for the next bill."""
    id_ = account.new_id(tx, "ii")
    parent = {"type": "subscription_details", "subscription_details": {"subscription": subscription}} if subscription else None
    made = new(
        KIND,
        id=id_,
        amount=line["amount"],
        currency=line["currency"],
        customer=customer["id"],
        date=timers.now(tx, customer["test_clock"]),
        description=line["description"],
        discountable=True,
        discounts=[],
        metadata=line["metadata"],
        net_amount=line["amount"],
        parent=parent,
        period=line["period"],
        pricing=line["pricing"],
        proration=proration,
        quantity=line["quantity"],
        quantity_decimal=line["quantity_decimal"],
        tax_rates=[],
        test_clock=customer["test_clock"],
    )
    objects.insert(tx, made, line=line)
    events.emit(tx, "invoiceitem.created", made)
    return made


def take(tx: Tx, subscription: Object) -> list[Object]:
    """The lines that wait for the next bill of this subscription, or of its customer."""
    found = []
    for waiting in objects.select(tx, KIND, customer=subscription["customer"], invoice=None):
        of = ((waiting["parent"] or {}).get("subscription_details") or {}).get("subscription")
        if of in {None, subscription["id"]} and waiting["currency"] == subscription["currency"]:
            found.append(_line(tx, waiting))
    return found


def of_customer(tx: Tx, customer: str, currency: str | None) -> list[Object]:
    """The lines that wait for any bill of a customer."""
    waiting = objects.select(tx, KIND, customer=customer, invoice=None)
    return [_line(tx, one) for one in waiting if currency in {None, one["currency"]}]


def _line(tx: Tx, waiting: Object) -> Object:
    line: Object = objects.hidden_of(tx, waiting["id"])["line"]
    parent = {**line["parent"]}
    details = dict(parent[parent["type"]])
    details["invoice_item"] = waiting["id"]
    return {**line, "parent": {**parent, parent["type"]: details}}


def mark(tx: Tx, invoice: Object) -> None:
    """What a bill has taken up waits no more."""
    for line in invoice["lines"]["data"]:
        parent = line["parent"]
        waiting = objects.find(tx, KIND, parent[parent["type"]]["invoice_item"])
        if waiting is not None:
            objects.put(tx, change(waiting, invoice=invoice["id"]))


def _create(call: Call) -> Object:
    tx, params = call.tx, call.params
    customer = objects.get(tx, customers.KIND, params.needed("customer"), "customer")
    currency, amount = currency_of(params), params.integer("amount")
    if amount is None:
        raise missing("amount")
    at = timers.now(tx, customer["test_clock"])
    described: Object = {"id": None, "product": None, "currency": currency, "unit_amount_decimal": str(amount)}
    details = {"invoice_item": None, "proration": False, "proration_details": None, "subscription": params.text("subscription")}
    line = bills.line(
        tx,
        described,
        amount=amount,
        start=at,
        end=at,
        description=params.text("description"),
        metadata=params.metadata(),
        parent={"type": "invoice_item_details", "invoice_item_details": details, "subscription_item_details": None},
        pricing=None,
    )
    subscription = details["subscription"]
    if subscription is not None:
        objects.get(tx, "subscription", str(subscription), "subscription")
    return keep(tx, customer, line, None if subscription is None else str(subscription), proration=False)


def _delete(call: Call) -> Object:
    found = objects.get(call.tx, KIND, call.path["id"])
    if found["invoice"] is not None:
        raise invalid("Can not delete invoice item: it is attached to an invoice.")
    objects.delete(call.tx, found["id"])
    events.emit(call.tx, "invoiceitem.deleted", found)
    return gone(KIND, found["id"])


def _list(call: Call) -> Object:
    facts: dict[str, str | int | bool | None] = {
        name: value for name in ("customer", "invoice") if (value := call.params.text(name))
    }
    if call.params.boolean("pending"):
        facts["invoice"] = None
    return objects.page(call.tx, KIND, call.params, "/v1/invoiceitems", **facts)


ROUTES = (
    post("/v1/invoiceitems", _create, "create"),
    get("/v1/invoiceitems", _list),
    get("/v1/invoiceitems/{id}", lambda call: objects.get(call.tx, KIND, call.path["id"])),
    delete("/v1/invoiceitems/{id}", _delete),
)
