"""Bills that could not be collected: tried again after some days, and what becomes of the subscription when that was in vain.

The days and the end are what a merchant sets on the dashboard; here by PUT /stripe/play/billing.
"""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import objects, timers
from vezne.sandbox.stripe.billing import bills, subscriptions
from vezne.sandbox.stripe.errors import StripeRefused
from vezne.sandbox.stripe.shapes import Object, change

_SETTINGS = "billing.settings"
_DAY = 86_400


def settings(tx: Tx) -> Object:
    """After how many days each next try is made, and what then: cancel, mark_unpaid or leave."""
    found = objects.find(tx, _SETTINGS, _SETTINGS)
    return found or {"id": _SETTINGS, "object": _SETTINGS, "retry_days": [3, 5, 7], "after_last": "cancel"}


def set_up(tx: Tx, chosen: Object) -> None:
    """Try as is chosen from now on."""
    objects.delete(tx, _SETTINGS)
    objects.insert(tx, {"id": _SETTINGS, "object": _SETTINGS, **chosen})


def collect(tx: Tx, invoice: Object) -> StripeRefused | None:
    """Collect an open bill while its customer is away; should that fail, wind the next try."""
    subscription = objects.find(tx, subscriptions.KIND, bills.subscription_of(invoice))
    customer = objects.get(tx, "customer", invoice["customer"])
    default = customer["invoice_settings"]["default_payment_method"]
    method = invoice["default_payment_method"] or (default if subscription is None else subscriptions.method_of(tx, subscription))
    refused = bills.collect(tx, invoice, method, off_session=True)
    tried = objects.get(tx, bills.KIND, invoice["id"])
    if tried["status"] == "open" and refused is not None:
        _wind_next(tx, tried)
    return refused


def _wind_next(tx: Tx, invoice: Object) -> None:
    days, clock = settings(tx)["retry_days"], timers.clock_of(tx, invoice)
    number = invoice["attempt_count"] - 1
    if number < len(days):
        at = timers.now(tx, clock) + days[number] * _DAY
        objects.put(tx, change(invoice, next_payment_attempt=at))
        timers.wind_at(tx, at, "retry_invoice", invoice["id"], clock)
        return
    objects.put(tx, change(invoice, next_payment_attempt=None, auto_advance=False))
    subscription = objects.find(tx, subscriptions.KIND, bills.subscription_of(invoice))
    if subscription is None or subscription["status"] in subscriptions.OVER:
        return
    last = settings(tx)["after_last"]
    if last == "cancel":
        subscriptions.end(tx, subscription, reason="payment_failed")
    elif last == "mark_unpaid":
        subscriptions.move(tx, subscription, change(subscription, status="unpaid"))


@timers.deed("retry_invoice")
def _retry(tx: Tx, id_: str, _: int) -> None:
    invoice = objects.find(tx, bills.KIND, id_)
    if invoice is not None and invoice["status"] == "open":
        collect(tx, invoice)
