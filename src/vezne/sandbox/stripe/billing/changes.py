"""Changing what is subscribed to: what the rest of a paid period is worth is set off, and how that is billed."""

from collections.abc import Sequence
from dataclasses import dataclass

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import line_items, objects
from vezne.sandbox.stripe.billing import bills, calendar, dunning, pending, subscriptions
from vezne.sandbox.stripe.billing.subscriptions import Wanted
from vezne.sandbox.stripe.errors import StripeRefused, invalid, missing
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.shapes import Object, change

PRORATIONS = ("create_prorations", "always_invoice", "none")
Entry = tuple[str | None, Wanted | None]
"""An item by its id, or a new one (None), and what it is then; None: it is no more."""


@dataclass(frozen=True, slots=True)
class Change:
    """A subscription as it will be, and the lines that come of that: prorated ones, and those of a period that begins with it."""

    moved: Object
    prorated: Sequence[Object]
    whole: Sequence[Object]


def read_wanted(tx: Tx, sent: Params, old: Object | None = None) -> Wanted:
    """What is to be subscribed to: a price that is known or described on the spot, and how many of it."""
    named, kept = sent.text("price"), None if old is None else old["price"]
    if named is not None:
        price = objects.get(tx, "price", named, sent.name("price"))
        if not price["active"]:
            raise invalid(f"The price specified is inactive. This field only accepts active prices: {named}", sent.name("price"))
    elif sent.given("price_data"):
        price = line_items.inline_price(tx, sent.inner("price_data"))
    elif kept is not None:
        price = kept
    else:
        raise missing(sent.name("price"))
    if price["recurring"] is None:
        message = (
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`:"
            f" {price['id']}"
        )
        raise invalid(message, sent.name("price"))
    quantity = sent.integer("quantity", 1 if old is None or named is not None else old["quantity"], least=0)
    sent.ignore("tax_rates", "discounts", "billing_thresholds", "clear_usage")
    return Wanted(price, quantity or 0, sent.metadata(None if old is None else old["metadata"]))


def read_new(tx: Tx, params: Params) -> list[Wanted]:
    """What a new subscription is to. All is billed together: in one currency and as often."""
    found = [read_wanted(tx, sent) for sent in params.rows("items")]
    if not found:
        raise missing("items")
    _check_together([one.price for one in found])
    return found


def read_items(tx: Tx, params: Params, subscription: Object) -> list[Entry]:
    """What an update says of the items; those that it does not name stay."""
    known = {one["id"]: one for one in subscriptions.items_of(subscription)}
    changed: dict[str, Wanted | None] = {}
    added: list[Entry] = []
    for sent in params.rows("items"):
        id_ = sent.text("id")
        if id_ is None:
            added.append((None, read_wanted(tx, sent)))
        elif id_ not in known:
            raise invalid(f"No such subscription item: '{id_[:80]}'", sent.name("id"), "resource_missing")
        elif sent.boolean("deleted", default=False):
            sent.ignore("clear_usage")
            changed[id_] = None
        else:
            changed[id_] = read_wanted(tx, sent, known[id_])
    same = [(id_, changed.get(id_, Wanted(one["price"], one["quantity"], one["metadata"]))) for id_, one in known.items()]
    found: list[Entry] = [
        *[(id_, None) if id_ in changed and changed[id_] is None else (id_, wanted) for id_, wanted in same],
        *added,
    ]
    _check_together([wanted.price for _, wanted in found if wanted is not None])
    return found


def _check_together(prices: Sequence[Object]) -> None:
    if not prices:
        raise invalid("A subscription must have at least one active item.", "items")
    if len({price["currency"] for price in prices}) > 1:
        raise invalid("All prices of a subscription must have the same currency.", "items")
    if len({(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}) > 1:
        raise invalid("All prices of a subscription are billed as often here.", "items")


def plan(
    tx: Tx,
    old: Object,
    entries: Sequence[Entry],
    *,
    at: int,
    behaviour: str,
    restart: bool = False,
    trial_end: int | None = None,
) -> Change:
    """What comes of a change at an instant. Nothing is kept. `restart`: a new period begins, as it does when prices are asked
    for more or less often; until `trial_end` it is free.
    """
    start, end = subscriptions.period_of(old)
    wanted = [(id_, one) for id_, one in entries if one is not None]
    recurring = wanted[0][1].price["recurring"]
    often = (recurring["interval"], recurring["interval_count"])
    was = subscriptions.recurring_of(old)
    restart = restart or trial_end is not None or often != (was["interval"], was["interval_count"])
    first, last = start, end
    if restart:
        first, last = (at, trial_end) if trial_end is not None else calendar.period_at(at, recurring, at)
    items = [subscriptions.item(tx, old["id"], one, first, last, id_) for id_, one in wanted]
    created = {one["id"]: one["created"] for one in subscriptions.items_of(old)}
    items = [change(one, created=created.get(one["id"], one["created"])) for one in items]
    moved = change(old, items={**old["items"], "data": items})
    if restart:
        moved = change(moved, billing_cycle_anchor=last if trial_end is not None else at)
    free = old["status"] == "trialing"
    prorated = [] if free or behaviour == "none" else _prorated(tx, old, items, at, (start, end), restart=restart)
    whole = subscriptions.lines_of(tx, moved, first, last, free=trial_end is not None) if restart else []
    return Change(moved, prorated, whole)


def _prorated(tx: Tx, old: Object, items: Sequence[Object], at: int, period: tuple[int, int], *, restart: bool) -> list[Object]:
    """What was paid for and is not used, as a credit; and what is used from now on, unless a new period begins anyhow."""
    start, end = period
    before = {one["id"]: one for one in subscriptions.items_of(old)}
    after = {one["id"]: one for one in items}
    found = []
    for id_, one in before.items():
        new = after.get(id_)
        same = new is not None and (new["price"]["id"], new["quantity"]) == (one["price"]["id"], one["quantity"])
        if restart or not same:
            found.append(_line(tx, old, one, at, end, end - start, back=True))
        if not restart and new is not None and not same:
            found.append(_line(tx, old, new, at, end, end - start, back=False))
    if not restart:
        found += [_line(tx, old, one, at, end, end - start, back=False) for id_, one in after.items() if id_ not in before]
    return [one for one in found if one["amount"]]


def _line(tx: Tx, subscription: Object, item: Object, at: int, end: int, whole: int, *, back: bool) -> Object:
    price = item["price"]
    amount = calendar.share(price["unit_amount"] * item["quantity"], max(0, end - at), whole, price["currency"])
    name = objects.get(tx, "product", price["product"])["name"]
    return bills.line(
        tx,
        price,
        amount=-amount if back else amount,
        start=at,
        end=end,
        description=f"{'Unused' if back else 'Remaining'} time on {item['quantity']} × {name}",
        discountable=False,
        parent=bills.of_subscription(subscription["id"], item["id"], proration=True),
        quantity=item["quantity"],
        quantity_decimal=str(item["quantity"]),
    )


def carry_out(tx: Tx, old: Object, planned: Change, *, behaviour: str, payment: str) -> Object:
    """Keep a change and bill what comes of it: at once, or with the next bill. With `error_if_incomplete` a bill that is not paid
    undoes it all.
    """
    subscriptions.move(tx, old, planned.moved)
    subscriptions.wind(tx, planned.moved)
    id_ = planned.moved["id"]
    if not planned.whole and (behaviour != "always_invoice" or not planned.prorated):
        customer = objects.get(tx, "customer", old["customer"])
        for line in planned.prorated:
            pending.keep(tx, customer, line, id_, proration=True)
        return objects.get(tx, subscriptions.KIND, id_)
    lines = [*pending.take(tx, planned.moved), *planned.prorated, *planned.whole]
    drafted = subscriptions.bill(tx, planned.moved, lines, "subscription_update")
    pending.mark(tx, drafted)
    opened = bills.finalise(tx, drafted)
    if opened["status"] == "open" and payment == "default_incomplete":
        live = objects.get(tx, subscriptions.KIND, id_)
        subscriptions.move(tx, live, change(live, status="past_due"))
    elif opened["status"] == "open":
        refused = dunning.collect(tx, opened)
        if refused is not None and payment == "error_if_incomplete":
            raise undone(refused)
    return objects.get(tx, subscriptions.KIND, id_)


def undone(refused: StripeRefused) -> StripeRefused:
    """The bank's refusal of something that is undone by it."""
    said = dict(refused.body["error"])  # type: ignore[call-overload]
    more = {name: said[name] for name in ("decline_code",) if name in said}
    return StripeRefused(402, "card_error", refused.message, code=refused.code, more=more)
