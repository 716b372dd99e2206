"""The one finaliser of subscriptions: return page, webhook and sweep all end here, in any order and at once.

Each only says "look": what is true is asked of the provider, outside any transaction; then one short transaction, under the
subscription's lock, moves it to where the provider sees it and takes what is new in its bills. Questions are numbered, and an
answer to an older one than was settled before moves nothing; a paid bill is taken whenever it is seen.
"""

from dataclasses import replace
from uuid import UUID

import structlog

from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Conflict, NotFound
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal
from vezne.payments import queries_subscriptions, queries_webhooks
from vezne.payments.events import SubscriptionMoved
from vezne.payments.gateways import Gateways
from vezne.payments.models_subscriptions import (
    INCOMPLETE_LASTS,
    Subscription,
    SubscriptionInvoice,
    SubscriptionStatus,
    next_look,
)
from vezne.payments.operations import invoicing, methods
from vezne.payments.operations.trying import in_turn, try_now
from vezne.payments.providers.base import ProviderSubscription, Subscribing

_log = structlog.get_logger("vezne.payments")
_SWEEP = 100


class SubscriptionUnknown(NotFound):
    """There is no subscription {subscription_id}."""


class NotSubscribing(Conflict):
    """The payment provider {provider} bills nothing by itself."""


async def subscription(tx: Tx, subscription_id: UUID) -> Subscription:
    """The subscription. Raises SubscriptionUnknown."""
    found = await queries_subscriptions.select_subscription(tx, subscription_id)
    if found is None:
        raise SubscriptionUnknown(subscription_id=public_id("sub", subscription_id))
    return found


async def subscriptions_page(
    tx: Tx, *, limit: int, before: UUID | None = None, customer_id: UUID | None = None, status: str | None = None
) -> list[Subscription]:
    """At most `limit` subscriptions, newest first, older than `before`."""
    return await queries_subscriptions.select_subscriptions(
        tx, limit=limit, before=before, customer_id=customer_id, status=status
    )


async def invoices_page(tx: Tx, subscription_id: UUID, *, limit: int, before: UUID | None = None) -> list[SubscriptionInvoice]:
    """At most `limit` of a subscription's bills, newest first, older than `before`. Raises SubscriptionUnknown."""
    await subscription(tx, subscription_id)
    return await queries_subscriptions.select_invoices(tx, subscription_id, limit=limit, before=before)


async def begin_look(tx: Tx, subscription_id: UUID) -> Subscription:
    """The subscription before its provider is asked: its `looks` numbers the question. Raises SubscriptionUnknown."""
    found = await queries_subscriptions.begin_look(tx, subscription_id)
    if found is None:
        raise SubscriptionUnknown(subscription_id=public_id("sub", subscription_id))
    return found


def subscribing(gateways: Gateways, name: str) -> Subscribing:
    """The provider, as one that bills by itself. Raises ProviderUnknown, NotSubscribing."""
    provider = gateways.provider(name)
    if not isinstance(provider, Subscribing) or not provider.capabilities.subscriptions:
        raise NotSubscribing(provider=name)
    return provider


async def finalise_subscription(db: Database, gateways: Gateways, principal: Principal, subscription_id: UUID) -> Subscription:
    """Ask the provider about the subscription and act on the answer; the subscription as it then is.

    Safe to call from anywhere, any number of times, at once: each paid bill is taken once. One that its provider does not know
    yet stays incomplete, for three days. Raises SubscriptionUnknown, NotSubscribing, ProviderUnavailable.
    """
    async with db.transaction(principal) as tx:
        look = await begin_look(tx, subscription_id)
    provider = subscribing(gateways, look.provider)
    if look.subscription_ref is None:
        seen = await provider.find_subscription(look.page_ref or look.reference)
    else:
        seen = await provider.fetch_subscription(look.subscription_ref)
    return await act_on(db, provider, principal, look, seen)


async def act_on(
    db: Database, provider: Subscribing, principal: Principal, look: Subscription, seen: ProviderSubscription | None
) -> Subscription:
    """Act on what a provider was seen to say. Should another have taken the place of one that comes to life late, it is ended."""
    if seen is None:
        return await in_turn(db, principal, lambda tx: _lapse(tx, look.id))
    moved, wanted = await in_turn(db, principal, lambda tx: settle(tx, look, seen))
    if not wanted:
        await provider.cancel_subscription(seen.subscription_ref, at_period_end=False)
    return moved


async def _lapse(tx: Tx, subscription_id: UUID) -> Subscription:
    """End a subscription that its customer never agreed to; before its time: nothing."""
    found = await _lock(tx, subscription_id)
    if found.status is not SubscriptionStatus.INCOMPLETE or found.created_at + INCOMPLETE_LASTS > tx.now:
        return found
    return await end(tx, found)


async def end(tx: Tx, found: Subscription) -> Subscription:
    """End a locked subscription here, of which its provider knows nothing."""
    ended = replace(found, status=SubscriptionStatus.CANCELLED, look_at=None, ended_at=tx.now)
    await queries_subscriptions.update_subscription(tx, ended)
    await _tell(tx, ended)
    return ended


async def settle(tx: Tx, look: Subscription, seen: ProviderSubscription) -> tuple[Subscription, bool]:
    """Move the subscription to where its provider sees it, and take its bills; and whether it is wanted at its provider."""
    found = await _lock(tx, look.id)
    if found.subscription_ref is None:
        found = replace(found, subscription_ref=seen.subscription_ref)
        for webhook_id in await queries_webhooks.select_unprocessed_of_subscription(tx, found.provider, seen.subscription_ref):
            await tx.enqueue("payments.act_on_webhook", {"webhook_id": public_id("whk", webhook_id)})
    elif found.subscription_ref != seen.subscription_ref:
        _log.warning("another subscription under the same reference", subscription=found.reference, ref=seen.subscription_ref)
        return found, True
    wanted = await _is_wanted(tx, found, seen)
    if look.looks > found.settled_look:
        moved = _moved(tx, found, seen) if wanted else found
        moved = replace(moved, settled_look=look.looks, look_at=next_look(moved, tx.now))
        await queries_subscriptions.update_subscription(tx, moved)
        if _facts(moved) != _facts(found):
            await _tell(tx, moved)
        found = moved
    await methods.keep(tx, found.provider, found.customer_id, seen.customer_ref, seen.method)
    await invoicing.take_bills(tx, found, seen.invoices)
    return found, wanted


async def _is_wanted(tx: Tx, found: Subscription, seen: ProviderSubscription) -> bool:
    """A subscription that we had ended may come to life late, on a page left open; not when another has taken its place."""
    revived = found.status is SubscriptionStatus.CANCELLED and seen.grade is not SubscriptionStatus.CANCELLED
    return not (revived and await queries_subscriptions.select_subscription_of_purpose(tx, found.purpose) is not None)


def _moved(tx: Tx, found: Subscription, seen: ProviderSubscription) -> Subscription:
    ended = seen.grade is SubscriptionStatus.CANCELLED
    return replace(
        found,
        status=seen.grade,
        plan_reference=seen.plan_reference or found.plan_reference,
        period_start=seen.period_start,
        period_end=seen.period_end,
        cancels_at_period_end=seen.cancels_at_period_end,
        trial_until=seen.trial_until,
        ended_at=(seen.ended_at or found.ended_at or tx.now) if ended else None,
    )


def _facts(found: Subscription) -> tuple[object, ...]:
    return (
        found.status,
        found.plan_reference,
        found.period_start,
        found.period_end,
        found.cancels_at_period_end,
        found.trial_until,
    )


async def _tell(tx: Tx, moved: Subscription) -> None:
    await tx.publish(
        SubscriptionMoved(
            subscription_id=moved.id,
            purpose=moved.purpose,
            customer_id=moved.customer_id,
            status=moved.status,
            plan_reference=moved.plan_reference,
            period_start=moved.period_start,
            period_end=moved.period_end,
            cancels_at_period_end=moved.cancels_at_period_end,
            trial_until=moved.trial_until,
        )
    )


async def _lock(tx: Tx, subscription_id: UUID) -> Subscription:
    found = await queries_subscriptions.lock_subscription(tx, subscription_id)
    if found is None:
        raise SubscriptionUnknown(subscription_id=public_id("sub", subscription_id))
    return found


async def look_at_due(db: Database, gateways: Gateways, principal: Principal) -> int:
    """Look at every subscription of the tenant whose time for it has come (up to 100); how many. For webhooks that never came.

    When it is looked at next is written down beforehand, so that one that fails does not keep the others waiting.
    """
    async with db.transaction(principal) as tx:
        due = await queries_subscriptions.lock_due_subscriptions(tx, _SWEEP)
        for found in due:
            looked = replace(found, polls=found.polls + 1)
            await queries_subscriptions.update_look(tx, replace(looked, look_at=next_look(looked, tx.now)))
    for found in due:
        await try_now(found.reference, finalise_subscription(db, gateways, principal, found.id))
    return len(due)
