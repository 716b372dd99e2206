"""Asking for money, and sending the customer to where it is paid."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Conflict
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Kind, Principal
from vezne.payments import queries
from vezne.payments.events import PaymentCreated
from vezne.payments.gateways import Gateways
from vezne.payments.models import (
    LIVE,
    OPEN,
    Attempt,
    AttemptStatus,
    ClientSecretUnknown,
    Payment,
    PaymentStatus,
    hash_secret,
    make_client_secret,
    read_client_secret,
    wait_before,
)
from vezne.payments.operations import settling
from vezne.payments.providers.base import Provider, ProviderRefused, Started, StartRequest


class PaymentNotOpen(Conflict):
    """Payment {payment_id} is {status}; it cannot be paid or cancelled any more."""


class PaymentInFlight(Conflict):
    """Payment {payment_id} is being processed by its provider; wait for the outcome."""


class PaymentUnderReview(Conflict):
    """Payment {payment_id} waits for a person to look at it."""


@dataclass(frozen=True, slots=True)
class StartedAttempt:
    """Where the customer pays this attempt."""

    attempt_id: UUID
    number: int
    provider: str
    redirect_url: str


async def create(
    tx: Tx,
    amount: Money,
    purpose: str,
    *,
    expires_after: timedelta,
    customer_id: UUID | None = None,
    metadata: Mapping[str, object] | None = None,
) -> tuple[Payment, str]:
    """Ask for `amount`, to be paid before `expires_after` has passed. Each call asks anew.

    Also answers the client secret, by which a browser may see and pay this one payment; only its hash is kept.
    """
    payment_id = new_id()
    secret = make_client_secret(tx.tenant_id, payment_id)
    made = Payment(
        id=payment_id,
        customer_id=customer_id,
        purpose=purpose,
        amount_minor=amount.minor,
        currency=amount.currency,
        status=PaymentStatus.REQUIRES_PAYMENT,
        flag=None,
        captured_minor=0,
        refunded_minor=0,
        refunding_minor=0,
        last_error=None,
        metadata=metadata or {},
        expires_at=tx.now + expires_after,
        created_at=tx.now,
        succeeded_at=None,
        client_secret_hash=hash_secret(secret),
    )
    await queries.insert_payment(tx, made)
    await tx.publish(PaymentCreated(payment_id=payment_id, purpose=purpose, amount_minor=amount.minor, currency=amount.currency))
    await tx.enqueue("payments.expire", {"payment_id": public_id("pay", payment_id)}, after=expires_after)
    return made, secret


async def of_client_secret(tx: Tx, client_secret: str) -> Payment:
    """The payment a browser's client secret opens, in this transaction's tenant. Raises ClientSecretUnknown."""
    tenant_id, payment_id = read_client_secret(client_secret)
    found = await queries.select_payment(tx, payment_id) if tenant_id == tx.tenant_id else None
    if found is None or not hmac.compare_digest(found.client_secret_hash, hash_secret(client_secret)):
        raise ClientSecretUnknown
    return found


async def principal_of(db: Database, tenant_id: int, actor: str, kind: Kind) -> Principal:
    """Somebody from outside who named a tenant, with no permission of any kind. Raises TenantNotFound."""
    asking = Principal(tenant_id, actor, kind, frozenset())
    async with db.transaction(asking, read_only=True) as tx:
        tenant = await identity.tenant_of(tx)
    return replace(asking, livemode=tenant.livemode)


async def payer(db: Database, client_secret: str) -> Principal:
    """Whoever holds this client secret, acting for its one payment. Raises ClientSecretUnknown."""
    tenant_id, payment_id = read_client_secret(client_secret)
    try:
        principal = await principal_of(db, tenant_id, f"payer:{public_id('pay', payment_id)}", "public")
    except identity.TenantNotFound:
        raise ClientSecretUnknown from None
    async with db.transaction(principal, read_only=True) as tx:
        await of_client_secret(tx, client_secret)
    return principal


async def start_attempt(
    db: Database, gateways: Gateways, principal: Principal, payment_id: UUID, *, return_url: str, locale: str = "en"
) -> StartedAttempt:
    """Send the customer to the tenant's provider; after paying there they come back to `return_url`.

    Again while an attempt is live: the same attempt and address. After a failed one: the next, which names it as parent.
    Raises PaymentNotOpen, PaymentInFlight, PaymentUnderReview, ProviderUnavailable (call again), ProviderRefused.
    """
    async with db.transaction(principal) as tx:
        asked, attempt, again = await _claim(tx, gateways, payment_id, return_url, locale)
    if attempt.redirect_url is not None:
        return StartedAttempt(attempt.id, attempt.number, attempt.provider, attempt.redirect_url)
    request = StartRequest(
        reference=attempt.reference,
        amount=asked.amount,
        return_url=attempt.return_url,
        webhook_url=gateways.webhook_url(attempt.provider, principal.tenant_id),
        locale=attempt.locale,
    )
    try:
        started = await _start(gateways.provider(attempt.provider), request, again=again)
    except ProviderRefused as refused:
        async with db.transaction(principal) as tx:
            code = str(refused.facts["failure_code"])
            await settling.end_unstarted(tx, payment_id, attempt.id, AttemptStatus.FAILED, code)
        raise
    async with db.transaction(principal) as tx:
        asked = await settling.name(tx, attempt.id, started.provider_ref, started.redirect_url)
        if asked.status not in OPEN:  # it ended while we were asking: nobody is to pay there
            await tx.enqueue("payments.cancel_at_provider", {"attempt_id": public_id("att", attempt.id)})
    refuse_unless_open(asked)
    return StartedAttempt(attempt.id, attempt.number, attempt.provider, started.redirect_url)


async def _start(provider: Provider, request: StartRequest, *, again: bool) -> Started:
    """An attempt whose start was not answered may exist: it is looked for before anything new is made."""
    found = await provider.find(request.reference) if again else None
    if found is not None and found.redirect_url is not None:
        return Started(provider_ref=found.provider_ref, redirect_url=found.redirect_url)
    return await provider.start(request)


async def _claim(tx: Tx, gateways: Gateways, payment_id: UUID, return_url: str, locale: str) -> tuple[Payment, Attempt, bool]:
    """The payment's live attempt, and True; or a new one, and False."""
    asked = await settling.lock(tx, payment_id)
    refuse_unless_open(asked)
    if asked.flag is not None:
        raise PaymentUnderReview(payment_id=public_id("pay", payment_id))
    if asked.status is PaymentStatus.PROCESSING:
        raise PaymentInFlight(payment_id=public_id("pay", payment_id))
    if asked.expires_at <= tx.now:
        raise PaymentNotOpen(payment_id=public_id("pay", payment_id), status=PaymentStatus.EXPIRED)
    attempts = await queries.select_attempts(tx, [payment_id])
    last = attempts[-1] if attempts else None
    if last is not None and last.status in LIVE:
        return asked, last, True
    name = (await identity.settings_of(tx)).payment_provider
    gateways.provider(name)
    attempt = Attempt(
        id=new_id(),
        payment_id=payment_id,
        number=len(attempts) + 1,
        parent_id=last.id if last else None,
        provider=name,
        provider_ref=None,
        status=AttemptStatus.STARTING,
        is_final=False,
        failure_code=None,
        redirect_url=None,
        return_url=return_url,
        locale=locale,
        captured_minor=0,
        polls=0,
        entry_id=None,
        created_at=tx.now,
        ended_at=None,
    )
    await queries.insert_attempt(tx, attempt)
    await tx.enqueue("payments.poll", {"attempt_id": attempt.reference}, after=wait_before(0))
    return asked, attempt, False


def refuse_unless_open(asked: Payment) -> None:
    """Raise PaymentNotOpen when the payment has come to its end."""
    if asked.status not in OPEN:
        raise PaymentNotOpen(payment_id=public_id("pay", asked.id), status=asked.status)
