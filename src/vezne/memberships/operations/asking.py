"""What is asked of a provider that bills memberships by itself: outside any transaction, each safe to ask again."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from vezne import payments
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.kernel.principal import Principal
from vezne.memberships.models import Membership, Plan, price_in
from vezne.memberships.operations import changing, leaving, plans, reading, starting
from vezne.memberships.queries import memberships as queries

_log = structlog.get_logger("vezne.memberships")


async def subscribe(
    db: Database,
    gateways: payments.Gateways,
    principal: Principal,
    *,
    customer_id: UUID,
    plan_id: UUID,
    currency: str,
    provider: str,
    return_url: str,
    locale: str = "en",
) -> tuple[Membership, str]:
    """A membership that the provider bills, and the page where its customer agrees to that; it runs once the first bill is paid.

    Asked for again while it is incomplete: the same membership and page. Raises what `start` does, ProviderUnknown,
    NotSubscribing, ProviderUnavailable (call again), ProviderRefused (then it is over).
    """
    async with db.transaction(principal) as tx:
        membership, plan, trial_until = await _begin(tx, customer_id, plan_id, currency, provider)
    try:
        subscription, url = await payments.subscribe(
            db,
            gateways,
            principal,
            customer_id=customer_id,
            purpose=public_id("mbs", membership.id),
            plan=terms_of(plan, membership.price_minor, currency),
            return_url=return_url,
            provider=provider,
            trial_until=trial_until,
            locale=locale,
        )
    except (payments.ProviderRefused, payments.NotSubscribing, payments.ProviderUnknown):
        async with db.transaction(principal) as tx:
            held = await leaving.lock(tx, membership.id)
            if held.status == "incomplete":
                await leaving.finish(tx, held, tx.now)
        raise
    async with db.transaction(principal) as tx:
        held = await leaving.lock(tx, membership.id)
        if held.subscription_id is None:
            held = replace(held, subscription_id=subscription.id)
            await queries.update_memberships(tx, [held])
    return held, url


def terms_of(plan: Plan, price_minor: int, currency: str) -> payments.PlanTerms:
    """What a provider bills for a plan at this price; the reference names both, so that its news name them too."""
    reference = f"{public_id('pln', plan.id)}:{currency}:{price_minor}"
    return payments.PlanTerms(
        reference=reference,
        name=plan.name,
        amount=Money(price_minor, currency),
        interval=plan.interval,
        interval_count=plan.interval_count,
    )


async def preview_at_provider(
    db: Database, gateways: payments.Gateways, principal: Principal, membership_id: UUID, plan_id: UUID
) -> tuple[changing.Change, Money]:
    """A change, and what the provider would charge for it at once, or give back (negative). Nothing is changed.

    Raises what `preview_change` does, SubscriptionNotLive, ProviderUnavailable.
    """
    async with db.transaction(principal, read_only=True) as tx:
        change = await changing.preview_change(tx, membership_id, plan_id)
    found = change.membership
    if found.subscription_id is None:
        raise RuntimeError("a running membership that a provider bills has its subscription")
    terms = terms_of(change.plan, change.price_minor, found.currency)
    return change, await payments.preview_change(db, gateways, principal, found.subscription_id, terms)


async def tell(
    db: Database, gateways: payments.Gateways, principal: Principal, membership_id: UUID, command: leaving.Command
) -> None:
    """Ask the provider to do what was decided here. Again: nothing changes. What it refuses is logged, and a change dropped.

    Raises ProviderUnavailable, to be called again.
    """
    async with db.transaction(principal, read_only=True) as tx:
        found = await reading.membership(tx, membership_id)
        plan = None if found.next_plan_id is None else await plans.plan(tx, found.next_plan_id)
    try:
        await _tell(db, gateways, principal, found, plan, command)
    except (payments.ProviderRefused, payments.SubscriptionNotLive) as refusal:
        _log.warning("a provider refused", membership=public_id("mbs", membership_id), command=command, why=refusal.code())
        if command == "change":
            await _drop_change(db, principal, membership_id)


async def _begin(
    tx: Tx, customer_id: UUID, plan_id: UUID, currency: str, provider: str
) -> tuple[Membership, Plan, datetime | None]:
    """The membership that is subscribed to: the incomplete one of the same plan, or a new one; and until when it is tried."""
    plan = await plans.plan(tx, plan_id)
    for live in await queries.select_live(tx, customer_id, plan.family):
        same = (live.plan_id, live.currency, live.provider, live.status) == (plan_id, currency, provider, "incomplete")
        if same and live.price_minor == price_in(plan, currency):
            return live, plan, live.trial_ends_at
    made, _ = await starting.start(tx, customer_id, plan_id, currency, billing="provider", provider=provider)
    return made, plan, made.trial_ends_at


async def _tell(
    db: Database,
    gateways: payments.Gateways,
    principal: Principal,
    found: Membership,
    plan: Plan | None,
    command: leaving.Command,
) -> None:
    if found.subscription_id is None:
        return
    at = (db, gateways, principal, found.subscription_id)
    if command in {"cancel", "cancel_later"}:
        await payments.cancel_subscription(*at, at_period_end=command == "cancel_later")
    elif command == "pause":
        await payments.pause_subscription(*at)
    elif command in {"keep", "resume"}:
        await payments.resume_subscription(*at)
    elif plan is not None:
        terms = terms_of(plan, found.next_price_minor or 0, found.currency)
        reference = f"{public_id('mbs', found.id)}:{found.numbers}:{terms.reference}"
        await payments.change_subscription(*at, terms, reference=reference)


async def _drop_change(db: Database, principal: Principal, membership_id: UUID) -> None:
    async with db.transaction(principal) as tx:
        held = await leaving.lock(tx, membership_id)
        await queries.update_memberships(tx, [replace(held, next_plan_id=None, next_price_minor=None)])
