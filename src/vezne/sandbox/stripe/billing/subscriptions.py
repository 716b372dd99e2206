"""Subscriptions: what is billed, period after period, and how they stand. Periods are on their items, as since 2025-03-31."""

from collections.abc import Sequence
from dataclasses import dataclass

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, events, objects, setup_intents, timers
from vezne.sandbox.stripe.billing import bills, calendar
from vezne.sandbox.stripe.shapes import Object, change, listed, new

KIND = "subscription"
OVER = frozenset({"canceled", "incomplete_expired"})
BILLED = frozenset({"active", "past_due", "trialing"})
_FIRST_PAYMENT_LASTS = 23 * 3600
_TRIAL_WARNING = 3 * 86_400


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be subscribed to."""

    price: Object
    quantity: int
    metadata: Object


def make(tx: Tx, customer: Object, wanted: Sequence[Wanted], *, trial_end: int | None = None, **facts: object) -> Object:
    """A new subscription, kept and told of: trialing, or incomplete until its first bill is paid. Nothing is billed yet."""
    at = timers.now(tx, customer["test_clock"])
    id_, anchor = account.new_id(tx, "sub"), trial_end or at
    recurring = wanted[0].price["recurring"]
    start, end = (at, trial_end) if trial_end else calendar.period_at(anchor, recurring, at)
    items = [item(tx, id_, one, start, end or at) for one in wanted]
    made = new(
        KIND,
        **{
            "id": id_,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": anchor,
            "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
            "cancellation_details": {"comment": None, "feedback": None, "reason": None},
            "collection_method": "charge_automatically",
            "created": at,
            "currency": wanted[0].price["currency"],
            "customer": customer["id"],
            "default_tax_rates": [],
            "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}, "custom_fields": None}
            | {"description": None, "footer": None},
            "items": listed(f"/v1/subscription_items?subscription={id_}", items),
            "payment_settings": payment_settings("off"),
            "start_date": at,
            "status": "trialing" if trial_end else "incomplete",
            "test_clock": customer["test_clock"],
            "trial_end": trial_end,
            "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
            "trial_start": at if trial_end else None,
            **facts,
        },
    )
    objects.insert(tx, made)
    events.emit(tx, "customer.subscription.created", made)
    wind(tx, made)
    if not trial_end:
        timers.wind_at(tx, at + _FIRST_PAYMENT_LASTS, "expire_subscription", id_, customer["test_clock"])
    return made


def payment_settings(save: str) -> Object:
    """How the bills of a subscription are paid."""
    return {"payment_method_options": None, "payment_method_types": None, "save_default_payment_method": save}


def item(tx: Tx, subscription: str, wanted: Wanted, start: int, end: int, id_: str | None = None) -> Object:
    """One thing that is subscribed to."""
    return new(
        "subscription_item",
        id=id_ or account.new_id(tx, "si", 14),
        created=timers.now(tx),
        current_period_end=end,
        current_period_start=start,
        metadata=wanted.metadata,
        plan=_plan_of(wanted.price),
        price=wanted.price,
        quantity=wanted.quantity,
        subscription=subscription,
        tax_rates=[],
    )


def _plan_of(price: Object) -> Object:
    """The price as it was called formerly, which is shown beside it still."""
    alike = ("active", "billing_scheme", "created", "currency", "id", "livemode", "metadata", "nickname", "product", "tiers_mode")
    shown: Object = {name: price[name] for name in alike}
    recurring = price["recurring"]
    how = {name: recurring[name] for name in ("interval", "interval_count", "meter", "trial_period_days", "usage_type")}
    cost = {"amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"], "transform_usage": None}
    return {"object": "plan", **shown, **how, **cost}


def items_of(subscription: Object) -> list[Object]:
    """What is subscribed to."""
    found: list[Object] = subscription["items"]["data"]
    return found


def recurring_of(subscription: Object) -> Object:
    """How often it is billed."""
    found: Object = items_of(subscription)[0]["price"]["recurring"]
    return found


def period_of(subscription: Object) -> tuple[int, int]:
    """The period it is in."""
    first = items_of(subscription)[0]
    return first["current_period_start"], first["current_period_end"]


def next_period(subscription: Object) -> tuple[int, int]:
    """The period after the one it is in."""
    start = period_of(subscription)[1]
    return start, calendar.period_at(subscription["billing_cycle_anchor"], recurring_of(subscription), start)[1]


def entries_of(subscription: Object) -> list[tuple[str | None, Wanted | None]]:
    """What is subscribed to, by the ids of its items."""
    return [(one["id"], Wanted(one["price"], one["quantity"], one["metadata"])) for one in items_of(subscription)]


def in_period(subscription: Object, start: int, end: int) -> Object:
    """The subscription in this period."""
    items = [change(one, current_period_start=start, current_period_end=end) for one in items_of(subscription)]
    return change(subscription, items={**subscription["items"], "data": items})


def move(tx: Tx, old: Object, moved: Object, event: str = "customer.subscription.updated") -> Object:
    """Keep a subscription as it now is, and tell what was otherwise."""
    objects.put(tx, moved)
    previous = {name: old[name] for name in old if old[name] != moved[name]}
    if previous:
        events.emit(tx, event, moved, previous if event.endswith("updated") else None)
    return moved


def lines_of(tx: Tx, subscription: Object, start: int, end: int, *, free: bool = False) -> list[Object]:
    """The lines of a bill for one period of it."""
    found = []
    for one in items_of(subscription):
        price, name = one["price"], objects.get(tx, "product", one["price"]["product"])["name"]
        every = f"{price['recurring']['interval_count']} {price['recurring']['interval']}"
        words = f"Trial period for {name}" if free else f"{one['quantity']} × {name} (every {every})"
        found.append(
            bills.line(
                tx,
                price,
                amount=0 if free else price["unit_amount"] * one["quantity"],
                start=start,
                end=end,
                description=words,
                parent=bills.of_subscription(subscription["id"], one["id"]),
                quantity=one["quantity"],
                quantity_decimal=str(one["quantity"]),
            )
        )
    return found


def bill(tx: Tx, subscription: Object, lines: Sequence[Object], reason: str, **facts: object) -> Object:
    """A draft of a bill of it, which is then its latest."""
    customer = objects.get(tx, "customer", subscription["customer"])
    drafted = bills.draft(tx, customer, lines, reason=reason, parent=bills.parent_of(subscription), **facts)
    latest = objects.get(tx, KIND, subscription["id"])
    move(tx, latest, change(latest, latest_invoice=drafted["id"]))
    return drafted


def method_of(tx: Tx, subscription: Object) -> str | None:
    """By what its bills are paid: its own default, else its customer's."""
    customer = objects.get(tx, "customer", subscription["customer"])
    found: str | None = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    return found


def wind(tx: Tx, subscription: Object) -> None:
    """Let its period turn when it is over, and warn before its trial is."""
    id_, clock = subscription["id"], subscription["test_clock"]
    end = period_of(subscription)[1]
    for name in ("turn_period", "warn_of_trial_end", "cancel_subscription"):
        timers.unwind(tx, name, id_)
    timers.wind_at(tx, end, "turn_period", id_, clock)
    if subscription["status"] == "trialing":
        timers.wind_at(tx, max(end - _TRIAL_WARNING, timers.now(tx, clock)), "warn_of_trial_end", id_, clock)
    if subscription["cancel_at"] is not None and subscription["cancel_at"] < end:
        timers.wind_at(tx, subscription["cancel_at"], "cancel_subscription", id_, clock)


def follow(tx: Tx, invoice: Object) -> None:
    """A subscription stands by its bills: a paid one lets it live, one that could not be collected is past due."""
    subscription = objects.find(tx, KIND, bills.subscription_of(invoice))
    if subscription is None or subscription["status"] in OVER:
        return
    status, is_latest = subscription["status"], subscription["latest_invoice"] == invoice["id"]
    if invoice["status"] == "open":
        if status in {"active", "trialing"}:
            move(tx, subscription, change(subscription, status="past_due"))
        return
    timers.unwind(tx, "retry_invoice", invoice["id"])
    if status == "incomplete" and invoice["status"] == "paid":
        timers.unwind(tx, "expire_subscription", subscription["id"])
        move(tx, subscription, change(subscription, status="active", **_kept_method(tx, subscription, invoice)))
    elif status in {"past_due", "unpaid"} and is_latest:
        move(tx, subscription, change(subscription, status="active"))


bills.FOLLOWERS.append(follow)


def _kept_method(tx: Tx, subscription: Object, invoice: Object) -> Object:
    """What the first bill was paid by is kept for the others, where that was asked for."""
    intent = bills.intent_of(tx, invoice)
    saves = (subscription["payment_settings"] or {}).get("save_default_payment_method") == "on_subscription"
    return {"default_payment_method": intent["payment_method"]} if saves and intent is not None else {}


def end(tx: Tx, subscription: Object, *, reason: str | None = None, status: str = "canceled") -> Object:
    """It is over; its open bills are not collected any more."""
    at = timers.now(tx, subscription["test_clock"])
    for name in ("turn_period", "warn_of_trial_end", "cancel_subscription", "expire_subscription", "resume_collection"):
        timers.unwind(tx, name, subscription["id"])
    ended = change(
        subscription,
        status=status,
        canceled_at=subscription["canceled_at"] or at,
        cancellation_details={**subscription["cancellation_details"], "reason": reason},
        ended_at=at,
    )
    objects.put(tx, ended)
    for invoice in objects.select(tx, bills.KIND, parent__subscription_details__subscription=ended["id"]):
        if invoice["status"] in {"draft", "open"}:
            timers.unwind(tx, "retry_invoice", invoice["id"])
            objects.put(tx, change(invoice, auto_advance=False, next_payment_attempt=None))
    events.emit(tx, "customer.subscription.deleted", ended)
    return ended


def set_up(tx: Tx, subscription: Object) -> Object:
    """A trial of which nothing is paid yet asks for a payment method by a setup intent."""
    intent = setup_intents.make(tx, customer=subscription["customer"], hidden={"subscription": subscription["id"]})
    return move(tx, subscription, change(subscription, pending_setup_intent=intent["id"]))


def follow_setup(tx: Tx, intent: Object) -> None:
    """The payment method that a trial asked for is there."""
    subscription = objects.find(tx, KIND, objects.hidden_of(tx, intent["id"]).get("subscription"))
    if subscription is not None and intent["status"] == "succeeded":
        known = change(subscription, pending_setup_intent=None, default_payment_method=intent["payment_method"])
        move(tx, subscription, known)


setup_intents.FOLLOWERS.append(follow_setup)


@timers.deed("expire_subscription")
def _expire(tx: Tx, id_: str, _: int) -> None:
    """Nobody has paid the first bill in time."""
    subscription = objects.find(tx, KIND, id_)
    if subscription is None or subscription["status"] != "incomplete":
        return
    drop_first(tx, subscription)


def drop_first(tx: Tx, subscription: Object) -> Object:
    """A subscription whose first bill is not paid is over, and the bill void."""
    ended = end(tx, subscription, status="incomplete_expired")
    invoice = objects.find(tx, bills.KIND, subscription["latest_invoice"])
    if invoice is not None and invoice["status"] == "open":
        bills.void(tx, invoice)
    return ended
