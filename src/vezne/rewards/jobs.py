"""What time does to coins; run by the clock, per tenant."""

import structlog

from vezne.kernel.db import Database
from vezne.kernel.jobs import JobCall
from vezne.rewards.issued import count_coins
from vezne.rewards.models.rewards import Given
from vezne.rewards.operations import activating, summarising

log = structlog.get_logger(__name__)


async def count_given(given: Given | None) -> None:
    """Count the coins of a reward that a job gave and committed."""
    if given is not None and not given.again and given.reward.credited_minor:
        await count_coins(given.reward.type, given.reward.credited_minor)


async def activate_due(db: Database, call: JobCall) -> None:
    """Grant all pending rewards of the tenant whose day has come, some at a time. Again: nothing more to do."""
    while True:
        async with db.transaction(call.principal) as tx:
            found, coins = await activating.activate_due(tx)
        await count_coins("activation", coins)
        if not found:
            return


async def summarise(db: Database, call: JobCall) -> None:
    """Summarise every day of the tenant that is over and was not yet, a transaction each, oldest first. Again: no more."""
    while True:
        async with db.transaction(call.principal) as tx:
            made = await summarising.summarise_next(tx)
        if made is None:
            return
        for each in made:
            if each.difference_minor:
                log.error("coins do not add up", tenant_id=call.tenant_id, day=each.day.isoformat(), by=each.difference_minor)
