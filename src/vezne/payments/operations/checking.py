"""Do payments, attempts and refunds agree with each other and with the ledger?"""

from collections.abc import Mapping

from vezne import ledger
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.payments import queries_checks
from vezne.payments.operations.disputing import DISPUTED

CLEARING = "clearing:"


async def audit(tx: Tx) -> list[Finding]:
    """What is wrong with the tenant's payments; an empty list when nothing is.

    Checks: each succeeded payment has exactly one final attempt that brought its amount; refund sums equal the refunds and the
    disputes; each paid bill of a subscription has its payment; every clearing account holds exactly what its provider was seen to
    take, less what it gave back and what is disputed or lost; `disputed` holds what banks have not decided about.
    """
    findings = [
        Finding("payment has its final attempt", public_id("pay", payment_id), "not exactly one that brought its amount")
        for payment_id in await queries_checks.select_payments_without_final(tx)
    ]
    findings += [
        Finding("payment's refund sums", public_id("pay", payment_id), "differ from its refunds and disputes")
        for payment_id in await queries_checks.select_payments_with_wrong_refunds(tx)
    ]
    findings += [
        Finding("paid bill has its payment", public_id("inv", invoice_id), "not one that succeeded with its amount")
        for invoice_id in await queries_checks.select_bills_without_payment(tx)
    ]
    lines = await ledger.trial_balance(tx)
    cleared = {
        (line.code.removeprefix(CLEARING), line.currency): -line.balance for line in lines if line.code.startswith(CLEARING)
    }
    expected = await queries_checks.select_clearing(tx)
    for key in sorted(expected.keys() | cleared.keys()):
        taken, booked = expected.get(key, 0), cleared.get(key, 0)
        if taken != booked:
            findings.append(Finding("clearing equals payments", f"{CLEARING}{' '.join(key)}", f"{taken} taken, {booked} booked"))
    return findings + await _disputed(tx, {line.currency: -line.balance for line in lines if line.code == DISPUTED})


async def _disputed(tx: Tx, booked: Mapping[str, int]) -> list[Finding]:
    expected = await queries_checks.select_disputed(tx)
    return [
        Finding("disputed equals disputes", currency, f"{expected.get(currency, 0)} open, {booked.get(currency, 0)} booked")
        for currency in sorted(expected.keys() | booked.keys())
        if expected.get(currency, 0) != booked.get(currency, 0)
    ]
