"""What payees are owed."""

from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.settlements.models import Owed, PayeeAccounts
from vezne.settlements.queries import payouts as payout_queries
from vezne.settlements.queries import settlements as queries


async def owed(tx: Tx, payee_id: UUID, currency: str) -> Owed:
    """What stands between us and the payee in one currency; nothing at all when nothing was ever settled."""
    accounts = await queries.select_accounts(tx, payee_id, currency)
    if not accounts:
        return Owed(payee_id=payee_id, currency=currency, available=0, reserved=0, carried=0, in_payout=0)
    return (await _owed(tx, accounts))[0]


async def owed_in_all(tx: Tx, payee_id: UUID) -> list[Owed]:
    """The same in every currency the payee ever had something in."""
    return await _owed(tx, await queries.select_accounts(tx, payee_id))


async def _owed(tx: Tx, accounts: list[PayeeAccounts]) -> list[Owed]:
    numbers = [ledger.AccountId(number) for each in accounts for number in (each.account, each.reserve_account)]
    states = await ledger.balances(tx, numbers)
    under_way = await payout_queries.select_under_way(tx, [each.payee_id for each in accounts])
    found = []
    for each in accounts:
        balance = states[ledger.AccountId(each.account)].balance
        found.append(
            Owed(
                payee_id=each.payee_id,
                currency=each.currency,
                available=max(balance, 0),
                reserved=states[ledger.AccountId(each.reserve_account)].balance,
                carried=max(-balance, 0),
                in_payout=under_way.get((each.payee_id, each.currency), 0),
            )
        )
    return found
