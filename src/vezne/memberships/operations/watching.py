"""What the clock brings beside renewals: notices of trials that end, and what was begun and never asked of a provider."""

from dataclasses import replace
from datetime import timedelta

from vezne.kernel.db import Tx
from vezne.memberships import events
from vezne.memberships.operations import leaving
from vezne.memberships.queries import memberships as queries

BATCH = 200
NEVER_ASKED = timedelta(days=1)
"""A membership that a provider was to bill and that it was never asked for (the service died in between) is over after this."""


async def notice_trials(tx: Tx, limit: int = BATCH) -> int:
    """Tell of trials that end in three days, each once; how many. Those that end with their membership are not told of."""
    found = await queries.lock_trials_ending(tx, limit)
    await queries.update_memberships(tx, [replace(each, trial_notice_at=None) for each in found])
    await tx.publish(
        *[
            events.MembershipTrialEnding(
                membership_id=each.id,
                customer_id=each.customer_id,
                trial_ends_at=each.period_end,
                amount_minor=each.price_minor if each.next_price_minor is None else each.next_price_minor,
                currency=each.currency,
            )
            for each in found
            if each.status == "trialing" and not each.cancel_at_period_end
        ]
    )
    return len(found)


async def end_never_asked(tx: Tx, limit: int = BATCH) -> int:
    """End memberships that a provider was to bill and was never asked to; how many."""
    found = await queries.lock_never_subscribed(tx, NEVER_ASKED, limit)
    for each in found:
        await leaving.finish(tx, each, tx.now)
    return len(found)
