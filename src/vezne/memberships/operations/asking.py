"""What is asked of a provider that bills memberships by itself: outside any transaction, each safe to ask again."""

from dataclasses import replace
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


async def begin_subscription(
    tx: Tx, customer_id: UUID, plan_id: UUID, currency: str, provider: str, return_url: str
) -> Membership:
    """A membership that the provider is to bill, incomplete; then `ask_to_bill`, once this has committed.

    Asked for again while it is incomplete: the same. Raises what `start` does.
    """
    plan = await plans.plan(tx, plan_id)
    for live in await queries.select_live(tx, customer_id, plan.family):
        same = (live.plan_id, live.currency, live.provider, live.status) == (plan_id, currency, provider, "incomplete")
        if same and live.price_minor == price_in(plan, currency):
            return live
    made, _ = await starting.start(
        tx, customer_id, plan_id, currency, billing="provider", provider=provider, metadata={"return_url": return_url}
    )
    return made


async def ask_to_bill(
    db: Database, gateways: payments.Gateways, principal: Principal, membership_id: UUID, *, locale: str = "en"
) -> tuple[Membership, str | None]:
    """Have the provider make the page where the customer agrees to be billed; the membership and the page's address, None once
    it is no longer incomplete. It runs once the first bill is paid.

    Again: the same page. Raises ProviderUnknown, NotSubscribing, ProviderUnavailable (call again), ProviderRefused: then it is
    over.
    """
    async with db.transaction(principal, read_only=True) as tx:
        asked = await reading.membership(tx, membership_id)
        plan = await plans.plan(tx, asked.plan_id)
    if asked.status != "incomplete" or asked.provider is None:
        return asked, None
    try:
        subscription, url = await payments.subscribe(
            db,
            gateways,
            principal,
            customer_id=asked.customer_id,
            purpose=public_id("mbs", asked.id),
            plan=terms_of(plan, asked.price_minor, asked.currency),
            return_url=asked.metadata.get("return_url", ""),
            provider=asked.provider,
            trial_until=asked.trial_ends_at,
            locale=locale,
        )
    except (payments.ProviderRefused, payments.NotSubscribing, payments.ProviderUnknown):
        await _give_up(db, principal, membership_id)
        raise
    except payments.SubscribedAlready:
        return asked, None  # the customer has just agreed
    return await _named(db, principal, membership_id, subscription.id), url


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


async def _give_up(db: Database, principal: Principal, membership_id: UUID) -> None:
    async with db.transaction(principal) as tx:
        held = await leaving.lock(tx, membership_id)
        if held.status == "incomplete":
            await leaving.finish(tx, held, tx.now)


async def _named(db: Database, principal: Principal, membership_id: UUID, subscription_id: UUID) -> Membership:
    """The membership, which knows its subscription."""
    async with db.transaction(principal) as tx:
        held = await leaving.lock(tx, membership_id)
        if held.subscription_id is None:
            held = replace(held, subscription_id=subscription_id)
            await queries.update_memberships(tx, [held])
    return held


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
