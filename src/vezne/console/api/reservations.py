"""Reservations: who has booked what, for when; and what is offered, how full it is."""

from starlette.requests import Request
from starlette.responses import Response

from vezne import bookings, identity
from vezne.console.api.listing import ROWS, id_of, window
from vezne.console.api.route import inside, pages
from vezne.kernel.ids import UnknownId, parse_id, public_id

api = pages()

_STATUSES = ["held", "consumed", "lapsed", "released", "cancelled"]


@api.get("/reservations")
async def show_reservations(request: Request, slug: str) -> Response:
    """Reservations, newest first, of everything or of one thing."""
    visit = await inside(request, slug, "bookings.read")
    async with visit.reading() as tx:
        offered = await bookings.resources_page(tx, limit=100)
        names = {public_id("rsc", each.id): each for each in offered}
        asked = window(visit, "/reservations", "clm", status=_STATUSES, resource=[*names])
        chosen = names.get(asked["resource"] or "")
        found = await bookings.claims_page(
            tx, limit=ROWS + 1, before=asked.before, status=asked["status"], resource_id=chosen.id if chosen else None
        )
        part = asked.part(found)
        people = await identity.customers_by_id(tx, [each.customer_id for each in part.rows])
        known = {each.id: each for each in offered}
        for each in part.rows:
            if each.resource_id not in known:
                known[each.resource_id] = await bookings.resource(tx, each.resource_id)
        units = {each.unit_id: await bookings.unit(tx, each.unit_id) for each in part.rows if each.unit_id is not None}
    return visit.show(
        "reservations", part=part, people=people, known=known, units=units, offered=offered, chosen=chosen, statuses=_STATUSES
    )


@api.get("/reservations/{claim_id}")
async def show_reservation(request: Request, slug: str, claim_id: str) -> Response:
    """One reservation with its tickets."""
    visit = await inside(request, slug, "bookings.read")
    number = id_of("clm", claim_id)
    async with visit.reading() as tx:
        claim = await bookings.claim(tx, number)
        resource = await bookings.resource(tx, claim.resource_id)
        unit = await bookings.unit(tx, claim.unit_id) if claim.unit_id else None
        tickets = await bookings.tickets_of(tx, [number])
        people = await identity.customers_by_id(tx, [claim.customer_id, *(each.customer_id for each in tickets)])
    try:
        order = public_id("ord", claim.order_id) if claim.order_id else None
        line = parse_id("oli", claim.purpose)
    except UnknownId:
        order, line = None, None
    return visit.show(
        "reservation", claim=claim, resource=resource, unit=unit, tickets=tickets, people=people, order=order, line=line
    )
