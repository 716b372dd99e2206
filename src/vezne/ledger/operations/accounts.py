"""Accounts: opening them, reading them, saying what they take."""

from collections.abc import Sequence
from datetime import datetime

from vezne.kernel.db import Tx
from vezne.ledger import queries
from vezne.ledger.models import STRIPES, AccountId, AccountMissing, AccountSpec, AccountState, TrialLine


async def open_accounts(tx: Tx, specs: Sequence[AccountSpec]) -> list[AccountId]:
    """Open accounts, each named by its code and currency; one that is open already is answered as it is."""
    numbers = await queries.insert_accounts(tx, specs)
    return [numbers[spec.code, spec.currency] for spec in specs]


async def house_account(tx: Tx, code: str, currency: str) -> AccountId:
    """One of the rows over which the house account `code` is spread; made when first needed, without a floor.

    A transaction has the same stripe of every house account, the next transaction the next one.

    A house account stands on the other side of every customer's posting; spread over STRIPES rows it is never the row on
    which payments queue. Its balance is the sum of them.
    """
    stripe = tx.turn % STRIPES
    key = ("house account", tx.tenant_id, code, currency, stripe)
    cached: AccountId | None = tx.known.get(key)
    if cached is not None:
        return cached
    found = await queries.select_stripe(tx, code, currency, stripe)
    if found is None:
        tx.made.add(key)
        opened = await queries.insert_accounts(tx, [AccountSpec(code, currency, floor=None)], stripe)
        return opened[code, currency]
    if key not in tx.made:  # one of this very transaction, or of a part of it, may yet be undone
        tx.known[key] = found
    return found


async def lock(tx: Tx, accounts: Sequence[AccountId]) -> dict[AccountId, AccountState]:
    """Lock accounts in number order and read them; they stay as they are until this transaction ends."""
    return await queries.lock_accounts(tx, sorted(set(accounts)))


async def balances(tx: Tx, accounts: Sequence[AccountId]) -> dict[AccountId, AccountState]:
    """Read accounts as last committed."""
    return await queries.select_accounts(tx, list(accounts))


async def balance_at(tx: Tx, account: AccountId, at: datetime) -> int:
    """The account's balance in minor units after its last posting at or before `at`."""
    _, balance = await queries.select_position(tx, account, at)
    return balance


async def restrict(tx: Tx, account: AccountId, *, debits: bool, credits_: bool) -> None:
    """Say whether the account takes debits and credits from now on. It cannot race with a posting: both hold the row.

    Raises AccountMissing.
    """
    if not await queries.update_acceptance(tx, account, debits=debits, credits_=credits_):
        raise AccountMissing(account=account)


async def trial_balance(tx: Tx) -> list[TrialLine]:
    """The balance of every account code (all wallets together) by currency; each currency sums to zero."""
    return await queries.select_trial_balance(tx)
