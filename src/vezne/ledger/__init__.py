"""The ledger: the only record of who holds what.

Amounts are minor units, signed: positive is more for the account's holder. The postings of an entry sum to zero in each
currency; nothing posted is ever changed. An entry is set right by its reverse.
"""

from vezne.ledger.models import (
    AccountId,
    AccountMissing,
    AccountRestricted,
    AccountSpec,
    AccountState,
    BalanceTooLarge,
    BelowFloor,
    Entry,
    EntryMissing,
    EntryRecord,
    Hold,
    Line,
    NothingHeld,
    Posted,
    Posting,
    ReferenceBusy,
    ReferenceReused,
    Refused,
    StatementLine,
    TrialLine,
    Unbalanced,
)
from vezne.ledger.operations.accounts import (
    balance_at,
    balances,
    house_account,
    lock,
    open_accounts,
    restrict,
    trial_balance,
)
from vezne.ledger.operations.audit import audit
from vezne.ledger.operations.posting import hold, post
from vezne.ledger.operations.seals import seal
from vezne.ledger.operations.statements import entries_by, entries_under, entry, reverse, statement

__all__ = [
    "AccountId",
    "AccountMissing",
    "AccountRestricted",
    "AccountSpec",
    "AccountState",
    "BalanceTooLarge",
    "BelowFloor",
    "Entry",
    "EntryMissing",
    "EntryRecord",
    "Hold",
    "Line",
    "NothingHeld",
    "Posted",
    "Posting",
    "ReferenceBusy",
    "ReferenceReused",
    "Refused",
    "StatementLine",
    "TrialLine",
    "Unbalanced",
    "audit",
    "balance_at",
    "balances",
    "entries_by",
    "entries_under",
    "entry",
    "hold",
    "house_account",
    "lock",
    "open_accounts",
    "post",
    "restrict",
    "reverse",
    "seal",
    "statement",
    "trial_balance",
]
