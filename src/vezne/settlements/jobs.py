"""What time does to settlements; run by the clock, per tenant."""

from vezne.kernel.db import Database
from vezne.kernel.jobs import JobCall
from vezne.settlements.operations import releasing


async def release_due(db: Database, call: JobCall) -> None:
    """Let go all reserves of the tenant whose day has come, some at a time. Again: nothing more to do."""
    while True:
        async with db.transaction(call.principal) as tx:
            if not await releasing.release_due(tx):
                return
