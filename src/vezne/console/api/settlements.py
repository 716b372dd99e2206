"""Settlements: what each sale gave its payee and the platform; what is owed; statements."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from vezne import identity, settlements
from vezne.console.api.listing import ROWS, id_of, window
from vezne.console.api.reading_forms import day_of
from vezne.console.api.route import inside, pages
from vezne.console.api.visit import Visit
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money

api = pages()

_STATUSES = [status.value for status in settlements.SettlementStatus]
_MOST_PAYEES = 100


async def payees_of(tx: Tx) -> list[identity.Payee]:
    """The payees whose money the visitor may see."""
    if tx.principal.payee_id is not None:
        return [await identity.payee(tx, tx.principal.payee_id)]
    return await identity.payees(tx, limit=_MOST_PAYEES)


async def owed_to(tx: Tx, payees: list[identity.Payee]) -> list[tuple[identity.Payee, settlements.Owed]]:
    """What is owed to each, in each currency in which something ever was."""
    return [(payee, owed) for payee in payees for owed in await settlements.owed_in_all(tx, payee.id)]


@api.get("/settlements")
async def show_settlements(request: Request, slug: str) -> Response:
    """Settlements, newest first, below what is owed."""
    visit = await inside(request, slug, "settlements.read")
    async with visit.reading() as tx:
        payees = await payees_of(tx)
        names = {public_id("pye", each.id): each for each in payees}
        asked = window(visit, "/settlements", "stl", status=_STATUSES, payee=[*names])
        chosen = names.get(asked["payee"] or "")
        found = await settlements.settlements_page(
            tx,
            payee_id=chosen.id if chosen else None,
            status=settlements.SettlementStatus(asked["status"]) if asked["status"] else None,
            before=asked.before,
            limit=ROWS + 1,
        )
        owed = await owed_to(tx, [chosen] if chosen else payees)
        known = {each.id: each for each in payees}
        for each in found:
            if each.settlement.payee_id not in known:
                known[each.settlement.payee_id] = await identity.payee(tx, each.settlement.payee_id)
    status_of = {each.settlement.id: each.status.value for each in found}
    part = asked.part([each.settlement for each in found])
    return visit.show(
        "settlements",
        part=part,
        status_of=status_of,
        payees=payees,
        known=known,
        owed=owed,
        chosen=chosen,
        statuses=_STATUSES,
        amount=Money,
        period=_period(visit),
    )


@api.get("/settlements/{settlement_id}")
async def show_settlement(request: Request, slug: str, settlement_id: str) -> Response:
    """One settlement with all that was done to it."""
    visit = await inside(request, slug, "settlements.read")
    async with visit.reading() as tx:
        seen, moves = await settlements.settlement(tx, id_of("stl", settlement_id))
        payee = await identity.payee(tx, seen.settlement.payee_id)
    return visit.show(
        "settlement", settlement=seen.settlement, standing=seen.status.value, moves=moves, payee=payee, amount=Money
    )


@api.get("/statements/{payee_id}")
async def statement(request: Request, slug: str, payee_id: str) -> Response:
    """A payee's statement of a period, as a PDF."""
    visit = await inside(request, slug, "settlements.read")
    given = request.query_params
    first, last = _period(visit)
    number: UUID = id_of("pye", payee_id)
    async with visit.reading() as tx:
        made = await settlements.statement(
            tx,
            number,
            given.get("currency", visit.tenant.settings.default_currency),
            day_of(given["from"]) if given.get("from") else first,
            day_of(given["to"]) if given.get("to") else last,
            most=settlements.MOST_LINES_ON_PAPER,
        )
    content = await asyncio.to_thread(settlements.pdf, made, visit.tenant.name, visit.lang)
    name = f"statement-{payee_id}-{made.first:%Y%m%d}-{made.last:%Y%m%d}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/pdf", headers=headers)


def _period(visit: Visit) -> tuple[date, date]:
    """From the first of this month to today, in the tenant's zone; on the first, the month before."""
    today = visit.today
    first = today.replace(day=1)
    return (first, today) if today > first else ((first - timedelta(days=1)).replace(day=1), first - timedelta(days=1))
