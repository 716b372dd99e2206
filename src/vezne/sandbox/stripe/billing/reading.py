"""What the parameters of subscriptions say, alike wherever they are sent: to the API, on a Checkout page, in a preview."""

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import objects
from vezne.sandbox.stripe.billing import subscriptions
from vezne.sandbox.stripe.errors import invalid
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.shapes import Object

_DAY = 86_400
_LONGEST_TRIAL = 730


def trial_end(params: Params, now: int) -> int | None:
    """When a trial ends: an instant to come, or so many days from now; `now` ends it at once."""
    days = params.integer("trial_period_days", least=1)
    if days is not None and params.given("trial_end"):
        message = "You may only specify one of these parameters: trial_end, trial_period_days."
        raise invalid(message, params.name("trial_period_days"))
    if days is not None:
        if days > _LONGEST_TRIAL:
            raise invalid(f"A trial has at most {_LONGEST_TRIAL} days.", params.name("trial_period_days"))
        return now + days * _DAY
    if not params.given("trial_end") or params.text("trial_end") == "now":
        return None
    at = params.integer("trial_end")
    if at is not None and not now < at <= now + _LONGEST_TRIAL * _DAY:
        message = "Invalid timestamp: must be in the future and at most two years away."
        raise invalid(message, params.name("trial_end"), "timestamp_invalid")
    return at


def trial_settings(params: Params, old: Object | None = None) -> Object:
    """What becomes of a trial whose customer has left no payment method."""
    kept = (old or {"end_behavior": {"missing_payment_method": "create_invoice"}})["end_behavior"]["missing_payment_method"]
    ends = params.inner("trial_settings").inner("end_behavior")
    chosen = ends.choice("missing_payment_method", ("cancel", "create_invoice", "pause"), kept)
    return {"end_behavior": {"missing_payment_method": chosen}}


def payment_settings(params: Params, old: Object | None = None) -> Object:
    """Whether what the first bill is paid by is kept for the others."""
    sent = params.inner("payment_settings")
    kept = None if old is None else old["save_default_payment_method"]
    save = sent.choice("save_default_payment_method", ("off", "on_subscription"), kept or "off")
    sent.ignore("payment_method_types", "payment_method_options")
    return subscriptions.payment_settings(save or "off")


def default_method(tx: Tx, params: Params, customer: str, old: str | None = None) -> str | None:
    """A payment method of the customer's."""
    named = params.text("default_payment_method", old)
    if named is None or not params.given("default_payment_method"):
        return named
    method = objects.get(tx, "payment_method", named, params.name("default_payment_method"))
    if method["customer"] != customer:
        message = (
            f"The customer does not have a payment method with the ID {named}."
            " The payment method must be attached to the customer."
        )
        raise invalid(message, params.name("default_payment_method"), "resource_missing")
    return named


def pause(params: Params, old: Object | None) -> Object | None:
    """How bills are kept back for a while."""
    if not params.given("pause_collection"):
        return old
    if not params.is_hash("pause_collection"):
        params.text("pause_collection")
        return None
    sent = params.inner("pause_collection")
    behaviour = sent.choice("behavior", ("keep_as_draft", "mark_uncollectible", "void"))
    if behaviour is None:
        raise invalid("Missing required param: pause_collection[behavior].", "pause_collection[behavior]", "parameter_missing")
    return {"behavior": behaviour, "resumes_at": sent.integer("resumes_at")}
