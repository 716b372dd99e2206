"""Do orders, their lines, tenders and refunds agree with each other and with the ledger?"""

from collections.abc import Awaitable, Callable
from uuid import UUID

from vezne import ledger
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.orders import queries_checks, queries_packs
from vezne.orders.operations import disputed

Select = Callable[[Tx], Awaitable[list[UUID]]]

_CHECKS: tuple[tuple[str, str, Select], ...] = (
    ("order adds up", "differs from its lines, or gave before it was paid", queries_checks.select_wrong_totals),
    ("fulfilled order owes nothing", "something was not given", queries_checks.select_unfulfilled),
    (
        "order's tenders make its total",
        "or are not captured as it is paid, or got back another sum",
        queries_checks.select_wrong_tenders,
    ),
    (
        "what is to pay an order is held",
        "a tender waits without its hold, or holds after its end",
        queries_checks.select_holdless_tenders,
    ),
    ("line's amount is its price less its discount", "a line says otherwise", queries_checks.select_wrong_discounts),
    (
        "order's promo codes stand as it does",
        "or take off another sum than its lines say",
        queries_checks.select_wrong_redemptions,
    ),
    ("order's refunds add up", "their parts are not what was refunded", queries_checks.select_wrong_refunds),
)


async def audit(tx: Tx) -> list[Finding]:
    """What is wrong with the tenant's orders; an empty list when nothing is.

    Checks: totals and refunds add up from the lines, and from the tenders; what is to pay an order is held while it waits, and
    captured when it is paid, as are its promo codes; nothing unpaid was given, and a fulfilled order owes nothing; packs granted
    what was paid for, less what was refunded; `unapplied` holds exactly what came in from providers, wallets and coins, less what
    went back, less what lines have given, less what was decided about money that no order could take.
    """
    findings = [
        Finding(check, public_id("ord", order_id), message) for check, message, select in _CHECKS for order_id in await select(tx)
    ]
    wrong = await queries_packs.select_wrong_grants(tx)
    findings += [Finding("packs granted what was paid for", public_id("ord", order_id), message) for order_id, message in wrong]
    came_in: dict[str, int] = {}
    unapplied: dict[str, int] = {}
    for line in await ledger.trial_balance(tx):
        if line.code.startswith("clearing:") or line.code in {"disputed", disputed.LOSSES}:
            came_in[line.currency] = came_in.get(line.currency, 0) - line.balance
        elif line.code == "unapplied":
            unapplied[line.currency] = line.balance
    stored = await queries_checks.select_stored_value(tx)
    applied = await queries_checks.select_applied(tx)
    taken = await queries_checks.select_taken_out(tx)
    for currency in sorted(came_in.keys() | unapplied.keys() | applied.keys() | stored.keys() | taken.keys()):
        expected = came_in.get(currency, 0) + stored.get(currency, 0) - applied.get(currency, 0) - taken.get(currency, 0)
        found = unapplied.get(currency, 0)
        if expected != found:
            findings.append(Finding("unapplied equals what is not applied", currency, f"{expected} expected, {found} found"))
    return findings
