"""The endpoints of subscriptions and their items."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import customers, objects, timers
from vezne.sandbox.stripe.billing import bills, changes, reading, subscriptions
from vezne.sandbox.stripe.calls import Call, delete, get, post
from vezne.sandbox.stripe.errors import invalid, missing, no_such
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.search import searched
from vezne.sandbox.stripe.shapes import Object, change, listed

KIND = subscriptions.KIND
_ON_CREATE = ("allow_incomplete", "default_incomplete", "error_if_incomplete")
_STATUSES = ("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid")
_FEEDBACK = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)
_CHANGES_NOTHING = ("automatic_tax", "default_tax_rates", "off_session", "invoice_settings", "days_until_due", "default_source")


def _create(call: Call) -> Object:
    tx, params = call.tx, call.params
    customer = objects.get(tx, customers.KIND, params.needed("customer"), "customer")
    now = timers.now(tx, customer["test_clock"])
    wanted = changes.read_new(tx, params)
    trial = reading.trial_end(params, now)
    payment = params.choice("payment_behavior", _ON_CREATE, "allow_incomplete")
    _check_played(params)
    params.choice("proration_behavior", changes.PRORATIONS)
    facts: Object = {
        "cancel_at": params.integer("cancel_at"),
        "cancel_at_period_end": params.boolean("cancel_at_period_end", default=False),
        "default_payment_method": reading.default_method(tx, params, customer["id"]),
        "description": params.text("description", longest=500),
        "metadata": params.metadata(),
        "payment_settings": reading.payment_settings(params),
        "trial_settings": reading.trial_settings(params),
    }
    params.ignore(*_CHANGES_NOTHING)
    params.finish()  # what is wrong is said before anything is charged
    made = subscriptions.make(tx, customer, wanted, trial_end=trial, **facts)
    return _begin(tx, made, str(payment))


def _check_played(params: Params) -> None:
    if params.choice("collection_method", ("charge_automatically", "send_invoice"), "charge_automatically") == "send_invoice":
        raise invalid("Bills that are sent by mail are not played here.", "collection_method")
    for name in ("billing_cycle_anchor", "backdate_start_date", "add_invoice_items", "discounts"):
        if params.given(name):
            raise invalid(f"{name} is not played here.", name)


def _begin(tx: Tx, made: Object, payment: str) -> Object:
    """The first bill: of nothing during a trial, else it decides whether the subscription comes to life."""
    start, end = subscriptions.period_of(made)
    free = made["status"] == "trialing"
    first = subscriptions.bill(tx, made, subscriptions.lines_of(tx, made, start, end, free=free), "subscription_create")
    opened = bills.finalise(tx, first)
    if free and subscriptions.method_of(tx, made) is None:
        return subscriptions.set_up(tx, objects.get(tx, KIND, made["id"]))
    if opened["status"] == "open" and payment != "default_incomplete":
        method = subscriptions.method_of(tx, made)
        if method is None:
            message = (
                "This customer has no attached payment source or default payment method. Please consider adding a default"
                " payment method."
            )
            raise invalid(message, code="resource_missing")
        refused = bills.collect(tx, opened, method, off_session=True)
        if refused is not None and payment == "error_if_incomplete":
            raise changes.undone(refused)
    return objects.get(tx, KIND, made["id"])


def _update(call: Call) -> Object:
    tx, params = call.tx, call.params
    old = objects.get(tx, KIND, call.path["id"])
    if old["status"] in subscriptions.OVER and set(params.names()) - {"metadata", "cancellation_details", "expand"}:
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise invalid(message)
    at = timers.now(tx, old["test_clock"])
    behaviour = params.choice("proration_behavior", changes.PRORATIONS, "create_prorations") or "none"
    payment = params.choice("payment_behavior", (*_ON_CREATE, "pending_if_incomplete"), "allow_incomplete")
    if payment == "pending_if_incomplete":
        raise invalid("pending_if_incomplete is not played here.", "payment_behavior")
    anchor = params.choice("billing_cycle_anchor", ("now", "unchanged"), "unchanged")
    prorates_at = params.integer("proration_date", at)
    ends_trial = params.text("trial_end") == "now" if params.given("trial_end") else False
    trial = reading.trial_end(params, at)
    entries = changes.read_items(tx, params, old) if params.given("items") else subscriptions.entries_of(old)
    kept = _with_facts(call, old)
    params.ignore(*_CHANGES_NOTHING, "trial_from_plan")
    params.finish()
    if not (params.given("items") or anchor == "now" or ends_trial or trial is not None):
        return _kept(tx, old, kept)
    planned = changes.plan(
        tx,
        change(kept, status="trialing" if ends_trial else old["status"]),
        entries,
        at=prorates_at or at,
        behaviour=behaviour,
        restart=anchor == "now" or ends_trial,
        trial_end=trial,
    )
    moved = planned.moved
    if trial is not None:
        moved = change(moved, status="trialing", trial_end=trial, trial_start=moved["trial_start"] or at)
    elif ends_trial:
        moved = change(moved, status="active", trial_end=at)
    planned = changes.Change(moved, planned.prorated, planned.whole)
    return changes.carry_out(tx, old, planned, behaviour=behaviour, payment=str(payment))


def _with_facts(call: Call, old: Object) -> Object:
    """The subscription with what an update says of it beside its items."""
    tx, params = call.tx, call.params
    ends = params.boolean("cancel_at_period_end", default=old["cancel_at_period_end"])
    at = timers.now(tx, old["test_clock"])
    stops = params.integer("cancel_at", old["cancel_at"])
    if params.given("cancel_at_period_end"):
        stops = subscriptions.period_of(old)[1] if ends else None
    if params.given("cancel_at") and stops is not None and stops <= at:
        raise invalid("Invalid timestamp: must be in the future.", "cancel_at", "timestamp_invalid")
    asked = bool(ends) or stops is not None
    reason = "cancellation_requested" if asked else None
    return change(
        old,
        cancel_at=stops,
        cancel_at_period_end=ends,
        canceled_at=(old["canceled_at"] or at) if asked else None,
        cancellation_details=_details(params, {**old["cancellation_details"], "reason": reason}),
        default_payment_method=reading.default_method(tx, params, old["customer"], old["default_payment_method"]),
        description=params.text("description", old["description"], longest=500),
        metadata=params.metadata(old["metadata"]),
        pause_collection=reading.pause(params, old["pause_collection"]),
        payment_settings=reading.payment_settings(params, old["payment_settings"]),
        trial_settings=reading.trial_settings(params, old["trial_settings"]),
    )


def _details(params: Params, old: Object) -> Object:
    sent = params.inner("cancellation_details")
    return {
        **old,
        "comment": sent.text("comment", old["comment"]),
        "feedback": sent.choice("feedback", _FEEDBACK, old["feedback"]),
    }


def _kept(tx: Tx, old: Object, kept: Object) -> Object:
    subscriptions.move(tx, old, kept)
    if kept["status"] in subscriptions.OVER:
        return kept
    subscriptions.wind(tx, kept)
    timers.unwind(tx, "resume_collection", kept["id"])
    resumes = (kept["pause_collection"] or {}).get("resumes_at")
    if resumes is not None:
        timers.wind_at(tx, resumes, "resume_collection", kept["id"], kept["test_clock"])
    return kept


def _cancel(call: Call) -> Object:
    tx, params = call.tx, call.params
    found = objects.get(tx, KIND, call.path["id"])
    if found["status"] in subscriptions.OVER:
        raise no_such(KIND, found["id"])
    told = objects.put(tx, change(found, cancellation_details=_details(params, found["cancellation_details"])))
    if params.boolean("invoice_now", default=False) or params.boolean("prorate", default=False):
        raise invalid("Bills at the end of a subscription are not played here.", "invoice_now")
    if found["status"] == "incomplete":
        return subscriptions.drop_first(tx, told)
    return subscriptions.end(tx, told, reason="cancellation_requested")


def _resume(call: Call) -> Object:
    """A subscription that paused when its trial was over goes on with a period that begins now."""
    tx, params = call.tx, call.params
    found = objects.get(tx, KIND, call.path["id"])
    if found["status"] != "paused":
        raise invalid(f"You cannot resume this subscription because it has a status of {found['status']}.")
    params.choice("billing_cycle_anchor", ("now",), "now")
    params.ignore("proration_behavior", "proration_date")
    at = timers.now(tx, found["test_clock"])
    planned = changes.plan(tx, found, subscriptions.entries_of(found), at=at, behaviour="none", restart=True)
    live = changes.Change(change(planned.moved, status="active"), [], planned.whole)
    return changes.carry_out(tx, found, live, behaviour="none", payment="allow_incomplete")


def _retrieve(call: Call) -> Object:
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    params = call.params
    facts: dict[str, str | int | bool | None] = {
        name: value for name in ("customer", "test_clock", "collection_method") if (value := params.text(name))
    }
    status = params.choice("status", _STATUSES)
    price = params.text("price")
    if status is not None and status not in {"all", "ended"}:
        facts["status"] = status
    page = objects.page(call.tx, KIND, params, "/v1/subscriptions", **facts)
    if status in {"all", "ended"} or "status" in facts:
        shown = [one for one in page["data"] if status != "ended" or one["status"] in subscriptions.OVER]
    else:  # what is over is shown only to those who ask for it
        shown = [one for one in page["data"] if one["status"] not in subscriptions.OVER]
    return {**page, "data": [one for one in shown if price is None or _has(one, price)]}


def _has(subscription: Object, price: str) -> bool:
    return any(one["price"]["id"] == price for one in subscriptions.items_of(subscription))


def _list_items(call: Call) -> Object:
    name = call.params.text("subscription")
    if name is None:
        raise missing("subscription")
    call.params.ignore("limit", "starting_after", "ending_before")
    found = objects.get(call.tx, KIND, name, "subscription")
    return listed("/v1/subscription_items", subscriptions.items_of(found))


def _retrieve_item(call: Call) -> Object:
    for found in objects.select(call.tx, KIND):
        for one in subscriptions.items_of(found):
            if one["id"] == call.path["id"]:
                return one
    raise no_such("subscription_item", call.path["id"])


_HERE = "/v1/subscriptions"
ROUTES = (
    post(_HERE, _create, "create"),
    get(_HERE, _list),
    get(f"{_HERE}/search", lambda call: searched(call, KIND, f"{_HERE}/search")),
    get(f"{_HERE}/{{id}}", _retrieve),
    post(f"{_HERE}/{{id}}", _update),
    delete(f"{_HERE}/{{id}}", _cancel, "cancel"),
    post(f"{_HERE}/{{id}}/resume", _resume),
    get("/v1/subscription_items", _list_items),
    get("/v1/subscription_items/{id}", _retrieve_item),
)
