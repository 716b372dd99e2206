"""The endpoints of invoices and of what pays them."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import customers, objects, timers
from vezne.sandbox.stripe.billing import bills, changes, pending, reading, subscriptions
from vezne.sandbox.stripe.calls import Call, delete, get, post
from vezne.sandbox.stripe.errors import card_error, invalid, missing, unexpected
from vezne.sandbox.stripe.search import searched
from vezne.sandbox.stripe.shapes import Object, change, gone

KIND = bills.KIND
_STATUSES = ("draft", "open", "paid", "uncollectible", "void")
_CHANGES_NOTHING = ("automatic_tax", "custom_fields", "default_tax_rates", "footer", "rendering", "payment_settings", "currency")


def _create(call: Call) -> Object:
    """A bill of what waits for one."""
    tx, params = call.tx, call.params
    customer = objects.get(tx, customers.KIND, params.needed("customer"), "customer")
    if params.choice("collection_method", ("charge_automatically", "send_invoice"), "charge_automatically") == "send_invoice":
        raise invalid("Bills that are sent by mail are not played here.", "collection_method")
    includes = params.choice("pending_invoice_items_behavior", ("exclude", "include"), "exclude") == "include"
    named = params.text("subscription")
    subscription = None if named is None else objects.get(tx, subscriptions.KIND, named, "subscription")
    lines = pending.of_customer(tx, customer["id"], params.text("currency")) if includes or subscription is not None else []
    params.ignore(*_CHANGES_NOTHING, "days_until_due", "due_date")
    made = bills.draft(
        tx,
        customer,
        lines,
        reason="manual",
        auto_advance=params.boolean("auto_advance", default=False),
        default_payment_method=reading.default_method(tx, params, customer["id"]),
        description=params.text("description", longest=1500),
        metadata=params.metadata(),
        parent=None if subscription is None else bills.parent_of(subscription),
    )
    pending.mark(tx, made)
    return made


def _update(call: Call) -> Object:
    tx, params = call.tx, call.params
    old = objects.get(tx, KIND, call.path["id"])
    if old["status"] != "draft" and set(params.names()) - {"metadata", "auto_advance", "default_payment_method", "expand"}:
        raise unexpected("Finalized invoices can't be updated in this way.", "invoice_not_editable")
    params.ignore(*_CHANGES_NOTHING)
    moved = change(
        old,
        auto_advance=params.boolean("auto_advance", default=old["auto_advance"]),
        default_payment_method=reading.default_method(tx, params, old["customer"], old["default_payment_method"]),
        description=params.text("description", old["description"], longest=1500),
        metadata=params.metadata(old["metadata"]),
    )
    return objects.put(tx, moved)


def _delete(call: Call) -> Object:
    found = objects.get(call.tx, KIND, call.path["id"])
    if found["status"] != "draft":
        raise unexpected("You can only delete draft invoices.", "invoice_not_editable")
    objects.delete(call.tx, found["id"])
    timers.unwind(call.tx, "finalise_invoice", found["id"])
    return gone(KIND, found["id"])


def _finalise(call: Call) -> Object:
    tx = call.tx
    found = objects.get(tx, KIND, call.path["id"])
    advances = call.params.boolean("auto_advance", default=found["auto_advance"])
    call.params.finish()
    timers.unwind(tx, "finalise_invoice", found["id"])
    opened = bills.finalise(tx, change(found, auto_advance=advances))
    return objects.get(tx, KIND, opened["id"])


def _pay(call: Call) -> Object:
    """Take the money now, or say that it came another way."""
    tx, params = call.tx, call.params
    found = objects.get(tx, KIND, call.path["id"])
    method, outside = params.text("payment_method"), params.boolean("paid_out_of_band", default=False)
    away = params.boolean("off_session", default=False)
    params.ignore("forgive", "mandate", "source")
    params.finish()
    if found["status"] == "draft":
        found = bills.finalise(tx, found)
    if found["status"] == "paid":
        raise unexpected("Invoice is already paid", "invoice_already_paid")
    if found["status"] not in {"open", "uncollectible"}:
        raise unexpected(f"You can only pay an open invoice. This invoice is {found['status']}.", "invoice_not_editable")
    if outside:
        return bills.settle(tx, found, 0)
    subscription = objects.find(tx, subscriptions.KIND, bills.subscription_of(found))
    customer = objects.get(tx, customers.KIND, found["customer"])
    default = found["default_payment_method"] or (
        customer["invoice_settings"]["default_payment_method"]
        if subscription is None
        else subscriptions.method_of(tx, subscription)
    )
    refused = bills.collect(tx, found, method or default, off_session=bool(away))
    if refused is not None:
        raise refused
    paid = objects.get(tx, KIND, found["id"])
    if paid["status"] != "paid" and (bills.intent_of(tx, paid) or {}).get("status") == "requires_action":
        message = (
            "This payment requires additional user action before it can be completed successfully. Payment can be completed using"
            " the PaymentIntent associated with this invoice."
        )
        raise card_error(message, "invoice_payment_intent_requires_action")
    return paid


def _void(call: Call) -> Object:
    found = bills.void(call.tx, objects.get(call.tx, KIND, call.path["id"]))
    timers.unwind(call.tx, "retry_invoice", found["id"])
    return found


def _give_up(call: Call) -> Object:
    return bills.give_up(call.tx, objects.get(call.tx, KIND, call.path["id"]))


def _retrieve(call: Call) -> Object:
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    params = call.params
    facts: dict[str, str | int | bool | None] = {
        name: value for name in ("customer", "collection_method") if (value := params.text(name))
    }
    status, subscription = params.choice("status", _STATUSES), params.text("subscription")
    if status is not None:
        facts["status"] = status
    if subscription is not None:
        facts["parent__subscription_details__subscription"] = subscription
    return objects.page(call.tx, KIND, params, "/v1/invoices", **facts)


def _lines(call: Call) -> Object:
    call.params.ignore("limit", "starting_after", "ending_before")
    found: Object = objects.get(call.tx, KIND, call.path["id"])["lines"]
    return found


def _list_payments(call: Call) -> Object:
    params = call.params
    facts: dict[str, str | int | bool | None] = {name: value for name in ("invoice", "status") if (value := params.text(name))}
    sent = params.inner("payment")
    sent.ignore("type")
    intent = sent.text("payment_intent")
    if intent is not None:
        facts["payment__payment_intent"] = intent
    return objects.page(call.tx, bills.PAYMENT, params, "/v1/invoice_payments", **facts)


def _preview(call: Call) -> Object:
    """The next bill of a subscription, or the one that a change of it would bring, made of nothing that is kept."""
    tx, params = call.tx, call.params
    name = params.text("subscription")
    if name is None:
        raise missing("subscription")
    old = objects.get(tx, subscriptions.KIND, name, "subscription")
    if params.text("customer", old["customer"]) != old["customer"]:
        raise invalid(f"No such subscription for this customer: '{name}'", "subscription", "resource_missing")
    if old["status"] in subscriptions.OVER:
        raise unexpected("No upcoming invoices for customer: the subscription is over.", "invoice_upcoming_none")
    lines, at, proration = _previewed(call, old)
    customer = objects.get(tx, customers.KIND, old["customer"])
    parent = bills.parent_of(old)
    parent["subscription_details"]["subscription_proration_date"] = proration
    shown = bills.sketch(customer, lines, id_=f"upcoming_in_{old['id'][4:]}", at=at, reason="upcoming", parent=parent)
    balance = customer["balance"]
    due = max(0, shown["total"] + balance)
    return change(
        shown,
        amount_due=due,
        amount_remaining=due,
        auto_advance=None,
        ending_balance=balance + shown["total"] - due,
        next_payment_attempt=at,
        starting_balance=balance,
    )


def _previewed(call: Call, old: Object) -> tuple[list[Object], int, int | None]:
    """The lines, when they would be billed, and the instant that is prorated to."""
    tx, sent = call.tx, call.params.inner("subscription_details")
    call.params.ignore("automatic_tax", "preview_mode", "currency")
    behaviour = sent.choice("proration_behavior", changes.PRORATIONS, "create_prorations") or "none"
    now = timers.now(tx, old["test_clock"])
    at = sent.integer("proration_date", now) or now
    restart = sent.choice("billing_cycle_anchor", ("now", "unchanged"), "unchanged") == "now"
    changed = sent.given("items") or restart
    if not changed:
        return [*pending.take(tx, old), *_next(tx, old)], subscriptions.period_of(old)[1], None
    entries = changes.read_items(tx, sent, old) if sent.given("items") else subscriptions.entries_of(old)
    planned = changes.plan(tx, old, entries, at=at, behaviour=behaviour, restart=restart)
    if planned.whole or behaviour == "always_invoice":
        return [*pending.take(tx, old), *planned.prorated, *planned.whole], now, at
    lines = [*pending.take(tx, old), *planned.prorated, *_next(tx, planned.moved)]
    return lines, subscriptions.period_of(old)[1], at


def _next(tx: Tx, subscription: Object) -> list[Object]:
    """The lines of the period to come; of one that ends, none."""
    if subscription["cancel_at_period_end"]:
        return []
    start, end = subscriptions.next_period(subscription)
    return subscriptions.lines_of(tx, subscription, start, end)


_HERE = "/v1/invoices"
ROUTES = (
    post(_HERE, _create, "create"),
    get(_HERE, _list),
    post(f"{_HERE}/create_preview", _preview),
    get(f"{_HERE}/search", lambda call: searched(call, KIND, f"{_HERE}/search")),
    get(f"{_HERE}/{{id}}", _retrieve),
    post(f"{_HERE}/{{id}}", _update),
    delete(f"{_HERE}/{{id}}", _delete),
    post(f"{_HERE}/{{id}}/finalize", _finalise),
    post(f"{_HERE}/{{id}}/pay", _pay, "create"),
    post(f"{_HERE}/{{id}}/void", _void, "cancel"),
    post(f"{_HERE}/{{id}}/mark_uncollectible", _give_up),
    get(f"{_HERE}/{{id}}/lines", _lines),
    get("/v1/invoice_payments", _list_payments),
    get("/v1/invoice_payments/{id}", lambda call: objects.get(call.tx, bills.PAYMENT, call.path["id"])),
)
