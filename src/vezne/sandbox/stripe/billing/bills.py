"""Invoices: drafted, finalised, paid or not, void or given up; each has the payment intent that is to pay it beside it.

Shapes of 2025-03-31 and later: the subscription stands in `parent`, the payments in `payments`.
"""

from collections.abc import Callable, Sequence

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, events, objects, payment_intents, timers
from vezne.sandbox.stripe.errors import StripeRefused, unexpected
from vezne.sandbox.stripe.shapes import Object, change, listed, new

KIND, PAYMENT = "invoice", "invoice_payment"
FOLLOWERS: list[Callable[[Tx, Object], None]] = []
"""Who hears of every bill that is paid, void or given up, and of every try to collect one that has failed."""
_OPEN = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


def line(tx: Tx, price: Object, *, amount: int, start: int, end: int, **facts: object) -> Object:
    """A line of a bill that is being made; which bill it is on is written when it is drafted."""
    return new(
        "line_item",
        **{
            "id": account.new_id(tx, "il"),
            "amount": amount,
            "subtotal": amount,
            "currency": price["currency"],
            "discount_amounts": [],
            "discountable": True,
            "period": {"start": start, "end": end},
            "pretax_credit_amounts": [],
            "pricing": {
                "type": "price_details",
                "price_details": {"price": price["id"], "product": price["product"]},
                "unit_amount_decimal": price["unit_amount_decimal"],
            },
            "quantity": 1,
            "quantity_decimal": "1",
            "taxes": [],
            **facts,
        },
    )


def of_subscription(subscription: str, item: str, *, proration: bool = False) -> Object:
    """Where a line of a subscription comes from."""
    details = {
        "invoice_item": None,
        "proration": proration,
        "proration_details": {"credited_items": None} if proration else None,
        "subscription": subscription,
        "subscription_item": item,
    }
    return {"type": "subscription_item_details", "invoice_item_details": None, "subscription_item_details": details}


def parent_of(subscription: Object) -> Object:
    """Where a bill of a subscription comes from."""
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"], "subscription_proration_date": None}
    return {"type": "subscription_details", "quote_details": None, "subscription_details": details}


def subscription_of(invoice: Object) -> str | None:
    """The subscription a bill is of."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    found: str | None = details.get("subscription")
    return found


def sketch(customer: Object, lines: Sequence[Object], *, id_: str, at: int, reason: str, **facts: object) -> Object:
    """A bill as a draft of it looks, not kept."""
    total = sum(one["amount"] for one in lines)
    shown = [change(one, invoice=id_) for one in lines]
    return new(
        KIND,
        **{
            "id": id_,
            "account_country": "US",
            "account_name": "Sandbox",
            **dict.fromkeys(("amount_due", "amount_remaining"), max(total, 0)),
            "auto_advance": True,
            "billing_reason": reason,
            "collection_method": "charge_automatically",
            "created": at,
            "currency": shown[0]["currency"] if shown else customer["currency"] or "usd",
            "customer": customer["id"],
            "customer_address": customer["address"],
            "customer_email": customer["email"],
            "customer_name": customer["name"],
            "customer_phone": customer["phone"],
            "customer_tax_exempt": customer["tax_exempt"],
            "customer_tax_ids": [],
            "issuer": {"type": "self"},
            "lines": listed(f"/v1/invoices/{id_}/lines", shown),
            "metadata": {},
            "period_end": at,
            "period_start": at,
            "starting_balance": 0,
            "status": "draft",
            "test_clock": customer["test_clock"],
            **dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"), total),
            **{name: [] for name in ("total_discount_amounts", "total_pretax_credit_amounts", "total_taxes")},
            **facts,
        },
    )


def draft(tx: Tx, customer: Object, lines: Sequence[Object], *, reason: str, **facts: object) -> Object:
    """A new bill, kept and told of."""
    at = timers.now(tx, customer["test_clock"])
    made = sketch(customer, lines, id_=account.new_id(tx, "in"), at=at, reason=reason, **facts)
    objects.insert(tx, made)
    events.emit(tx, "invoice.created", made)
    return made


def finalise(tx: Tx, invoice: Object, paid_by: Object | None = None) -> Object:
    """The bill is open and has a number; what the customer has in credit is set off. Nothing to pay: it is paid. `paid_by` is the
    intent that pays it, where that was made before.
    """
    if invoice["status"] != "draft":
        raise unexpected("This invoice is already finalized, you can't re-finalize a non-draft invoice.", "invoice_not_editable")
    customer = objects.get(tx, "customer", invoice["customer"])
    number, balance = customer["next_invoice_sequence"], customer["balance"]
    due = max(0, invoice["total"] + balance)
    left = balance + invoice["total"] - due
    spent = change(customer, next_invoice_sequence=number + 1, balance=left, currency=invoice["currency"])
    objects.put(tx, spent)
    at = timers.now(tx, customer["test_clock"])
    opened = change(
        invoice,
        amount_due=due,
        amount_remaining=due,
        attempted=False,
        automatically_finalizes_at=None,
        effective_at=at,
        ending_balance=left,
        number=f"{customer['invoice_prefix']}-{number:04}",
        starting_balance=balance,
        status="open",
        status_transitions={**invoice["status_transitions"], "finalized_at": at},
    )
    objects.put(tx, opened)
    if left != balance:
        events.emit(tx, "customer.updated", spent, {"balance": balance})
    events.emit(tx, "invoice.finalized", opened)
    if due == 0:
        return settle(tx, opened, 0)
    if paid_by is None:
        _intent(tx, opened)
    else:
        beside(tx, opened, paid_by)
    return objects.get(tx, KIND, opened["id"])


def _intent(tx: Tx, invoice: Object) -> None:
    """What is to pay the bill."""
    words = {"subscription_create": "Subscription creation", "subscription_update": "Subscription update"}
    intent = payment_intents.make(
        tx,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description=words.get(invoice["billing_reason"], "Payment for Invoice"),
        metadata={},
        setup_future_usage="off_session" if invoice["billing_reason"] == "subscription_create" else None,
        hidden={"invoice": invoice["id"]},
    )
    beside(tx, invoice, intent)


def beside(tx: Tx, invoice: Object, intent: Object) -> Object:
    """Write the intent beside the bill that it is to pay."""
    made = new(
        PAYMENT,
        id=account.new_id(tx, "inpay"),
        amount_requested=invoice["amount_due"],
        created=timers.now(tx, timers.clock_of(tx, invoice)),
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
    )
    objects.put(tx, intent, invoice=invoice["id"])
    return objects.insert(tx, made)


def payments_of(tx: Tx, invoice: Object) -> list[Object]:
    """What has paid, or is to pay, a bill."""
    return objects.select(tx, PAYMENT, invoice=invoice["id"])


def intent_of(tx: Tx, invoice: Object) -> Object | None:
    """The intent that is to pay a bill."""
    for payment in reversed(payments_of(tx, invoice)):
        if payment["status"] != "canceled":
            return objects.find(tx, payment_intents.KIND, payment["payment"]["payment_intent"])
    return None


def collect(tx: Tx, invoice: Object, method: str | None, *, off_session: bool) -> StripeRefused | None:
    """Try to take an open bill's money by this payment method. The refusal is the bank's; what it has changed stays."""
    intent = intent_of(tx, invoice)
    if intent is None or intent["status"] not in _OPEN:
        return None
    if method is None:
        _failed(tx, invoice)
        return unexpected("There is no `default_payment_method` set on this Customer or Invoice.", "missing")
    if intent["status"] == "requires_action":
        intent = objects.put(tx, change(intent, status="requires_payment_method", next_action=None))
    try:
        payment_intents.confirm(tx, intent, method, off_session=off_session)
    except StripeRefused as refused:
        return refused
    return None


def _count(tx: Tx, invoice: Object) -> Object:
    tried = change(invoice, attempt_count=invoice["attempt_count"] + 1, attempted=True)
    return objects.put(tx, tried)


def _failed(tx: Tx, invoice: Object) -> Object:
    tried = _count(tx, invoice)
    events.emit(tx, "invoice.payment_failed", tried)
    _tell(tx, tried)
    return tried


def _tell(tx: Tx, invoice: Object) -> None:
    for follower in FOLLOWERS:
        follower(tx, invoice)


def follow(tx: Tx, intent: Object) -> None:
    """A bill whose intent has moved is paid, or was not to be paid this time."""
    hidden = objects.hidden_of(tx, intent["id"])
    invoice = objects.find(tx, KIND, hidden.get("invoice"))
    if invoice is None or invoice["status"] not in {"open", "uncollectible"}:
        return
    if intent["status"] == "succeeded":
        settle(tx, _count(tx, invoice), intent["amount_received"], intent)
    elif intent["status"] == "requires_payment_method" and intent["last_payment_error"] is not None:
        tried = _failed(tx, invoice)
        if intent["last_payment_error"].get("code") == "authentication_required":
            events.emit(tx, "invoice.payment_action_required", tried)
    elif intent["status"] == "requires_action":
        events.emit(tx, "invoice.payment_action_required", invoice)


payment_intents.FOLLOWERS.append(follow)


def settle(tx: Tx, invoice: Object, amount: int, intent: Object | None = None) -> Object:
    """The bill is paid: by an intent, by what the customer had in credit, or outside (`amount` 0 and no intent)."""
    at = timers.now(tx, timers.clock_of(tx, invoice))
    if intent is not None:
        for payment in payments_of(tx, invoice):
            if payment["payment"]["payment_intent"] == intent["id"]:
                times = {**payment["status_transitions"], "paid_at": at}
                paid = objects.put(tx, change(payment, status="paid", amount_paid=amount, status_transitions=times))
                events.emit(tx, "invoice_payment.paid", paid)
    done = change(
        invoice,
        amount_paid=amount,
        amount_remaining=0,
        attempted=True,
        auto_advance=False,
        next_payment_attempt=None,
        status="paid",
        status_transitions={**invoice["status_transitions"], "paid_at": at},
    )
    objects.put(tx, done)
    events.emit(tx, "invoice.paid", done)
    events.emit(tx, "invoice.payment_succeeded", done)
    _tell(tx, done)
    return done


def void(tx: Tx, invoice: Object) -> Object:
    """The bill is as if it had never been; what of the customer's credit it had used is theirs again."""
    if invoice["status"] not in {"open", "uncollectible"}:
        raise unexpected(
            f"You can only pass in open or uncollectible invoices. This invoice is {invoice['status']}.", "invoice_not_editable"
        )
    _drop_intent(tx, invoice)
    used = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    customer = objects.find(tx, "customer", invoice["customer"])
    if used and customer is not None:
        objects.put(tx, change(customer, balance=customer["balance"] - used))
    return _end(tx, invoice, "void", "voided_at", "invoice.voided")


def give_up(tx: Tx, invoice: Object) -> Object:
    """Nobody hopes for this money any more."""
    if invoice["status"] != "open":
        raise unexpected(
            f"You can only mark open invoices as uncollectible. This invoice is {invoice['status']}.", "invoice_not_editable"
        )
    return _end(tx, invoice, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")


def _end(tx: Tx, invoice: Object, status: str, instant: str, event: str) -> Object:
    at = timers.now(tx, timers.clock_of(tx, invoice))
    ended = change(
        invoice,
        auto_advance=False,
        next_payment_attempt=None,
        status=status,
        status_transitions={**invoice["status_transitions"], instant: at},
    )
    objects.put(tx, ended)
    events.emit(tx, event, ended)
    _tell(tx, ended)
    return ended


def _drop_intent(tx: Tx, invoice: Object) -> None:
    intent = intent_of(tx, invoice)
    at = timers.now(tx, timers.clock_of(tx, invoice))
    for payment in payments_of(tx, invoice):
        if payment["status"] == "open":
            times = {**payment["status_transitions"], "canceled_at": at}
            objects.put(tx, change(payment, status="canceled", status_transitions=times))
    if intent is not None and intent["status"] in _OPEN:
        payment_intents.cancel(tx, intent, "void_invoice")


def _shown_payments(tx: Tx, invoice: Object) -> Object:
    return listed(f"/v1/invoice_payments?invoice={invoice['id']}", payments_of(tx, invoice))


def _confirmation_secret(tx: Tx, invoice: Object) -> Object | None:
    intent = intent_of(tx, invoice)
    if intent is None or invoice["status"] != "open":
        return None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"}


objects.PARTS[(KIND, "payments")] = _shown_payments
objects.PARTS[(KIND, "confirmation_secret")] = _confirmation_secret
