"""What promos tell those above them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoCreated(Event):
    """A promotion can be used once it has a code."""

    promo_id: UUID
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoChanged(Event):
    """Its limits, its time or whether it is given were changed; `changed` names the fields."""

    promo_id: UUID
    changed: str
    ends_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeCreated(Event):
    """So many codes of a promotion were made; `code_id` is the first of them."""

    code_id: UUID
    promo_id: UUID
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeChanged(Event):
    """A code's limit, or whether it is taken, was changed."""

    code_id: UUID
    promo_id: UUID
    active: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoReserved(Event):
    """An order that waits to be paid has taken one use of a code."""

    promo_id: UUID
    code_id: UUID
    redemption_id: UUID
    order_id: UUID
    customer_id: UUID
    discount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoRedeemed(Event):
    """The order is paid: the use is used up, whatever becomes of the order."""

    promo_id: UUID
    code_id: UUID
    redemption_id: UUID
    order_id: UUID
    customer_id: UUID
    discount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoReleased(Event):
    """The order ended unpaid: the use is free again."""

    promo_id: UUID
    code_id: UUID
    redemption_id: UUID
    order_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class RedemptionBonusGranted(Event):
    """The customer has the credits on top."""

    redemption_id: UUID
    promo_id: UUID
    order_id: UUID
    customer_id: UUID
    units: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RedemptionBonusRevoked(Event):
    """Of the credits on top, `units` came back with a refund; `missing` should have too, and had been spent or had lapsed."""

    redemption_id: UUID
    promo_id: UUID
    order_id: UUID
    customer_id: UUID
    units: int
    missing: int
