"""The audit of memberships."""

from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.memberships.queries import checks

_FIRST = 10


async def audit(tx: Tx) -> list[Finding]:
    """Check memberships and their periods; the first ten findings of each check.

    Checks: periods that we bill follow each other without gap or overlap, pauses apart; the running one and what is paid for
    are what the membership says; what runs has something to follow, what is over waits for nothing; one live membership of a
    family; the credits of a paid period were posted once.
    """
    return [
        Finding(check, public_id(prefix, id_), message)
        for check, prefix, id_, message in await checks.select_findings(tx, _FIRST)
    ]
