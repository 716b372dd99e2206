"""The identity slice's SQL."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from asyncpg import Connection, Record
from asyncpg.pool import PoolConnectionProxy

from vezne.identity.models import ApiKey, AuditRecord, Customer, Tenant, TenantSettings, settings_of_json
from vezne.kernel.db import Tx

AnyConnection = Connection | PoolConnectionProxy


async def insert_tenant(connection: AnyConnection, tenant: Tenant) -> int | None:
    """Write a new tenant (its number is given by the database); None when its slug is taken."""
    number: int | None = await connection.fetchval(
        """INSERT INTO tenants (id, slug, name, livemode, settings, created_at) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (slug) DO NOTHING RETURNING tenant_id""",
        tenant.id,
        tenant.slug,
        tenant.name,
        tenant.livemode,
        tenant.settings.model_dump_json(),
        tenant.created_at,
    )
    return number


async def select_tenants(connection: AnyConnection, *, slug: str | None = None, id_: UUID | None = None) -> list[Tenant]:
    """All tenants, or the one with this slug or public id, oldest first."""
    rows = await connection.fetch(
        """SELECT tenant_id, id, slug, name, livemode, settings, created_at FROM tenants
           WHERE ($1::text IS NULL OR slug = $1) AND ($2::uuid IS NULL OR id = $2) ORDER BY tenant_id""",
        slug,
        id_,
    )
    return [_tenant(row) for row in rows]


async def select_livemode(connection: AnyConnection, tenant_id: int) -> bool | None:
    """Whether the tenant of this number is live; None when there is none."""
    livemode: bool | None = await connection.fetchval("SELECT livemode FROM tenants WHERE tenant_id = $1", tenant_id)
    return livemode


async def select_origin_known(connection: AnyConnection, origin: str) -> bool:
    """Whether some tenant's widget may stand on this web site."""
    known: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT 1 FROM tenants WHERE settings -> 'widget_origins' ? $1)", origin
    )
    return known


async def select_tenant(tx: Tx, *, lock: bool = False) -> Tenant | None:
    """The transaction's tenant; with `lock`, held until the transaction ends."""
    columns = "SELECT tenant_id, id, slug, name, livemode, settings, created_at FROM tenants"
    row = (
        await tx.fetchrow(f"{columns} WHERE tenant_id = $1 FOR NO KEY UPDATE", tx.tenant_id)
        if lock
        else await tx.fetchrow(f"{columns} WHERE tenant_id = $1", tx.tenant_id)
    )
    return None if row is None else _tenant(row)


async def update_tenant(tx: Tx, name: str, settings: TenantSettings) -> None:
    """Write the tenant's name and settings."""
    await tx.execute(
        "UPDATE tenants SET name = $2, settings = $3 WHERE tenant_id = $1", tx.tenant_id, name, settings.model_dump_json()
    )


async def insert_key(tx: Tx, key: ApiKey, hash_: bytes) -> None:
    """Write a new key's hash."""
    await tx.execute(
        """INSERT INTO api_keys (tenant_id, id, kind, name, hash, last4, permissions, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        tx.tenant_id,
        key.id,
        key.kind,
        key.name,
        hash_,
        key.last4,
        sorted(key.permissions),
        key.created_at,
        key.expires_at,
    )


async def select_key_by_hash(connection: AnyConnection, tenant_id: int, hash_: bytes) -> tuple[ApiKey, bool] | None:
    """The key with this hash in this tenant, and whether the tenant is live."""
    row = await connection.fetchrow(
        """SELECT api_keys.id, kind, api_keys.name, last4, permissions, api_keys.created_at, expires_at, revoked_at,
                  last_used_on, tenants.livemode
           FROM api_keys JOIN tenants ON tenants.tenant_id = api_keys.tenant_id
           WHERE api_keys.tenant_id = $1 AND hash = $2""",
        tenant_id,
        hash_,
    )
    return None if row is None else (_key(row), row["livemode"])


async def select_key_by_id(connection: AnyConnection, tenant_id: int, key_id: UUID) -> ApiKey | None:
    """One key, asked for outside any transaction."""
    row = await connection.fetchrow(
        """SELECT id, kind, name, last4, permissions, created_at, expires_at, revoked_at, last_used_on
           FROM api_keys WHERE tenant_id = $1 AND id = $2""",
        tenant_id,
        key_id,
    )
    return None if row is None else _key(row)


async def select_key(tx: Tx, key_id: UUID, *, lock: bool = False) -> ApiKey | None:
    """One key; with `lock`, held until the transaction ends."""
    columns = "SELECT id, kind, name, last4, permissions, created_at, expires_at, revoked_at, last_used_on FROM api_keys"
    row = (
        await tx.fetchrow(f"{columns} WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, key_id)
        if lock
        else await tx.fetchrow(f"{columns} WHERE tenant_id = $1 AND id = $2", tx.tenant_id, key_id)
    )
    return None if row is None else _key(row)


async def select_keys(tx: Tx, *, before: UUID | None = None, limit: int | None = None) -> list[ApiKey]:
    """The tenant's keys, newest first."""
    rows = await tx.fetch(
        """SELECT id, kind, name, last4, permissions, created_at, expires_at, revoked_at, last_used_on FROM api_keys
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3""",
        tx.tenant_id,
        before,
        limit,
    )
    return [_key(row) for row in rows]


async def mark_key(tx: Tx, key_id: UUID, *, expires_at: datetime | None, revoked_at: datetime | None) -> None:
    """Write when a key ends."""
    await tx.execute(
        "UPDATE api_keys SET expires_at = $3, revoked_at = $4 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        key_id,
        expires_at,
        revoked_at,
    )


async def mark_key_used(connection: AnyConnection, tenant_id: int, key_id: UUID, day: date) -> None:
    """Write the last day a key was used."""
    await connection.execute("UPDATE api_keys SET last_used_on = $3 WHERE tenant_id = $1 AND id = $2", tenant_id, key_id, day)


async def insert_customers(tx: Tx, customers: Sequence[Customer]) -> set[UUID]:
    """Write customers, those whose reference is taken left out; the ids of the written."""
    rows = await tx.fetch(
        """INSERT INTO customers (tenant_id, id, reference, name, email, phone, locale, metadata, created_at)
           SELECT $1, person.*, $9
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[]) AS person
           ON CONFLICT (tenant_id, reference) DO NOTHING RETURNING id""",
        tx.tenant_id,
        [customer.id for customer in customers],
        [customer.reference for customer in customers],
        [customer.name for customer in customers],
        [customer.email for customer in customers],
        [customer.phone for customer in customers],
        [customer.locale for customer in customers],
        [_json(customer.metadata) for customer in customers],
        tx.now,
    )
    return {row["id"] for row in rows}


async def select_customer(tx: Tx, customer_id: UUID, *, lock: bool = False) -> Customer | None:
    """One customer; with `lock`, held until the transaction ends."""
    columns = "SELECT id, reference, name, email, phone, locale, metadata, created_at FROM customers"
    row = (
        await tx.fetchrow(f"{columns} WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tx.tenant_id, customer_id)
        if lock
        else await tx.fetchrow(f"{columns} WHERE tenant_id = $1 AND id = $2", tx.tenant_id, customer_id)
    )
    return None if row is None else _customer(row)


async def select_customers_by_reference(tx: Tx, references: Sequence[str]) -> dict[str, Customer]:
    """Customers by the tenant's own names for them."""
    rows = await tx.fetch(
        """SELECT customers.* FROM unnest($2::text[]) AS wanted (reference)
           CROSS JOIN LATERAL (  -- one index probe each, whatever the planner knows of a young table
               SELECT id, reference, name, email, phone, locale, metadata, created_at FROM customers
               WHERE tenant_id = $1 AND reference = wanted.reference OFFSET 0
           ) AS customers""",
        tx.tenant_id,
        references,
    )
    return {row["reference"]: _customer(row) for row in rows}


async def select_customers(tx: Tx, *, before: UUID | None, limit: int) -> list[Customer]:
    """Customers, newest first."""
    rows = await tx.fetch(
        """SELECT id, reference, name, email, phone, locale, metadata, created_at FROM customers
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3""",
        tx.tenant_id,
        before,
        limit,
    )
    return [_customer(row) for row in rows]


async def select_customers_by_id(tx: Tx, customer_ids: Sequence[UUID]) -> dict[UUID, Customer]:
    """Those of these customers that are there."""
    rows = await tx.fetch(
        """SELECT id, reference, name, email, phone, locale, metadata, created_at FROM customers
           WHERE tenant_id = $1 AND id = ANY ($2::uuid[])""",
        tx.tenant_id,
        customer_ids,
    )
    return {row["id"]: _customer(row) for row in rows}


async def update_customer(tx: Tx, customer: Customer) -> bool:
    """Write a customer; False when there is none."""
    return bool(
        await tx.execute(
            """UPDATE customers SET name = $3, email = $4, phone = $5, locale = $6, metadata = $7
               WHERE tenant_id = $1 AND id = $2""",
            tx.tenant_id,
            customer.id,
            customer.name,
            customer.email,
            customer.phone,
            customer.locale,
            _json(customer.metadata),
        )
    )


async def select_audit(
    tx: Tx, *, subject: str | None, actor: str | None, type_: str | None, before: UUID | None, limit: int
) -> list[AuditRecord]:
    """Events, newest first."""
    rows = await tx.fetch(
        """SELECT id, type, subject, payload, actor, request_id, occurred_at FROM events
           WHERE tenant_id = $1 AND ($2::text IS NULL OR subject = $2) AND ($3::text IS NULL OR actor = $3)
             AND ($4::text IS NULL OR type = $4) AND ($5::uuid IS NULL OR id < $5)
           ORDER BY id DESC LIMIT $6""",
        tx.tenant_id,
        subject,
        actor,
        type_,
        before,
        limit,
    )
    return [AuditRecord(row[0], row[1], row[2], msgspec.json.decode(row[3]), row[4], row[5], row[6]) for row in rows]


def _json(metadata: Mapping[str, str]) -> str:
    return msgspec.json.encode(metadata).decode()


def _tenant(row: Record) -> Tenant:
    return Tenant(
        row["tenant_id"],
        row["id"],
        row["slug"],
        row["name"],
        row["livemode"],
        settings_of_json(row["settings"]),
        row["created_at"],
    )


def _key(row: Record) -> ApiKey:
    return ApiKey(
        row["id"],
        row["kind"],
        row["name"],
        row["last4"],
        frozenset(row["permissions"]),
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
        row["last_used_on"],
    )


def _customer(row: Record) -> Customer:
    return Customer(
        row["id"],
        row["reference"],
        row["name"],
        row["email"],
        row["phone"],
        row["locale"],
        msgspec.json.decode(row["metadata"]),
        row["created_at"],
    )
