"""Letters about memberships: posted by jobs, each judged by how things stand when it runs, and sent once for one cause.

They stand here and not with memberships because whoever is to pay is led to the order that waits for the money.
"""

from dataclasses import dataclass
from uuid import UUID

from vezne import identity, memberships, payments
from vezne.kernel import mail
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.orders import notices
from vezne.orders.notices import Notice
from vezne.orders.operations import renewing
from vezne.payments import Gateways


@dataclass(frozen=True, slots=True)
class _About:
    """Whose membership of which plan."""

    membership: memberships.Membership
    plan: memberships.Plan
    reader: identity.Reader


async def past_due(tx: Tx, gateways: Gateways, membership_id: UUID) -> None:
    """Ask a customer to pay, where the table of dunning wants something of them. Again for the same try: it was asked."""
    about = await _about(tx, membership_id)
    period = await memberships.open_period_of(tx, membership_id)
    if about is None or period is None or about.membership.status != "past_due" or period.last_failure_class is None:
        return
    step = memberships.step_after(period.last_failure_class, period.attempts)
    if step is None or step.ask == "nothing":
        return
    cause, purpose = f"{public_id('mpd', period.id)}:{period.attempts}", "membership_past_due"
    payment = await renewing.payment_of(tx, period.id)
    if payment is not None:
        await payments.lock(tx, payment.id)  # whoever has written meanwhile has given the link that is good
    if await mail.is_posted(tx, f"{purpose}:{cause}"):
        return
    settings = about.reader.tenant.settings
    notice = notices.past_due(
        about.reader,
        about.plan,
        period,
        ask=step.ask,
        usable_until=about.membership.usable_until(settings.grace_days),
        link=await _link(tx, gateways, payment),
    )
    await _post(tx, about, notice, purpose, cause)


async def unpaid(tx: Tx, membership_id: UUID, period_id: UUID) -> None:
    """Tell a customer that a membership has come to its end, or is paused, because a period stays unpaid."""
    about = await _about(tx, membership_id)
    if about is None or about.membership.status not in {"paused", "cancelled", "ended"}:
        return
    period = await memberships.period(tx, period_id)
    notice = notices.unpaid(about.reader, about.plan, period, paused=about.membership.status == "paused")
    await _post(tx, about, notice, "membership_unpaid", public_id("mpd", period_id))


async def ended(tx: Tx, membership_id: UUID) -> None:
    """Tell a customer that a membership has ended; one that never ran, or was not paid for, is not told of here."""
    about = await _about(tx, membership_id)
    if about is None:
        return
    over = about.membership
    if over.ended_at is None or over.started_at is None or over.cancel_reason == "unpaid":
        return
    notice = notices.ended(about.reader, about.plan, over.ended_at)
    await _post(tx, about, notice, "membership_ended", public_id("mbs", membership_id))


async def trial_ending(tx: Tx, membership_id: UUID) -> None:
    """Tell a customer that the first period will be charged soon, unless they have cancelled."""
    about = await _about(tx, membership_id)
    if about is None or about.membership.status != "trialing" or about.membership.cancel_at_period_end:
        return
    notice = notices.trial_ending(about.reader, about.plan, about.membership)
    await _post(tx, about, notice, "membership_trial_ending", public_id("mbs", membership_id))


async def _about(tx: Tx, membership_id: UUID) -> _About | None:
    """None where the tenant does not want letters, or the customer has no address."""
    if not (await identity.settings_of(tx)).mail_memberships:
        return None
    membership = await memberships.membership(tx, membership_id)
    reader = (await identity.readers(tx, [membership.customer_id])).get(membership.customer_id)
    return None if reader is None else _About(membership, await memberships.plan(tx, membership.plan_id), reader)


async def _link(tx: Tx, gateways: Gateways, payment: payments.Payment | None) -> str:
    """Where the order of a period is paid; nothing where no order of ours waits, or its money is on the way.

    The newest letter's link is the one that opens it.
    """
    if payment is None:
        return ""
    try:
        return gateways.checkout_url(await payments.renew_client_secret(tx, payment.id))
    except payments.PaymentNotOpen:
        return ""


async def _post(tx: Tx, about: _About, notice: Notice, purpose: str, cause: str) -> None:
    letter = notices.letter(about.reader, notice, about.membership, purpose=purpose, dedupe=f"{purpose}:{cause}")
    await mail.post(tx, letter)
