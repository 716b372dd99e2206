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
class CustomerTokenGiven(Event):
    """A customer's browser or app was given a token, good until `expires_at`."""

    customer_id: UUID
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerAlerted(Event):
    """A customer's activity is unusual: an alert was raised, for staff to decide."""

    customer_id: UUID
    alert_id: UUID
    rule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertDecided(Event):
    """A person decided an alert: `confirmed` or `dismissed`."""

    alert_id: UUID
    customer_id: UUID
    rule: str
    decision: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PayeeCreated(Event):
    """Somebody who is owed shares became known."""

    payee_id: UUID
    reference: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PayeeChanged(Event):
    """A payee's details changed; a bank account is named here and never told."""

    payee_id: UUID
    changed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantClockMoved(Event):
    """A test tenant's clock was held, moved or (null) let go."""

    tenant_id: UUID
    held_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffInvited(Event):
    """Somebody was invited to the console, or to choose a new password; the link itself is not told."""

    staff_id: UUID
    role: str
    payee_id: UUID | None
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffJoined(Event):
    """An invitation was taken up: its password is chosen."""

    staff_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffChanged(Event):
    """A member of staff's details, role, password or second step changed; the values themselves are not told."""

    staff_id: UUID
    changed: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffSignedIn(Event):
    """A member of staff signed in; `with_code`: by password and a second step."""

    staff_id: UUID
    session_id: UUID
    with_code: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffRefused(Event):
    """Somebody tried to be this member of staff with a wrong password or code; `in_a_row` counts such tries."""

    staff_id: UUID
    step: str
    in_a_row: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionEnded(Event):
    """A session was ended before its time: signed out, or ended by somebody, or because the account changed."""

    session_id: UUID
    staff_id: UUID
    why: str
