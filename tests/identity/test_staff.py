"""Staff: who is invited by whom, as what, and how an account ends."""

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from staff_fixtures import PASSWORD, behind, invited, joined, sign_in, visitor
from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.identity.models_staff import (
    LastOwner,
    OwnStanding,
    PayeeNotNamed,
    PayeeNotTaken,
    RoleBeyondOwn,
    RoleUnknown,
    StaffEmailTaken,
)
from vezne.kernel.db import Database
from vezne.kernel.errors import NotFound
from vezne.kernel.ids import new_id, public_id


async def payee(db: Database, tenant: TestTenant) -> UUID:
    """A new payee."""
    async with db.transaction(tenant.principal) as tx:
        return (await identity.create_payee(tx, name="Ada Depo", email="depo@example.org"))[0].id


async def change(db: Database, tenant: TestTenant, staff_id: UUID, **changes: object) -> identity.Staff:
    """Change somebody as the tenant's system."""
    async with db.transaction(tenant.principal) as tx:
        return await identity.change_staff(tx, staff_id, changes)


async def test_an_invitation_is_taken_up_once_and_makes_a_session(db: Database, tenant: TestTenant) -> None:
    person, token = await invited(db, tenant)
    assert (person.has_password, person.active) == (False, True)
    made = await identity.accept_invitation(db, visitor(tenant), token, PASSWORD, client="")
    signed = await behind(db, tenant, made.token)
    assert (signed.staff.id, signed.principal.permissions) == (person.id, identity.ROLES["owner"])
    assert signed.principal.actor == f"staff:{public_id('stf', person.id)}"
    with pytest.raises(identity.InvitationOver):
        await identity.accept_invitation(db, visitor(tenant), token, PASSWORD + "!", client="")


async def test_only_hashes_of_secrets_are_kept(
    db: Database, tenant: TestTenant, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    person, invitation = await invited(db, tenant)
    session = (await identity.accept_invitation(db, visitor(tenant), invitation, PASSWORD, client="")).token
    rows = [
        *await owner.fetch("SELECT * FROM staff WHERE id = $1", person.id),
        *await owner.fetch("SELECT * FROM staff_invitations WHERE staff_id = $1", person.id),
        *await owner.fetch("SELECT * FROM staff_sessions WHERE staff_id = $1", person.id),
        *await owner.fetch("SELECT * FROM events WHERE tenant_id = $1", tenant.tenant_id),
    ]
    kept = str([dict(row) for row in rows])
    assert "$argon2id$" in kept
    assert not [secret for secret in (PASSWORD, invitation, session) if secret in kept]
    assert not [row for row in rows if person.email in str(row.get("payload", ""))]


async def test_an_invitation_ends_after_three_days_and_when_a_later_one_is_given(
    db: Database, tenant: TestTenant, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    person, first = await invited(db, tenant)
    async with db.transaction(tenant.principal) as tx:
        _, second = await identity.invite_again(tx, person.id)
    with pytest.raises(identity.InvitationOver):
        await identity.accept_invitation(db, visitor(tenant), first, PASSWORD, client="")
    await owner.execute("UPDATE staff_invitations SET expires_at = created_at - interval '1 s' WHERE staff_id = $1", person.id)
    with pytest.raises(identity.InvitationOver):
        await identity.accept_invitation(db, visitor(tenant), second.token, PASSWORD, client="")


@pytest.mark.parametrize(
    ("password", "refused"),
    [
        ("elevenchars", identity.PasswordTooShort),
        ("p" * 201, identity.PasswordTooLong),
        ("a" * 20, identity.PasswordGuessable),
        ("EMAIL", identity.PasswordGuessable),
    ],
)
async def test_a_password_that_can_be_guessed_is_refused_and_the_invitation_stays(
    db: Database, tenant: TestTenant, password: str, refused: type[Exception]
) -> None:
    person, token = await invited(db, tenant)
    chosen = person.email.upper() if password == "EMAIL" else password
    with pytest.raises(refused) as error:
        await identity.accept_invitation(db, visitor(tenant), token, chosen, client="")
    assert getattr(error.value, "loc", None) == ("body", "password")
    await identity.accept_invitation(db, visitor(tenant), token, PASSWORD, client="")


async def test_an_email_is_unique_in_its_tenant_however_it_is_written(
    db: Database, tenant: TestTenant, other_tenant: TestTenant
) -> None:
    person, _ = await invited(db, tenant)
    async with db.transaction(tenant.principal) as tx:
        with pytest.raises(StaffEmailTaken):
            await identity.invite(tx, email=f" {person.email.upper()} ", name="Twin", role="viewer")
    async with db.transaction(other_tenant.principal) as tx:
        twin, _ = await identity.invite(tx, email=person.email, name="Elsewhere", role="viewer")
    assert twin.email == person.email


async def test_a_role_is_known_and_fits_its_payee(db: Database, tenant: TestTenant, other_tenant: TestTenant) -> None:
    own, foreign = await payee(db, tenant), await payee(db, other_tenant)
    wrong: list[tuple[str, UUID | None, type[Exception]]] = [
        ("king", None, RoleUnknown),
        ("partner", None, PayeeNotNamed),
        ("finance", own, PayeeNotTaken),
        ("partner", foreign, NotFound),
        ("partner", new_id(), NotFound),
    ]
    for role, payee_id, refused in wrong:
        with pytest.raises(refused):
            await invited(db, tenant, role, payee_id=payee_id)
    person = await joined(db, tenant, "partner", payee_id=own)
    signed = await behind(db, tenant, await sign_in(db, tenant, person))
    assert signed.principal.payee_id == own
    assert signed.principal.permissions == identity.ROLES["partner"]


async def test_nobody_gives_or_resets_a_role_that_may_do_more_than_they(db: Database, tenant: TestTenant) -> None:
    owner = await joined(db, tenant, "owner")
    admin = await joined(db, tenant, "admin")
    as_admin = admin.principal(tenant.tenant_id, livemode=False)
    with pytest.raises(RoleBeyondOwn):
        await invited(db, tenant, "owner", by=as_admin)
    async with db.transaction(as_admin) as tx:
        for attempt in (
            identity.invite_again(tx, owner.id),
            identity.change_staff(tx, owner.id, {"active": False}),
            identity.sign_out_everywhere(tx, owner.id),
        ):
            with pytest.raises(RoleBeyondOwn):
                await attempt
        with pytest.raises(OwnStanding):
            await identity.change_staff(tx, admin.id, {"role": "viewer"})
    viewer, _ = await invited(db, tenant, "viewer", by=as_admin)
    async with db.transaction(as_admin) as tx:
        with pytest.raises(RoleBeyondOwn):
            await identity.change_staff(tx, viewer.id, {"role": "owner"})


async def test_the_last_owner_stays(db: Database, tenant: TestTenant) -> None:
    first = await joined(db, tenant, "owner")
    for changes in ({"active": False}, {"role": "admin"}):
        with pytest.raises(LastOwner):
            await change(db, tenant, first.id, **changes)
    await joined(db, tenant, "owner")
    assert (await change(db, tenant, first.id, role="admin")).role == "admin"


async def test_who_is_no_longer_active_is_out_at_once_and_cannot_come_back(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant, "support")
    token = await sign_in(db, tenant, person)
    await change(db, tenant, person.id, active=False)
    with pytest.raises(identity.SessionOver):
        await behind(db, tenant, token)
    with pytest.raises(identity.SignInRefused):
        await sign_in(db, tenant, person)
    await change(db, tenant, person.id, active=True)
    await sign_in(db, tenant, person)


async def test_a_changed_role_holds_from_the_next_request(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant, "finance")
    token = await sign_in(db, tenant, person)
    await change(db, tenant, person.id, role="viewer")
    assert (await behind(db, tenant, token)).principal.permissions == identity.ROLES["viewer"]


async def test_staff_over_http_from_invitation_to_the_end(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    async def ask(method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
        answer = await http.request(method, f"/v1/staff{path}", json=body, headers={**tenant.headers, **headers})
        return answer.status_code, answer.json()

    asked = {"email": "Ada@Example.org", "name": "Ada", "role": "finance"}
    status, made = await ask("POST", "", asked, **{"Idempotency-Key": "invite-ada-1"})
    assert (status, made["email"], made["has_password"]) == (201, "ada@example.org", False)
    assert "/console/" in made["invitation_url"]
    status, again = await ask("POST", "", asked, **{"Idempotency-Key": "invite-ada-1"})
    assert (status, again["id"], again["invitation_url"]) == (201, made["id"], None)
    assert (await ask("POST", "", asked))[1]["code"] == "staff_email_taken"
    assert (await ask("POST", "", {**asked, "email": "nobody"}))[1]["errors"][0]["loc"] == ["body", "email"]
    assert (await ask("POST", "", {**asked, "email": "b@example.org", "role": "king"}))[1]["errors"][0]["loc"] == ["body", "role"]
    assert (await ask("PATCH", f"/{made['id']}", {"role": "viewer"}))[1]["role"] == "viewer"
    assert (await ask("PATCH", f"/{made['id']}", {}))[0] == 422
    assert (await ask("POST", f"/{made['id']}/invitations", {}))[1]["invitation_url"] != made["invitation_url"]
    assert await ask("DELETE", f"/{made['id']}/sessions") == (200, {"ended": 0})
    assert (await ask("PATCH", f"/{made['id']}", {"active": False}))[1]["active"] is False
    assert (await ask("POST", f"/{made['id']}/invitations", {}))[1]["code"] == "staff_inactive"
    status, listed = await ask("GET", "")
    assert [each["id"] for each in listed["data"]] == [made["id"]]
    assert (await ask("GET", f"/{public_id('stf', uuid4())}"))[1]["code"] == "staff_not_found"


async def test_only_who_manages_staff_sees_them(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    key = {"kind": "restricted", "permissions": ["customers.read"]}
    made = (await http.post("/v1/api-keys", json=key, headers=tenant.headers)).json()
    answer = await http.get("/v1/staff", headers={"Authorization": f"Bearer {made['key']}"})
    assert answer.status_code == 403


async def test_the_audit_names_a_partner_who_would_see_everything(
    db: Database, tenant: TestTenant, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    person = await joined(db, tenant, "partner", payee_id=await payee(db, tenant))
    await owner.execute("UPDATE staff SET payee_id = NULL WHERE id = $1", person.id)
    async with db.transaction(tenant.principal, read_only=True) as tx:
        assert [found.subject for found in await identity.audit(tx)] == [public_id("stf", person.id)]
    await owner.execute("UPDATE staff SET role = 'viewer' WHERE id = $1", person.id)
