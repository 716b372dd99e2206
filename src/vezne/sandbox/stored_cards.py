"""Cards that customers let the merchant keep: kept once they are good, charged again by name, removed when asked to."""

from dataclasses import replace
from typing import TypedDict

from vezne.sandbox import queries
from vezne.sandbox.cards import Card
from vezne.sandbox.ids import new_id
from vezne.sandbox.models import Payment, Status, StoredCard
from vezne.sandbox.refusals import Refused, no_such
from vezne.sandbox.requests import NewCardPayment, NewPayment
from vezne.sandbox.store import Tx

LASTS_YEARS = 4
"""A stored card is good until December, so many years after it was stored."""
_GOOD = frozenset({Status.PROCESSING, Status.AUTHORISED, Status.SUCCEEDED})


class Wanted(TypedDict, total=False):
    """What a payment says of keeping its card."""

    customer: str | None
    save_card: bool


def wanted(asked: NewPayment) -> Wanted:
    """What a request wants kept. Refused with 400 when it does not say whose card it is."""
    if not isinstance(asked, NewCardPayment):
        return {}
    if asked.save_card and asked.customer is None:
        raise Refused(400, "invalid_parameter", "customer: save_card needs a customer to keep the card for", "customer")
    return {"customer": asked.customer, "save_card": asked.save_card}


def store(tx: Tx, payment: Payment) -> Payment:
    """Keep the card of a payment that wanted so, once it is good; the same card of the same customer again is the same."""
    if not payment.save_card or payment.method_id is not None or payment.status not in _GOOD:
        return payment
    if payment.customer is None or payment.card_last4 is None:
        raise RuntimeError("a card is kept of a payment that has none")
    kept = queries.select_card_of(tx, payment.customer, payment.card_last4)
    if kept is None:
        kept = StoredCard(
            id=new_id("sim_card"),
            customer=payment.customer,
            card_brand=payment.card_brand or "",
            card_last4=payment.card_last4,
            expires_year=tx.now.year + LASTS_YEARS,
            acts_like=payment.card_last4,
            created_at=tx.stamp,
        )
        queries.insert_card(tx, kept)
    return replace(payment, method_id=kept.id, method_year=kept.expires_year)


def chargeable(tx: Tx, method_id: str, customer: str | None) -> StoredCard:
    """The stored card. Refused with 404 when there is none or it is another customer's, with 409 when it was removed."""
    card = queries.select_card(tx, method_id)
    if customer is not None and card.customer != customer:
        raise no_such("method", method_id)
    if card.removed_at is not None:
        raise Refused(409, "method_removed", f"Method {card.id} was removed.", "method")
    return card


def act_like(tx: Tx, method_id: str, card: Card) -> StoredCard:
    """From now on charges of the stored card go as payments with this test card do. Refused with 404 when there is none."""
    queries.update_card(tx, queries.select_card(tx, method_id).id, acts_like=card.last4)
    return queries.select_card(tx, method_id)


def remove(tx: Tx, method_id: str) -> StoredCard:
    """Keep the card no more. Again: nothing changes. Refused with 404 when there is none."""
    queries.mark_card_removed(tx, queries.select_card(tx, method_id).id)
    return queries.select_card(tx, method_id)
