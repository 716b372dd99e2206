"""Staff: inviting them, changing what they may do, signing them out."""

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from vezne import identity
from vezne.console.api.listing import ROWS, id_of, window
from vezne.console.api.route import act, form_of, inside, pages, refused
from vezne.console.api.visit import Visit
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal

api = pages()


@api.get("/staff")
async def show_staff(request: Request, slug: str) -> Response:
    """Staff, newest first."""
    visit = await inside(request, slug, "staff.manage", platform=True)
    asked = window(visit, "/staff", "stf")
    async with visit.reading() as tx:
        part = asked.part(await identity.list_staff(tx, before=asked.before, limit=ROWS + 1))
        payees = await identity.payees(tx, limit=100)
        known = {each.id: each for each in payees}
        for each in part.rows:
            if each.payee_id and each.payee_id not in known:
                known[each.payee_id] = await identity.payee(tx, each.payee_id)
    return visit.show("staff", part=part, payees=payees, known=known, roles=_roles(visit))


@api.post("/staff")
async def invite(request: Request, slug: str) -> Response:
    """Invite somebody, and show the link this once."""
    visit = await inside(request, slug, "staff.manage", platform=True)
    form = await form_of(visit)
    try:
        async with visit.edge.db.transaction(visit.principal) as tx:
            person, invitation = await identity.invite(
                tx, email=form["email"], name=form["name"], role=form["role"], payee_id=_payee(form["payee"])
            )
    except Refusal as refusal:
        return refused(visit, refusal, "/staff")
    return _told(visit, person, invitation)


@api.get("/staff/{staff_id}")
async def show_member(request: Request, slug: str, staff_id: str) -> Response:
    """One member of staff."""
    visit = await inside(request, slug, "staff.manage", platform=True)
    number = id_of("stf", staff_id)
    async with visit.reading() as tx:
        person = await identity.staff_member(tx, number)
        sessions = await identity.sessions_of(tx, number)
        payees = await identity.payees(tx, limit=100)
        if person.payee_id and person.payee_id not in {each.id for each in payees}:
            payees = [await identity.payee(tx, person.payee_id), *payees]
    return visit.show("staff_member", person=person, sessions=sessions, payees=payees, roles=_roles(visit))


@api.post("/staff/{staff_id}")
async def change(request: Request, slug: str, staff_id: str) -> Response:
    """Change role, payee or whether they may sign in."""
    visit = await inside(request, slug, "staff.manage", platform=True)
    form = await form_of(visit)
    shown = f"/staff/{staff_id}"

    async def work(tx: Tx) -> str:
        changes: dict[str, Any] = {"role": form["role"], "payee_id": _payee(form["payee"]), "active": form["active"] == "yes"}
        await identity.change_staff(tx, id_of("stf", staff_id), changes)
        return shown

    return await act(visit, form, shown, work, done="staff_changed")


@api.post("/staff/{staff_id}/invitation")
async def invite_again(request: Request, slug: str, staff_id: str) -> Response:
    """A new link to choose a password."""
    visit = await inside(request, slug, "staff.manage", platform=True)
    form = await form_of(visit)
    try:
        async with visit.edge.db.transaction(visit.principal) as tx:
            person, invitation = await identity.invite_again(
                tx, id_of("stf", staff_id), without_second_factor=form["without_second_factor"] == "yes"
            )
    except Refusal as refusal:
        return refused(visit, refusal, f"/staff/{staff_id}")
    return _told(visit, person, invitation)


@api.post("/staff/{staff_id}/sessions/end")
async def end_sessions(request: Request, slug: str, staff_id: str) -> Response:
    """Sign them out everywhere."""
    visit = await inside(request, slug, "staff.manage", platform=True)
    form = await form_of(visit)

    async def work(tx: Tx) -> str:
        await identity.sign_out_everywhere(tx, id_of("stf", staff_id))
        return f"/staff/{staff_id}"

    return await act(visit, form, f"/staff/{staff_id}", work, done="sessions_ended")


def _told(visit: Visit, person: identity.Staff, invitation: identity.Invitation) -> Response:
    link = f"{visit.gateways.public_url}{visit.root}/invitations/{invitation.token}"
    return visit.show("staff_invited", person=person, link=link, invitation=invitation)


def _roles(visit: Visit) -> list[str]:
    """The roles that the visitor may give: none that may do more than they."""
    return [role for role, permissions in identity.ROLES.items() if all(visit.may(each) for each in permissions)]


def _payee(text: str) -> UUID | None:
    return id_of("pye", text) if text else None
