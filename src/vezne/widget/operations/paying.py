"""How a converted reservation is paid: the demo's session for tenants of MagicPay, our checkout for the others."""

from dataclasses import replace

import structlog

from vezne import identity, payments
from vezne.kernel.db import Database
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.kernel.principal import Principal
from vezne.widget.models import DemoOfLiveTenant, DemoPaymentUnknown, Reservation, ToPay

MAGICPAY = "magicpay"
_OPEN = frozenset({payments.PaymentStatus.REQUIRES_PAYMENT, payments.PaymentStatus.REQUIRES_ACTION})
_NOT_NOW = (
    payments.PaymentNotOpen,
    payments.PaymentInFlight,
    payments.PaymentUnderReview,
    payments.ProviderRefused,
    payments.ProviderUnavailable,
    payments.ProviderUnknown,
)
_log = structlog.get_logger("vezne.widget")


async def to_pay(db: Database, gateways: payments.Gateways, principal: Principal, made: Reservation) -> ToPay:
    """Where the guest pays. Again: the same payment and the same address.

    When MagicPay gives no session the guest pays at our checkout, which asks it once more.
    """
    if made.payment_id is None:
        return ToPay(url=None, intent_id=None, settled=made.order_id is not None)
    async with db.transaction(principal, read_only=True) as tx:
        payment = await payments.payment(tx, made.payment_id)
        provider = payment.provider or (await identity.settings_of(tx)).payment_provider
        secret = None if made.client_secret is None else tx.vault.open(made.client_secret).decode()
    facts = ToPay(
        url=None,
        intent_id=public_id("pay", payment.id),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        expires_at=payment.expires_at,
        settled=payment.status is payments.PaymentStatus.SUCCEEDED,
    )
    if payment.status not in _OPEN or secret is None:
        return facts
    checkout = gateways.checkout_url(secret)
    if provider == MAGICPAY:
        session = await _session(db, gateways, principal, made, payment, f"{checkout}/return")
        if session is not None:
            return session
    return replace(facts, url=checkout)


async def _session(
    db: Database, gateways: payments.Gateways, principal: Principal, made: Reservation, payment: payments.Payment, back: str
) -> ToPay | None:
    try:
        started = await payments.start_attempt(db, gateways, principal, payment.id, return_url=back, locale=made.locale)
    except _NOT_NOW as refusal:
        reservation = public_id("wrs", made.id)
        _log.warning("Failed to create MagicPay checkout session", reservation_id=reservation, reason=refusal.code())
        return None
    async with db.transaction(principal, read_only=True) as tx:
        attempts = await payments.attempts(tx, [payment.id])
        payment = await payments.payment(tx, payment.id)
    attempt = next(each for each in attempts if each.id == started.attempt_id)
    return ToPay(
        url=_relative(started.redirect_url, gateways.public_url),
        intent_id=attempt.provider_ref,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        expires_at=payment.expires_at,
    )


def _relative(url: str, public_url: str) -> str:
    """A page of ours without its host, as the documents show the demo's."""
    return url.removeprefix(public_url) if url.startswith(f"{public_url}/") else url


async def simulate(
    db: Database, gateways: payments.Gateways, principal: Principal, intent_id: str, *, success: bool
) -> payments.Payment:
    """Play the end of a demo payment, which then takes the road of every payment. The same again: nothing changes.

    Raises DemoOfLiveTenant, DemoPaymentUnknown, MagicPaySessionDecided when it ended the other way.
    """
    if principal.livemode:
        raise DemoOfLiveTenant
    session_id = await _session_of(db, principal, intent_id)
    try:
        view = await payments.complete_demo(db, gateways, principal, session_id, success=success)
    except payments.MagicPaySessionUnknown:
        raise DemoPaymentUnknown(intent_id=intent_id[:80]) from None
    return view.payment


async def _session_of(db: Database, principal: Principal, intent_id: str) -> str:
    """The demo's name for a payment that is given by our own."""
    try:
        payment_id = parse_id("pay", intent_id)
    except UnknownId:
        return intent_id
    async with db.transaction(principal, read_only=True) as tx:
        attempts = await payments.attempts(tx, [payment_id])
    refs = [each.provider_ref for each in attempts if each.provider == MAGICPAY and each.provider_ref is not None]
    if not refs:
        raise DemoPaymentUnknown(intent_id=intent_id[:80])
    return refs[-1]
