"""Asking for money: a payment, the one payment of a reservation, and the secret by which a browser pays it."""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from vezne import identity
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Conflict
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Kind, Principal
from vezne.payments import queries
from vezne.payments.events import PaymentCreated
from vezne.payments.models import (
    OPEN,
    ClientSecretUnknown,
    Payment,
    PaymentStatus,
    hash_secret,
    make_client_secret,
    read_client_secret,
)
from vezne.payments.operations import settling

_log = structlog.get_logger("vezne.payments")


class PaymentNotOpen(Conflict):
    """Payment {payment_id} is {status}; it cannot be paid or cancelled any more."""


class PaymentUnderReview(Conflict):
    """Payment {payment_id} waits for a person to look at it."""


async def create(
    tx: Tx,
    amount: Money,
    purpose: str,
    *,
    expires_after: timedelta,
    customer_id: UUID | None = None,
    metadata: Mapping[str, object] | None = None,
    provider: str | None = None,
    save_method: bool = False,
) -> tuple[Payment, str]:
    """Ask for `amount`, to be paid before `expires_after` has passed, at `provider` first (None: the tenant's).

    With `save_method` the provider is asked to keep what it is paid with, for later charges of the same customer; one that cannot
    takes the payment all the same. Each call asks anew. Also answers the client secret, by which a browser may see and pay this
    payment; only its hash is kept.
    """
    made, secret = _new(tx, amount, purpose, expires_after, customer_id, metadata, provider)
    made = replace(made, save_method=save_method)
    await _keep(tx, made, expires_after)
    return made, secret


async def get_or_create(
    tx: Tx,
    amount: Money,
    purpose: str,
    *,
    reservation: str,
    expires_after: timedelta,
    customer_id: UUID | None = None,
    metadata: Mapping[str, object] | None = None,
    provider: str | None = None,
    save_method: bool = False,
) -> tuple[Payment, bool, str | None]:
    """The one payment of `reservation`; made, like `create` would, when there is none: then True, and its client secret.

    A reservation has one payment, however many ask at once: whoever comes second waits for the first and is given its payment.
    """
    there = await queries.select_payment_of_reservation(tx, reservation)
    if there is None:
        made, secret = _new(tx, amount, purpose, expires_after, customer_id, metadata, provider)
        made = replace(made, reservation=reservation, save_method=save_method)
        if await _keep(tx, made, expires_after):
            _log.info("Created new payment", payment_id=public_id("pay", made.id), reservation_id=reservation)
            return made, True, secret
        _log.info("Race condition detected", reservation_id=reservation)
        there = await queries.select_payment_of_reservation(tx, reservation)
        if there is None:
            raise RuntimeError("the payment that was in the way is not there")
    _tell_existing(there, reservation)
    return there, False, None


def _tell_existing(found: Payment, reservation: str) -> None:
    _log.info("Existing payment detected, skipping creation", payment_id=public_id("pay", found.id), reservation_id=reservation)


async def of_reservation(tx: Tx, reservation: str) -> Payment | None:
    """The one payment of a reservation, when it has one; whoever looks does not mean to make one."""
    return await queries.select_payment_of_reservation(tx, reservation)


async def existing(tx: Tx, reservation: str) -> Payment | None:
    """The one payment of a reservation, when it has one."""
    found = await queries.select_payment_of_reservation(tx, reservation)
    if found is not None:
        _tell_existing(found, reservation)
    return found


async def link(tx: Tx, payment_id: UUID, reservation: str) -> Payment | None:
    """Bind a payment that is for no reservation yet to this one. Bound to it already: the payment as it is.

    None, and nothing done, when the reservation has another payment or the payment another reservation: neither is ever taken
    from the other. Raises UnknownPayment.
    """
    found = await settling.lock(tx, payment_id)
    if found.reservation == reservation:
        _log.info("Payment already linked to reservation", payment_id=public_id("pay", payment_id), reservation_id=reservation)
        return found
    if not await queries.update_reservation(tx, payment_id, reservation):
        return None
    return replace(found, reservation=reservation)


def _new(
    tx: Tx,
    amount: Money,
    purpose: str,
    expires_after: timedelta,
    customer_id: UUID | None,
    metadata: Mapping[str, object] | None,
    provider: str | None,
) -> tuple[Payment, str]:
    payment_id = new_id()
    secret = make_client_secret(tx.tenant_id, payment_id)
    made = Payment(
        id=payment_id,
        customer_id=customer_id,
        purpose=purpose,
        reservation=None,
        provider=provider,
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
    return made, secret


async def _keep(tx: Tx, made: Payment, expires_after: timedelta) -> bool:
    if not await queries.insert_payment(tx, made):
        return False
    await tx.publish(
        PaymentCreated(payment_id=made.id, purpose=made.purpose, amount_minor=made.amount_minor, currency=made.currency)
    )
    await tx.enqueue("payments.expire", {"payment_id": public_id("pay", made.id)}, after=expires_after)
    return True


async def extend(tx: Tx, payment_id: UUID, until: datetime) -> Payment:
    """Let an open payment be paid until then, never a shorter time. Of an ended one: nothing. Raises UnknownPayment."""
    asked = await settling.lock(tx, payment_id)
    if asked.status not in OPEN:
        return asked
    return replace(asked, expires_at=await queries.update_expiry(tx, payment_id, until))


async def renew_client_secret(tx: Tx, payment_id: UUID) -> str:
    """Another client secret for an open payment; the former one opens nothing any more. Raises UnknownPayment, PaymentNotOpen."""
    refuse_unless_open(await settling.lock(tx, payment_id))
    secret = make_client_secret(tx.tenant_id, payment_id)
    await queries.update_secret(tx, payment_id, hash_secret(secret))
    return secret


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


def refuse_unless_open(asked: Payment) -> None:
    """Raise PaymentNotOpen when the payment has come to its end."""
    if asked.status not in OPEN:
        raise PaymentNotOpen(payment_id=public_id("pay", asked.id), status=asked.status)
