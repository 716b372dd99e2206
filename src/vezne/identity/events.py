"""What identity tells the slices above it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vezne.kernel.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantCreated(Event):
    """A tenant was opened."""

    tenant_id: UUID
    slug: str
    livemode: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantChanged(Event):
    """A tenant's name or settings changed."""

    tenant_id: UUID
    changed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyCreated(Event):
    """An API key was made."""

    key_id: UUID
    kind: str
    last4: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRotated(Event):
    """A key was replaced by another and ends at `expires_at`."""

    key_id: UUID
    replaced_by: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRevoked(Event):
    """A key was ended at once."""

    key_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerCreated(Event):
    """A customer became known."""

    customer_id: UUID
    reference: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerChanged(Event):
    """A customer's details changed."""

    customer_id: UUID
    changed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantClockMoved(Event):
    """A test tenant's clock was held, moved or (null) let go."""

    tenant_id: UUID
    held_at: datetime | None
