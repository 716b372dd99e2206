"""A MagicPay session for a reservation: made by hand for a payment that has none, and found again when it has one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from vezne import identity, orders, payments, settlements
from vezne.checkout.operations import sessions
from vezne.kernel.db import Busy, Database, Tx
from vezne.kernel.errors import Conflict, NotFound
from vezne.kernel.ids import UnknownId, parse_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal

_log = structlog.get_logger("vezne.checkout")
_TRIES = 5
"""How often a request is tried again that met another one at work on the same payment."""


class ReservationNotFound(NotFound):
    """There is no reservation {reservation_id} with something to pay."""


class NothingToPay(Conflict):
    """Reservation {reservation_id} was paid without MagicPay; nothing is left to pay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MagicPaySession:
    """Where a reservation's payment is paid."""

    payment_id: UUID
    session_id: str
    checkout_url: str
    amount: Money
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    payment: payments.Payment
    attempts: list[payments.Attempt]
    back: str | None
    locale: str


async def open_magicpay(db: Database, gateways: payments.Gateways, principal: Principal, reservation: str) -> MagicPaySession:
    """The MagicPay session of a reservation's one payment; one is begun when it has none that lives.

    `reservation` is an order, a claim on capacity, or whatever a payment was linked to. The same again, also many at once: the
    same payment and session. Raises ReservationNotFound, NothingToPay, OrderNotPayable, ProviderNotOffered, ProviderRefused,
    ProviderUnavailable, and what starting an attempt refuses with.
    """
    for left in reversed(range(_TRIES)):
        try:
            return await _open(db, gateways, principal, reservation)
        except Busy:
            if not left:
                raise
    raise AssertionError("the last try returned or raised")


async def _open(db: Database, gateways: payments.Gateways, principal: Principal, reservation: str) -> MagicPaySession:
    async with db.transaction(principal) as tx:
        claimed = await _claim(tx, gateways, reservation)
    if claimed.back is None:
        return _session(gateways, claimed.payment, claimed.attempts)
    try:
        await payments.start_attempt(
            db,
            gateways,
            principal,
            claimed.payment.id,
            return_url=claimed.back,
            locale=claimed.locale,
            provider=payments.MAGICPAY,
        )
    except (payments.ProviderRefused, payments.ProviderUnavailable) as refusal:
        _log.warning("Failed to create MagicPay checkout session", reservation_id=reservation, reason=refusal.detail)
        raise
    async with db.transaction(principal, read_only=True) as tx:
        payment = await payments.payment(tx, claimed.payment.id)
        return _session(gateways, payment, await payments.attempts(tx, [payment.id]))


async def _claim(tx: Tx, gateways: payments.Gateways, reservation: str) -> _Claimed:
    """The reservation's payment; `back` is where its customer returns to, when a session is to be begun."""
    order = await order_of(tx, reservation)
    if order.payment_id is None:
        raise NothingToPay(reservation_id=reservation)
    payment = await payments.payment(tx, order.payment_id)
    attempts = await payments.attempts(tx, [payment.id])
    paid = payment.status is payments.PaymentStatus.SUCCEEDED
    last = _last(attempts)
    if last is not None and (paid or last.ended_at is None):
        return _Claimed(payment=payment, attempts=attempts, back=None, locale="")
    if paid:
        raise NothingToPay(reservation_id=reservation)
    _, token = await sessions.open_session(tx, order.id, life=gateways.session_ttl)
    customer, settings = await identity.customer(tx, order.customer_id), await identity.settings_of(tx)
    return _Claimed(
        payment=payment,
        attempts=attempts,
        back=f"{gateways.checkout_url(token)}/return",
        locale=customer.locale or settings.locale,
    )


async def order_of(tx: Tx, reservation: str) -> orders.Order:
    """The order that a reservation is paid by: the order itself, that of a claim, or that of the payment linked to it.

    Raises ReservationNotFound.
    """
    try:
        if reservation.startswith("clm_"):
            return await orders.order_of_claim(tx, parse_id("clm", reservation))
        linked = await payments.existing(tx, reservation)
        purpose = reservation if linked is None else linked.purpose
        return await orders.order(tx, parse_id("ord", purpose))
    except (UnknownId, orders.UnknownOrder):
        raise ReservationNotFound(loc=("body", "reservation_id"), reservation_id=reservation[:80]) from None


def _last(attempts: list[payments.Attempt]) -> payments.Attempt | None:
    """The newest attempt at MagicPay that has a session."""
    named = [each for each in attempts if each.provider == payments.MAGICPAY and each.provider_ref is not None]
    return named[-1] if named else None


def _session(gateways: payments.Gateways, payment: payments.Payment, attempts: list[payments.Attempt]) -> MagicPaySession:
    attempt = _last(attempts)
    if attempt is None or attempt.provider_ref is None or attempt.redirect_url is None:
        raise Busy(retry_after=1)  # another request has begun it and is asking MagicPay just now
    return MagicPaySession(
        payment_id=payment.id,
        session_id=attempt.provider_ref,
        checkout_url=own_path(gateways, attempt.redirect_url),
        amount=payment.amount,
        expires_at=payment.expires_at,
    )


def own_path(gateways: payments.Gateways, url: str) -> str:
    """A page of ours without its host, as the storage documents show the demo's; another's as it is."""
    return url.removeprefix(gateways.public_url) if url.startswith(f"{gateways.public_url}/") else url


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What came of a demo session that was decided, and the settlement its payment led to."""

    view: payments.DemoView
    settlement_id: UUID | None


async def complete(
    db: Database, gateways: payments.Gateways, principal: Principal, session_id: str, *, success: bool
) -> Completed:
    """Decide a session of the demo; the order is paid, booked and settled at once, or the attempt has failed.

    The same again: nothing changes. Raises MagicPaySessionUnknown, MagicPaySessionDecided.
    """
    seen = await payments.demo_session(db, gateways, session_id)
    async with db.transaction(principal, read_only=True) as tx:
        await _refuse_hidden(tx, seen.payment, session_id)
    view = await payments.complete_demo(db, gateways, principal, session_id, success=success)
    async with db.transaction(principal, read_only=True) as tx:
        return Completed(view=view, settlement_id=await _settlement(tx, view.payment))


async def _refuse_hidden(tx: Tx, payment: payments.Payment, session_id: str) -> None:
    """Raise MagicPaySessionUnknown for what the caller may not see: another tenant's, another payee's."""
    order_id, unknown = _order_id(payment), payments.MagicPaySessionUnknown(session_id=session_id[:80])
    if order_id is None:
        if tx.principal.payee_id is not None:
            raise unknown
        return
    try:
        await orders.order(tx, order_id)
    except orders.UnknownOrder:
        raise unknown from None


async def _settlement(tx: Tx, payment: payments.Payment) -> UUID | None:
    """The first settlement of the order that a payment paid."""
    order_id = _order_id(payment)
    for line in [] if order_id is None else await orders.lines_of(tx, [order_id]):
        try:
            return (await settlements.settlement_of(tx, line.id)).id
        except settlements.UnknownSettlement:
            continue
    return None


def _order_id(payment: payments.Payment) -> UUID | None:
    try:
        return parse_id("ord", payment.purpose)
    except UnknownId:
        return None
