"""Stored payment methods: kept when a provider says that it keeps one, forgotten when the customer wants it."""

from uuid import UUID

from vezne import identity
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import NotFound
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal
from vezne.payments import queries_methods
from vezne.payments.events import MethodForgotten, MethodSaved
from vezne.payments.gateways import Gateways
from vezne.payments.models import Payment
from vezne.payments.models_methods import PaymentMethod
from vezne.payments.operations.trying import try_now
from vezne.payments.providers.base import Charging, Grade, ProviderPayment, ProviderRefused, SeenMethod

_PAID = frozenset({Grade.PROCESSING, Grade.AUTHORISED, Grade.CAPTURED})


class MethodUnknown(NotFound):
    """There is no payment method {method_id}."""


async def methods_of(tx: Tx, customer_id: UUID) -> list[PaymentMethod]:
    """What a customer's later payments may be charged to, the default one first, then the newest."""
    return await queries_methods.select_methods(tx, customer_id)


async def methods_page(tx: Tx, customer_id: UUID, *, limit: int, before: UUID | None = None) -> list[PaymentMethod]:
    """At most `limit` of them, newest first, older than `before`. Raises CustomerNotFound."""
    await identity.customer(tx, customer_id)
    return await queries_methods.select_methods_page(tx, customer_id, limit=limit, before=before)


async def method(tx: Tx, method_id: UUID) -> PaymentMethod:
    """The method, one that was forgotten too (then it is not active). Raises MethodUnknown."""
    found = await queries_methods.select_method(tx, method_id)
    if found is None:
        raise MethodUnknown(method_id=public_id("mtd", method_id))
    return found


async def method_of(tx: Tx, customer_id: UUID, method_id: UUID) -> PaymentMethod:
    """The customer's method that may be charged. Raises MethodUnknown, for another customer's and a forgotten one too."""
    found = await method(tx, method_id)
    if found.customer_id != customer_id or not found.active:
        raise MethodUnknown(method_id=public_id("mtd", method_id))
    return found


async def make_default(tx: Tx, method_id: UUID) -> PaymentMethod:
    """Charge this one first. Again: nothing changes. Raises MethodUnknown, for a forgotten one too."""
    customer_id = (await method(tx, method_id)).customer_id
    await queries_methods.lock_methods(tx, customer_id)
    found = await method_of(tx, customer_id, method_id)
    if not found.is_default:
        await queries_methods.update_default(tx, customer_id, method_id)
    return await method(tx, method_id)


async def forget(tx: Tx, method_id: UUID) -> PaymentMethod:
    """Never charge it again; a job tells the provider. Of the others the newest becomes the default one. Again: nothing.

    Raises MethodUnknown.
    """
    customer_id = (await method(tx, method_id)).customer_id
    theirs = await queries_methods.lock_methods(tx, customer_id)
    found = await method(tx, method_id)
    if not found.active:
        return found
    await queries_methods.mark_forgotten(tx, method_id)
    left = [other for other in theirs if other.active and other.id != method_id]
    if found.is_default and left:
        await queries_methods.update_default(tx, customer_id, left[0].id)
    await tx.publish(MethodForgotten(method_id=method_id, customer_id=customer_id, provider=found.provider))
    await tx.enqueue("payments.forget_at_provider", {"method_id": public_id("mtd", method_id)})
    return await method(tx, method_id)


async def forget_method(db: Database, gateways: Gateways, principal: Principal, method_id: UUID) -> PaymentMethod:
    """Never charge it again, and tell the provider now; should it not answer, a job tells it later. Raises MethodUnknown."""
    async with db.transaction(principal) as tx:
        found = await forget(tx, method_id)
    await try_now(public_id("mtd", method_id), forget_at_provider(db, gateways, principal, method_id))
    return found


async def forget_at_provider(db: Database, gateways: Gateways, principal: Principal, method_id: UUID) -> None:
    """Tell the provider that a method is forgotten. Again: nothing changes. Raises MethodUnknown, ProviderUnavailable."""
    async with db.transaction(principal, read_only=True) as tx:
        found = await method(tx, method_id)
    provider = gateways.provider(found.provider)
    if found.active or not isinstance(provider, Charging):
        return
    try:
        await provider.forget_method(found.method_ref)
    except ProviderRefused:
        return  # it knows no such method: that is what was wanted


async def keep_seen(tx: Tx, asked: Payment, provider: str, seen: ProviderPayment) -> None:
    """Keep what a provider says of the payer: its name for the customer, and what it stored, where that was asked for."""
    if asked.customer_id is None:
        return
    stored = seen.method if asked.save_method and seen.grade in _PAID else None
    await keep(tx, provider, asked.customer_id, seen.customer_ref, stored)


async def keep(tx: Tx, provider: str, customer_id: UUID, customer_ref: str | None, stored: SeenMethod | None) -> None:
    """Keep a provider's name for a customer, and a method it stored for them. Again: nothing, forgotten ones stay so."""
    if customer_ref is not None:
        await queries_methods.upsert_customer(tx, provider, customer_id, customer_ref)
    if stored is None:
        return
    method_id = await queries_methods.insert_method(tx, provider, customer_id, stored)
    if method_id is not None:
        await tx.publish(MethodSaved(method_id=method_id, customer_id=customer_id, provider=provider))
