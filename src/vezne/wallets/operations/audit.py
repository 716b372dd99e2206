"""The audit of stored value."""

from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.wallets.kinds import KINDS
from vezne.wallets.queries.checks import select_findings

_FIRST = 10


async def audit(tx: Tx) -> list[Finding]:
    """Check lots, holds and refunds against the ledger; the first ten findings of each check, by wallet."""
    with_lots = [kind.name for kind in KINDS.values() if kind.lots is not None]
    return [
        Finding(check, public_id("wal", wallet_id), message)
        for check, wallet_id, message in await select_findings(tx, with_lots, _FIRST)
    ]
