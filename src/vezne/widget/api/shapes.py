"""What the widget's endpoints take and answer."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from vezne.kernel.http import RequestModel
from vezne.kernel.ids import PublicId
from vezne.widget.models import Asked, Captcha, DayUnreadable, Guest, ReservationStatus

ReservationId = Annotated[UUID, PublicId("wrs")]
ResourceId = Annotated[UUID, PublicId("rsc")]
PayeeId = Annotated[UUID, PublicId("pye")]
CustomerId = Annotated[UUID, PublicId("cus")]
OrderId = Annotated[UUID, PublicId("ord")]
PaymentId = Annotated[UUID, PublicId("pay")]

MOST_UNITS = 20
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
Locale = Literal["en", "tr"]
DayText = Annotated[str, Field(max_length=40, description="a day of the tenant's time zone", examples=["2026-12-10"])]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s]{2,}$", max_length=254)]
Solution = Annotated[str, StringConstraints(max_length=8000)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9+() ./-]{3,32}$")]


def read_day(text: str, field: str, *, where: str = "body") -> date:
    """The day in `text`. Raises DayUnreadable, which names the field."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise DayUnreadable(loc=(where, field))


class GuestIn(RequestModel):
    """Whoever reserves."""

    name: Name
    email: Email
    phone: Phone | None = None


class ReservationIn(RequestModel):
    """What a guest asks for."""

    guest: GuestIn
    checkin_date: DayText
    checkout_date: DayText
    kvkk_consent: bool = Field(False, description="consent to the privacy notice; needed")
    terms_consent: bool = Field(False, description="consent to the terms; needed")
    resource_id: ResourceId | None = Field(None, description="the storage; without it any that is free")
    location_id: ResourceId | None = Field(None, description="says the same as `resource_id`")
    quantity: int = Field(1, ge=1, le=MOST_UNITS, description="how many units")
    locale: Locale | None = Field(None, description="the guest's language; default: the browser's, else the tenant's")
    captcha: Annotated[str, StringConstraints(max_length=8000)] | None = Field(
        None, description="the solution, where one is asked"
    )

    def asked(self, locale: str) -> Asked:
        """As a plain value. Raises DayUnreadable."""
        return Asked(
            guest=Guest(name=self.guest.name, email=self.guest.email, phone=self.guest.phone),
            checkin=read_day(self.checkin_date, "checkin_date"),
            checkout=read_day(self.checkout_date, "checkout_date"),
            kvkk_consent=self.kvkk_consent,
            terms_consent=self.terms_consent,
            resource_id=self.resource_id or self.location_id,
            quantity=self.quantity,
            locale=locale,
        )


class CaptchaOut(BaseModel):
    """What is asked to tell people from programs."""

    kind: Captcha
    site_key: str | None = Field(None, description="of hCaptcha")
    challenge: dict[str, Any] | None = Field(None, description="of altcha: solve it and send the solution as `captcha`")


class TextsOut(BaseModel):
    """What a guest consents to."""

    version: str
    privacy_url: str | None
    terms_url: str | None


class InitOut(BaseModel):
    """A widget's visit begins."""

    access_token: str = Field(description="send it as a bearer token", examples=["jwt…"])
    expires_in: int = Field(description="seconds", examples=[3600])
    tenant: str = Field(description="the tenant's name, for the guest")
    livemode: bool
    locale: str
    captcha: CaptchaOut
    texts: TextsOut


class TakenOut(BaseModel):
    """A reservation that was taken, and where it is paid."""

    id: ReservationId
    status: Literal["pending", "converted", "cancelled"] = Field(
        description="pending: it waits for its payment; converted: paid, or free; cancelled: given up or not paid in time"
    )
    payment_required: bool
    payment_url: str | None = Field(description="where the guest pays; of a demo payment its path", examples=["/payments/…"])
    payment_intent_id: str | None = Field(description="the payment's name there", examples=["session_…"])
    amount_minor: int
    currency: str | None
    expires_at: datetime | None = Field(description="until when the unit is held for the payment")


class ConsentOut(BaseModel):
    """A consent as it was given."""

    kind: Literal["kvkk", "terms"]
    text_version: str
    text_url: str | None
    language: str
    given_at: datetime


class GuestOut(BaseModel):
    """Whoever reserved."""

    name: str
    email: str
    phone: str | None


class WidgetReservationOut(BaseModel):
    """A widget reservation as staff see it."""

    id: ReservationId
    status: ReservationStatus = Field(description="pending: asked for, nothing was free yet; converted: a unit and an order")
    guest: GuestOut
    checkin_date: date
    checkout_date: date
    quantity: int
    locale: str
    wanted_resource_id: ResourceId | None
    resource_id: ResourceId | None
    payee_id: PayeeId | None
    customer_id: CustomerId | None
    order_id: OrderId | None
    payment_id: PaymentId | None
    consents: list[ConsentOut]
    created_at: datetime
    converted_at: datetime | None
    cancelled_at: datetime | None


class StorageOut(BaseModel):
    """A storage with free units between two days."""

    id: ResourceId
    name: str
    free_units: int
    price_minor: int | None = Field(description="per unit, day or hour (`per`); null: free of charge")
    currency: str | None
    per: str | None


class StoragesOut(BaseModel):
    """Where something is free."""

    data: list[StorageOut]


class SimulationIn(RequestModel):
    """How a demo payment ends."""

    result: Literal["success", "failed"]


class SimulatedOut(BaseModel):
    """How it ended."""

    ok: bool
    payment_id: PaymentId
    payment_status: str = Field(examples=["paid"])
