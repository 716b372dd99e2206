"""Opening sessions, and finding one by its number or its token."""

import hmac
from datetime import timedelta
from uuid import UUID

from vezne import orders, payments, promos
from vezne.checkout import queries
from vezne.checkout.events import CheckoutOpened
from vezne.checkout.models import (
    PAYABLE,
    RECEIPT_LIFE,
    CheckoutTokenUnknown,
    LinkOver,
    Session,
    State,
    Told,
    hash_token,
    make_token,
    session_of_token,
)
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, NotFound
from vezne.kernel.ids import UnknownId, new_id, parse_id, public_id


class SessionUnknown(NotFound):
    """There is no checkout session {session_id}."""


class OrderNotPayable(Conflict):
    """Order {order_id} cannot be paid now: its checkout is {state}."""


async def open_session(tx: Tx, order_id: UUID, *, life: timedelta) -> tuple[Told, str]:
    """One more address at which an unpaid order may be paid, for `life` but no longer than its payment; and its token.

    The token is shown here and never again. Each call opens another session; earlier ones stay.
    Raises UnknownOrder, OrderNotPayable.
    """
    order = await orders.order(tx, order_id)
    if order.payment_id is None:
        raise OrderNotPayable(order_id=public_id("ord", order_id), state=State.PAID)
    payment = await payments.payment(tx, order.payment_id)
    session_id = new_id()
    token = make_token(tx.tenant_id, session_id)
    opened = Session(
        id=session_id,
        order_id=order_id,
        expires_at=min(tx.now + life, payment.expires_at),
        token_hash=hash_token(token),
        created_at=tx.now,
    )
    told = await _tell(tx, opened, order, payment)
    state = told.state(tx.now)
    if state not in PAYABLE:
        raise OrderNotPayable(order_id=public_id("ord", order_id), state=state)
    await queries.insert_session(tx, opened)
    await tx.publish(CheckoutOpened(checkout_id=session_id, order_id=order_id, payment_id=payment.id))
    return told, token


async def session(tx: Tx, session_id: UUID) -> Told:
    """The session with its order and payment. Raises SessionUnknown."""
    opened = await queries.select_session(tx, session_id)
    try:
        if opened is not None:
            return await _of_session(tx, opened)
        return await _first(tx, await payments.payment(tx, session_id))
    except (payments.UnknownPayment, UnknownId):
        raise SessionUnknown(session_id=public_id("cks", session_id)) from None


async def of_client_secret(tx: Tx, client_secret: str) -> Told:
    """The first session of the payment that a client secret opens. Raises ClientSecretUnknown."""
    return await _first(tx, await payments.of_client_secret(tx, client_secret))


async def of_token(tx: Tx, token: str) -> Told:
    """What an address's holder may see and pay. Raises CheckoutTokenUnknown, and LinkOver a day after the session's end."""
    session_id = session_of_token(token)
    if session_id is None:
        try:
            told = await of_client_secret(tx, token)
        except (payments.ClientSecretUnknown, UnknownId):
            raise CheckoutTokenUnknown from None
    else:
        opened = await queries.select_session(tx, session_id)
        if opened is None or not hmac.compare_digest(opened.token_hash, hash_token(token)):
            raise CheckoutTokenUnknown
        told = await _of_session(tx, opened)
    if told.session.expires_at + RECEIPT_LIFE <= tx.now:
        raise LinkOver
    return told


async def audit(tx: Tx) -> list[Finding]:
    """Sessions that could be paid longer than their payment."""
    return [
        Finding("checkout.session_outlives_payment", public_id("cks", session_id), "the session ends after its payment")
        for session_id in await queries.select_overlong(tx)
    ]


async def _first(tx: Tx, payment: payments.Payment) -> Told:
    """The session that came with a payment: it has the payment's number, life and secret, and no row."""
    order = await orders.order(tx, parse_id("ord", payment.purpose))
    opened = Session(
        id=payment.id,
        order_id=order.id,
        expires_at=payment.expires_at,
        token_hash=payment.client_secret_hash,
        created_at=payment.created_at,
    )
    return await _tell(tx, opened, order, payment)


async def _of_session(tx: Tx, opened: Session) -> Told:
    order = await orders.order(tx, opened.order_id)
    if order.payment_id is None:
        raise SessionUnknown(session_id=public_id("cks", opened.id))
    return await _tell(tx, opened, order, await payments.payment(tx, order.payment_id))


async def _tell(tx: Tx, opened: Session, order: orders.Order, payment: payments.Payment) -> Told:
    return Told(
        session=opened,
        order=order,
        lines=await orders.lines_of(tx, [order.id]),
        redemptions=await promos.redemptions_of(tx, [order.id]),
        payment=payment,
        attempts=await payments.attempts(tx, [payment.id]),
    )
