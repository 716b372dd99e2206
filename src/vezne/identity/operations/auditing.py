"""The audit log: every change with its actor; and the check of this slice's own rows."""

from uuid import UUID

from vezne.identity import queries
from vezne.identity.models import AuditRecord
from vezne.identity.permissions import ALL
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id


async def audit_log(
    tx: Tx, *, subject: str | None, actor: str | None, type_: str | None, before: UUID | None, limit: int
) -> list[AuditRecord]:
    """What happened, newest first; by the thing it is about, by who did it, by type."""
    return await queries.select_audit(tx, subject=subject, actor=actor, type_=type_, before=before, limit=limit)


async def audit(tx: Tx) -> list[Finding]:
    """Keys hold only permissions that exist, and only restricted ones hold any."""
    return [
        Finding("keys hold known permissions", public_id("key", key.id), f"{key.kind} with {sorted(key.permissions)}")
        for key in await queries.select_keys(tx)
        if key.permissions - ALL or (key.kind == "restricted") != bool(key.permissions)
    ]
