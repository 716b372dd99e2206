"""What the merchant, the customer and time do to payments. Each runs in the caller's transaction."""

from dataclasses import replace
from datetime import timedelta

from vezne.sandbox import faults, queries, stored_cards
from vezne.sandbox.cards import CARD_ENDING, Card
from vezne.sandbox.events import announce
from vezne.sandbox.ids import new_id
from vezne.sandbox.models import OPEN, Payment, Refund, RefundStatus, Status
from vezne.sandbox.refusals import Refused
from vezne.sandbox.requests import NewCharge, NewPayment
from vezne.sandbox.store import Tx

_TOLD = frozenset(Status) - OPEN
"""Statuses the merchant is told of by a webhook, such as `payment.<status>`."""


def create_payment(tx: Tx, asked: NewPayment, fingerprint: str, base_url: str) -> tuple[Payment, bool]:
    """A payment that waits for its customer, and True. The same request under the same merchant reference: the payment there is,
    and False; another request under it is refused with 409.
    """
    existing = queries.select_payment_by_reference(tx, asked.merchant_reference)
    if existing is not None:
        check_same(tx, existing.id, fingerprint, asked.merchant_reference)
        return existing, False
    payment_id = new_id(tx.skin.payment_id)
    wait = timedelta(seconds=asked.expires_in) if asked.expires_in is not None else tx.settings.payment_lasts
    payment = Payment(
        id=payment_id,
        merchant_reference=asked.merchant_reference,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        capture=asked.capture,
        description=asked.description,
        locale=asked.locale,
        return_url=asked.return_url,
        webhook_url=asked.webhook_url,
        redirect_url=f"{base_url}{tx.skin.prefix}/pay/{payment_id}",
        created_at=tx.stamp,
        updated_at=tx.stamp,
        expires_at=tx.after(wait),
        **stored_cards.wanted(asked),
    )
    queries.insert_payment(tx, payment)
    queries.insert_request(tx, payment_id, fingerprint)
    queries.insert_timer(tx, wait, "expire_payment", payment_id)
    return payment, True


def check_same(tx: Tx, object_id: str, fingerprint: str, merchant_reference: str) -> None:
    """Refused with 409 unless what was asked under a merchant reference is asked again."""
    if queries.select_request(tx, object_id) != fingerprint:
        message = f"merchant_reference {merchant_reference!r} was used by {object_id} with other content."
        raise Refused(409, "merchant_reference_reused", message, "merchant_reference")


def pay(tx: Tx, payment: Payment, card: Card) -> Payment:
    """The customer pays with this card. A payment that is no longer pending stays as it is: a form sent twice pays once."""
    return payment if payment.status is not Status.PENDING else keep(tx, payment.pay(card))


def answer_challenge(tx: Tx, payment: Payment, *, approved: bool) -> Payment:
    """The customer answers the bank's question. Sent twice, the first answer counts."""
    if payment.status is not Status.REQUIRES_ACTION or payment.off_session:
        return payment
    return keep(tx, payment.answer_challenge(CARD_ENDING[payment.card_last4 or ""], approved=approved))


def leave(tx: Tx, payment: Payment) -> Payment:
    """The customer turns back. Only a payment that still waits for them is cancelled by it."""
    return keep(tx, payment.cancel()) if payment.status in OPEN else payment


def charge(tx: Tx, asked: NewCharge, fingerprint: str) -> tuple[Payment, bool]:
    """A payment by a stored card whose customer is away, and True. The same request under the same merchant reference: the
    payment there is, and False. What the card does is done at once; what the bank would ask the customer is asked in vain.
    """
    existing = queries.select_payment_by_reference(tx, asked.merchant_reference)
    if existing is not None:
        check_same(tx, existing.id, fingerprint, asked.merchant_reference)
        return existing, False
    stored = stored_cards.chargeable(tx, asked.method, asked.customer)
    payment = Payment(
        id=new_id(tx.skin.payment_id),
        merchant_reference=asked.merchant_reference,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        capture=asked.capture,
        description=asked.description,
        locale="en",
        return_url="",
        webhook_url=asked.webhook_url,
        redirect_url="",
        created_at=tx.stamp,
        updated_at=tx.stamp,
        expires_at=tx.after(tx.settings.payment_lasts),
        customer=stored.customer,
        method_id=stored.id,
        method_year=stored.expires_year,
        off_session=True,
    )
    queries.insert_payment(tx, payment)
    queries.insert_request(tx, payment.id, fingerprint)
    queries.insert_timer(tx, tx.settings.payment_lasts, "expire_payment", payment.id)
    charged = payment.pay(CARD_ENDING[stored.acts_like])
    return keep(tx, replace(charged, card_brand=stored.card_brand, card_last4=stored.card_last4)), True


def capture(tx: Tx, payment_id: str, amount_minor: int | None) -> Payment:
    """Take an authorised amount, or a part of it (the rest is released). Refused with 409 in another state, 422 when too much."""
    return keep(tx, queries.select_payment(tx, payment_id).capture_amount(amount_minor))


def cancel(tx: Tx, payment_id: str) -> Payment:
    """Cancel a payment that has taken nothing yet; a cancelled one stays so. Refused with 409 in another state."""
    payment = queries.select_payment(tx, payment_id)
    return payment if payment.status is Status.CANCELLED else keep(tx, payment.cancel())


def refund(
    tx: Tx, payment_id: str, amount_minor: int | None, merchant_reference: str | None, fingerprint: str
) -> tuple[Refund, bool]:
    """Give an amount back, or begin to, and True. The same request under the same reference: the refund there is, and False.
    Refused with 409 unless the payment succeeded, 422 when more than is captured and not refunded yet.
    """
    if merchant_reference is not None:
        existing = queries.select_refund_by_reference(tx, merchant_reference)
        if existing is not None:
            check_same(tx, existing.id, fingerprint, merchant_reference)
            return existing, False
    payment, amount = queries.select_payment(tx, payment_id).begin_refund(amount_minor)
    queries.update_payment(tx, replace(payment, updated_at=tx.stamp))
    begun = Refund(
        id=new_id(tx.skin.refund_id),
        payment_id=payment.id,
        merchant_reference=merchant_reference,
        amount_minor=amount,
        currency=payment.currency,
        created_at=tx.stamp,
        updated_at=tx.stamp,
    )
    queries.insert_refund(tx, begun)
    queries.insert_request(tx, begun.id, fingerprint)
    delay_ms = faults.armed(tx).refunds.delay_ms
    wait = tx.settings.refund_delay
    if delay_ms is not None:
        faults.fire(tx, "refunds.delay_ms")
        wait = timedelta(milliseconds=delay_ms)
    if wait:
        queries.insert_timer(tx, wait, "settle_refund", begun.id)
        return begun, True
    return settle_refund(tx, begun.id), True


def settle_refund(tx: Tx, refund_id: str) -> Refund:
    """The refund's money arrives at the customer, or is sent back when that fault is armed."""
    begun = queries.select_refund(tx, refund_id)
    failed = faults.armed(tx).refunds.fail
    if failed:
        faults.fire(tx, "refunds.fail")
    status = RefundStatus.FAILED if failed else RefundStatus.SUCCEEDED
    failure_code = "refund_rejected" if failed else None
    settled = replace(begun, status=status, failure_code=failure_code, updated_at=tx.stamp)
    payment = queries.select_payment(tx, begun.payment_id).end_refund(begun.amount_minor, succeeded=not failed)
    queries.update_refund(tx, settled)
    queries.update_payment(tx, replace(payment, updated_at=tx.stamp))
    announce(tx, f"refund.{settled.status}", payment, tx.skin.show_refund(settled))
    return settled


def happen(tx: Tx, what: str, subject: str) -> None:
    """What a timer of this provider was wound for."""
    if what == "settle_refund":
        settle_refund(tx, subject)
        return
    payment = queries.select_payment(tx, subject)
    if (what == "expire_payment" and payment.status in OPEN) or (
        what == "expire_authorisation" and payment.status is Status.AUTHORISED
    ):
        keep(tx, payment.expire())
    elif what == "finish_processing":
        keep(tx, payment.approve())


def keep(tx: Tx, moved: Payment) -> Payment:
    """Keep a payment that has moved to another status, wind its timer, and tell the merchant."""
    payment = replace(stored_cards.store(tx, moved), updated_at=tx.stamp)
    queries.update_payment(tx, payment)
    if payment.status is Status.PROCESSING:
        queries.insert_timer(tx, tx.settings.delayed_success, "finish_processing", payment.id)
    elif payment.status is Status.AUTHORISED:
        queries.insert_timer(tx, tx.settings.authorisation_lasts, "expire_authorisation", payment.id)
    if payment.status in _TOLD:
        announce(tx, tx.skin.event_type(payment.status), payment, tx.skin.show_payment(payment))
    return payment
