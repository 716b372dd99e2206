"""Vouchers: what can be had for coins. Amounts are whole coins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from vezne.rewards.refusals import VoucherMalformed

Inventory = Literal["count", "codes"]
RedemptionStatus = Literal["redeemed", "cancelled"]

MOST_IN_STOCK = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherTerms:
    """What is offered, for how many coins, how often to one customer, and from when until when."""

    name: str
    price_minor: int
    description: str = ""
    per_customer: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    active: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.starts_at is not None and self.ends_at is not None and self.ends_at <= self.starts_at:
            raise VoucherMalformed(loc=("body", "ends_at"), field="ends_at", reason="lies after its starts_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher(VoucherTerms):
    """A voucher: of `stocked` so many are `redeemed`. Its stock is counted, or consists of codes of which each is given once."""

    id: UUID
    inventory: Inventory
    stocked: int
    redeemed: int
    created_at: datetime

    @property
    def left(self) -> int:
        """How many can still be had."""
        return self.stocked - self.redeemed

    def withheld(self, now: datetime) -> str | None:
        """Why it is not offered now; None: it is."""
        if not self.active:
            return "it was withdrawn"
        if self.starts_at is not None and now < self.starts_at:
            return f"it begins at {self.starts_at.isoformat()}"
        if self.ends_at is not None and now >= self.ends_at:
            return f"it ended at {self.ends_at.isoformat()}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """A voucher that a customer had for coins. `restocked`: it was cancelled, and somebody else can have it."""

    id: UUID
    voucher_id: UUID
    customer_id: UUID
    reference: str
    price_minor: int
    currency: str
    status: RedemptionStatus
    restocked: bool
    transaction_id: UUID
    refund_transaction_id: UUID | None
    reason: str | None
    cancelled_by: str | None
    cancelled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Stocked:
    """What an upload did: how many came in, how many codes were there already, and the voucher as it is now."""

    voucher: Voucher
    added: int
    known: int
