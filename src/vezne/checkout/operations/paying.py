"""What a customer does at the checkout: look, pay, come back, give up."""

from contextlib import suppress

from vezne import identity, payments
from vezne.checkout.models import PAYABLE, Checkout, State, Told, reason_of, shown_discounts, shown_lines, web_address
from vezne.checkout.operations import sessions
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal

_NOT_NOW = (
    payments.PaymentNotOpen,
    payments.PaymentInFlight,
    payments.PaymentUnderReview,
    payments.ProviderNotOffered,
    payments.ProviderRefused,
)


async def look(db: Database, principal: Principal, token: str) -> Checkout:
    """The checkout as it stands now. Changes nothing. Raises CheckoutTokenUnknown, LinkOver."""
    async with db.transaction(principal, read_only=True) as tx:
        return await _shown(tx, await sessions.of_token(tx, token))


async def pay(
    db: Database,
    gateways: payments.Gateways,
    principal: Principal,
    token: str,
    *,
    return_url: str,
    locale: str,
    provider: str | None = None,
) -> str | None:
    """Where the customer pays, at `provider` if one was chosen, or None when the checkout cannot be paid now.

    Again, from another tab or a second click: the same attempt's address. After a decline, or when another provider was chosen:
    the next attempt, at the same price.

    Raises CheckoutTokenUnknown, LinkOver, ProviderUnavailable (nothing was charged; call again).
    """
    async with db.transaction(principal, read_only=True) as tx:
        told = await sessions.of_token(tx, token)
        if told.state(tx.now) not in PAYABLE:
            return None
    try:
        started = await payments.start_attempt(
            db, gateways, principal, told.payment.id, return_url=return_url, locale=locale, provider=provider
        )
    except _NOT_NOW:
        return None
    return started.redirect_url


async def come_back(db: Database, gateways: payments.Gateways, principal: Principal, token: str) -> Checkout:
    """The customer is back from the provider, which proves nothing: the provider is asked, and the checkout is as it then stands.

    Again: nothing more happens. When the provider gives no answer, the checkout is as we know it.
    Raises CheckoutTokenUnknown, LinkOver.
    """
    async with db.transaction(principal, read_only=True) as tx:
        told = await sessions.of_token(tx, token)
    with suppress(payments.ProviderUnavailable):  # its webhook or the poller will tell
        await payments.finalise(db, gateways, principal, told.payment.id)
    return await look(db, principal, token)


async def give_up(db: Database, principal: Principal, token: str) -> None:
    """Cancel the order's payment, and with it the order; a payment that is being made, or has ended, stays. Again: nothing.

    Raises CheckoutTokenUnknown, LinkOver.
    """
    async with db.transaction(principal) as tx:
        told = await sessions.of_token(tx, token)
        if told.state(tx.now) in PAYABLE:
            try:
                await payments.cancel(tx, told.payment.id)
            except (payments.PaymentNotOpen, payments.PaymentInFlight):
                return  # it came to another end while we looked


async def _shown(tx: Tx, told: Told) -> Checkout:
    tenant = await identity.tenant_of(tx)
    customer = await identity.customer(tx, told.order.customer_id)
    payment, state = told.payment, told.state(tx.now)
    expires_at = min(told.session.expires_at, payment.expires_at)
    failed = [attempt for attempt in told.attempts if attempt.status is payments.AttemptStatus.FAILED]
    first = payment.provider or tenant.settings.payment_provider
    chosen = told.attempts[-1].provider if told.attempts else first
    return Checkout(
        merchant=tenant.name,
        test_mode=not tenant.livemode,
        locale=customer.locale,
        default_locale=tenant.settings.locale,
        time_zone=tenant.settings.time_zone,
        state=state,
        mark=_mark(state, told),
        amount=payment.amount,
        refunded=Money(payment.refunded_minor, payment.currency),
        lines=shown_lines(told.lines),
        discounts=shown_discounts(told.redemptions),
        order=public_id("ord", told.order.id),
        payment=public_id("pay", payment.id),
        payment_id=payment.id,
        provider=chosen,
        providers=list(dict.fromkeys([first, tenant.settings.payment_provider, *tenant.settings.other_providers])),
        stored=_stored(told),
        reason=reason_of(failed[-1].failure_code if failed else None),
        expires_at=expires_at,
        seconds_left=max(0, int((expires_at - tx.now).total_seconds())),
        paid_at=payment.succeeded_at,
        return_url=web_address(told.order.return_url),
    )


def _stored(told: Told) -> Money | None:
    """What wallets and coins pay of the order, beside its payment."""
    paid = told.order.total_minor - told.payment.amount_minor
    return Money(paid, told.payment.currency) if paid else None


def _mark(state: State, told: Told) -> str:
    """Changes whenever the page has something else to show."""
    declined = sum(attempt.status is payments.AttemptStatus.FAILED for attempt in told.attempts)
    return f"{state}.{declined}.{told.payment.refunded_minor}"
