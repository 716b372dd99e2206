"""Do promotions, codes and their uses agree?"""

from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.promos import queries_checks

_LIMIT = 100


async def audit(tx: Tx) -> list[Finding]:
    """What is wrong with the tenant's promotions; an empty list when nothing is.

    Checks: counts are what is reserved and redeemed, and within their limits, for promotions, codes and everybody who used
    them; a redemption's parts add up. Whether a reserved use belongs to an order that still waits is checked by the orders.
    """
    found = await queries_checks.select_findings(tx, _LIMIT)
    return [Finding(check, public_id(prefix, subject), message) for check, prefix, subject, message in found]
