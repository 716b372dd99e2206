"""The audit of bookings."""

from vezne.bookings.bookables import BOOKABLES
from vezne.bookings.queries.checks import select_findings
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id

_FIRST = 10


async def audit(tx: Tx) -> list[Finding]:
    """Check counters, gaps, tickets, attendees and offers against the claims; the first ten findings of each check."""
    with_tickets = [kind.name for kind in BOOKABLES.values() if kind.gives_tickets]
    return [
        Finding(check, public_id(prefix, subject), message)
        for check, prefix, subject, message in await select_findings(tx, with_tickets, _FIRST)
    ]
