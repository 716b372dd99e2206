"""The audit log: every change with its actor; and the check of this slice's own rows."""

from uuid import UUID

from pydantic import ValidationError

from vezne.identity import queries, queries_alerts, queries_staff
from vezne.identity.alerts import RULES
from vezne.identity.models import AuditRecord
from vezne.identity.models_staff import SCOPED_ROLES
from vezne.identity.permissions import ALL, ROLES
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id


async def audit_log(
    tx: Tx, *, subject: str | None, actor: str | None, type_: str | None, before: UUID | None, limit: int
) -> list[AuditRecord]:
    """What happened, newest first; by the thing it is about, by who did it, by type.

    The log is read along its primary key, whose ids are in order of time. There is no index by subject: it would be written
    with every movement of money, for a list that a person reads now and then. So a filter for something rare reads far back.
    """
    return await queries.select_audit(tx, subject=subject, actor=actor, type_=type_, before=before, limit=limit)


async def audit(tx: Tx) -> list[Finding]:
    """The tenant is there with settings that can be read; keys hold only permissions that exist, only restricted ones any;
    staff have a role that exists, and a payee where the role is held to one, and nowhere else; alerts are of rules that exist,
    and a decided one says when it was decided, after it was raised.
    """
    return [
        *await _findings_of_tenant(tx),
        *await _findings_of_keys(tx),
        *await _findings_of_staff(tx),
        *await _findings_of_alerts(tx),
    ]


async def _findings_of_tenant(tx: Tx) -> list[Finding]:
    try:
        tenant = await queries.select_tenant(tx)
    except ValidationError as error:
        return [Finding("settings can be read", f"tenant {tx.tenant_id}", str(error))]
    if tenant is None:
        return [Finding("the tenant is in the directory", f"tenant {tx.tenant_id}", "it is not")]
    if tenant.livemode != tx.principal.livemode:
        return [Finding("the tenant's mode", public_id("ten", tenant.id), f"livemode is {tenant.livemode}")]
    return []


async def _findings_of_keys(tx: Tx) -> list[Finding]:
    return [
        Finding("keys hold known permissions", public_id("key", key.id), f"{key.kind} with {sorted(key.permissions)}")
        for key in await queries.select_keys(tx)
        if key.permissions - ALL or (key.kind == "restricted") != bool(key.permissions)
    ]


async def _findings_of_staff(tx: Tx) -> list[Finding]:
    return [
        Finding(
            "staff have a role that fits them", public_id("stf", person.id), f"{person.role}, of one payee: {person.payee_id}"
        )
        for person in await queries_staff.select_all_staff(tx, before=None, limit=None)
        if person.role not in ROLES
        or (person.role == "partner" and person.payee_id is None)
        or (person.payee_id is not None and person.role not in SCOPED_ROLES)
    ]


async def _findings_of_alerts(tx: Tx) -> list[Finding]:
    return [
        Finding("alerts are decided after they are raised", public_id("alr", alert_id), message)
        for alert_id, message in await queries_alerts.select_wrong(tx, list(RULES))
    ]
