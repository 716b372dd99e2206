"""The door: a code is typed or scanned, and the page says at once whether its holder comes in."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from vezne import bookings, identity
from vezne.console.api.listing import id_of
from vezne.console.api.route import Form, form_of, inside, pages
from vezne.console.api.visit import Visit
from vezne.console.models import Tone
from vezne.kernel.db import Tx
from vezne.kernel.errors import Forbidden, Refusal, Unavailable
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.kernel.messages import MessageMissing
from vezne.kernel.pages import HEADERS

api = pages()

_CAMERA: Final = {"Permissions-Policy": HEADERS["Permissions-Policy"].replace("camera=()", "camera=(self)")}
_LONGEST_CODE: Final = 1000
_RECENT: Final = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the door says of a code."""

    code: str
    tone: Tone
    first: datetime | None = None
    ticket: bookings.Ticket | None = None
    resource: bookings.Resource | None = None
    holder: str | None = None
    elsewhere: str | None = None


@api.get("/check-in")
async def show_door(request: Request, slug: str) -> Response:
    """Waiting for a code."""
    visit = await inside(request, slug, "checkin.write")
    return await _door(visit, request.query_params.get("resource", ""), None)


@api.post("/check-in")
async def check_in(request: Request, slug: str) -> Response:
    """Let somebody in. The same form sent again is answered the same."""
    visit = await inside(request, slug, "checkin.write")
    form = await form_of(visit)
    try:
        async with visit.edge.db.transaction(visit.principal) as tx:
            verdict = await _let_in(tx, form)
    except (Forbidden, Unavailable):
        raise
    except Refusal as refusal:
        verdict = _refused(visit, refusal)
    return await _door(visit, form["resource"], verdict)


async def _let_in(tx: Tx, form: Form) -> Verdict:
    code = form["code"]
    if form["ticket"]:  # from the list of a reservation's tickets: staff have found it themselves
        code = await bookings.ticket_code(tx, await bookings.ticket(tx, id_of("tkt", form["ticket"])))
    if not code:
        return Verdict("empty", "bad")
    found = await bookings.check_in(
        tx, code[:_LONGEST_CODE], f"console:{form['once']}"[:80], resource_id=_place(form["resource"])
    )
    people = await identity.customers_by_id(tx, [found.ticket.customer_id])
    holder = people.get(found.ticket.customer_id)
    return Verdict("welcome", "good", None, found.ticket, found.resource, holder.name if holder else None)


def _refused(visit: Visit, refusal: Refusal) -> Verdict:
    code = refusal.code()
    first = refusal.facts.get("checked_in_at")
    if isinstance(first, str):
        return Verdict(code, "wait", first=datetime.fromisoformat(first))
    try:
        visit.word(f"door.{code}.title")
    except MessageMissing:
        code = "unknown"
    elsewhere = refusal.facts.get("name")
    return Verdict(code, "bad", elsewhere=str(elsewhere) if elsewhere else None)


async def _door(visit: Visit, place: str, verdict: Verdict | None) -> Response:
    async with visit.reading() as tx:
        offered = await bookings.resources_page(tx, limit=100, status="open") if visit.may("bookings.read") else []
        recent = await bookings.check_ins_page(tx, limit=_RECENT, resource_id=_place(place))
        known = {each.id: each for each in offered}
        for each in recent:
            if each.resource_id not in known:
                known[each.resource_id] = await bookings.resource(tx, each.resource_id)
        tickets = {each.ticket_id: await bookings.ticket(tx, each.ticket_id) for each in recent}
        people = await identity.customers_by_id(tx, [each.customer_id for each in tickets.values()])
    chosen = place if place in {public_id("rsc", each.id) for each in offered} else ""
    return visit.show(
        "check_in",
        status=HTTPStatus.OK,
        headers=_CAMERA,
        verdict=verdict,
        offered=offered,
        chosen=chosen,
        recent=recent,
        known=known,
        tickets=tickets,
        people=people,
    )


def _place(text: str) -> UUID | None:
    try:
        return parse_id("rsc", text) if text else None
    except UnknownId:
        return None
