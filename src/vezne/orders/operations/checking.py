"""Do orders, their lines and the ledger agree?"""

from vezne import ledger
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.orders import queries


async def audit(tx: Tx) -> list[Finding]:
    """What is wrong with the tenant's orders; an empty list when nothing is.

    Checks: totals and refunds add up from the lines and nothing unpaid was given; a fulfilled order owes nothing; `unapplied`
    holds exactly what came in, less what went back, less what lines have given.
    """
    findings = [
        Finding("order adds up", public_id("ord", order_id), "differs from its lines, or gave before it was paid")
        for order_id in await queries.select_wrong_totals(tx)
    ]
    findings += [
        Finding("fulfilled order owes nothing", public_id("ord", order_id), "something was not given")
        for order_id in await queries.select_unfulfilled(tx)
    ]
    came_in: dict[str, int] = {}
    unapplied: dict[str, int] = {}
    for line in await ledger.trial_balance(tx):
        if line.code.startswith("clearing:"):
            came_in[line.currency] = came_in.get(line.currency, 0) - line.balance
        elif line.code == "unapplied":
            unapplied[line.currency] = line.balance
    applied = await queries.select_applied(tx)
    for currency in sorted(came_in.keys() | unapplied.keys() | applied.keys()):
        expected = came_in.get(currency, 0) - applied.get(currency, 0)
        found = unapplied.get(currency, 0)
        if expected != found:
            findings.append(Finding("unapplied equals what is not applied", currency, f"{expected} expected, {found} found"))
    return findings
