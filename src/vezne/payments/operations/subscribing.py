"""Having a provider bill by itself: subscribing a customer, and changing, pausing, resuming and ending what was subscribed to."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Conflict
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.payments import queries_methods, queries_subscriptions
from vezne.payments.gateways import Gateways
from vezne.payments.models_subscriptions import Subscription, SubscriptionStatus, next_look
from vezne.payments.operations import following
from vezne.payments.providers.base import (
    Payer,
    PlanTerms,
    ProviderRefused,
    ProviderSubscription,
    SubscribeRequest,
    Subscribing,
)

PAGE_LASTS = timedelta(hours=20)
"""So long the page is shown again that was made first; afterwards the provider is asked for one that still lives."""
_NOT_LIVE = frozenset({SubscriptionStatus.INCOMPLETE, SubscriptionStatus.CANCELLED})
Command = Callable[[Subscribing, str], Awaitable[ProviderSubscription]]


class SubscribedAlready(Conflict):
    """Subscription {subscription_id} is {status} already."""


class SubscriptionNotLive(Conflict):
    """Subscription {subscription_id} is {status}; there is nothing to change."""


async def subscribe(
    db: Database,
    gateways: Gateways,
    principal: Principal,
    *,
    customer_id: UUID,
    purpose: str,
    plan: PlanTerms,
    return_url: str,
    provider: str,
    trial_until: datetime | None = None,
    locale: str = "en",
) -> tuple[Subscription, str]:
    """The customer's subscription to `plan`, incomplete until they agree on the provider's page, whose address is answered too.

    `purpose` has one subscription at a time: asked for again while it is incomplete, the same. Raises SubscribedAlready,
    CustomerNotFound, ProviderUnknown, NotSubscribing, ProviderUnavailable (call again), ProviderRefused (it is ended then).
    """
    billing = following.subscribing(gateways, provider)
    async with db.transaction(principal) as tx:
        asked = await _claim(tx, customer_id, purpose, plan, provider, trial_until)
        request = await _request(tx, gateways, asked, plan, return_url, locale)
        if asked.redirect_url is not None and asked.created_at + PAGE_LASTS > tx.now:
            return asked, asked.redirect_url
    try:
        started = await billing.subscribe(request)
    except ProviderRefused:
        async with db.transaction(principal) as tx:
            if (await following.subscription(tx, asked.id)).status is SubscriptionStatus.INCOMPLETE:
                await following.end(tx, asked)
        raise
    async with db.transaction(principal) as tx:
        await queries_subscriptions.update_page(tx, asked.id, started.provider_ref, started.redirect_url)
        return await following.subscription(tx, asked.id), started.redirect_url


async def _claim(
    tx: Tx, customer_id: UUID, purpose: str, plan: PlanTerms, provider: str, trial_until: datetime | None
) -> Subscription:
    """The purpose's incomplete subscription, or a new one."""
    made = Subscription(
        id=new_id(),
        customer_id=customer_id,
        provider=provider,
        purpose=purpose,
        status=SubscriptionStatus.INCOMPLETE,
        plan_reference=plan.reference,
        subscription_ref=None,
        page_ref=None,
        redirect_url=None,
        period_start=None,
        period_end=None,
        cancels_at_period_end=False,
        trial_until=trial_until,
        looks=0,
        settled_look=0,
        polls=0,
        look_at=None,
        created_at=tx.now,
        ended_at=None,
    )
    await queries_subscriptions.insert_subscription(tx, replace(made, look_at=next_look(made, tx.now)))
    found = await queries_subscriptions.select_subscription_of_purpose(tx, purpose)
    if found is None:
        raise RuntimeError("the subscription that was in the way is not there")
    if found.status is not SubscriptionStatus.INCOMPLETE:
        raise SubscribedAlready(subscription_id=found.reference, status=found.status)
    return found


async def _request(
    tx: Tx, gateways: Gateways, asked: Subscription, plan: PlanTerms, return_url: str, locale: str
) -> SubscribeRequest:
    customer = await identity.customer(tx, asked.customer_id)
    return SubscribeRequest(
        reference=asked.reference,
        plan=plan,
        return_url=return_url,
        webhook_url=gateways.webhook_url(asked.provider, tx.tenant_id),
        tenant_id=tx.tenant_id,
        payer=Payer(name=customer.name or "", email=customer.email or "", phone=customer.phone or ""),
        customer_reference=public_id("cus", asked.customer_id),
        customer_ref=await queries_methods.select_customer(tx, asked.provider, asked.customer_id),
        trial_until=asked.trial_until,
        locale=locale,
    )


async def change_subscription(
    db: Database, gateways: Gateways, principal: Principal, subscription_id: UUID, plan: PlanTerms, *, reference: str
) -> Subscription:
    """Bill `plan` from now on; what was paid for the rest of this period is set off. The same `reference` again: nothing.

    Raises SubscriptionUnknown, SubscriptionNotLive, NotSubscribing, ProviderUnavailable (call again), ProviderRefused.
    """
    return await _do(db, gateways, principal, subscription_id, lambda by, ref: by.change_subscription(ref, plan, reference))


async def preview_change(db: Database, gateways: Gateways, principal: Principal, subscription_id: UUID, plan: PlanTerms) -> Money:
    """What changing to `plan` now would cost at once, or bring back (negative). Nothing is changed. Raises as a change does."""
    found = await _live(db, gateways, principal, subscription_id)
    return await following.subscribing(gateways, found.provider).preview_change(found.subscription_ref or "", plan)


async def pause_subscription(db: Database, gateways: Gateways, principal: Principal, subscription_id: UUID) -> Subscription:
    """Bill nothing until it is resumed. Again: nothing changes. Raises as a change does."""
    return await _do(db, gateways, principal, subscription_id, lambda by, ref: by.pause_subscription(ref))


async def resume_subscription(db: Database, gateways: Gateways, principal: Principal, subscription_id: UUID) -> Subscription:
    """Bill again, and do not end at the period's end. Again: nothing changes. Raises as a change does."""
    return await _do(db, gateways, principal, subscription_id, lambda by, ref: by.resume_subscription(ref))


async def cancel_subscription(
    db: Database, gateways: Gateways, principal: Principal, subscription_id: UUID, *, at_period_end: bool = True
) -> Subscription:
    """End it now, or when the paid period is over. Of an ended one: nothing. One nobody has agreed to yet is ended here; should
    its customer agree all the same, on a page left open, it comes to life again.

    Raises SubscriptionUnknown, NotSubscribing, ProviderUnavailable (call again), ProviderRefused.
    """
    found = await following.finalise_subscription(db, gateways, principal, subscription_id)
    if found.subscription_ref is None and found.status is SubscriptionStatus.INCOMPLETE:
        async with db.transaction(principal) as tx:
            locked = await queries_subscriptions.lock_subscription(tx, subscription_id) or found
            if locked.status is SubscriptionStatus.INCOMPLETE and locked.subscription_ref is None:
                return await following.end(tx, locked)
        found = locked
    if found.status is SubscriptionStatus.CANCELLED or found.subscription_ref is None:
        return found
    return await _tell_provider(
        db, gateways, principal, found, lambda by, ref: by.cancel_subscription(ref, at_period_end=at_period_end)
    )


async def _do(db: Database, gateways: Gateways, principal: Principal, subscription_id: UUID, command: Command) -> Subscription:
    found = await _live(db, gateways, principal, subscription_id)
    return await _tell_provider(db, gateways, principal, found, command)


async def _live(db: Database, gateways: Gateways, principal: Principal, subscription_id: UUID) -> Subscription:
    """The subscription, when its provider bills it; its provider is asked where we do not know. Raises SubscriptionNotLive."""
    async with db.transaction(principal, read_only=True) as tx:
        found = await following.subscription(tx, subscription_id)
    if found.status is SubscriptionStatus.INCOMPLETE:
        found = await following.finalise_subscription(db, gateways, principal, subscription_id)
    if found.status in _NOT_LIVE:
        raise SubscriptionNotLive(subscription_id=found.reference, status=found.status)
    return found


async def _tell_provider(
    db: Database, gateways: Gateways, principal: Principal, found: Subscription, command: Command
) -> Subscription:
    provider = following.subscribing(gateways, found.provider)
    async with db.transaction(principal) as tx:
        look = await following.begin_look(tx, found.id)
    seen = await command(provider, found.subscription_ref or "")
    return await following.act_on(db, provider, principal, look, seen)
