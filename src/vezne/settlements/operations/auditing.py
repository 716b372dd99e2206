"""The audit of what payees are owed."""

from vezne import ledger
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.settlements.operations.booking import PAYOUTS
from vezne.settlements.queries import checks

_FIRST = 10


async def audit(tx: Tx) -> list[Finding]:
    """Check settlements and payouts against the ledger; the first ten findings of each check.

    Checks: a settlement is the sum of its moves, each what its entry posted, shares in proportion; a payee's account is what
    no payout took along, its reserve what is kept back; payouts are the sums of their items and `payouts` of those under way.
    """
    findings = [
        Finding(check, public_id(prefix, id_), message)
        for check, prefix, id_, message in await checks.select_findings(tx, _FIRST)
    ]
    expected = await checks.select_under_way(tx)
    held: dict[str, int] = {}
    for line in await ledger.trial_balance(tx):
        if line.code == PAYOUTS:
            held[line.currency] = line.balance
    for currency in sorted(expected.keys() | held.keys()):
        if expected.get(currency, 0) != held.get(currency, 0):
            message = f"{expected.get(currency, 0)} under way, {held.get(currency, 0)} held"
            findings.append(Finding("payouts equal what is under way", f"{PAYOUTS} {currency}", message))
    return findings
