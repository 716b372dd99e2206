"""The audit: every slice's checks over one tenant's books, or over all tenants'."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from vezne import ledger
from vezne.kernel.audit import Finding
from vezne.kernel.db import Database, Tx
from vezne.kernel.principal import Principal

AUDITS: tuple[Callable[[Tx], Awaitable[list[Finding]]], ...] = (ledger.audit,)


@dataclass(frozen=True, slots=True)
class TenantAudited:
    """One tenant's result, and how far the audit has come."""

    tenant_id: int
    findings: list[Finding]
    done: int
    total: int


async def audit_tenant(db: Database, principal: Principal) -> list[Finding]:
    """Everything wrong in a tenant's books, the slices in order from the ledger up; nothing is changed."""
    findings: list[Finding] = []
    for audit in AUDITS:
        async with db.transaction(principal, read_only=True) as tx:
            findings += await audit(tx)
    return findings


async def audit_all(db: Database) -> AsyncIterator[TenantAudited]:
    """Audit every tenant there is, one after the other."""
    async with db.connection() as connection:
        rows = await connection.fetch("SELECT tenant_id, livemode FROM tenants ORDER BY tenant_id")
    for number, row in enumerate(rows, 1):
        principal = Principal.system(row["tenant_id"], "audit", livemode=row["livemode"])
        yield TenantAudited(row["tenant_id"], await audit_tenant(db, principal), number, len(rows))
