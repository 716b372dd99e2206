"""Payees' SQL."""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from asyncpg import Record

from vezne.identity.payees import Payee, SealedIban
from vezne.kernel.db import Tx


async def insert_payee(tx: Tx, payee: Payee, iban: SealedIban | None) -> bool:
    """Write a new payee; False when the reference is taken."""
    return bool(
        await tx.execute(
            """INSERT INTO payees (tenant_id, id, reference, created_at, name, email, country, locale, account_holder, bic,
                                   active, metadata, iban_sealed, iban_last4)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
               ON CONFLICT (tenant_id, reference) DO NOTHING""",
            tx.tenant_id,
            payee.id,
            payee.reference,
            payee.created_at,
            *_details(payee),
            iban.sealed if iban else None,
            iban.last4 if iban else None,
        )
    )


async def update_payee(tx: Tx, payee: Payee) -> None:
    """Write a payee's details, the IBAN left as it is."""
    await tx.execute(
        """UPDATE payees SET name = $3, email = $4, country = $5, locale = $6, account_holder = $7, bic = $8, active = $9,
                             metadata = $10
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant_id,
        payee.id,
        *_details(payee),
    )


async def update_iban(tx: Tx, payee_id: UUID, iban: SealedIban | None) -> None:
    """Write where a payee's money is sent; None: nowhere yet."""
    await tx.execute(
        "UPDATE payees SET iban_sealed = $3, iban_last4 = $4 WHERE tenant_id = $1 AND id = $2",
        tx.tenant_id,
        payee_id,
        iban.sealed if iban else None,
        iban.last4 if iban else None,
    )


async def lock_payee(tx: Tx, payee_id: UUID) -> bool:
    """Hold a payee until the transaction ends; False when there is none."""
    sql = "SELECT 1 FROM payees WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
    return await tx.fetchval(sql, tx.tenant_id, payee_id) is not None


async def select_payee(tx: Tx, payee_id: UUID) -> Payee | None:
    """One payee."""
    row = await tx.fetchrow("SELECT * FROM payees WHERE tenant_id = $1 AND id = $2", tx.tenant_id, payee_id)
    return None if row is None else _payee(row)


async def select_payee_by_reference(tx: Tx, reference: str) -> Payee | None:
    """The payee with the tenant's own name for them."""
    row = await tx.fetchrow("SELECT * FROM payees WHERE tenant_id = $1 AND reference = $2", tx.tenant_id, reference)
    return None if row is None else _payee(row)


async def select_sealed_iban(tx: Tx, payee_id: UUID) -> bytes | None:
    """A payee's IBAN as it is kept."""
    sealed: bytes | None = await tx.fetchval(
        "SELECT iban_sealed FROM payees WHERE tenant_id = $1 AND id = $2", tx.tenant_id, payee_id
    )
    return sealed


async def select_payees(tx: Tx, *, only: UUID | None, active: bool | None, before: UUID | None, limit: int) -> list[Payee]:
    """Payees, newest first; only one of them, when it is given."""
    rows = await tx.fetch(
        """SELECT * FROM payees
           WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id = $2) AND ($3::boolean IS NULL OR active = $3)
             AND ($4::uuid IS NULL OR id < $4)
           ORDER BY id DESC LIMIT $5""",
        tx.tenant_id,
        only,
        active,
        before,
        limit,
    )
    return [_payee(row) for row in rows]


def _details(payee: Payee) -> tuple[object, ...]:
    return (
        payee.name,
        payee.email,
        payee.country,
        payee.locale,
        payee.account_holder,
        payee.bic,
        payee.active,
        _json(payee.metadata),
    )


def _json(metadata: Mapping[str, str]) -> str:
    return msgspec.json.encode(metadata).decode()


def _payee(row: Record) -> Payee:
    return Payee(
        id=row["id"],
        name=row["name"],
        reference=row["reference"],
        email=row["email"],
        country=row["country"],
        locale=row["locale"],
        account_holder=row["account_holder"],
        iban_last4=row["iban_last4"],
        bic=row["bic"],
        active=row["active"],
        metadata=msgspec.json.decode(row["metadata"]),
        created_at=row["created_at"],
    )
