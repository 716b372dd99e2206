"""A payee's statement as JSON, CSV or PDF."""

import asyncio
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from vezne import identity
from vezne.kernel.http import TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.money import Currency
from vezne.settlements import refusals as says
from vezne.settlements.api.fields import Day, EntryId, PayeeId
from vezne.settlements.models import Statement
from vezne.settlements.operations import stating
from vezne.settlements.typesetting import csv_statement, pdf

api = router("/v1/payees", "Settlements")


class StatementAsked(BaseModel):
    """Which statement, and how."""

    first: Day | None = Field(None, alias="from", description="the first day of the tenant's zone; this month's when not given")
    last: Day | None = Field(None, alias="to", description="the last one; today when not given")
    currency: Currency | None = Field(None, description="the tenant's own when not given")
    format: Literal["json", "csv", "pdf"] = "json"
    locale: Literal["en", "tr"] | None = Field(None, description="the payee's own language, else the tenant's, when not given")


class StatementLineOut(BaseModel):
    """What one ledger entry did to the account and to what is kept back."""

    at: datetime
    kind: str
    entry_id: EntryId
    description: str
    details: dict[str, Any]
    amount_minor: int
    reserve_minor: int
    balance_minor: int = Field(description="the account's after it")


class StatementOut(BaseModel):
    """A payee's account in a period, both days included. Opening plus the lines is closing."""

    payee_id: PayeeId
    currency: str
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    opening_minor: int
    closing_minor: int
    reserve_opening_minor: int
    reserve_closing_minor: int
    lines: list[StatementLineOut]


@api.get(
    "/{payee_id}/statements",
    dependencies=[requires("settlements.read")],
    response_model=StatementOut,
    responses={
        **refusals(identity.PayeeUnknown, says.PeriodBackwards, says.PeriodTooLong, says.StatementTooLong),
        200: {"content": {"application/pdf": {}, "text/csv": {}}, "description": "The statement."},
    },
)
async def get_statement(tx: TxDep, payee_id: PayeeId, asked: Annotated[StatementAsked, Query()]) -> StatementOut | Response:
    """What happened on a payee's account from the first to the last day, in the tenant's time zone."""
    tenant = await identity.tenant_of(tx)
    today = tx.now.astimezone(tenant.settings.zone).date()
    statement = await stating.statement(
        tx,
        payee_id,
        asked.currency or tenant.settings.default_currency,
        asked.first or (asked.last or today).replace(day=1),
        asked.last or today,
        most=stating.MOST_LINES_ON_PAPER if asked.format == "pdf" else stating.MOST_LINES,
    )
    if asked.format == "json":
        return _shown(statement)
    period = f"{statement.first:%Y%m%d}-{statement.last:%Y%m%d}-{statement.currency}"
    name = f"statement-{public_id('pye', payee_id)}-{period}.{asked.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    if asked.format == "csv":
        return Response(csv_statement(statement), media_type="text/csv; charset=utf-8", headers=headers)
    language = asked.locale or statement.payee.locale or tenant.settings.locale
    made = await asyncio.to_thread(pdf, statement, tenant.name, language)
    return Response(made, media_type="application/pdf", headers=headers)


def _shown(statement: Statement) -> StatementOut:
    facts = {name: getattr(statement, name) for name in StatementOut.model_fields if name not in {"payee_id", "lines"}}
    lines = [
        StatementLineOut(
            at=line.at,
            kind=line.kind,
            entry_id=line.entry_id,
            description=line.description,
            details=dict(line.details),
            amount_minor=line.amount_minor,
            reserve_minor=line.reserve_minor,
            balance_minor=line.balance_minor,
        )
        for line in statement.lines
    ]
    return StatementOut(payee_id=statement.payee.id, lines=lines, **facts)
