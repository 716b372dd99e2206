"""The first page: what the day came to, and what waits for somebody."""

from datetime import datetime, time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from vezne import bookings, identity, orders, settlements
from vezne.console.api.orders import total_for
from vezne.console.api.route import inside, pages
from vezne.console.api.settlements import owed_to, payees_of
from vezne.console.api.visit import Visit
from vezne.kernel.db import Tx
from vezne.kernel.money import Money

api = pages()

_RECENT = 8


@api.get("")
async def show_overview(request: Request, slug: str) -> Response:
    """Today."""
    visit = await inside(request, slug)
    async with visit.reading() as tx:
        facts = {
            **await _takings(visit, tx),
            **await _waiting(visit, tx),
            **await _recent(visit, tx),
            **await _offered(visit, tx),
        }
    return visit.show("overview", amount=Money, **facts)


async def _takings(visit: Visit, tx: Tx) -> dict[str, Any]:
    if not visit.may("orders.read"):
        return {"takings": None}
    midnight = datetime.combine(tx.now.astimezone(visit.zone).date(), time(), visit.zone)
    return {"takings": await orders.takings(tx, midnight)}


async def _waiting(visit: Visit, tx: Tx) -> dict[str, Any]:
    owed = (
        [each for _, each in await owed_to(tx, await payees_of(tx))]
        if visit.may("settlements.read") and visit.principal.payee_id
        else []
    )
    to_decide = (
        await settlements.payouts(tx, status=settlements.PayoutStatus.REQUESTED, limit=100)
        if visit.may("payouts.approve") and visit.principal.payee_id is None
        else None
    )
    unmatched = await orders.unmatched_waiting(tx, limit=100) if visit.may("payments.read") else []
    return {"owed": owed, "to_decide": to_decide, "unmatched": unmatched}


async def _recent(visit: Visit, tx: Tx) -> dict[str, Any]:
    if not visit.may("orders.read"):
        return {"recent": None}
    recent = await orders.orders_page(tx, limit=_RECENT)
    lines = await orders.lines_of(tx, [order.id for order in recent])
    bought = {order.id: [line for line in lines if line.order_id == order.id] for order in recent}
    return {
        "recent": recent,
        "bought": bought,
        "totals": {order.id: total_for(visit, order, bought[order.id]) for order in recent},
        "people": await identity.customers_by_id(tx, [order.customer_id for order in recent]),
    }


async def _offered(visit: Visit, tx: Tx) -> dict[str, Any]:
    """What has seats and is still to come, the next first."""
    if not visit.may("bookings.read"):
        return {"offered": []}
    found = await bookings.resources_page(tx, limit=100, status="open")
    coming = [each for each in found if each.manner == "counted" and (each.ends_at or each.starts_at or tx.now) >= tx.now]
    return {"offered": sorted(coming, key=lambda each: each.starts_at or tx.now)[:5]}
