"""People who work for a test's tenant."""

from uuid import UUID, uuid4

from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.kernel.db import Database
from vezne.kernel.principal import Principal

PASSWORD = "a long and quiet afternoon"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def visitor(tenant: TestTenant) -> Principal:
    """Somebody at the tenant's sign-in page."""
    return Principal(tenant.tenant_id, "public:console", "public", frozenset(), livemode=tenant.principal.livemode)


async def invited(
    db: Database, tenant: TestTenant, role: str = "owner", *, payee_id: UUID | None = None, by: Principal | None = None
) -> tuple[identity.Staff, str]:
    """A new member of staff, and the token of their invitation."""
    email = f"{role}.{uuid4().hex[:10]}@example.org"
    async with db.transaction(by or tenant.principal) as tx:
        person, invitation = await identity.invite(tx, email=email, name=role.title(), role=role, payee_id=payee_id)
    return person, invitation.token


async def joined(db: Database, tenant: TestTenant, role: str = "owner", *, payee_id: UUID | None = None) -> identity.Staff:
    """A member of staff with PASSWORD, signed in nowhere."""
    person, token = await invited(db, tenant, role, payee_id=payee_id)
    await identity.accept_invitation(db, visitor(tenant), token, PASSWORD, client=FIREFOX)
    async with db.transaction(tenant.principal) as tx:
        await identity.end_sessions(tx, person.id, why="test")
        return await identity.staff_member(tx, person.id)


async def sign_in(db: Database, tenant: TestTenant, person: identity.Staff, password: str = PASSWORD, **more: str) -> str:
    """The token of a new session."""
    given = {"email": person.email, "password": password, "address": "192.0.2.1", "client": FIREFOX, **more}
    return (await identity.sign_in(db, visitor(tenant), **given)).token


async def behind(db: Database, tenant: TestTenant, token: str) -> identity.SignedIn:
    """Who is behind a session."""
    return await identity.session_of(db, visitor(tenant), token)
