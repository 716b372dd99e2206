"""Payment intents: money that is to be taken, through its states, in each of which only some things can be done."""

from collections.abc import Callable

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, charges, disputes, events, objects, payment_methods, timers
from vezne.sandbox.stripe.cards import IBANS, MESSAGES, TestCard
from vezne.sandbox.stripe.charges import Said
from vezne.sandbox.stripe.errors import StripeRefused, card_error, invalid, unexpected
from vezne.sandbox.stripe.shapes import Object, change, new

KIND = "payment_intent"
Follower = Callable[[Tx, Object], None]
FOLLOWERS: list[Follower] = []
"""Who hears of every intent that has moved to another state, in this order."""

_WAITING = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
_CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")
_UNEXPECTED = "payment_intent_unexpected_state"
_UNAUTHENTICATED = "We are unable to authenticate your payment method. Please choose a different payment method and try again."


def make(tx: Tx, *, amount: int, currency: str, hidden: Object | None = None, **facts: object) -> Object:
    """A new intent that waits for a payment method. `facts` are fields of it, `hidden` what only the sandbox knows."""
    id_ = account.new_id(tx, "pi")
    made = new(
        KIND,
        **{
            "id": id_,
            "amount": amount,
            "amount_details": {"tip": {}},
            "capture_method": "automatic_async",
            "client_secret": f"{id_}_secret_{account.new_id(tx, 's', 25)[2:]}",
            "confirmation_method": "automatic",
            "created": timers.now(tx),
            "currency": currency,
            "payment_method_options": {
                "card": {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
            },
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
            **facts,
        },
    )
    made["created"] = timers.now(tx, timers.clock_of(tx, made))
    objects.insert(tx, made, **(hidden or {}))
    events.emit(tx, "payment_intent.created", made)
    return made


def confirm(
    tx: Tx,
    intent: Object,
    method_id: str | None = None,
    *,
    off_session: bool = False,
    strict: bool = False,
    return_url: str | None = None,
) -> Object:
    """Try to take the money by this method, or the one the intent has. A decline is raised as a card_error; what it has changed
    stays. The intent then waits for its customer, for time, for a capture, or has succeeded. `strict`: a bank that wants to ask
    the customer has said no.
    """
    if intent["status"] not in {"requires_payment_method", "requires_confirmation"}:
        raise _cannot("confirm", intent)
    method = usable(tx, intent, method_id or intent["payment_method"])
    moved = change(intent, payment_method=method["id"], last_payment_error=None, next_action=None)
    card = payment_methods.card_of(tx, method)
    if card is not None and _asks(tx, moved, method, card, off_session=off_session):
        if off_session or strict:
            said: Said = {
                "code": "authentication_required",
                "decline_code": "authentication_required",
                "message": MESSAGES["authentication_required"],
            }
            raise _declined(tx, moved, method, said)
        return _ask(tx, moved, return_url)
    return _charge(tx, moved, method, authenticated=False)


def usable(tx: Tx, intent: Object, method_id: str | None) -> Object:
    """The payment method, when this intent may be paid by it."""
    if method_id is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the"
            " PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method."
        )
        raise unexpected(message, _UNEXPECTED, payment_intent=intent)
    method = payment_methods.named(tx, method_id, "payment_method")
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        raise invalid(_whose(intent, method), "payment_method", "payment_method_customer_mismatch")
    if objects.hidden_of(tx, method["id"]).get("used"):
        message = (
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a"
            " connected account without Customer attachment, or was detached from a Customer. It may not be used again."
        )
        raise invalid(message, "payment_method", "payment_method_unactivated")
    if method["type"] not in intent["payment_method_types"]:
        message = (
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent."
            f" The allowed types are {', '.join(intent['payment_method_types'])}."
        )
        raise invalid(message, "payment_method", "payment_intent_incompatible_payment_method")
    return method


def _whose(intent: Object, method: Object) -> str:
    if intent["customer"] is None:
        return (
            f"The payment method supplied ({method['id']}) belongs to a Customer."
            " Please include the Customer in the `customer` parameter on the PaymentIntent."
        )
    return (
        f"The customer does not have a payment method with the ID {method['id']}."
        " The payment method must be attached to the customer."
    )


def _asks(tx: Tx, intent: Object, method: Object, card: TestCard, *, off_session: bool) -> bool:
    """Whether the bank wants to ask the customer."""
    if method["card"]["wallet"] is not None:
        return False
    options = intent["payment_method_options"].get("card", {})
    if card.three_ds == "optional":
        return not off_session and options.get("request_three_d_secure") in {"any", "challenge"} and card.brand != "amex"
    if not off_session or card.three_ds == "always":
        return True
    return card.three_ds == "unless_set_up" and not objects.hidden_of(tx, method["id"]).get("set_up")


def _ask(tx: Tx, intent: Object, return_url: str | None) -> Object:
    url = f"{account.base_url(tx)}/stripe/3ds/{intent['id']}/{intent['client_secret']}"
    action: Object = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}
    moved = change(intent, status="requires_action", next_action=action)
    objects.put(tx, moved, return_url=return_url)
    return keep(tx, moved, "payment_intent.requires_action")


def answer(tx: Tx, intent_id: str, *, approved: bool) -> Object:
    """The customer has answered the bank. Sent twice, the first answer counts. What the bank says then is on the intent."""
    intent = objects.get(tx, KIND, intent_id)
    if intent["status"] != "requires_action":
        return intent
    method = objects.get(tx, payment_methods.KIND, intent["payment_method"])
    intent = change(intent, next_action=None)
    try:
        if approved:
            return _charge(tx, intent, method, authenticated=True)
        code = "payment_intent_authentication_failure"
        raise _declined(tx, intent, method, {"code": code, "decline_code": None, "message": _UNAUTHENTICATED}, charged=False)
    except StripeRefused:
        return objects.get(tx, KIND, intent_id)


def _charge(tx: Tx, intent: Object, method: Object, *, authenticated: bool) -> Object:
    card = payment_methods.card_of(tx, method)
    if card is not None and card.decline is not None:
        decline = card.decline if card.code == "card_declined" else None
        raise _declined(tx, intent, method, {"code": card.code, "decline_code": decline, "message": MESSAGES[card.decline]})
    charge = charges.make(tx, intent, method, authenticated=authenticated)
    _settle_method(tx, intent, method)
    moved = change(intent, latest_charge=charge["id"])
    if card is None:
        timers.wind_after(tx, tx.settings.delayed_success, "finish_processing", intent["id"], timers.clock_of(tx, intent))
        return keep(tx, change(moved, status="processing"), "payment_intent.processing")
    if intent["capture_method"] == "manual":
        charges.authorise(tx, charge)
        timers.wind_after(tx, tx.settings.authorisation_lasts, "expire_authorisation", intent["id"], timers.clock_of(tx, intent))
        held = change(moved, status="requires_capture", amount_capturable=intent["amount"])
        return keep(tx, held, "payment_intent.amount_capturable_updated")
    charges.capture(tx, charge, intent["amount"], later=False)
    done = keep(tx, change(moved, status="succeeded", amount_received=intent["amount"]), "payment_intent.succeeded")
    disputes.expect(tx, charge["id"], card)
    return done


def _settle_method(tx: Tx, intent: Object, method: Object) -> None:
    """A method that was used is the customer's when it is to be used again, and nobody's when it is not."""
    wanted = intent["setup_future_usage"] is not None
    if method["customer"] is None and intent["customer"] is not None and wanted:
        method = payment_methods.keep_for(tx, method, intent["customer"])
    if method["customer"] is None:
        objects.put(tx, method, used=True)
    elif wanted:
        objects.put(tx, method, set_up=True)


def _declined(tx: Tx, intent: Object, method: Object, said: Said, *, charged: bool = True) -> StripeRefused:
    """Keep what the bank said, and give the refusal that tells of it."""
    charge = charges.make(tx, intent, method, said=said) if charged else None
    error: Object = {"type": "card_error", "code": said["code"], "message": said["message"], "payment_method": method}
    if charge is not None:
        error["charge"] = charge["id"]
    if said["decline_code"] is not None:
        error["decline_code"] = said["decline_code"]
    moved = change(
        intent,
        status="requires_payment_method",
        payment_method=None,
        latest_charge=charge["id"] if charge else intent["latest_charge"],
        last_payment_error=error,
    )
    kept = keep(tx, moved, "payment_intent.payment_failed")
    more = {"charge": error.get("charge"), "payment_intent": kept, "payment_method": method}
    return card_error(said["message"], said["code"], said["decline_code"], **more)


def keep(tx: Tx, moved: Object, event: str) -> Object:
    """Keep an intent that has moved, tell the merchant, and those who follow it."""
    objects.put(tx, moved)
    events.emit(tx, event, moved)
    for follower in FOLLOWERS:
        follower(tx, moved)
    return objects.get(tx, KIND, moved["id"])


@timers.deed("finish_processing")
def _finish_processing(tx: Tx, id_: str, _: int) -> None:
    intent = objects.find(tx, KIND, id_)
    if intent is None or intent["status"] != "processing":
        return
    charge = objects.get(tx, charges.KIND, intent["latest_charge"])
    why = IBANS.get(str(objects.hidden_of(tx, intent["payment_method"]).get("iban")))
    if why is None:
        charges.capture(tx, charge, intent["amount"], later=True)
        keep(tx, change(intent, status="succeeded", amount_received=intent["amount"]), "payment_intent.succeeded")
        return
    said: Said = {"code": "payment_method_provider_decline", "decline_code": why, "message": MESSAGES[why]}
    charges.fail(tx, charge, said)
    method = objects.get(tx, payment_methods.KIND, intent["payment_method"])
    error = {"type": "card_error", **said, "charge": charge["id"], "payment_method": method}
    moved = change(intent, status="requires_payment_method", payment_method=None, last_payment_error=error)
    keep(tx, moved, "payment_intent.payment_failed")


@timers.deed("expire_authorisation")
def _expire_authorisation(tx: Tx, id_: str, _: int) -> None:
    intent = objects.find(tx, KIND, id_)
    if intent is not None and intent["status"] == "requires_capture":
        cancel(tx, intent, "automatic")


def capture(tx: Tx, intent: Object, amount: int | None) -> Object:
    """Take what was set aside, or a part of it; the rest is let go."""
    if intent["status"] != "requires_capture":
        raise _cannot("capture", intent, "requires_capture")
    if amount is not None and amount > intent["amount_capturable"]:
        message = "The payment could not be captured because the requested capture amount is greater than the authorized amount."
        raise invalid(message, "amount_to_capture", "amount_too_large")
    taken = intent["amount_capturable"] if amount is None else amount
    charge = objects.get(tx, charges.KIND, intent["latest_charge"])
    charges.capture(tx, charge, taken, later=True)
    moved = change(intent, status="succeeded", amount_capturable=0, amount_received=taken)
    done = keep(tx, moved, "payment_intent.succeeded")
    card = payment_methods.card_of(tx, objects.get(tx, payment_methods.KIND, intent["payment_method"]))
    if card is not None:
        disputes.expect(tx, charge["id"], card)
    return done


def cancel(tx: Tx, intent: Object, reason: str | None) -> Object:
    """Nothing is taken; what was set aside is let go."""
    if intent["status"] not in _CANCELABLE:
        raise _cannot("cancel", intent, *_CANCELABLE)
    if intent["status"] == "requires_capture":
        charges.release(tx, objects.get(tx, charges.KIND, intent["latest_charge"]), expired=reason == "automatic")
    moved = change(
        intent,
        status="canceled",
        amount_capturable=0,
        canceled_at=timers.now(tx, timers.clock_of(tx, intent)),
        cancellation_reason=reason,
        next_action=None,
    )
    return keep(tx, moved, "payment_intent.canceled")


def _cannot(verb: str, intent: Object, *among: str) -> StripeRefused:
    past = {"confirm": "confirmed", "capture": "captured", "cancel": "canceled", "update": "updated"}[verb]
    message = f"This PaymentIntent could not be {past} because it has a status of {intent['status']}."
    if verb == "cancel":
        message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
    if among:
        message += f" Only a PaymentIntent with one of the following statuses may be {past}: {', '.join(among)}."
    return unexpected(message, _UNEXPECTED, payment_intent=intent)


def check_changeable(intent: Object) -> None:
    """Refused once the customer can no longer be asked for other things."""
    if intent["status"] not in _WAITING:
        raise _cannot("update", intent, *sorted(_WAITING))
