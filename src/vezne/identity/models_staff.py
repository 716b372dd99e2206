"""Staff: who works for a tenant, how they prove it, and the sessions they have open."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from vezne.identity.permissions import ROLES
from vezne.kernel.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal

Stage = Literal["second_factor", "open"]

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
INVITATION_LIFE = timedelta(days=3)
SESSION_LIFE = timedelta(hours=12)
"""How long a session lasts at most; a working day."""
IDLE_LIFE = timedelta(hours=2)
"""How long a session lasts without a request."""
SECOND_FACTOR_LIFE = timedelta(minutes=5)
FREE_GUESSES = 5
"""How many wrong passwords or codes in a row cost nothing; each one after them costs twice the pause before."""
SHORTEST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
RECOVERY_CODES = 10
SCOPED_ROLES = frozenset({"partner", "door"})
"""The roles whose every permission is held to one payee, when the member of staff has one."""

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]{2,}")
_LONGEST_EMAIL, _LONGEST_NAME = 254, 200
_RECOVERY_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


class StaffNotFound(NotFound):
    """There is no member of staff {staff_id}."""


class StaffEmailTaken(Conflict):
    """There is a member of staff with this e-mail already."""


class EmailMalformed(Invalid):
    """An e-mail address is like ada@example.org."""


class NameMissing(Invalid):
    """A name has 1 to 200 characters."""


class RoleUnknown(Invalid):
    """There is no role {role}."""


class RoleBeyondOwn(Forbidden):
    """The role {role} may do more than you: it has {permission}."""


class PayeeNotNamed(Invalid):
    """A partner belongs to a payee: name one."""


class PayeeNotTaken(Invalid):
    """The role {role} sees the whole tenant; only partner and door belong to one payee."""


class OwnStanding(Conflict):
    """Nobody changes their own role or ends their own account; somebody else has to."""


class LastOwner(Conflict):
    """This is the last active owner; make another one first."""


class StaffInactive(Conflict):
    """This account is not active: activate it before you invite it."""


class SignInRefused(Unauthenticated):
    """E-mail or password is not right."""


class CodeRefused(Unauthenticated):
    """This code is not right, or was used already."""


class SignInTooOften(RateLimited):
    """Too many tries to sign in: wait {retry_after_seconds} s."""


class SessionOver(Unauthenticated):
    """This session is over: sign in again."""


class InvitationOver(NotFound):
    """This invitation was used, replaced or is too old: ask for a new one."""

    status = 410


class PasswordTooShort(Invalid):
    """A password has at least {shortest} characters."""


class PasswordTooLong(Invalid):
    """A password has at most {longest} characters."""


class PasswordGuessable(Invalid):
    """A password is neither your e-mail nor your name, nor one character repeated."""


class SecondFactorOff(Conflict):
    """There is no second step to confirm: begin again."""


class SecondFactorOn(Conflict):
    """The second step is set up already: turn it off first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A member of staff. `has_password`: the invitation was taken up."""

    id: UUID
    email: str
    name: str
    role: str
    payee_id: UUID | None
    locale: str | None
    active: bool
    has_password: bool
    second_factor: bool
    signed_in_at: datetime | None
    created_at: datetime

    @property
    def permissions(self) -> frozenset[str]:
        """What they may do."""
        return ROLES.get(self.role, frozenset())

    def principal(self, tenant_id: int, *, livemode: bool) -> Principal:
        """They, acting inside their tenant."""
        return Principal(
            tenant_id, f"staff:{public_id('stf', self.id)}", "staff", self.permissions, livemode, payee_id=self.payee_id
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a sign-in is held against. Never leaves this slice."""

    password_hash: str | None
    totp_secret: bytes | None
    totp_since: datetime | None
    totp_step: int
    recovery: tuple[bytes, ...]
    refusals: int
    paused_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSession:
    """An open session, as its holder may list it."""

    id: UUID
    staff_id: UUID
    stage: Stage
    client: str
    seen_at: datetime
    expires_at: datetime
    created_at: datetime

    def stands(self, now: datetime) -> bool:
        """Whether the session is good at `now`: neither too old nor left alone too long."""
        return now < self.expires_at and now < self.seen_at + IDLE_LIFE


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody behind a session: who, in which session, with which rights."""

    staff: Staff
    session: StaffSession
    principal: Principal


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session's token, told once; `stage` says whether the second step is still to come."""

    token: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation's token, told once."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A second factor to be confirmed: the secret as a person types it, and as an authenticator's QR code holds it."""

    secret: str
    uri: str


def checked_email(text: str) -> str:
    """The e-mail as it is kept: in small letters. Raises EmailMalformed."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email) or len(email) > _LONGEST_EMAIL:
        raise EmailMalformed(loc=("body", "email"))
    return email


def checked_name(text: str) -> str:
    """The name as it is kept. Raises NameMissing."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise NameMissing(loc=("body", "name"))
    return name


def fresh_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


def token_hash(text: str) -> bytes:
    """What is kept of a token. A slow hash would guard a guessable secret; a token has 256 random bits."""
    return hashlib.sha256(text.encode()).digest()


def fresh_recovery_codes() -> list[str]:
    """Codes for the day the telephone is lost: 10 characters of 31, each good once."""
    return ["".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(10)) for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> bytes:
    """What is kept of a recovery code, however it was typed; guesses are paused after a few, so a plain hash is enough."""
    return hashlib.sha256("".join(char for char in code.lower() if char.isalnum()).encode()).digest()


def check_password(password: str, staff: Staff) -> None:
    """Raise PasswordTooShort, PasswordTooLong or PasswordGuessable. Length is what counts (NIST SP 800-63B, 5.1.1.2)."""
    loc = ("body", "password")
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordTooShort(shortest=SHORTEST_PASSWORD, loc=loc)
    if len(password) > LONGEST_PASSWORD:
        raise PasswordTooLong(longest=LONGEST_PASSWORD, loc=loc)
    if password.strip().casefold() in {staff.email.casefold(), staff.name.casefold()} or len(set(password)) == 1:
        raise PasswordGuessable(loc=loc)


def pause_after(refusals: int) -> timedelta:
    """How long nobody may guess after so many refusals in a row: nothing, then 30 s, a minute, … at most 15 minutes."""
    if refusals < FREE_GUESSES:
        return timedelta()
    return min(SHORTEST_PAUSE * (1 << min(refusals - FREE_GUESSES, 10)), LONGEST_PAUSE)
