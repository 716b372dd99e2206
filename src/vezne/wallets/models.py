"""What stored value is made of: wallets, lots, holds, and the moves between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from vezne.kernel.money import Money
from vezne.ledger import AccountId
from vezne.wallets.kinds import KINDS, Kind, KindName, LotType

WalletStatus = Literal["open", "frozen", "closed"]
HoldStatus = Literal["open", "captured", "released", "expired"]
Direction = Literal["credit", "debit"]
TransactionStatus = Literal["completed", "partially_refunded", "refunded"]
CreditType = Literal["CREDIT_PURCHASE", "MEMBERSHIP_PAYMENT", "CREDIT_USAGE", "CREDIT_REFUND", "CREDIT_TRANSFER", "CREDIT_EXPIRY"]

_CREDIT_TYPES: Mapping[str, CreditType] = {
    "debit": "CREDIT_USAGE",
    "capture": "CREDIT_USAGE",
    "refund": "CREDIT_REFUND",
    "reversal": "CREDIT_REFUND",
    "transfer": "CREDIT_TRANSFER",
    "expiry": "CREDIT_EXPIRY",
}
_GRANTS: Mapping[str, CreditType] = {"membership": "MEMBERSHIP_PAYMENT", "refunded": "CREDIT_REFUND"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a wallet may spend: minor units at once, minor units a day, and debits and transfers a day. None: no limit."""

    transaction_minor: int | None = None
    daily_minor: int | None = None
    daily_transactions: int | None = None

    @property
    def daily(self) -> bool:
        """Whether a day's spending has to be counted."""
        return self.daily_minor is not None or self.daily_transactions is not None


MAIN = "main"
"""The label of the wallet that a customer has without having asked for a further one."""


class WalletKey(NamedTuple):
    """What tells a wallet from all others: a customer has one of each kind, currency and label."""

    customer_id: UUID
    kind: KindName
    currency: str
    label: str = MAIN


@dataclass(frozen=True, slots=True)
class Wallet:
    """A customer's stored value of one kind in one currency; its balance is that of its ledger account.

    `label` tells it from the customer's further wallets of this kind and currency.
    """

    id: UUID
    customer_id: UUID
    kind_name: KindName
    currency: str
    label: str
    account: AccountId
    status: WalletStatus
    limits: Limits
    low_balance_minor: int | None
    created_at: datetime

    @property
    def kind(self) -> Kind:
        """How its kind behaves."""
        return KINDS[self.kind_name]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a transaction is about: an event, a meal, an order."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class LotSpec:
    """What kind of grant a credit is. Without `expires_at` the lot lives as long as its kind says."""

    type: LotType = "purchased"
    origin: str = ""
    expires_at: datetime | None = None


@dataclass(slots=True)
class Lot:
    """A grant of stored value as it stands in this transaction; guarded by the lock on its wallet's account."""

    id: UUID
    wallet_id: UUID
    type: LotType
    origin: str
    amount_minor: int
    remaining_minor: int
    held_minor: int
    granted_at: datetime
    expires_at: datetime | None

    @property
    def free_minor(self) -> int:
        """What no hold reserves."""
        return self.remaining_minor - self.held_minor

    def lapsed(self, now: datetime) -> bool:
        """Whether it may no longer be spent."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Share:
    """`amount_minor` out of, or into, one lot."""

    lot: Lot
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Put `amount` into a wallet. `once`: one credit only for the wallet and `reference`; again answers the first.

    `contra` is the house account it comes out of, `lot` what kind of grant it is (for kinds that keep lots). `cause` names, in
    the ledger, what a `once` move may happen for, where wallet and reference are not it. `beyond_limit`: it was paid for already,
    or is owed, and the most a wallet may hold does not bind it.
    """

    wallet_id: UUID
    amount: Money
    lot: LotSpec | None = None
    reference: Reference | None = None
    once: bool = False
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    contra: str = "issued"
    cause: str | None = None
    beyond_limit: bool = False
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit:
    """Take `amount` out of a wallet, to the house account `contra`. `once` as for Credit.

    `unlimited`: it is no spending of the customer's (a top-up going back to the card), and spending limits do not bind it.
    """

    wallet_id: UUID
    amount: Money
    reference: Reference | None = None
    once: bool = False
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    contra: str = "revenue"
    unlimited: bool = False
    cause: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Take `amount` out of one wallet and put it into another of the same kind and currency; lots go with it as they are."""

    from_wallet_id: UUID
    to_wallet_id: UUID
    amount: Money
    reference: Reference | None = None
    once: bool = False
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    cause: str | None = None
    request_id: str | None = None


Move = Credit | Debit | Transfer


@dataclass(frozen=True, slots=True)
class WalletTransaction:
    """A change of one wallet's balance, as it was written; nothing ever changes it.

    `id` is the ledger entry's; both sides of a transfer share it. `kind` says why: credit, debit, transfer, capture, refund,
    expiry, reversal. `status` tells of a debit how much of it has been given back since, of a credit how much was taken back:
    `refunded_minor`. `refunds` is the transaction that this one gives, or takes, back. `lot` is what kind of grant a credit was.
    """

    id: UUID
    wallet_id: UUID
    type: Direction
    kind: str
    amount: Money
    balance_after_minor: int
    description: str
    created_at: datetime
    reference: Reference | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    counterpart: UUID | None = None
    refunds: UUID | None = None
    refunded_minor: int = 0
    lot: LotType | None = None

    @property
    def credit_type(self) -> CreditType:
        """What it is called in a history of credits."""
        if self.kind == "credit":
            return _GRANTS.get(self.lot or "purchased", "CREDIT_PURCHASE")
        return _CREDIT_TYPES[self.kind]

    @property
    def status(self) -> TransactionStatus:
        """completed, or what has become of it by refunds."""
        if self.refunded_minor == 0:
            return "completed"
        return "refunded" if self.refunded_minor == self.amount.minor else "partially_refunded"


@dataclass(frozen=True, slots=True)
class Moved:
    """The move stands; `arrived` is the receiving side of a transfer. `again`: it stood already."""

    transaction: WalletTransaction
    arrived: WalletTransaction | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was taken back of a credit, by which transaction (None: nothing was there), and how much of what was asked was not."""

    transaction: WalletTransaction | None
    taken_minor: int
    missing_minor: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A credit as it stands: what it put in, what was taken back of it, and what could be taken back out of its own lot now."""

    granted_minor: int
    revoked_minor: int
    left_minor: int


@dataclass(frozen=True, slots=True)
class WalletHold:
    """Money reserved in a wallet: it cannot be spent, and is still in the balance, until captured, released or expired."""

    id: UUID
    wallet_id: UUID
    status: HoldStatus
    amount: Money
    captured_minor: int
    released_minor: int
    reference: Reference | None
    description: str
    metadata: Mapping[str, str]
    created_at: datetime
    expires_at: datetime

    @property
    def remaining_minor(self) -> int:
        """What is still held."""
        return self.amount.minor - self.captured_minor - self.released_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a wallet held when somebody looked, in minor units. `version` counts its transactions: a hold leaves it as it is."""

    wallet_id: UUID
    balance_minor: int
    available_minor: int
    held_minor: int
    currency: str
    version: int
    at: datetime

    def same(self, other: "Sight") -> bool:
        """Whether both show the same, whenever they were seen."""
        return (self.version, self.balance_minor, self.available_minor, self.held_minor) == (
            other.version,
            other.balance_minor,
            other.available_minor,
            other.held_minor,
        )


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a wallet holds, in minor units: `available` can be spent now, `held` is reserved, `lapsed` waits to be written off."""

    balance: int
    held: int
    available: int
    lapsed: int = 0
