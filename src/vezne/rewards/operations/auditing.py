"""The audit of coins, rewards and vouchers."""

from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.rewards.queries import checks

_FIRST = 10


async def audit(tx: Tx) -> list[Finding]:
    """Check rewards and vouchers against the ledger; the first ten findings of each check.

    Checks: what was granted, taken back, adjusted, spent and returned is what was posted; customers owe what was missing and
    not set off; stock is what was not redeemed; rules gave no more than their limits; every day's summary agrees with the ledger.
    """
    findings = [
        Finding(check, public_id(prefix, id_), message)
        for check, prefix, id_, message in await checks.select_findings(tx, _FIRST)
    ]
    wrong = await checks.select_wrong_days(tx, _FIRST)
    return findings + [Finding("a day's coins add up", subject, message) for subject, message in wrong]
