"""Tenants and their settings, API keys, customers."""

import base64
import hashlib
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from vezne.identity.alerts import CountedRule
from vezne.identity.permissions import ALL, PUBLISHABLE
from vezne.kernel.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated
from vezne.kernel.mail import Body, Letter, sender_named
from vezne.kernel.money import MAX_MINOR, Currency

KeyKind = Literal["secret", "publishable", "restricted"]

_PREFIX: dict[KeyKind, str] = {"secret": "sk", "publishable": "pk", "restricted": "rk"}
_SECRET = string.ascii_letters + string.digits
_SECRET_LENGTH = 43  # of 62 characters: 256 bits
_KEY = re.compile(rf"vz_(sk|pk|rk)_(test|live)_([a-z2-7]{{1,13}})_([A-Za-z0-9]{{{_SECRET_LENGTH}}})", re.ASCII)


class KeyMissing(Unauthenticated):
    """Send an API key: `Authorization: Bearer vz_sk_…`."""


class KeyUnknown(Unauthenticated):
    """This API key is not valid: mistyped, revoked or expired."""


class TooManyRequests(RateLimited):
    """This key has made its {limit} requests of this minute; wait {retry_after_seconds} s."""


class KeyNotFound(NotFound):
    """There is no API key {key_id}."""


class KeyEnded(Conflict):
    """The API key {key_id} is revoked or expired."""


class KeyEndsBeforeItBegins(Invalid):
    """A key's expiry lies in the future."""


class PermissionUnknown(Invalid):
    """There is no permission {permission}."""


class PermissionsNotTaken(Invalid):
    """Only a restricted key takes a list of permissions, and it takes at least one."""


class PermissionBeyondOwn(Forbidden):
    """A key cannot give the permission {permission}, which it does not have."""


class CustomerNotFound(NotFound):
    """There is no customer {customer_id}."""


class CustomerNeeded(Invalid):
    """Name the customer: an API key acts for many."""


class CustomerTokenInvalid(Unauthenticated):
    """This customer token is not valid: mistyped, expired, or the key it was made with has ended."""


class SlugMalformed(Invalid):
    """A slug is 2 to 63 small letters, digits and hyphens, a letter first; not {slug}."""


class SlugTaken(Conflict):
    """There is a tenant {slug} already."""


class TenantNotFound(NotFound):
    """There is no tenant {tenant}."""


class RealMoneyInTest(Invalid):
    """A test tenant takes no real money: payment_mode live is for live tenants."""


@cache
def _zones() -> frozenset[str]:
    """The time zones there are; asking means walking a folder tree."""
    return frozenset(available_timezones())


def _provider_name(text: object) -> object:
    """`MAGIC_PAY`, as the storage documents write it, is `magicpay`."""
    return "magicpay" if text == "MAGIC_PAY" else text


ProviderName = Annotated[str, BeforeValidator(_provider_name), StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
WebOrigin = Annotated[str, StringConstraints(max_length=200, pattern=r"^https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?$")]
WebUrl = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[!-~]+$")]

UnitName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{3,11}$")]


class TenantSettings(BaseModel):
    """What a tenant may choose. Amounts are minor units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    payment_mode: Literal["demo_local", "GATEWAY_DEMO", "live"] = Field(
        "GATEWAY_DEMO",
        description="demo_local, GATEWAY_DEMO: MagicPay is played in process, no money moves; live: MagicPay over HTTP",
    )
    payment_provider: ProviderName = Field("simulated", description="who takes the money")
    other_providers: tuple[ProviderName, ...] = Field(
        (), max_length=20, description="who else may take it, where the customer chooses another at the checkout"
    )
    commission_rate: int = Field(
        0, strict=True, ge=0, le=10_000, description="the platform's share, in hundredths of a percent: 250 is 2.5 %"
    )
    locale: Literal["en", "tr"] = Field("en", description="the language of pages and messages where the visitor's is not known")
    default_currency: Currency = "TRY"
    time_zone: str = Field("Europe/Istanbul", description="IANA name; where the tenant's days begin and end")
    low_balance_minor: int | None = Field(
        None, strict=True, ge=0, le=MAX_MINOR, description="a wallet that falls below this announces it; null: none does"
    )
    max_transaction_amount: int | None = Field(
        None, strict=True, ge=1, le=MAX_MINOR, description="the largest single debit or transfer"
    )
    max_daily_transactions: int | None = Field(None, strict=True, ge=1, description="debits and transfers of a wallet in a day")
    hold_seconds: int = Field(
        900, strict=True, ge=30, le=86_400, description="how long seats or a storage unit are held for an order that is not paid"
    )
    late_money: Literal["wallet", "refund"] = Field(
        "wallet", description="where money goes that came too late for what it was to pay: to the customer's wallet, or back"
    )
    coin_value_minor: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=MAX_MINOR,
        description="what one coin pays, in minor units of the order's currency; null: coins pay nothing",
    )
    reserve_rate: int = Field(
        0,
        strict=True,
        ge=0,
        le=10_000,
        description="part of each payee's share kept back for refunds, in hundredths of a percent",
    )
    reserve_days: int = Field(0, strict=True, ge=0, le=365, description="how long that part is kept back")
    payout_minimum_minor: int = Field(1, strict=True, ge=1, le=MAX_MINOR, description="the smallest payout a payee may ask for")
    transfer_instructions: str = Field(
        "", max_length=1000, description="what a customer who pays by bank transfer is told: account, bank, what to write"
    )
    transfer_days: int = Field(3, strict=True, ge=1, le=30, description="how long a promised bank transfer is waited for")
    widget_origins: tuple[WebOrigin, ...] = Field(
        (), max_length=50, description="the web sites (https://shop.example) that may embed the booking widget"
    )
    widget_captcha: Literal["none", "altcha", "hcaptcha"] = Field("none", description="what the widget asks of a guest")
    consent_version: str = Field("1", min_length=1, max_length=40, description="the version of the texts a guest consents to")
    privacy_url: WebUrl | None = Field(None, description="the privacy notice (KVKK, GDPR) a guest consents to")
    terms_url: WebUrl | None = Field(None, description="the terms a guest consents to")

    credit_unit: UnitName = Field("CREDIT", description="the unit of the tenant's credits")
    coin_unit: UnitName = Field("COIN", description="the unit of the tenant's coins")
    credit_expiry_days: int | None = Field(
        None, strict=True, ge=1, le=36_500, description="how long credits live, unless their grant says; null: the deployment's"
    )
    min_credit_purchase: int | None = Field(
        None, strict=True, ge=1, le=MAX_MINOR, description="the fewest credits bought at once; null: the deployment's"
    )
    max_credit_balance: int | None = Field(
        None, strict=True, ge=1, le=MAX_MINOR, description="the most credits a wallet may hold; null: the deployment's"
    )
    coin_expiry_days: int | None = Field(
        None, strict=True, ge=1, le=36_500, description="how long coins live when their rule does not say; null: for ever"
    )
    expiry_reminder_days: int = Field(
        7, strict=True, ge=0, le=365, description="how long before credits and coins lapse their customer is reminded; 0: never"
    )
    grace_days: int = Field(
        7, strict=True, ge=0, le=90, description="how long a membership stays usable while its renewal is not paid"
    )
    dunning_end: Literal["cancel", "pause"] = Field(
        "cancel", description="what becomes of a membership whose renewal was not paid in the end"
    )
    mail_from: str = Field("", max_length=200, description="the sender of mail to customers; empty: the deployment's")
    mail_receipts: bool = Field(True, description="whether customers get receipts by e-mail")
    mail_memberships: bool = Field(
        True, description="whether customers are written to about their memberships: not paid, trial about to end, ended"
    )
    alert_thresholds: dict[CountedRule, Annotated[int, Field(strict=True, ge=1, le=1_000_000)]] = Field(
        default_factory=dict, description="from how many on a rule raises an alert, where that is not the rule's own number"
    )
    receipt_sender: str = Field("", max_length=500, description="who stands at the head of a receipt: name, address, tax number")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in _zones():
            message = "not an IANA time zone"
            raise ValueError(message)
        return name

    @field_validator("mail_from")
    @classmethod
    def _one_address(cls, sender: str) -> str:
        if sender:
            sender_named(sender)
        return sender

    @property
    def zone(self) -> ZoneInfo:
        """The tenant's time zone."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True)
class Tenant:
    """One business with its own customers, books and keys; either test or live, for good."""

    tenant_id: int
    id: UUID
    slug: str
    name: str
    livemode: bool
    settings: TenantSettings
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is kept: its hash and last four characters, never itself."""

    id: UUID
    kind: KeyKind
    name: str
    last4: str
    permissions: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_on: date | None = None

    def stands(self, now: datetime) -> bool:
        """Whether the key is good at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def granted(self) -> frozenset[str]:
        """What the key may do."""
        return {"secret": ALL | PUBLISHABLE, "publishable": PUBLISHABLE, "restricted": self.permissions}[self.kind]


@dataclass(frozen=True, slots=True)
class KeyText:
    """An API key as its holder has it: `vz_sk_test_<tenant>_<secret>`; it reveals its tenant and nothing else."""

    tenant_id: int
    text: str

    @classmethod
    def fresh(cls, kind: KeyKind, tenant_id: int, *, livemode: bool) -> Self:
        """A new key: 256 random bits."""
        number = base64.b32encode(tenant_id.to_bytes((tenant_id.bit_length() + 7) // 8, "big")).decode().rstrip("=").lower()
        mode = "live" if livemode else "test"
        secret = "".join(secrets.choice(_SECRET) for _ in range(_SECRET_LENGTH))
        return cls(tenant_id, f"vz_{_PREFIX[kind]}_{mode}_{number}_{secret}")

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The key in `text`, or None when it is none."""
        match = _KEY.fullmatch(text)
        if match is None:
            return None
        number = match[3].upper()
        try:
            raw = base64.b32decode(number + "=" * (-len(number) % 8))
        except ValueError:
            return None
        tenant_id = int.from_bytes(raw, "big")
        return cls(tenant_id, text) if 0 < tenant_id < 2**63 else None

    @property
    def hash(self) -> bytes:
        """What is kept of the key."""
        return key_hash(self.text)


def key_hash(text: str) -> bytes:
    """What is kept of a key. A slow hash would guard a guessable secret; a key has 256 random bits."""
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True)
class Customer:
    """Whoever has wallets and places orders; `reference` is the tenant's own name for them."""

    id: UUID
    reference: str | None
    name: str | None
    email: str | None
    phone: str | None
    locale: str | None
    metadata: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Reader:
    """A customer who can be written to: at which address, in which language, and by whom."""

    customer: Customer
    email: str
    tenant: Tenant

    @property
    def language(self) -> str:
        """The customer's own, else the tenant's."""
        return self.customer.locale or self.tenant.settings.locale

    @property
    def zone(self) -> ZoneInfo:
        """Where the dates of a letter are."""
        return self.tenant.settings.zone

    def letter(self, body: Body, *, subject: str, purpose: str, about: str, dedupe: str) -> Letter:
        """A letter to this customer from the tenant. `about`: the public id; `dedupe`: of those with the same, one is sent."""
        return Letter(
            to=self.email,
            to_name=self.customer.name or "",
            sender=self.tenant.settings.mail_from,
            sender_name=self.tenant.name,
            subject=subject,
            html=body.html,
            text=body.text,
            language=self.language,
            purpose=purpose,
            about=about,
            dedupe=dedupe,
        )


@dataclass(frozen=True, slots=True)
class CustomerToken:
    """What a customer's browser or app shows for itself; its text is told once."""

    customer_id: UUID
    expires_at: datetime
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the audit log."""

    id: UUID
    type: str
    subject: str
    payload: Mapping[str, object]
    actor: str
    request_id: str | None
    occurred_at: datetime


@lru_cache(maxsize=1000)
def settings_of_json(text: str) -> TenantSettings:
    """Settings as they are stored; what a newer version added has its default. The same text is read once: they are frozen."""
    return TenantSettings.model_validate(msgspec.json.decode(text))
