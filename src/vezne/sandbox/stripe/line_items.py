"""What a Checkout page sells: line items, of prices that are known or described on the spot."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, objects, timers
from vezne.sandbox.stripe.amounts import currency_of
from vezne.sandbox.stripe.errors import invalid, missing
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.shapes import Object, new

_LONGEST_NAME = 250
_INTERVALS = ("day", "week", "month", "year")


def make_product(tx: Tx, **facts: object) -> Object:
    """A new product, kept."""
    at = timers.now(tx)
    made = new(
        "product",
        **{"id": account.new_id(tx, "prod", 14), "active": True, "created": at, "type": "service", "updated": at, **facts},
    )
    return objects.insert(tx, made)


def make_price(
    tx: Tx, *, product: str, currency: str, unit_amount: int, recurring: Object | None = None, **facts: object
) -> Object:
    """A new price of a product, kept. With `recurring` it is asked for again and again."""
    made = new(
        "price",
        **{
            "id": account.new_id(tx, "price"),
            "active": True,
            "billing_scheme": "per_unit",
            "created": timers.now(tx),
            "currency": currency,
            "product": product,
            "recurring": recurring,
            "tax_behavior": "unspecified",
            "type": "recurring" if recurring else "one_time",
            "unit_amount": unit_amount,
            "unit_amount_decimal": str(unit_amount),
            **facts,
        },
    )
    return objects.insert(tx, made)


def inline_price(tx: Tx, sent: Params) -> Object:
    """The price that `price_data` describes: of a product that is known, or described there too. It cannot be used again."""
    currency, amount = currency_of(sent), sent.integer("unit_amount", least=0)
    if amount is None:
        raise missing(sent.name("unit_amount"))
    product, described = sent.text("product"), sent.inner("product_data")
    if product is not None:
        objects.get(tx, "product", product, sent.name("product"))
    else:
        name = described.text("name", longest=_LONGEST_NAME)
        if name is None:
            raise missing(described.name("name"))
        text, metadata = described.text("description"), described.metadata()
        described.ignore("images", "tax_code", "unit_label")
        product = str(make_product(tx, name=name, description=text, metadata=metadata, active=False)["id"])
    sent.ignore("tax_behavior")
    recurring = recurring_of(sent.inner("recurring")) if sent.given("recurring") else None
    return make_price(tx, product=product, currency=currency, unit_amount=amount, recurring=recurring, active=False)


def recurring_of(sent: Params) -> Object:
    """How often a price is asked for."""
    interval = sent.choice("interval", _INTERVALS)
    if interval is None:
        raise missing(sent.name("interval"))
    return {
        "interval": interval,
        "interval_count": sent.integer("interval_count", 1, least=1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def read(tx: Tx, params: Params) -> list[Object]:
    """The line items of a page that is being made; all in one currency."""
    items = [_item(tx, sent) for sent in params.rows("line_items")]
    if len({item["currency"] for item in items}) > 1:
        raise invalid("All line items of a Checkout Session must have the same currency.", "line_items")
    return items


def _item(tx: Tx, sent: Params) -> Object:
    named, quantity = sent.text("price"), sent.integer("quantity", least=1)
    if (named is None) == (not sent.given("price_data")):
        raise invalid("You must specify either `price` or `price_data` for each line item.", sent.name("price"))
    price = inline_price(tx, sent.inner("price_data")) if named is None else objects.get(tx, "price", named, sent.name("price"))
    if named is not None and not price["active"]:
        raise invalid(f"The price specified is inactive. This field only accepts active prices: {named}", sent.name("price"))
    sent.ignore("adjustable_quantity", "metadata")
    if quantity is None:
        raise missing(sent.name("quantity"))
    total = price["unit_amount"] * quantity
    product = objects.get(tx, "product", price["product"])
    return new(
        "item",
        id=account.new_id(tx, "li"),
        amount_subtotal=total,
        amount_total=total,
        currency=price["currency"],
        description=product["name"],
        price=price,
        quantity=quantity,
    )
