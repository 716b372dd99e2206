"""Do payments, attempts and refunds agree with each other and with the ledger?"""

from vezne import ledger
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.payments import queries_checks

CLEARING = "clearing:"


async def audit(tx: Tx) -> list[Finding]:
    """What is wrong with the tenant's payments; an empty list when nothing is.

    Checks: each succeeded payment has exactly one final attempt that brought its amount; refund sums equal the refunds;
    every clearing account holds exactly what its provider was seen to take, less what it gave back.
    """
    findings = [
        Finding("payment has its final attempt", public_id("pay", payment_id), "not exactly one that brought its amount")
        for payment_id in await queries_checks.select_payments_without_final(tx)
    ]
    findings += [
        Finding("payment's refund sums", public_id("pay", payment_id), "differ from its refunds")
        for payment_id in await queries_checks.select_payments_with_wrong_refunds(tx)
    ]
    expected = await queries_checks.select_clearing(tx)
    found = {
        (line.code.removeprefix(CLEARING), line.currency): -line.balance
        for line in await ledger.trial_balance(tx)
        if line.code.startswith(CLEARING)
    }
    for key in sorted(expected.keys() | found.keys()):
        taken, booked = expected.get(key, 0), found.get(key, 0)
        if taken != booked:
            provider, currency = key
            findings.append(
                Finding("clearing equals payments", f"{CLEARING}{provider} {currency}", f"{taken} taken, {booked} booked")
            )
    return findings
