"""What time does to bookings; run by the clock, per tenant."""

from vezne.bookings.operations.ending import expire_due as expire_some
from vezne.kernel.db import Database
from vezne.kernel.jobs import JobCall


async def expire_due(db: Database, call: JobCall) -> None:
    """End all holds of the tenant whose time is over, one resource at a time. Again: nothing more to do."""
    while True:
        async with db.transaction(call.principal) as tx:
            if not await expire_some(tx):
                return
