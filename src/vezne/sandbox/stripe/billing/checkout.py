"""Checkout pages on which a customer subscribes: a payment, or in a trial a payment method, and the subscription comes of it."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import objects, payment_intents, sessions, setup_intents, timers
from vezne.sandbox.stripe.billing import bills, reading, subscriptions
from vezne.sandbox.stripe.billing.subscriptions import Wanted
from vezne.sandbox.stripe.calls import Call
from vezne.sandbox.stripe.errors import invalid
from vezne.sandbox.stripe.shapes import Object, change

_NEAREST_TRIAL_END = 48 * 3600


def _prepare(call: Call, session: Object) -> Object:
    sent = call.params.inner("subscription_data")
    now = session["created"]
    trial = reading.trial_end(sent, now)
    if sent.given("trial_end") and trial is not None and trial < now + _NEAREST_TRIAL_END:
        raise invalid("The `trial_end` date has to be at least 2 days in the future.", sent.name("trial_end"))
    for name in ("billing_cycle_anchor", "application_fee_percent", "transfer_data", "on_behalf_of"):
        if sent.given(name):
            raise invalid(f"{name} is not played here.", sent.name(name))
    sent.ignore("default_tax_rates", "invoice_settings", "proration_behavior", "billing_mode")
    if trial is not None:
        session.update(amount_subtotal=0, amount_total=0, payment_status="unpaid")
    return {
        "data": {
            "description": sent.text("description", longest=500),
            "metadata": sent.metadata(),
            "trial_settings": reading.trial_settings(sent),
        },
        "needs_customer": True,
        "trial_end": trial,
    }


def _intent(tx: Tx, session: Object, method: Object) -> Object:
    """What is to be confirmed: the first payment, or in a trial that the method may be charged later."""
    if objects.hidden_of(tx, session["id"])["trial_end"] is not None:
        return setup_intents.make(tx, customer=session["customer"], payment_method_types=[method["type"]])
    return payment_intents.make(
        tx,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        description="Subscription creation",
        payment_method_types=[method["type"]],
        setup_future_usage="off_session",
        metadata={},
    )


def _completed(tx: Tx, session: Object, intent: Object) -> Object:
    """The subscription that comes of the page, and its first bill; it is paid by the intent that follows them."""
    hidden = objects.hidden_of(tx, session["id"])
    customer = objects.get(tx, "customer", session["customer"])
    wanted = [Wanted(one["price"], one["quantity"], {}) for one in hidden["items"] if one["price"]["recurring"]]
    trial = hidden["trial_end"]
    if trial is not None and trial <= timers.now(tx, customer["test_clock"]):
        trial = None
    made = subscriptions.make(
        tx,
        customer,
        wanted,
        trial_end=trial,
        default_payment_method=intent["payment_method"],
        payment_settings=subscriptions.payment_settings("off"),
        **hidden["data"],
    )
    start, end = subscriptions.period_of(made)
    lines = subscriptions.lines_of(tx, made, start, end, free=trial is not None)
    invoice = bills.finalise(tx, subscriptions.bill(tx, made, lines, "subscription_create"), paid_by=intent)
    return change(session, subscription=made["id"], invoice=invoice["id"])


sessions.MODES["subscription"] = sessions.Mode(_prepare, _intent, _completed)
