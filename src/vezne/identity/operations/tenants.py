"""Tenants: opening them and changing what they chose."""

import re
from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from vezne.identity import queries
from vezne.identity.events import TenantChanged, TenantCreated
from vezne.identity.models import RealMoneyInTest, SlugMalformed, SlugTaken, Tenant, TenantNotFound, TenantSettings
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.ids import new_id
from vezne.kernel.principal import Principal

_TENANT = "tenant"
_SLUG = re.compile(r"[a-z][a-z0-9-]{1,62}", re.ASCII)


class SettingInvalid(Invalid):
    """The setting {name} is not valid: {reason}."""


async def create_tenant(
    db: Database, *, slug: str, name: str, livemode: bool = False, settings: TenantSettings | None = None
) -> Tenant:
    """Open a tenant; it is test or live for good. Raises SlugTaken when there is one of that slug already, SlugMalformed,
    RealMoneyInTest.
    """
    if not _SLUG.fullmatch(slug):
        raise SlugMalformed(slug=slug[:64])
    tenant = Tenant(0, new_id(), slug, name, livemode, settings or TenantSettings(), clock.real_now())
    _check_mode(tenant.settings, livemode=livemode)
    async with db.connection() as connection, connection.transaction():
        number = await queries.insert_tenant(connection, tenant)
        if number is None:
            raise SlugTaken(slug=slug)
        tx = Tx(connection, Principal.system(number, "tenants", livemode=livemode), tenant.created_at, db.reactions, db.vault)
        await tx.publish(TenantCreated(tenant_id=tenant.id, slug=slug, livemode=livemode))
        await tx.flush()
    return replace(tenant, tenant_id=number)


async def list_tenants(db: Database) -> list[Tenant]:
    """All tenants, oldest first."""
    async with db.connection() as connection:
        return await queries.select_tenants(connection)


async def find_tenant(db: Database, slug: str) -> Tenant:
    """The tenant with this slug. Raises TenantNotFound."""
    async with db.connection() as connection:
        found = await queries.select_tenants(connection, slug=slug)
    if not found:
        raise TenantNotFound(tenant=slug)
    return found[0]


async def find_tenant_by_id(db: Database, tenant_id: UUID) -> Tenant:
    """The tenant with this public id. Raises TenantNotFound."""
    async with db.connection() as connection:
        found = await queries.select_tenants(connection, id_=tenant_id)
    if not found:
        raise TenantNotFound(tenant=str(tenant_id))
    return found[0]


async def livemode_of(db: Database, number: int) -> bool | None:
    """Whether the tenant of this number is live; None when there is no such tenant."""
    async with db.connection() as connection:
        return await queries.select_livemode(connection, number)


async def is_widget_origin(db: Database, origin: str) -> bool:
    """Whether some tenant lets this web site embed its widget. Which one, a request tells only after a browser has asked this."""
    async with db.connection() as connection:
        return await queries.select_origin_known(connection, origin)


async def tenant_of(tx: Tx) -> Tenant:
    """The transaction's tenant, read once in it. Raises TenantNotFound."""
    found: Tenant | None = tx.remembered.get(_TENANT)
    if found is None:
        found = tx.remembered[_TENANT] = _there(await queries.select_tenant(tx), tx)
    return found


async def settings_of(tx: Tx) -> TenantSettings:
    """What the transaction's tenant chose."""
    return (await tenant_of(tx)).settings


async def change_tenant(tx: Tx, *, name: str | None = None, settings: dict[str, Any] | None = None) -> Tenant:
    """Change the tenant's name, or those of its settings that are given. The same again changes nothing.

    Raises SettingInvalid, naming the setting, and RealMoneyInTest.
    """
    tenant = _there(await queries.select_tenant(tx, lock=True), tx)
    try:
        chosen = TenantSettings.model_validate(tenant.settings.model_dump() | (settings or {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else "settings"
        raise SettingInvalid(name=where, reason=first["msg"], loc=("body", "settings", where)) from None
    _check_mode(chosen, livemode=tenant.livemode)
    before = tenant.settings.model_dump() | {"name": tenant.name}
    after = chosen.model_dump() | {"name": name or tenant.name}
    changed = sorted(key for key, value in after.items() if before[key] != value)
    if changed:
        await queries.update_tenant(tx, name or tenant.name, chosen)
        tx.remembered.pop(_TENANT, None)
        await tx.publish(TenantChanged(tenant_id=tenant.id, changed=changed))
    return await tenant_of(tx)


def _check_mode(settings: TenantSettings, *, livemode: bool) -> None:
    if settings.payment_mode == "live" and not livemode:
        raise RealMoneyInTest(loc=("body", "settings", "payment_mode"))


def _there(tenant: Tenant | None, tx: Tx) -> Tenant:
    if tenant is None:
        raise TenantNotFound(tenant=tx.tenant_id)
    return tenant
