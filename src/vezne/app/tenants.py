"""Tenants as the command line names them."""

from dataclasses import dataclass

from vezne import identity
from vezne.app.desk import Desk
from vezne.kernel.db import Database
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.principal import Principal


class NoTenantNamed(RuntimeError):
    """This data folder has no tenant of a first start: name one with --tenant (`vezne tenants list` shows them)."""


@dataclass(frozen=True, slots=True)
class NamedTenant:
    """A tenant that was found."""

    tenant: identity.Tenant

    def principal(self, command: str) -> Principal:
        """The command line, acting inside the tenant."""
        return Principal.system(self.tenant.tenant_id, f"cli.{command}", livemode=self.tenant.livemode)


async def find_tenant(open_desk: Desk, name: str | None) -> NamedTenant:
    """The tenant by its id or slug; without a name the first start's. Raises TenantNotFound, UnknownId, NoTenantNamed."""
    if name is None:
        first = open_desk.deployment.demo_tenant()
        if first is None:
            raise NoTenantNamed(NoTenantNamed.__doc__)
        name = first.tenant
    return NamedTenant(await _by_name(open_desk.db, name))


async def _by_name(db: Database, name: str) -> identity.Tenant:
    if name.startswith("ten_"):
        return await identity.find_tenant_by_id(db, parse_id("ten", name))
    return await identity.find_tenant(db, name)


def shown(tenant: identity.Tenant) -> dict[str, object]:
    """A tenant as the command line shows it."""
    return {
        "id": public_id("ten", tenant.id),
        "slug": tenant.slug,
        "name": tenant.name,
        "mode": "live" if tenant.livemode else "test",
        "created_at": tenant.created_at.isoformat(),
    }
