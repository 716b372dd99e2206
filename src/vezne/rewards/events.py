"""Facts about coins. Amounts are whole coins of `currency`; `trigger` says what a reward is for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleCreated(Event):
    """Something gives coins from now on."""

    rule_id: UUID
    trigger: str
    activity: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleChanged(Event):
    """A rule has a new version, which holds from `valid_from` on."""

    rule_id: UUID
    version: int
    active: bool
    valid_from: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantCoinsBudgeted(Event):
    """All rules together may give so much in a period; no amount: as much as they like."""

    tenant_id: UUID
    version: int
    period: str
    amount_minor: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardGranted(Event):
    """A customer has coins for something done; `set_off_minor` of them settled what was owed."""

    reward_id: UUID
    customer_id: UUID
    trigger: str
    reference: str
    amount_minor: int
    set_off_minor: int
    currency: str
    transaction_id: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardPending(Event):
    """A customer will have coins for something done once `due_at` has come."""

    reward_id: UUID
    customer_id: UUID
    trigger: str
    reference: str
    amount_minor: int
    currency: str
    due_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardPostponed(Event):
    """A reward that was due could not be given (`reason`: the wallet's refusal); it is tried again at `due_at`."""

    reward_id: UUID
    customer_id: UUID
    reason: str
    due_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardCapped(Event):
    """The limits left nothing of a reward of `asked_minor`."""

    reward_id: UUID
    customer_id: UUID
    trigger: str
    reference: str
    asked_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardLowered(Event):
    """Part of what gave a pending reward did not last; so much is left to be granted."""

    reward_id: UUID
    customer_id: UUID
    amount_minor: int
    currency: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardRevoked(Event):
    """What gave a pending reward did not last; nothing is granted."""

    reward_id: UUID
    customer_id: UUID
    amount_minor: int
    currency: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardClawedBack(Event):
    """Part of a granted reward, or all, was taken back; `missing_minor` had been spent and is owed."""

    reward_id: UUID
    customer_id: UUID
    amount_minor: int
    missing_minor: int
    currency: str
    cause: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletCoinsAdjusted(Event):
    """Staff gave (positive) or took coins, for a reason."""

    wallet_id: UUID
    customer_id: UUID
    transaction_id: UUID
    amount_minor: int
    currency: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletCoinsRedeemed(Event):
    """Coins were spent on something of the tenant's own that `reference` names."""

    wallet_id: UUID
    customer_id: UUID
    transaction_id: UUID
    amount_minor: int
    currency: str
    reference: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VoucherCreated(Event):
    """Something can be had for coins."""

    voucher_id: UUID
    name: str
    price_minor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VoucherChanged(Event):
    """A voucher's details are others."""

    voucher_id: UUID
    changed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class VoucherStocked(Event):
    """There are more of a voucher, or, negative, fewer."""

    voucher_id: UUID
    added: int
    left: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VoucherRedeemed(Event):
    """A customer had a voucher for coins."""

    voucher_id: UUID
    redemption_id: UUID
    customer_id: UUID
    transaction_id: UUID
    price_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RedemptionCancelled(Event):
    """A voucher was given back, the coins are in their lots again; `restocked`: somebody else can have it."""

    redemption_id: UUID
    voucher_id: UUID
    customer_id: UUID
    price_minor: int
    currency: str
    restocked: bool
    reason: str
