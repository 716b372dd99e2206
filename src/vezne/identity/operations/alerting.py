"""Raising alerts and deciding them. Who counts what is said by `alerts.RULES`; the slices that know the activity count it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from vezne.identity import queries_alerts as queries
from vezne.identity.alerts import RULES, Alert, AlertDecidedAlready, AlertUnknown, Decision, RuleName
from vezne.identity.events import AlertDecided, CustomerAlerted
from vezne.identity.operations.tenants import settings_of
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.telemetry import ALERTS


async def thresholds(tx: Tx) -> dict[RuleName, int]:
    """From how many on each rule raises an alert, as the tenant chose."""
    chosen: Mapping[Any, int] = (await settings_of(tx)).alert_thresholds
    return {name: chosen.get(name, rule.threshold) for name, rule in RULES.items()}


async def counted_since(tx: Tx, rule: RuleName, customer_id: UUID) -> datetime:
    """Since when the rule counts: what staff decided about is not told again. Others who count the same wait for this one.

    Ask for it last in a transaction, when it holds all else it needs.
    """
    await queries.lock_counting(tx, rule, customer_id)
    begin, decided = tx.now - RULES[rule].window, await queries.select_decided_at(tx, rule, customer_id)
    return begin if decided is None else max(begin, decided)


async def decided_since(tx: Tx, rule: RuleName, since: datetime) -> dict[UUID, datetime]:
    """The customers about whom an alert of the rule was decided since then, and when last."""
    return dict(await queries.select_decided_since(tx, rule, since))


async def raise_alert(tx: Tx, customer_id: UUID, rule: RuleName, *, subject: str = "", facts: Mapping[str, Any]) -> UUID | None:
    """Raise an alert about this customer; None while one of the same rule is open, which stays as it is. In a race: one.

    `subject` is the public id of what it is about; `facts` say what was counted.
    """
    made = Alert(
        id=new_id(),
        customer_id=customer_id,
        rule=rule,
        subject=subject,
        facts=facts,
        status="open",
        raised_at=tx.now,
        decided_at=None,
        decided_by=None,
        note="",
    )
    if not await queries.insert_alert(tx, made):
        return None
    ALERTS.labels(rule).inc()
    await tx.publish(CustomerAlerted(customer_id=customer_id, alert_id=made.id, rule=rule))
    return made.id


async def alert(tx: Tx, alert_id: UUID) -> Alert:
    """One alert. Raises AlertUnknown, also to one payee's staff."""
    return _there(tx, await queries.select_alert(tx, alert_id), alert_id)


async def alerts(
    tx: Tx,
    *,
    status: str | None = None,
    rule: str | None = None,
    customer_id: UUID | None = None,
    before: UUID | None = None,
    limit: int = 20,
) -> list[Alert]:
    """Alerts, newest first; to one payee's staff none."""
    if tx.principal.payee_id is not None:
        return []
    return await queries.select_alerts(tx, status=status, rule=rule, customer_id=customer_id, before=before, limit=limit)


async def decide_alert(tx: Tx, alert_id: UUID, decision: Decision, note: str = "") -> Alert:
    """Say what an alert was: `confirmed` or `dismissed`. Decided the same way before: nothing more happens.

    What is to follow (freezing a wallet) is the person's own to do. Raises AlertUnknown, AlertDecidedAlready.
    """
    found = _there(tx, await queries.select_alert(tx, alert_id, lock=True), alert_id)
    if found.status == decision:
        return found
    if found.status != "open":
        raise AlertDecidedAlready(alert_id=public_id("alr", alert_id), status=found.status)
    await queries.update_decided(tx, alert_id, decision, note)
    await tx.publish(AlertDecided(alert_id=alert_id, customer_id=found.customer_id, rule=found.rule, decision=decision))
    return await alert(tx, alert_id)


def _there(tx: Tx, found: Alert | None, alert_id: UUID) -> Alert:
    if found is None or tx.principal.payee_id is not None:
        raise AlertUnknown(alert_id=public_id("alr", alert_id))
    return found
