"""The audit: every slice's checks over one tenant's books, or over all tenants'."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from vezne import (
    bookings,
    catalog,
    checkout,
    identity,
    ledger,
    memberships,
    orders,
    payments,
    promos,
    rewards,
    settlements,
    wallets,
    widget,
)
from vezne.kernel.audit import Finding
from vezne.kernel.db import Database, Tx
from vezne.kernel.principal import Principal

Audit = Callable[[Tx], Awaitable[list[Finding]]]

AUDITS: tuple[Audit, ...] = (
    ledger.audit,
    identity.audit,
    catalog.audit,
    wallets.audit,
    payments.audit,
    bookings.audit,
    settlements.audit,
    memberships.audit,
    promos.audit,
    rewards.audit,
    orders.audit,
    checkout.audit,
    widget.audit,
)


@dataclass(frozen=True, slots=True)
class TenantAudited:
    """One tenant's result, and how far the audit has come."""

    tenant_id: int
    findings: list[Finding]
    done: int
    total: int


async def audit_tenant(db: Database, principal: Principal, *, seal_key: bytes | None = None) -> list[Finding]:
    """Everything wrong in a tenant's books, the slices in order from the ledger up; nothing is changed.

    With `seal_key` the signatures of the ledger's seals are checked too.
    """
    findings: list[Finding] = []
    with_seals: Audit = partial(ledger.audit, seal_key=seal_key)
    for audit in (with_seals, *AUDITS[1:]):
        async with db.transaction(principal, read_only=True) as tx:
            findings += await audit(tx)
    return findings


async def audit_all(db: Database, *, seal_key: bytes | None = None) -> AsyncIterator[TenantAudited]:
    """Audit every tenant there is, one after the other."""
    async with db.connection() as connection:
        rows = await connection.fetch("SELECT tenant_id, livemode FROM tenants ORDER BY tenant_id")
    for number, row in enumerate(rows, 1):
        principal = Principal.system(row["tenant_id"], "audit", livemode=row["livemode"])
        yield TenantAudited(row["tenant_id"], await audit_tenant(db, principal, seal_key=seal_key), number, len(rows))
