"""One's own account: password, second step, sessions, language."""

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from vezne import identity
from vezne.console.api.route import form_of, inside, pages, refused
from vezne.console.api.visit import Visit
from vezne.kernel.errors import Refusal

api = pages()


@api.get("/account")
async def show_account(request: Request, slug: str) -> Response:
    """The account as it stands."""
    visit = await inside(request, slug)
    return await _account(visit)


@api.post("/account/password")
async def change_password(request: Request, slug: str) -> Response:
    """Choose another password."""
    visit, signed = await _signed(request, slug)
    form = await form_of(visit)
    if form.secret("new_password") != form.secret("again"):
        return visit.onward("/account", problem="differ")
    try:
        await identity.change_password(visit.edge.db, signed, form.secret("password"), form.secret("new_password"))
    except Refusal as refusal:
        return refused(visit, refusal, "/account")
    return visit.onward("/account", done="password_changed")


@api.get("/account/second-step")
async def propose(request: Request, slug: str) -> Response:
    """Set up an authenticator."""
    visit, signed = await _signed(request, slug)
    if signed.staff.second_factor:
        return visit.onward("/account")
    async with visit.edge.db.transaction(visit.principal) as tx:
        proposal = await identity.propose(tx, signed, issuer=visit.tenant.name)
    code = segno.make(proposal.uri, error="m")
    picture = Markup(code.svg_inline(scale=5, border=2, dark="#000", light="#fff", omitsize=True))  # noqa: S704 - drawn by segno
    groups = " ".join(proposal.secret[place : place + 4] for place in range(0, len(proposal.secret), 4))
    return visit.show("second_step", picture=picture, secret=groups)


@api.post("/account/second-step")
async def confirm(request: Request, slug: str) -> Response:
    """Turn the second step on, and show the recovery codes this once."""
    visit, signed = await _signed(request, slug)
    form = await form_of(visit)
    try:
        async with visit.edge.db.transaction(visit.principal) as tx:
            codes = await identity.confirm(tx, signed, form["code"][:40])
    except Refusal as refusal:
        return refused(visit, refusal, "/account/second-step")
    return visit.show("recovery_codes", codes=codes)


@api.post("/account/second-step/removal")
async def remove(request: Request, slug: str) -> Response:
    """Turn the second step off, by password."""
    visit, signed = await _signed(request, slug)
    form = await form_of(visit)
    try:
        await identity.remove(visit.edge.db, signed, form.secret("password"))
    except Refusal as refusal:
        return refused(visit, refusal, "/account")
    return visit.onward("/account", done="second_step_removed")


@api.post("/account/sessions/end")
async def end_others(request: Request, slug: str) -> Response:
    """Sign out everywhere else."""
    visit, signed = await _signed(request, slug)
    await form_of(visit)
    async with visit.edge.db.transaction(visit.principal) as tx:
        await identity.end_sessions(tx, signed.staff.id, why="ended_by_holder", but=signed.session.id)
    return visit.onward("/account", done="sessions_ended")


async def _account(visit: Visit) -> Response:
    if visit.signed is None:
        raise identity.SessionOver
    async with visit.reading() as tx:
        sessions = await identity.sessions_of(tx, visit.signed.staff.id)
        payee = await identity.payee(tx, visit.signed.staff.payee_id) if visit.signed.staff.payee_id else None
    return visit.show("account", person=visit.signed.staff, sessions=sessions, payee=payee, least=identity.SHORTEST_PASSWORD)


async def _signed(request: Request, slug: str) -> tuple[Visit, identity.SignedIn]:
    visit = await inside(request, slug)
    if visit.signed is None:
        raise identity.SessionOver
    return visit, visit.signed
