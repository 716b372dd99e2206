"""Tenant, keys, customers, test clock and audit log over HTTP."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from vezne.identity.api_alerts import alert_api
from vezne.identity.api_fields import Email, Metadata, Text
from vezne.identity.api_payees import payee_api
from vezne.identity.api_staff import staff_api
from vezne.identity.api_tokens import token_api
from vezne.identity.events import TenantClockMoved
from vezne.identity.models import (
    ApiKey,
    AuditRecord,
    Customer,
    CustomerNotFound,
    KeyEnded,
    KeyEndsBeforeItBegins,
    KeyNotFound,
    KeyText,
    PermissionBeyondOwn,
    PermissionsNotTaken,
    PermissionUnknown,
    RealMoneyInTest,
    Tenant,
    TenantSettings,
)
from vezne.identity.operations import auditing, customers, keys, tenants
from vezne.identity.operations.tenants import SettingInvalid
from vezne.kernel import clock
from vezne.kernel.clock import ClockGoesBack, ClockOfLiveTenant, ClockRuns, ClockTooFar, Moment
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, keep_instead, refusals, requires, router
from vezne.kernel.ids import PublicId, new_id
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, by_id, page_of

tenant_api = router("/v1/tenant", "Tenant")
key_api = router("/v1/api-keys", "API keys", permission="keys.manage")
customer_api = router("/v1/customers", "Customers")
clock_api = router("/v1/test-clock", "Test clock", permission="clock.manage")
audit_api = router("/v1/audit-log", "Audit log", permission="audit.read")
ROUTERS = (tenant_api, key_api, customer_api, token_api, alert_api, payee_api, clock_api, audit_api, staff_api)

TenantId = Annotated[UUID, PublicId("ten")]
KeyId = Annotated[UUID, PublicId("key")]
CustomerId = Annotated[UUID, PublicId("cus")]


class EmptyPatch(Invalid):
    """Give at least one field to change."""


class TenantOut(BaseModel):
    """Your tenant."""

    id: TenantId
    slug: str
    name: str
    livemode: bool
    settings: TenantSettings
    created_at: datetime


class TenantPatch(RequestModel):
    """What to change; what is not given stays."""

    name: Text | None = None
    settings: TenantSettings = Field(default_factory=TenantSettings, description="those settings that change; the others stay")


class KeyIn(RequestModel):
    """A key to make."""

    kind: Literal["secret", "publishable", "restricted"] = "secret"
    name: Annotated[str, StringConstraints(max_length=200)] = ""
    permissions: list[str] = Field(default_factory=list, max_length=50, description="of a restricted key")
    expires_at: Moment | None = None


class KeyOut(BaseModel):
    """A key; `key` itself is shown once, when it is made."""

    id: KeyId
    kind: str
    name: str
    last4: str
    permissions: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_on: date | None = Field(description="the day it was last used, in UTC")
    key: str | None = Field(None, description="the key, shown now and never again")


class RotationIn(RequestModel):
    """How a key is replaced."""

    overlap_seconds: int = Field(24 * 3600, ge=0, le=30 * 24 * 3600, description="how long the old key stays good")


class CustomerIn(RequestModel):
    """A customer to make known."""

    reference: Text | None = Field(None, description="your own name for the customer; unique")
    name: Text | None = None
    email: Email | None = None
    phone: Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = Field(
        None, description="E.164", examples=["+905551112233"]
    )
    locale: Literal["en", "tr"] | None = None
    metadata: Metadata = Field(default_factory=dict)


class CustomerPatch(RequestModel):
    """What to change; what is not given stays, null removes."""

    name: Text | None = None
    email: Email | None = None
    phone: Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None
    locale: Literal["en", "tr"] | None = None
    metadata: Metadata | None = None


class CustomerOut(BaseModel):
    """A customer."""

    id: CustomerId
    reference: str | None
    name: str | None
    email: str | None
    phone: str | None
    locale: str | None
    metadata: dict[str, str]
    created_at: datetime


KNOWN_ALREADY: dict[int | str, dict[str, Any]] = {200: {"model": CustomerOut, "description": "the reference was known"}}


class ClockIn(RequestModel):
    """Hold the clock at a time, advance a held one, or (null) let it run."""

    held_at: Moment | None


class ClockOut(BaseModel):
    """The tenant's time."""

    now: datetime
    held: bool


class AuditOut(BaseModel):
    """Something that happened."""

    id: Annotated[UUID, PublicId("evt")]
    type: str
    subject: str
    payload: dict[str, Any]
    actor: str
    request_id: str | None
    occurred_at: datetime


@tenant_api.get("", dependencies=[requires("tenant.read")])
async def get_tenant(tx: TxDep) -> TenantOut:
    """Your tenant and its settings."""
    return _tenant(await tenants.tenant_of(tx))


@tenant_api.patch("", dependencies=[requires("tenant.manage")], responses=refusals(SettingInvalid, RealMoneyInTest))
async def patch_tenant(body: TenantPatch, tx: TxDep) -> TenantOut:
    """Change the tenant's name or some of its settings."""
    return _tenant(await tenants.change_tenant(tx, name=body.name, settings=body.settings.model_dump(exclude_unset=True)))


@key_api.post(
    "",
    status_code=201,
    responses=refusals(PermissionUnknown, PermissionsNotTaken, PermissionBeyondOwn, KeyEndsBeforeItBegins),
)
async def post_key(body: KeyIn, tx: TxDep, request: Request) -> KeyOut:
    """Make an API key. This answer is the only place that shows it: the same request again is answered without it."""
    key, text = await keys.create_key(
        tx, kind=body.kind, name=body.name, permissions=body.permissions, expires_at=body.expires_at
    )
    keep_instead(request, _key(key))
    return _key(key, text)


@key_api.get("", responses=refusals(CursorUnknown))
async def get_keys(page: PageQuery, tx: TxDep) -> Page[KeyOut]:
    """API keys, newest first, the ended ones too."""
    found = await keys.list_keys(tx, before=page.id_of("key"), limit=page.limit + 1)
    return page_of(found, page, _key, by_id("key"))


@key_api.post("/{key_id}/rotations", status_code=201, responses=refusals(KeyNotFound, KeyEnded, PermissionBeyondOwn))
async def post_rotation(key_id: KeyId, body: RotationIn, tx: TxDep, request: Request) -> KeyOut:
    """Replace a key by a new one like it; both are good until the overlap ends. The same request again shows no key."""
    key, text = await keys.rotate_key(tx, key_id, overlap=timedelta(seconds=body.overlap_seconds))
    keep_instead(request, _key(key))
    return _key(key, text)


@key_api.delete("/{key_id}", responses=refusals(KeyNotFound))
async def delete_key(key_id: KeyId, tx: TxDep) -> KeyOut:
    """Revoke a key; every process refuses it within a second."""
    return _key(await keys.revoke_key(tx, key_id))


@customer_api.post("", status_code=201, dependencies=[requires("customers.write")], responses=KNOWN_ALREADY)
async def post_customer(body: CustomerIn, tx: TxDep, response: Response) -> CustomerOut:
    """Make a customer known: 201. One with the same `reference` is answered as it is, unchanged: 200."""
    customer, made = await customers.make_known(tx, Customer(id=new_id(), created_at=tx.now, **body.model_dump()))
    if not made:
        response.status_code = 200
    return _customer(customer)


@customer_api.get("", dependencies=[requires("customers.read")], responses=refusals(CursorUnknown))
async def get_customers(
    page: PageQuery, tx: TxDep, reference: Annotated[str | None, Query(max_length=200)] = None
) -> Page[CustomerOut]:
    """Customers, newest first, or the one with `reference`."""
    found = await customers.customers(tx, reference=reference, before=page.id_of("cus"), limit=page.limit + 1)
    return page_of(found, page, _customer, by_id("cus"))


@customer_api.get("/{customer_id}", dependencies=[requires("customers.read")], responses=refusals(CustomerNotFound))
async def get_customer(customer_id: CustomerId, tx: TxDep) -> CustomerOut:
    """One customer."""
    return _customer(await customers.customer(tx, customer_id))


@customer_api.patch(
    "/{customer_id}", dependencies=[requires("customers.write")], responses=refusals(CustomerNotFound, EmptyPatch)
)
async def patch_customer(customer_id: CustomerId, body: CustomerPatch, tx: TxDep) -> CustomerOut:
    """Change a customer's details."""
    changes = body.model_dump(exclude_unset=True)
    if not changes:
        raise EmptyPatch(loc=("body",))
    if changes.get("metadata", {}) is None:
        changes["metadata"] = {}
    return _customer(await customers.change_customer(tx, customer_id, changes))


@clock_api.get("")
async def get_clock(tx: TxDep) -> ClockOut:
    """The tenant's time, and whether it is held."""
    return ClockOut(now=tx.now, held=await clock.is_held(tx))


@clock_api.put("", responses=refusals(ClockOfLiveTenant, ClockGoesBack, ClockRuns, ClockTooFar))
async def put_clock(body: ClockIn, tx: TxDep) -> ClockOut:
    """Hold a test tenant's clock at a time, move a held one forward, or let it run again."""
    if body.held_at is None:
        now = await clock.release(tx)
    else:
        now = await clock.hold(tx, body.held_at)
    tenant = await tenants.tenant_of(tx)
    await tx.publish(TenantClockMoved(tenant_id=tenant.id, held_at=body.held_at))
    return ClockOut(now=now, held=body.held_at is not None)


@audit_api.get("", responses=refusals(CursorUnknown))
async def get_audit_log(
    page: PageQuery,
    tx: TxDep,
    subject: Annotated[str | None, Query(max_length=100, description="a public id")] = None,
    actor: Annotated[str | None, Query(max_length=100)] = None,
    type: Annotated[str | None, Query(max_length=100, examples=["wallet.debited"])] = None,  # noqa: A002 - its name in the API
) -> Page[AuditOut]:
    """What happened, newest first, with who did it."""
    found = await auditing.audit_log(tx, subject=subject, actor=actor, type_=type, before=page.id_of("evt"), limit=page.limit + 1)
    return page_of(found, page, _record, by_id("evt"))


def _tenant(tenant: Tenant) -> TenantOut:
    return TenantOut(
        id=tenant.id,
        slug=tenant.slug,
        name=tenant.name,
        livemode=tenant.livemode,
        settings=tenant.settings,
        created_at=tenant.created_at,
    )


def _key(key: ApiKey, text: KeyText | None = None) -> KeyOut:
    return KeyOut(
        id=key.id,
        kind=key.kind,
        name=key.name,
        last4=key.last4,
        permissions=sorted(key.granted()),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_on=key.last_used_on,
        key=text.text if text else None,
    )


def _customer(customer: Customer) -> CustomerOut:
    return CustomerOut(
        id=customer.id,
        reference=customer.reference,
        name=customer.name,
        email=customer.email,
        phone=customer.phone,
        locale=customer.locale,
        metadata=dict(customer.metadata),
        created_at=customer.created_at,
    )


def _record(record: AuditRecord) -> AuditOut:
    return AuditOut(
        id=record.id,
        type=record.type,
        subject=record.subject,
        payload=dict(record.payload),
        actor=record.actor,
        request_id=record.request_id,
        occurred_at=record.occurred_at,
    )
