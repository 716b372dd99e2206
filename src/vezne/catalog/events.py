"""What the catalogue tells the slices above it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemCreated(Event):
    """Something can be sold."""

    item_id: UUID
    kind: str
    payee_id: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemChanged(Event):
    """An item's details changed; its prices did not."""

    item_id: UUID
    changed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemArchived(Event):
    """An item is no longer sold."""

    item_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemPriced(Event):
    """An item's price in a currency was set, or (null) withdrawn."""

    item_id: UUID
    currency: str
    amount_minor: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FeeCreated(Event):
    """A fee rule was made."""

    fee_id: UUID
    percentage: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FeeChanged(Event):
    """A fee rule got a new version, which holds from `valid_from` on."""

    fee_id: UUID
    version: int
    percentage: int
    valid_from: datetime
