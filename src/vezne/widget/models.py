"""The widget's reservations, guests, consents and tokens, as plain values."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from vezne.kernel.errors import Conflict, Forbidden, Invalid, Malformed, NotFound, RateLimited, Unauthenticated, Unavailable

TOKEN_LIFE = timedelta(hours=1)
FURTHEST_AHEAD = timedelta(days=731)
"""How far from today a stay may end: further on nobody has set a price yet."""
LONGEST_STAY = timedelta(days=366)

ConsentKind = Literal["kvkk", "terms"]
Captcha = Literal["none", "altcha", "hcaptcha"]


class WidgetTokenInvalid(Unauthenticated):
    """The widget's token is not valid or has expired: ask for a new one."""


class WidgetTenantDiffers(Forbidden):
    """This key is not that tenant's."""


class OriginNotAllowed(Forbidden):
    """This web site may not use the widget: its origin is not among the tenant's widget_origins."""


class WidgetTooFast(RateLimited):
    """Too many requests from one place: wait {retry_after_seconds} s."""


class ConsentMissing(Invalid):
    """The consent {name} is needed."""


class DayUnreadable(Malformed):
    """A day is written 2026-03-01."""


class StayBackwards(Malformed):
    """The last day comes after the first."""


class StayInThePast(Malformed):
    """The first day is over."""


class StayTooFar(Malformed):
    """A stay ends within two years from today and takes a year at most."""


class CaptchaMissing(Invalid):
    """The check that you are a person was not made."""


class CaptchaWrong(Invalid):
    """The check that you are a person failed or was used before: make it once more."""


class CaptchaUnavailable(Unavailable):
    """The check that you are a person cannot be made just now; the same request may be sent again."""


class NoStorageFree(Conflict):
    """No storage is free between these dates."""


class NoSuchStorage(NotFound):
    """There is no storage {resource_id}."""


class AskedOtherwise(Invalid):
    """This was asked for before, and otherwise."""


class ReservationUnknown(NotFound):
    """There is no widget reservation {reservation_id}."""


class ReservationCancelledAlready(Conflict):
    """The widget reservation {reservation_id} is cancelled."""


class ReservationPaid(Conflict):
    """The widget reservation {reservation_id} is paid: refund its order {order_id}."""


class DemoOfLiveTenant(Forbidden):
    """This plays a payment, which a live tenant does not."""


class DemoPaymentUnknown(NotFound):
    """There is no demo payment {intent_id}."""


class ReservationStatus(StrEnum):
    """Where a widget reservation stands: asked for, made a real one, given up."""

    PENDING = "pending"
    CONVERTED = "converted"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a widget's token says: it was given to a publishable key's holder, and ends."""

    tenant_id: int
    key_id: UUID
    number: str
    livemode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Whoever reserves, as they wrote it."""

    name: str
    email: str
    phone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a guest asks for."""

    guest: Guest
    checkin: date
    checkout: date
    kvkk_consent: bool
    terms_consent: bool
    resource_id: UUID | None = None
    quantity: int = 1
    locale: str

    @property
    def request_hash(self) -> bytes:
        """Tells one request from another."""
        guest = self.guest
        said = (guest.name, guest.email, guest.phone, self.checkin, self.checkout, self.resource_id, self.quantity)
        return hashlib.sha256(msgspec.json.encode(said)).digest()

    def fingerprint(self, token: Token, key: str | None) -> bytes:
        """The same for a request that is sent again: with the same key, or without one from the same visit."""
        said = ("key", key) if key is not None else ("visit", token.number, self.request_hash.hex())
        return hashlib.sha256(msgspec.json.encode(said)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a guest agreed to, in which wording."""

    kind: ConsentKind
    text_version: str
    text_url: str | None
    language: str
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a guest asked for and what became of it."""

    id: UUID
    status: ReservationStatus
    fingerprint: bytes
    request_hash: bytes
    guest: Guest
    locale: str
    checkin_date: date
    checkout_date: date
    quantity: int
    wanted_resource_id: UUID | None
    resource_id: UUID | None
    payee_id: UUID | None
    customer_id: UUID | None
    order_id: UUID | None
    payment_id: UUID | None
    client_secret: bytes | None
    created_at: datetime
    converted_at: datetime | None
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToPay:
    """How a reservation is paid: where, and what the payment is called there. `url` is None when nothing is to be paid."""

    url: str | None
    intent_id: str | None
    amount_minor: int = 0
    currency: str = ""
    expires_at: datetime | None = None
    settled: bool = False
    """Paid, or free of charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A place where units can be reserved, as the widget offers it."""

    id: UUID
    name: str
    per: str | None
    price_minor: int | None
    currency: str | None
    free: int | None = None


def check_days(checkin: date, checkout: date, today: date) -> None:
    """Raise StayBackwards, StayInThePast, StayTooFar; each names its field."""
    if checkin < today:
        raise StayInThePast(loc=("body", "checkin_date"))
    if checkout <= checkin:
        raise StayBackwards(loc=("body", "checkout_date"))
    if checkout > today + FURTHEST_AHEAD or checkout - checkin > LONGEST_STAY:
        raise StayTooFar(loc=("body", "checkout_date"))


def check_consents(asked: Asked) -> None:
    """Raise ConsentMissing for the first consent that was not given."""
    given: Sequence[tuple[str, bool]] = (("kvkk_consent", asked.kvkk_consent), ("terms_consent", asked.terms_consent))
    for name, agreed in given:
        if not agreed:
            raise ConsentMissing(loc=("body", name), name=name)
