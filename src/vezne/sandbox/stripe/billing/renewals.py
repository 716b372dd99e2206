"""What happens to subscriptions by itself: periods turn and are billed, bills are collected and tried again, trials end."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import events, objects, timers
from vezne.sandbox.stripe.billing import bills, calendar, dunning, pending, subscriptions
from vezne.sandbox.stripe.billing.subscriptions import BILLED, KIND
from vezne.sandbox.stripe.shapes import Object, change

DRAFT_LASTS = 3600
"""How long the bill of a renewal may still be changed before it is collected."""


@timers.deed("turn_period")
def turn(tx: Tx, id_: str, at: int) -> None:
    """The period is over: the subscription ends, or goes into the next and is billed for it."""
    subscription = objects.find(tx, KIND, id_)
    if subscription is None or subscription["status"] not in BILLED | {"unpaid"}:
        return
    over = subscriptions.period_of(subscription)[1]
    if over > at:
        return
    if subscription["cancel_at_period_end"] or (subscription["cancel_at"] or over + 1) <= over:
        subscriptions.end(tx, subscription, reason="cancellation_requested")
        return
    if subscription["status"] == "trialing" and not _goes_on(tx, subscription):
        return
    _renew(tx, subscription, over)


def _goes_on(tx: Tx, subscription: Object) -> bool:
    """Whether a subscription outlives its trial: without a payment method it may end, or pause."""
    behaviour = (subscription["trial_settings"] or {}).get("end_behavior", {}).get("missing_payment_method")
    if behaviour == "create_invoice" or subscriptions.method_of(tx, subscription) is not None:
        return True
    if behaviour == "cancel":
        subscriptions.end(tx, subscription, reason="payment_failed")
    else:
        subscriptions.move(tx, subscription, change(subscription, status="paused"), "customer.subscription.paused")
    return False


def _renew(tx: Tx, subscription: Object, start: int) -> None:
    before = subscriptions.period_of(subscription)
    _, end = calendar.period_at(subscription["billing_cycle_anchor"], subscriptions.recurring_of(subscription), start)
    turned = subscriptions.in_period(subscription, start, end)
    if subscription["status"] == "trialing":
        turned = change(turned, status="active")
    subscriptions.move(tx, subscription, turned)
    subscriptions.wind(tx, turned)
    bill_cycle(tx, turned, start, end, before)


def bill_cycle(tx: Tx, subscription: Object, start: int, end: int, before: tuple[int, int]) -> Object:
    """The draft of the bill for a period, with what is pending since the last one. It is collected an hour later."""
    lines = [*pending.take(tx, subscription), *subscriptions.lines_of(tx, subscription, start, end)]
    keeps = (subscription["pause_collection"] or {}).get("behavior") == "keep_as_draft" or subscription["status"] == "unpaid"
    drafted = subscriptions.bill(
        tx,
        subscription,
        lines,
        "subscription_cycle",
        period_start=before[0],
        period_end=before[1],
        auto_advance=not keeps,
        automatically_finalizes_at=None if keeps else start + DRAFT_LASTS,
    )
    pending.mark(tx, drafted)
    if not keeps:
        timers.wind_at(tx, start + DRAFT_LASTS, "finalise_invoice", drafted["id"], subscription["test_clock"])
    return drafted


@timers.deed("finalise_invoice")
def _finalise(tx: Tx, id_: str, _: int) -> None:
    invoice = objects.find(tx, bills.KIND, id_)
    if invoice is None or invoice["status"] != "draft" or not invoice["auto_advance"]:
        return
    subscription = objects.find(tx, KIND, bills.subscription_of(invoice))
    behaviour = ((subscription or {}).get("pause_collection") or {}).get("behavior")
    if behaviour == "keep_as_draft":
        objects.put(tx, change(invoice, auto_advance=False, automatically_finalizes_at=None))
        return
    opened = bills.finalise(tx, invoice)
    if opened["status"] != "open":
        return
    if behaviour == "void":
        bills.void(tx, opened)
    elif behaviour == "mark_uncollectible":
        bills.give_up(tx, opened)
    else:
        dunning.collect(tx, opened)


@timers.deed("warn_of_trial_end")
def _warn(tx: Tx, id_: str, _: int) -> None:
    subscription = objects.find(tx, KIND, id_)
    if subscription is not None and subscription["status"] == "trialing":
        events.emit(tx, "customer.subscription.trial_will_end", subscription)


@timers.deed("cancel_subscription")
def _cancel(tx: Tx, id_: str, at: int) -> None:
    subscription = objects.find(tx, KIND, id_)
    due = subscription is not None and subscription["cancel_at"] is not None and subscription["cancel_at"] <= at
    if subscription is not None and due and subscription["status"] not in subscriptions.OVER:
        subscriptions.end(tx, subscription, reason="cancellation_requested")


@timers.deed("resume_collection")
def _resume(tx: Tx, id_: str, _: int) -> None:
    subscription = objects.find(tx, KIND, id_)
    if subscription is not None and subscription["pause_collection"] is not None:
        subscriptions.move(tx, subscription, change(subscription, pause_collection=None))
