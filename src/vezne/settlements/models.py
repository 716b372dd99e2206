"""What settlements are made of, which moves a payout may make, and how a claw-back is shared. Amounts are minor units."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from vezne.identity import Payee

MoveKind = Literal["sale", "claw_back", "given_again", "release"]
FileFormat = Literal["csv", "pain001"]
BASIS = 10_000
"""Rates are in hundredths of a percent."""


class SettlementStatus(StrEnum):
    """Where a settlement stands: `reserved` when only its reserve is still to come."""

    DUE = "due"
    IN_PAYOUT = "in_payout"
    RESERVED = "reserved"
    PAID = "paid"
    CLAWED_BACK = "clawed_back"


class PayoutStatus(StrEnum):
    """Where a payout stands."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SENT = "sent"
    PAID = "paid"
    REJECTED = "rejected"
    FAILED = "failed"


PAYOUT_MOVES: Mapping[PayoutStatus, frozenset[PayoutStatus]] = {
    PayoutStatus.REQUESTED: frozenset({PayoutStatus.APPROVED, PayoutStatus.REJECTED}),
    PayoutStatus.APPROVED: frozenset({PayoutStatus.SENT, PayoutStatus.REJECTED}),
    PayoutStatus.SENT: frozenset({PayoutStatus.PAID, PayoutStatus.FAILED}),
    PayoutStatus.PAID: frozenset(),
    PayoutStatus.REJECTED: frozenset(),
    PayoutStatus.FAILED: frozenset(),
}
UNDER_WAY = frozenset({PayoutStatus.REQUESTED, PayoutStatus.APPROVED, PayoutStatus.SENT})
"""The money has left the payee's account and has not arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A line that was paid for: of `gross_minor`, `share_minor` is the payee's and `fee_minor` the platform's.

    Either part may be negative (a discount the platform bears makes the fee so); together they are the gross. A gross of nothing
    is given back in `parts`, the seats of the line.
    """

    line_id: UUID
    order_id: UUID
    payee_id: UUID
    currency: str
    gross_minor: int
    share_minor: int
    fee_minor: int
    fee_rule_id: UUID | None = None
    fee_rule_version: int = 0
    percentage: int = 0
    description: str = ""
    parts: int = 1

    def __post_init__(self) -> None:
        if self.gross_minor < 0 or self.gross_minor != self.share_minor + self.fee_minor:
            message = f"a sale's share and fee add up to its gross: {self}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What one sold line gives its payee and the platform, and how much of it was clawed back since.

    `clawed_minor` is of the gross; of a gross of nothing, it counts its `parts`.
    """

    id: UUID
    line_id: UUID
    order_id: UUID
    payee_id: UUID
    currency: str
    gross_minor: int
    share_minor: int
    fee_minor: int
    reserve_minor: int
    clawed_minor: int
    clawed_share_minor: int
    fee_rule_id: UUID | None
    fee_rule_version: int
    percentage: int
    description: str
    release_at: datetime | None
    released_at: datetime | None
    created_at: datetime
    parts: int = 1

    @property
    def whole(self) -> int:
        """How much `clawed_minor` is when everything was clawed back."""
        return self.gross_minor or self.parts

    @property
    def net_share_minor(self) -> int:
        """What the payee keeps."""
        return self.share_minor - self.clawed_share_minor

    @property
    def reserved_minor(self) -> int:
        """What is still kept back of it: claw-backs take from the reserve first."""
        return 0 if self.released_at is not None else max(0, self.reserve_minor - self.clawed_share_minor)

    def share_clawed_at(self, clawed: int) -> int:
        """The payee's part of the first `clawed` of the whole."""
        return share_of(self.share_minor, clawed, self.whole)


def share_of(share: int, clawed: int, whole: int) -> int:
    """`share` in proportion `clawed` to `whole`, rounded half up; the rest of `clawed` is the other party's.

    For two parts this is the largest remainder, the payee's first on a tie. It depends on the sum clawed back alone, not on
    the steps that led there: whatever the steps, at `whole` it is exactly `share` and at nothing exactly nothing.
    """
    return (2 * share * clawed + whole) // (2 * whole)


def reserve_of(share: int, rate: int) -> int:
    """What is kept back of a share at a rate in hundredths of a percent, rounded down: the payee's favour."""
    return max(share, 0) * rate // BASIS


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One change of what a settlement gives, once for each cause. Signed: positive is more for payee, platform, gross.

    `payee_minor` went to the payee's account and `reserve_minor` to what is kept back for it.
    """

    id: UUID
    settlement_id: UUID
    payee_id: UUID
    currency: str
    kind: MoveKind
    cause: str
    gross_minor: int
    share_minor: int
    fee_minor: int
    payee_minor: int
    reserve_minor: int
    entry_id: UUID | None
    payout_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClawBack:
    """What a claw-back took: `amount_minor` back into `unapplied`, of it the payee's share and the platform's fee."""

    settlement_id: UUID
    line_id: UUID
    cause: str
    amount_minor: int
    share_minor: int
    fee_minor: int
    from_reserve_minor: int
    entry_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeAccounts:
    """A payee's ledger accounts of a currency."""

    payee_id: UUID
    currency: str
    account: int
    reserve_account: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What stands between us and a payee in one currency.

    `available` can be paid out; `reserved` is kept back until its day; `carried` is what the payee owes us, taken off what
    comes next; `in_payout` has been asked for and has not arrived.
    """

    payee_id: UUID
    currency: str
    available: int
    reserved: int
    carried: int
    in_payout: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """Money on its way to a payee: whole settlements net of claw-backs. `number` is the payee's own count in the currency."""

    id: UUID
    payee_id: UUID
    currency: str
    number: int
    amount_minor: int
    status: PayoutStatus
    note: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    sent_by: str | None
    sent_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    reason: str | None
    bank_reference: str | None
    file_id: UUID | None
    entry_id: UUID
    end_entry_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutItem:
    """A move that a payout pays (or, failed, would have paid)."""

    payout_id: UUID
    move_id: UUID
    settlement_id: UUID
    kind: MoveKind
    amount_minor: int
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutFile:
    """A file that a bank was given."""

    id: UUID
    format: FileFormat
    name: str
    payout_ids: tuple[UUID, ...]
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """What one ledger entry did to a payee's account and to its reserve; `balance_minor` is the account's after it."""

    at: datetime
    kind: str
    entry_id: UUID
    description: str
    details: Mapping[str, object]
    amount_minor: int
    reserve_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A payee's account in one currency from the first to the last day, both included."""

    payee: Payee
    currency: str
    first: date
    last: date
    opening_minor: int
    closing_minor: int
    reserve_opening_minor: int
    reserve_closing_minor: int
    lines: tuple[StatementLine, ...]
    written_at: datetime

    def totals(self) -> dict[str, tuple[int, int]]:
        """What each kind of entry came to, on the account and in the reserve."""
        sums: dict[str, tuple[int, int]] = {}
        for line in self.lines:
            amount, reserve = sums.get(line.kind, (0, 0))
            sums[line.kind] = (amount + line.amount_minor, reserve + line.reserve_minor)
        return sums


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be paid for one settlement: its moves that no payout has taken along, net."""

    settlement_id: UUID
    amount_minor: int
    move_ids: tuple[UUID, ...]


def fitting(due: list[Due], asked: int | None) -> tuple[list[Due], int | None]:
    """The settlements to pay for `asked` (None: all of them), and how much more would fit next; `due` is oldest first.

    What is negative or nothing always goes along, so that no claw-back waits while money leaves; of the rest the oldest, as
    long as the sum stays within `asked`.
    """
    taken = [each for each in due if each.amount_minor <= 0]
    total = sum(each.amount_minor for each in taken)
    for each in (each for each in due if each.amount_minor > 0):
        if asked is not None and total + each.amount_minor > asked:
            return taken, total + each.amount_minor
        taken.append(each)
        total += each.amount_minor
    return taken, None
