"""SQL of stored payment methods and of the providers' own names for customers."""

from uuid import UUID

from asyncpg import Record

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.payments.models_methods import PaymentMethod
from vezne.payments.providers.base import SeenMethod


def _method(row: Record) -> PaymentMethod:
    return PaymentMethod(**{name: value for name, value in row.items() if name != "tenant_id"})


async def upsert_customer(tx: Tx, provider: str, customer_id: UUID, customer_ref: str) -> None:
    """The provider's own name for a customer, the newest one it gave."""
    await tx.execute(
        """INSERT INTO provider_customers AS known (tenant_id, provider, customer_id, customer_ref, created_at)
           VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (tenant_id, provider, customer_id) DO UPDATE SET customer_ref = excluded.customer_ref
           WHERE known.customer_ref <> excluded.customer_ref""",
        tx.tenant_id,
        provider,
        customer_id,
        customer_ref,
        tx.now,
    )


async def select_customer(tx: Tx, provider: str, customer_id: UUID) -> str | None:
    """The provider's own name for a customer."""
    name: str | None = await tx.fetchval(
        "SELECT customer_ref FROM provider_customers WHERE tenant_id = $1 AND provider = $2 AND customer_id = $3",
        tx.tenant_id,
        provider,
        customer_id,
    )
    return name


async def insert_method(tx: Tx, provider: str, customer_id: UUID, seen: SeenMethod) -> UUID | None:
    """A method that was not known; None, and nothing done, for one that is, forgotten ones too.

    A customer's first is the default one. Two that become known at once: the second is not.
    """
    return await _insert(tx, provider, customer_id, seen, may_be_default=True) or await _insert(
        tx, provider, customer_id, seen, may_be_default=False
    )


async def _insert(tx: Tx, provider: str, customer_id: UUID, seen: SeenMethod, *, may_be_default: bool) -> UUID | None:
    method_id: UUID | None = await tx.fetchval(
        """INSERT INTO payment_methods (tenant_id, id, customer_id, provider, method_ref, customer_ref, brand, last4,
                                        expires_year, expires_month, created_at, is_default)
           SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 AND NOT EXISTS (
               SELECT FROM payment_methods AS other
               WHERE other.tenant_id = $1 AND other.customer_id = $3 AND other.is_default)
           ON CONFLICT DO NOTHING RETURNING id""",
        tx.tenant_id,
        new_id(),
        customer_id,
        provider,
        seen.method_ref,
        seen.customer_ref,
        seen.brand[:40],
        seen.last4[-4:],
        seen.expires_year,
        seen.expires_month,
        tx.now,
        may_be_default,
    )
    return method_id


async def select_method(tx: Tx, method_id: UUID) -> PaymentMethod | None:
    """The method, a forgotten one too."""
    row = await tx.fetchrow("SELECT * FROM payment_methods WHERE tenant_id = $1 AND id = $2", tx.tenant_id, method_id)
    return None if row is None else _method(row)


async def select_methods(tx: Tx, customer_id: UUID) -> list[PaymentMethod]:
    """A customer's methods that may be charged, the default one first, then the newest."""
    rows = await tx.fetch(
        """SELECT * FROM payment_methods WHERE tenant_id = $1 AND customer_id = $2 AND active
           ORDER BY is_default DESC, id DESC""",
        tx.tenant_id,
        customer_id,
    )
    return [_method(row) for row in rows]


async def select_methods_page(tx: Tx, customer_id: UUID, *, limit: int, before: UUID | None) -> list[PaymentMethod]:
    """A customer's methods that may be charged, newest first."""
    rows = await tx.fetch(
        """SELECT * FROM payment_methods
           WHERE tenant_id = $1 AND customer_id = $2 AND active AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4""",
        tx.tenant_id,
        customer_id,
        before,
        limit,
    )
    return [_method(row) for row in rows]


async def lock_methods(tx: Tx, customer_id: UUID) -> list[PaymentMethod]:
    """All methods a customer ever had, locked, newest first: which of them is the default one is decided by one at a time."""
    rows = await tx.fetch(
        "SELECT * FROM payment_methods WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id DESC FOR UPDATE",
        tx.tenant_id,
        customer_id,
    )
    return [_method(row) for row in rows]


async def update_default(tx: Tx, customer_id: UUID, method_id: UUID | None) -> None:
    """Of a customer's locked methods this one is charged first; None: none."""
    await tx.execute(
        "UPDATE payment_methods SET is_default = false WHERE tenant_id = $1 AND customer_id = $2 AND is_default",
        tx.tenant_id,
        customer_id,
    )
    if method_id is not None:
        await tx.execute("UPDATE payment_methods SET is_default = true WHERE tenant_id = $1 AND id = $2", tx.tenant_id, method_id)


async def mark_forgotten(tx: Tx, method_id: UUID) -> None:
    """Never to be charged again."""
    await tx.execute(
        """UPDATE payment_methods SET active = false, is_default = false, forgotten_at = $3
           WHERE tenant_id = $1 AND id = $2 AND active""",
        tx.tenant_id,
        method_id,
        tx.now,
    )
