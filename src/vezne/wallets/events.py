"""Facts about stored value. Amounts are minor units."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletOpened(Event):
    """A customer has a wallet of this kind, currency and label."""

    wallet_id: UUID
    customer_id: UUID
    kind: str
    currency: str
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletCredited(Event):
    """Value was put into a wallet."""

    wallet_id: UUID
    transaction_id: UUID
    amount_minor: int
    currency: str
    balance_after_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletDebited(Event):
    """Value was taken out of a wallet."""

    wallet_id: UUID
    transaction_id: UUID
    amount_minor: int
    currency: str
    balance_after_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletTransferred(Event):
    """Value went from this wallet to `to_wallet`, which it names by its public id."""

    wallet_id: UUID
    to_wallet: str
    transaction_id: UUID
    amount_minor: int
    currency: str
    balance_after_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletRefunded(Event):
    """A debit, or part of it, came back into the wallet; `refunds` is the debit's public id."""

    wallet_id: UUID
    transaction_id: UUID
    refunds: str
    amount_minor: int
    currency: str
    balance_after_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletRevoked(Event):
    """A credit, or part of it, was taken back out of the wallet; `revokes` is the credit's public id."""

    wallet_id: UUID
    transaction_id: UUID
    revokes: str
    amount_minor: int
    missing_minor: int
    currency: str
    balance_after_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletLow(Event):
    """The balance has fallen below the threshold; told once for each time it does."""

    wallet_id: UUID
    balance_minor: int
    threshold_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletFrozen(Event):
    """Nothing can be taken out of the wallet; nor put into it when `credits_refused`."""

    wallet_id: UUID
    credits_refused: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletUnfrozen(Event):
    """The wallet can be used again."""

    wallet_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletClosed(Event):
    """The empty wallet was closed."""

    wallet_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletReopened(Event):
    """The closed wallet is in use again."""

    wallet_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletLimited(Event):
    """The wallet's own limits, or the threshold of its low-balance event, were set. None: no limit of its own."""

    wallet_id: UUID
    max_transaction_minor: int | None
    max_daily_minor: int | None
    max_daily_transactions: int | None
    low_balance_minor: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldPlaced(Event):
    """Value is reserved in a wallet."""

    hold_id: UUID
    wallet_id: UUID
    amount_minor: int
    currency: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldCaptured(Event):
    """Reserved value was taken; `remaining_minor` is still held."""

    hold_id: UUID
    wallet_id: UUID
    transaction_id: UUID
    amount_minor: int
    remaining_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldReleased(Event):
    """Reserved value can be spent again."""

    hold_id: UUID
    wallet_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldExpired(Event):
    """A hold's time ran out; what it still reserved can be spent again."""

    hold_id: UUID
    wallet_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LotExpiring(Event):
    """What is left of a lot lapses in some days: its customer is told, where there is an address. Once a lot."""

    lot_id: UUID
    wallet_id: UUID
    customer_id: UUID
    amount_minor: int
    currency: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class LotExpired(Event):
    """What was left of a lot lapsed and was written off."""

    lot_id: UUID
    wallet_id: UUID
    amount_minor: int
    currency: str
