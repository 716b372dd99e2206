"""Payees over HTTP. A payee's IBAN goes in and never comes out: four characters of it are shown."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field, StringConstraints

from vezne.identity.api_fields import Email, Metadata, Text
from vezne.identity.operations import payees
from vezne.identity.payees import (
    BicInvalid,
    CountryUnknown,
    IbanInvalid,
    Payee,
    PayeesForPlatformOnly,
    PayeeUnknown,
)
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, by_id, page_of

payee_api = router("/v1/payees", "Payees")

PayeeId = Annotated[UUID, PublicId("pye")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Iban = Annotated[str, StringConstraints(min_length=5, max_length=50)]
Bic = Annotated[str, StringConstraints(min_length=8, max_length=11)]


class PayeeNotChanged(Invalid):
    """Give at least one detail of the payee to change."""


class PayeeIn(RequestModel):
    """A payee to make known."""

    name: Text
    reference: Text | None = Field(None, description="your own name for the payee; unique. `own` is the tenant itself")
    email: Email | None = None
    country: Country | None = Field(None, description="ISO 3166-1", examples=["TR"])
    locale: Literal["en", "tr"] | None = None
    account_holder: Text | None = Field(None, description="whose account it is, where that is not `name`")
    iban: Iban | None = Field(None, description="kept sealed; its last four characters are shown")
    bic: Bic | None = None
    metadata: Metadata = Field(default_factory=dict)


class PayeePatch(RequestModel):
    """What to change; what is not given stays, null removes."""

    name: Text = Field("", description="not to be removed")
    email: Email | None = None
    country: Country | None = None
    locale: Literal["en", "tr"] | None = None
    account_holder: Text | None = None
    iban: Iban | None = None
    bic: Bic | None = None
    active: bool = Field(True, description="false: no new item is made for it")
    metadata: Metadata | None = None


class PayeeOut(BaseModel):
    """Whoever is owed a share of what is sold."""

    id: PayeeId
    name: str
    reference: str | None
    email: str | None
    country: str | None
    locale: str | None
    account_holder: str | None
    iban_last4: str | None
    bic: str | None
    active: bool
    metadata: dict[str, str]
    created_at: datetime


KNOWN_ALREADY: dict[int | str, dict[str, Any]] = {200: {"model": PayeeOut, "description": "the reference was known"}}


@payee_api.post(
    "",
    status_code=201,
    dependencies=[requires("payees.write")],
    responses=KNOWN_ALREADY | refusals(PayeesForPlatformOnly, IbanInvalid, BicInvalid, CountryUnknown),
)
async def post_payee(body: PayeeIn, tx: TxDep, response: Response) -> PayeeOut:
    """Make a payee known: 201. One with the same `reference` is answered as it is, unchanged: 200."""
    payee, made = await payees.create_payee(tx, **body.model_dump())
    if not made:
        response.status_code = 200
    return _payee(payee)


@payee_api.get("", dependencies=[requires("payees.read")], responses=refusals(CursorUnknown))
async def get_payees(
    page: PageQuery,
    tx: TxDep,
    reference: Annotated[str | None, Query(max_length=200)] = None,
    active: Annotated[bool | None, Query()] = None,
) -> Page[PayeeOut]:
    """Payees, newest first, or the one with `reference`."""
    found = await payees.payees(tx, reference=reference, active=active, before=page.id_of("pye"), limit=page.limit + 1)
    return page_of(found, page, _payee, by_id("pye"))


@payee_api.get("/{payee_id}", dependencies=[requires("payees.read")], responses=refusals(PayeeUnknown))
async def get_payee(payee_id: PayeeId, tx: TxDep) -> PayeeOut:
    """One payee."""
    return _payee(await payees.payee(tx, payee_id))


@payee_api.patch(
    "/{payee_id}",
    dependencies=[requires("payees.write")],
    responses=refusals(PayeeUnknown, PayeeNotChanged, IbanInvalid, BicInvalid, CountryUnknown),
)
async def patch_payee(payee_id: PayeeId, body: PayeePatch, tx: TxDep) -> PayeeOut:
    """Change a payee's details or bank account. Payouts already sent are not changed."""
    changes = body.model_dump(exclude_unset=True)
    if not changes:
        raise PayeeNotChanged(loc=("body",))
    if changes.get("metadata", {}) is None:
        changes["metadata"] = {}
    return _payee(await payees.change_payee(tx, payee_id, changes))


def _payee(payee: Payee) -> PayeeOut:
    return PayeeOut(
        id=payee.id,
        name=payee.name,
        reference=payee.reference,
        email=payee.email,
        country=payee.country,
        locale=payee.locale,
        account_holder=payee.account_holder,
        iban_last4=payee.iban_last4,
        bic=payee.bic,
        active=payee.active,
        metadata=dict(payee.metadata),
        created_at=payee.created_at,
    )
