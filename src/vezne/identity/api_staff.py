"""Staff over HTTP: who may use the console, and as what."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field, StringConstraints

from vezne.identity.models_staff import (
    EmailMalformed,
    Invitation,
    LastOwner,
    NameMissing,
    OwnStanding,
    PayeeNotNamed,
    PayeeNotTaken,
    RoleBeyondOwn,
    RoleUnknown,
    Staff,
    StaffEmailTaken,
    StaffInactive,
    StaffNotFound,
)
from vezne.identity.operations import staff, tenants
from vezne.identity.payees import PayeeUnknown
from vezne.identity.permissions import ROLES
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, keep_instead, refusals, router
from vezne.kernel.ids import PublicId
from vezne.kernel.paging import CursorUnknown, Page, PageQuery, by_id, page_of

staff_api = router("/v1/staff", "Staff", permission="staff.manage")

StaffId = Annotated[UUID, PublicId("stf")]
PayeeId = Annotated[UUID, PublicId("pye")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s]{2,}$", max_length=254)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Role = Annotated[str, Field(max_length=64, description=f"one of {', '.join(ROLES)}", examples=["viewer"])]


class StaffNotChanged(Invalid):
    """Give at least one of name, role, payee_id, locale, active."""


class StaffIn(RequestModel):
    """Somebody to invite."""

    email: Email
    name: Name
    role: Role
    payee_id: PayeeId | None = Field(None, description="the one payee whose data they see; a partner has one")
    locale: Literal["en", "tr"] | None = None


class StaffPatch(RequestModel):
    """What to change; what is not given stays."""

    name: Name | None = None
    role: Role | None = None
    payee_id: PayeeId | None = Field(None, description="null: none")
    locale: Literal["en", "tr"] | None = None
    active: bool | None = Field(None, description="false: they can no longer sign in, and are signed out everywhere")


class InvitationIn(RequestModel):
    """How somebody is invited again."""

    without_second_factor: bool = Field(
        False, description="their second step is turned off and every session ended: the telephone is lost"
    )


class StaffOut(BaseModel):
    """A member of staff."""

    id: StaffId
    email: str
    name: str
    role: str
    payee_id: PayeeId | None
    locale: str | None
    active: bool
    has_password: bool = Field(description="false: the invitation was not taken up yet")
    second_factor: bool
    signed_in_at: datetime | None
    created_at: datetime


class InvitedOut(StaffOut):
    """Somebody who was invited; `invitation_url` is shown once."""

    invitation_url: str | None = Field(None, description="where they choose a password; shown now and never again")
    invitation_expires_at: datetime


class SignedOutOut(BaseModel):
    """How many sessions were ended."""

    ended: int


@staff_api.post(
    "",
    status_code=201,
    responses=refusals(
        EmailMalformed,
        NameMissing,
        StaffEmailTaken,
        RoleUnknown,
        RoleBeyondOwn,
        PayeeNotNamed,
        PayeeNotTaken,
        PayeeUnknown,
    ),
)
async def post_staff(body: StaffIn, tx: TxDep, request: Request) -> InvitedOut:
    """Invite somebody. This answer is the only place that shows the link: the same request again is answered without it."""
    person, invitation = await staff.invite(tx, **body.model_dump())
    return await _invited(tx, request, person, invitation)


@staff_api.get("", responses=refusals(CursorUnknown))
async def get_all_staff(page: PageQuery, tx: TxDep) -> Page[StaffOut]:
    """Staff, newest first, those no longer active too."""
    found = await staff.list_staff(tx, before=page.id_of("stf"), limit=page.limit + 1)
    return page_of(found, page, lambda person: StaffOut(**_facts(person)), by_id("stf"))


@staff_api.get("/{staff_id}", responses=refusals(StaffNotFound))
async def get_staff(staff_id: StaffId, tx: TxDep) -> StaffOut:
    """One member of staff."""
    return StaffOut(**_facts(await staff.staff_member(tx, staff_id)))


@staff_api.patch(
    "/{staff_id}",
    responses=refusals(
        StaffNotFound,
        StaffNotChanged,
        OwnStanding,
        LastOwner,
        RoleUnknown,
        RoleBeyondOwn,
        PayeeNotNamed,
        PayeeNotTaken,
        PayeeUnknown,
    ),
)
async def patch_staff(staff_id: StaffId, body: StaffPatch, tx: TxDep) -> StaffOut:
    """Change a member of staff; a new role holds from their next request on."""
    given = body.model_dump(exclude_unset=True)
    changes = {name: value for name, value in given.items() if value is not None or name in {"payee_id", "locale"}}
    if not changes:
        raise StaffNotChanged(loc=("body",))
    return StaffOut(**_facts(await staff.change_staff(tx, staff_id, changes)))


@staff_api.post("/{staff_id}/invitations", status_code=201, responses=refusals(StaffNotFound, StaffInactive, RoleBeyondOwn))
async def post_invitation(staff_id: StaffId, body: InvitationIn, tx: TxDep, request: Request) -> InvitedOut:
    """A new link by which they choose a password; links given before are void. The same request again shows no link."""
    person, invitation = await staff.invite_again(tx, staff_id, without_second_factor=body.without_second_factor)
    return await _invited(tx, request, person, invitation)


@staff_api.delete("/{staff_id}/sessions", responses=refusals(StaffNotFound, RoleBeyondOwn))
async def delete_sessions(staff_id: StaffId, tx: TxDep) -> SignedOutOut:
    """Sign them out everywhere. Again: nothing is left to end."""
    return SignedOutOut(ended=await staff.sign_out_everywhere(tx, staff_id))


async def _invited(tx: Tx, request: Request, person: Staff, invitation: Invitation) -> InvitedOut:
    slug = (await tenants.tenant_of(tx)).slug
    facts = {**_facts(person), "invitation_expires_at": invitation.expires_at}
    keep_instead(request, InvitedOut(**facts))
    address = f"{request.app.state.gateways.public_url}/console/{slug}/invitations/{invitation.token}"
    return InvitedOut(**facts, invitation_url=address)


def _facts(person: Staff) -> dict[str, Any]:
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "payee_id": person.payee_id,
        "locale": person.locale,
        "active": person.active,
        "has_password": person.has_password,
        "second_factor": person.second_factor,
        "signed_in_at": person.signed_in_at,
        "created_at": person.created_at,
    }
