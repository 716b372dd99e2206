"""What time does to coins; run by the clock, per tenant."""

from vezne.kernel.db import Database
from vezne.kernel.jobs import JobCall
from vezne.rewards.issued import count_coins
from vezne.rewards.models.rewards import Given
from vezne.rewards.operations import activating


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
