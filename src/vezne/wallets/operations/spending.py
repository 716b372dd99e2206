"""Spending that is unusual: looked for every minute over all wallets at once, so that no debit waits for it.

It tells staff and changes nothing. What they decided about is not told again: a rule counts from the last decision on.
"""

from datetime import timedelta

from vezne import identity
from vezne.kernel import clock
from vezne.kernel.db import Tx
from vezne.kernel.ids import id_before, public_id
from vezne.wallets.queries import spending as queries
from vezne.wallets.queries.spending import Recent

LOOK_BACK = identity.RULES["rapid_spending"].window
LATE = timedelta(minutes=1)
"""An entry's id may be made so long before the entry is seen by others."""
HELD = timedelta(days=1)
"""Where a test tenant's clock is held, its ten minutes may take us so long."""
LEAST_BEFORE, MOST_BEFORE = 5, 200
"""An average is one of at least so many debits; of a busy wallet's movements, the latest so many are enough."""


async def watch(tx: Tx) -> None:
    """Raise alerts about wallets that were spent from unusually in the last ten minutes. Again: those are open, or decided."""
    from_id = id_before(HELD if await clock.is_held(tx) else LOOK_BACK + LATE)
    thresholds, since = await identity.thresholds(tx), tx.now - LOOK_BACK
    decided = await identity.decided_since(tx, "rapid_spending", since)
    for rapid in await queries.select_rapid(tx, Recent(from_id, since, decided), thresholds["rapid_spending"]):
        facts = {"count": rapid.count, "threshold": thresholds["rapid_spending"], "since": since.isoformat()}
        subject = public_id("wal", rapid.wallet_id)
        await identity.raise_alert(tx, rapid.customer_id, "rapid_spending", subject=subject, facts=facts)
    decided = await identity.decided_since(tx, "large_spending", since)
    for large in await queries.select_large(
        tx,
        Recent(from_id, since, decided),
        tx.now - identity.RULES["large_spending"].window,
        times=thresholds["large_spending"],
        least=LEAST_BEFORE,
        most=MOST_BEFORE,
    ):
        facts = {
            "transaction_id": public_id("txn", large.entry_id),
            "amount_minor": large.amount_minor,
            "average_minor": large.total_minor // large.count,
            "debits_before": large.count,
            "threshold": thresholds["large_spending"],
        }
        subject = public_id("wal", large.wallet_id)
        await identity.raise_alert(tx, large.customer_id, "large_spending", subject=subject, facts=facts)
