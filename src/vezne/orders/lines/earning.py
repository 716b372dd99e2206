"""What is the tenant's revenue as soon as it is paid: from `unapplied` to `revenue`, and back."""

from collections.abc import Sequence

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.orders.models import Line

EARNED = "revenue"


async def earn(tx: Tx, kind: str, earned: Sequence[tuple[Line, Money, str]]) -> None:
    """Post each line's amount as earned (negative: given back), under this kind, once for each of its causes.

    Zero posts nothing. All are of one transaction; should the ledger refuse one, its refusal is raised.
    """
    moving = [(line, amount, cause) for line, amount, cause in earned if amount.minor]
    currencies = sorted({amount.currency for _, amount, _ in moving})
    unapplied = {currency: await ledger.house_account(tx, "unapplied", currency) for currency in currencies}
    revenue = {currency: await ledger.house_account(tx, EARNED, currency) for currency in currencies}
    entries = [
        ledger.Entry(
            new_id(),
            kind,
            (
                ledger.Posting(unapplied[amount.currency], -amount.minor),
                ledger.Posting(revenue[amount.currency], amount.minor),
            ),
            reference=f"{kind}:{cause}",
            description=line.description,
            details={"order_id": public_id("ord", line.order_id)},
        )
        for line, amount, cause in moving
    ]
    for posted in await ledger.post(tx, entries):
        if isinstance(posted, ledger.Refused):
            raise posted.error
