"""The widget's part of the audit."""

from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.widget import queries


async def audit(tx: Tx) -> list[Finding]:
    """Every reservation has both consents, and every converted one its own order, the guest's, with the payment it names."""
    unasked = [
        Finding("widget.consents", public_id("wrs", id_), "it was kept without both consents")
        for id_ in await queries.select_without_consent(tx)
    ]
    misplaced = [
        Finding("widget.orders", public_id("wrs", id_), "its order is not the guest's, or has another payment")
        for id_ in await queries.select_misplaced(tx)
    ]
    return [*unasked, *misplaced]
