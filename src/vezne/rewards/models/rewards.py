"""Rewards, what was taken back of them, streaks, and coins that were adjusted or spent. Amounts are whole coins."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from vezne.kernel.money import Money
from vezne.rewards.models.rules import Every, Rule

RewardType = Literal["course_completion", "referral", "referee", "streak", "purchase"]
RewardStatus = Literal["pending", "granted", "capped", "revoked", "clawed_back"]
MoveType = Literal["adjustment", "redemption"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A reward that is asked for. `override_minor` stands before what the rule says; `cause` names what it was given for."""

    customer_id: UUID
    type: RewardType
    reference: str
    rule: Rule
    asked_minor: int
    tier: str | None = None
    override_minor: int | None = None
    cause: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """Coins for something done. Of `asked_minor` the limits left `amount_minor`; of that `set_off_minor` settled what was owed.

    `pending` until `due_at`; `capped`: the limits left nothing; `revoked` before it was granted; `clawed_back`: all of it was.
    """

    id: UUID
    customer_id: UUID
    type: RewardType
    reference: str
    rule_id: UUID | None
    rule_version: int
    tier: str | None
    override_minor: int | None
    asked_minor: int
    amount_minor: int
    currency: str
    status: RewardStatus
    set_off_minor: int
    clawed_minor: int
    cause: str | None
    life_days: int | None
    description: str
    transaction_id: UUID | None
    due_at: datetime | None
    granted_at: datetime | None
    created_at: datetime

    @property
    def credited_minor(self) -> int:
        """What went into the wallet."""
        return 0 if self.transaction_id is None else self.amount_minor - self.set_off_minor

    @property
    def left_minor(self) -> int:
        """What can still be taken back."""
        return self.amount_minor - self.clawed_minor if self.granted_at is not None else 0


@dataclass(frozen=True, slots=True)
class Given:
    """The reward stands. `again`: it stood already."""

    reward: Reward
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClawBack:
    """What was taken back of a reward: `taken_minor` out of the wallet, `missing_minor` is owed."""

    id: UUID
    reward_id: UUID
    customer_id: UUID
    cause: str
    amount_minor: int
    taken_minor: int
    missing_minor: int
    transaction_id: UUID | None
    reason: str
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Streak:
    """How long a customer has been at an activity without a gap, and the longest it ever was."""

    customer_id: UUID
    activity: str
    every: Every
    length: int
    best: int
    last_on: date


@dataclass(frozen=True, slots=True)
class StreakDay:
    """A day (or the week that begins on it) with the activity: how long the streak was then, and what it gave."""

    starts_on: date
    length: int
    reward_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinMove:
    """Coins that staff gave (positive) or took, or that were spent freely (negative)."""

    id: UUID
    customer_id: UUID
    type: MoveType
    reference: str
    amount_minor: int
    currency: str
    reason: str
    transaction_id: UUID
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Purchase:
    """What was spent on an order in money, as it stands now: less after a refund."""

    reference: str
    customer_id: UUID
    spent: Money
