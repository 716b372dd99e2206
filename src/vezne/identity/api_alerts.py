"""Alerts over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from vezne.identity.alerts import Alert, AlertDecidedAlready, AlertStatus, AlertUnknown, Decision, RuleName
from vezne.identity.operations import alerting
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of

alert_api = router("/v1/alerts", "Alerts")

AlertId = Annotated[UUID, PublicId("alr")]
CustomerId = Annotated[UUID, PublicId("cus")]


class AlertFilter(PageParams):
    """Which alerts."""

    status: AlertStatus | None = None
    rule: RuleName | None = None
    customer_id: CustomerId | None = None


class DecisionIn(RequestModel):
    """What it was."""

    decision: Decision = Field(description="confirmed: it is what it looks like; dismissed: it is not")
    note: Annotated[str, StringConstraints(max_length=1000)] = Field("", description="for whoever looks next")


class AlertOut(BaseModel):
    """A customer's activity was unusual; nothing was changed for them."""

    id: AlertId
    customer_id: CustomerId
    rule: str
    subject: str = Field(description="the public id of what it is about, or empty")
    facts: dict[str, Any] = Field(description="what was counted, and from how many on it is unusual")
    status: AlertStatus
    raised_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str


@alert_api.get("", dependencies=[requires("alerts.read")], responses=refusals(CursorUnknown))
async def get_alerts(asked: Annotated[AlertFilter, Query()], tx: TxDep) -> Page[AlertOut]:
    """Alerts, newest first."""
    found = await alerting.alerts(
        tx,
        status=asked.status,
        rule=asked.rule,
        customer_id=asked.customer_id,
        before=asked.id_of("alr"),
        limit=asked.limit + 1,
    )
    return page_of(found, asked, _shown, by_id("alr"))


@alert_api.get("/{alert_id}", dependencies=[requires("alerts.read")], responses=refusals(AlertUnknown))
async def get_alert(alert_id: AlertId, tx: TxDep) -> AlertOut:
    """One alert."""
    return _shown(await alerting.alert(tx, alert_id))


@alert_api.post(
    "/{alert_id}/decisions",
    status_code=201,
    dependencies=[requires("alerts.write")],
    responses=refusals(AlertUnknown, AlertDecidedAlready),
)
async def post_decision(alert_id: AlertId, body: DecisionIn, tx: TxDep) -> AlertOut:
    """Decide an alert; nothing is done to the customer. Decided the same way before: nothing more happens."""
    return _shown(await alerting.decide_alert(tx, alert_id, body.decision, body.note))


def _shown(alert: Alert) -> AlertOut:
    return AlertOut.model_validate(alert, from_attributes=True)
