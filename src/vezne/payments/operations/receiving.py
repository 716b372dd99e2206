"""What providers tell us: kept as it came, believed or not, and then the provider itself is asked what is true."""

from collections.abc import Mapping
from uuid import UUID

from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import NotFound
from vezne.kernel.ids import new_id, parse_id, public_id
from vezne.kernel.principal import Principal
from vezne.payments import queries, queries_subscriptions, queries_webhooks
from vezne.payments.gateways import Gateways
from vezne.payments.models import Attempt, InboundWebhook, RefundStatus
from vezne.payments.models_subscriptions import Subscription
from vezne.payments.operations import disputing, following, refunding, settling
from vezne.payments.providers.base import Provider, ProviderPayment, ProviderRefused, SignatureInvalid, WebhookNotice

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_LONGEST_HEADER = 1000


async def receive(
    db: Database, gateways: Gateways, principal: Principal, provider: str, raw: bytes, headers: Mapping[str, str]
) -> UUID:
    """Keep a webhook, then say whether it is believed, and leave acting on it to a job. The same event again: kept, not acted on.

    Raises ProviderUnknown (nothing is kept), SignatureInvalid (it is kept, marked as forged).
    """
    adapter = gateways.provider(provider)
    webhook_id, now = new_id(), gateways.now()
    kept = {name: value[:_LONGEST_HEADER] for name, value in headers.items() if name not in _SECRET_HEADERS}
    async with db.transaction(principal) as tx:
        await queries_webhooks.insert_webhook(tx, webhook_id, provider, raw, kept, now)
    try:
        notice = adapter.read_webhook(raw, headers, now)
    except SignatureInvalid as invalid:
        async with db.transaction(principal) as tx:
            await queries_webhooks.mark_forged(tx, webhook_id, invalid.detail)
        raise
    async with db.transaction(principal) as tx:
        await _believe(tx, webhook_id, provider, notice)
    return webhook_id


async def _believe(tx: Tx, webhook_id: UUID, provider: str, notice: WebhookNotice) -> None:
    if not await queries_webhooks.mark_believed(tx, webhook_id, notice):
        await queries_webhooks.mark_duplicate(tx, webhook_id, notice)
        first = await queries_webhooks.select_webhook_by_event(tx, provider, notice.event_id)
        if first is None or first.processed_at is not None:
            return
        webhook_id = first.id
    await tx.enqueue("payments.act_on_webhook", {"webhook_id": public_id("whk", webhook_id)})


async def act_on_webhook(db: Database, gateways: Gateways, principal: Principal, webhook_id: UUID) -> None:
    """Ask the provider about what a believed webhook is about, and act on its answer. Again: nothing changes.

    A webhook about a payment or subscription that is not ours, or not yet, stays open until one with that name appears.
    Raises ProviderUnavailable.
    """
    async with db.transaction(principal, read_only=True) as tx:
        webhook = await queries_webhooks.select_webhook(tx, webhook_id)
    if webhook is None or webhook.processed_at is not None or not webhook.signature_valid:
        return
    about = webhook.provider_ref
    if webhook.dispute_ref is not None:
        known, about = await disputing.look_at_dispute(db, gateways, principal, webhook.provider, webhook.dispute_ref)
        about_nothing = about is None
    elif webhook.subscription_ref is not None:
        known = await _act_on_subscription(db, gateways, principal, webhook, webhook.subscription_ref)
        about_nothing = False
    else:
        known = await _act_on_payment(db, gateways, principal, webhook)
        about_nothing = about is None
    async with db.transaction(principal) as tx:
        outcome = "applied" if known else "unknown_payment"
        await queries_webhooks.mark_acted_on(tx, webhook_id, outcome, done=known or about_nothing, about=about)


async def _act_on_payment(db: Database, gateways: Gateways, principal: Principal, webhook: InboundWebhook) -> bool:
    """Whether the payment is known here."""
    async with db.transaction(principal, read_only=True) as tx:
        attempt = await _attempt_of(tx, webhook)
    provider = gateways.provider(webhook.provider)
    seen = await _seen(provider, webhook)
    if attempt is None and seen is not None:
        async with db.transaction(principal, read_only=True) as tx:
            attempt = await _attempt_named(tx, seen)
    if attempt is None or seen is None:
        return False
    await settling.act_on(db, provider, principal, attempt, seen)
    await _ask_after_refunds(db, gateways, principal, attempt)
    return True


async def _act_on_subscription(
    db: Database, gateways: Gateways, principal: Principal, webhook: InboundWebhook, subscription_ref: str
) -> bool:
    """Whether the subscription is known here; one that is not named yet is known by the reference we gave it."""
    provider = following.subscribing(gateways, webhook.provider)
    async with db.transaction(principal, read_only=True) as tx:
        found = await queries_subscriptions.select_subscription_by_ref(tx, webhook.provider, subscription_ref)
    try:
        if found is None:
            reference = (await provider.fetch_subscription(subscription_ref)).reference
            async with db.transaction(principal, read_only=True) as tx:
                found = await _subscription_named(tx, webhook.provider, reference)
        if found is None:
            return False
        async with db.transaction(principal) as tx:
            look = await following.begin_look(tx, found.id)
        await following.act_on(db, provider, principal, look, await provider.fetch_subscription(subscription_ref))
    except ProviderRefused:
        return False
    async with db.transaction(principal, read_only=True) as tx:
        attempt = await _attempt_of(tx, webhook)
    if attempt is not None:  # it may tell of a refund of one of its bills
        await _ask_after_refunds(db, gateways, principal, attempt)
    return True


async def _subscription_named(tx: Tx, provider: str, reference: str | None) -> Subscription | None:
    try:
        subscription_id = parse_id("sub", reference or "")
    except NotFound:
        return None
    found = await queries_subscriptions.select_subscription(tx, subscription_id)
    return found if found is not None and found.provider == provider else None


async def _attempt_of(tx: Tx, webhook: InboundWebhook) -> Attempt | None:
    if webhook.provider_ref is None:
        return None
    return await queries.select_attempt_by_ref(tx, webhook.provider, webhook.provider_ref)


async def _seen(provider: Provider, webhook: InboundWebhook) -> ProviderPayment | None:
    if webhook.provider_ref is None:
        return None
    try:
        return await provider.fetch(webhook.provider_ref)
    except ProviderRefused:
        return None


async def _attempt_named(tx: Tx, seen: ProviderPayment) -> Attempt | None:
    """The attempt the provider means, by the reference we gave it: its webhook may be quicker than our own transaction."""
    try:
        attempt_id = parse_id("att", seen.reference or "")
    except NotFound:
        return None
    return await queries.select_attempt(tx, attempt_id)


async def _ask_after_refunds(db: Database, gateways: Gateways, principal: Principal, attempt: Attempt) -> None:
    """Ask how far the payment's refunds have come. One the provider has not named yet is left to its own job, which alone asks
    for it: a provider that does not recognise a repeat would give the money back twice, were it asked from two sides at once.
    """
    async with db.transaction(principal, read_only=True) as tx:
        refunds = await queries.select_refunds(tx, attempt.payment_id)
    for refund in refunds:
        if refund.status is RefundStatus.PENDING and refund.provider_ref is not None:
            await refunding.refund_at_provider(db, gateways, principal, refund.id)
