"""What the ledger is made of: accounts, entries, postings, and the answers to a posting."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, NewType
from uuid import UUID

from vezne.kernel.errors import Conflict, Invalid, NotFound, Refusal

AccountId = NewType("AccountId", int)

STRIPES = 16
"""How many rows a house account is spread over, so that no payment waits for another at it."""


class BelowFloor(Conflict):
    """Account {account} can give {available_minor}, less than {asked_minor}."""


class AccountRestricted(Conflict):
    """Account {account} takes no such posting now."""


class Unbalanced(Invalid):
    """The postings of entry {entry} do not sum to zero in {currency}."""


class ReferenceReused(Conflict):
    """The reference {reference} was posted with other content."""


class ReferenceBusy(Conflict):
    """Another transaction is posting the same reference; send the same request again."""


class AccountMissing(NotFound):
    """There is no account {account}."""


class EntryMissing(NotFound):
    """There is no entry {entry}."""


class BalanceTooLarge(Conflict):
    """Account {account} would hold more than 2^53 - 1 minor units."""


class NothingHeld(Conflict):
    """Account {account} holds {held_minor} back, less than {asked_minor}."""


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """An account to open: `floor` is the least it may hold (None: it may go below zero without end)."""

    code: str
    currency: str
    floor: int | None = 0


@dataclass(slots=True)
class AccountState:
    """An account as it stands in this transaction; amounts in minor units of `currency`."""

    account: AccountId
    code: str
    currency: str
    floor: int | None
    balance: int
    held: int
    sequence: int
    last_posted_at: datetime
    accepts_debits: bool
    accepts_credits: bool

    @property
    def available(self) -> int:
        """What can be taken: the balance less what is held back and the floor (which may be absent)."""
        return self.balance - self.held - (self.floor or 0)


class Posting(NamedTuple):
    """`amount` minor units to (positive) or from (negative) the holder of `account`."""

    account: AccountId
    amount: int


class Hold(NamedTuple):
    """Hold `delta` more (or, negative, less) of the account's balance back from spending."""

    account: AccountId
    delta: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Postings that happen together and sum to zero in each currency.

    `reference` names the one cause this entry may be posted for; without it the entry is its own cause.
    """

    id: UUID
    kind: str
    postings: tuple[Posting, ...]
    holds: tuple[Hold, ...] = ()
    reference: str | None = None
    description: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


class Line(NamedTuple):
    """A posting as it was written: the account's `sequence` has no gaps, `balance_after` is the account's after it."""

    account: AccountId
    sequence: int
    amount: int
    balance_after: int


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry stands. `again`: it stood already, under the same reference with the same content; `first` is how it stands."""

    entry_id: UUID
    lines: tuple[Line, ...]
    posted_at: datetime
    again: bool = False
    first: "EntryRecord | None" = None

    def line(self, account: AccountId) -> Line:
        """The entry's (first) line on `account`."""
        return next(line for line in self.lines if line.account == account)


@dataclass(frozen=True, slots=True)
class Refused:
    """The entry was not posted, and why; nothing of it was written."""

    error: Refusal


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """An entry as it stands in the books."""

    id: UUID
    kind: str
    reference: str | None
    description: str
    details: Mapping[str, object]
    actor: str
    posted_at: datetime
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A posting of one account with the entry it belongs to."""

    entry: EntryRecord
    line: Line


@dataclass(frozen=True, slots=True)
class TrialLine:
    """All stripes of an account code (wallets together) in one currency."""

    code: str
    currency: str
    accounts: int
    balance: int
    held: int


def content_hash(kind: str, lines: Sequence[tuple[str, str, int]]) -> bytes:
    """What makes two entries of one reference the same: kind, and amount by account code and currency.

    Stripes of one house account count as that account.
    """
    totals: dict[tuple[str, str], int] = {}
    for code, currency, amount in lines:
        totals[code, currency] = totals.get((code, currency), 0) + amount
    text = "\n".join([kind, *(f"{code}|{currency}|{total}" for (code, currency), total in sorted(totals.items()))])
    return hashlib.sha256(text.encode()).digest()
