"""What time does to stored value; run by the clock, per tenant."""

from uuid import UUID

from vezne.kernel.db import Database
from vezne.kernel.jobs import JobCall
from vezne.wallets.operations import expiry, holds, reminding, spending


async def expire_holds(db: Database, call: JobCall) -> None:
    """End all holds of the tenant whose time has run out, some at a time. Again: nothing more to do."""
    while True:
        async with db.transaction(call.principal) as tx:
            if not await holds.expire_holds(tx):
                return


async def expire_lots(db: Database, call: JobCall) -> None:
    """Write off all lapsed lots of the tenant, some at a time. Again: nothing more to do."""
    while True:
        async with db.transaction(call.principal) as tx:
            if not await expiry.expire_lots(tx):
                return


async def remind_expiring(db: Database, call: JobCall) -> None:
    """Tell the tenant's customers what lapses soon, some at a time. Again on the same day: they were told."""
    after: UUID | None = None
    while True:
        async with db.transaction(call.principal) as tx:
            after = await reminding.remind(tx, after)
        if after is None:
            return


async def watch_spending(db: Database, call: JobCall) -> None:
    """Alert staff to wallets of the tenant that were spent from unusually in the last minutes. Again: they were told."""
    async with db.transaction(call.principal) as tx:
        await spending.watch(tx)
