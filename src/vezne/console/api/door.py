"""The console's door: signing in, the second step, invitations, signing out."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from vezne import identity
from vezne.console.api.route import at_the_door, form_of, inside, pages
from vezne.console.api.visit import Visit
from vezne.kernel.errors import Invalid

api = pages()

_PASSWORD_REFUSED = (identity.PasswordTooShort, identity.PasswordTooLong, identity.PasswordGuessable)


@api.get("/sign-in")
async def show_sign_in(request: Request, slug: str) -> Response:
    """Who are you?"""
    visit = await at_the_door(request, slug)
    if visit.signed is not None:
        return visit.onward("" if visit.signed.session.stage == "open" else "/sign-in/code", next=_next(request.query_params))
    return visit.show("sign_in", next=_next(request.query_params), email="", error=None)


@api.post("/sign-in")
async def sign_in(request: Request, slug: str) -> Response:
    """Sign in by e-mail and password."""
    visit = await at_the_door(request, slug)
    if visit.signed is not None:
        return visit.onward("")
    form = await form_of(visit)
    email, wanted = form["email"][:254], _next({"next": form["next"]})
    try:
        made = await identity.sign_in(
            visit.edge.db,
            visit.anyone,
            email=email,
            password=form.secret("password")[: identity.LONGEST_PASSWORD + 1],
            address=_address(request),
            client=request.headers.get("user-agent", ""),
        )
    except identity.SignInRefused:
        return visit.show(
            "sign_in", status=HTTPStatus.UNAUTHORIZED, next=wanted, email=email, error=visit.word("sign_in.refused")
        )
    except identity.SignInTooOften as refusal:
        return visit.show(
            "sign_in",
            status=refusal.status,
            headers={"Retry-After": str(refusal.retry_after)},
            next=wanted,
            email=email,
            error=visit.word("sign_in.too_often"),
        )
    return _entered(visit, made, wanted)


@api.get("/sign-in/code")
async def show_code(request: Request, slug: str) -> Response:
    """The second step."""
    visit = await at_the_door(request, slug)
    if visit.signed is None or visit.signed.session.stage != "second_factor":
        return visit.onward("" if visit.signed else "/sign-in")
    return visit.show("sign_in_code", next=_next(request.query_params), error=None)


@api.post("/sign-in/code")
async def give_code(request: Request, slug: str) -> Response:
    """A code of the authenticator, or a recovery code."""
    visit = await at_the_door(request, slug)
    if visit.signed is None:
        raise identity.SessionOver
    form = await form_of(visit)
    wanted = _next({"next": form["next"]})
    try:
        made = await identity.prove(visit.edge.db, visit.signed, form["code"][:40], client=request.headers.get("user-agent", ""))
    except identity.CodeRefused:
        return visit.show("sign_in_code", status=HTTPStatus.UNAUTHORIZED, next=wanted, error=visit.word("sign_in.code_refused"))
    return _entered(visit, made, wanted)


@api.get("/invitations/{token}")
async def show_invitation(request: Request, slug: str, token: str) -> Response:
    """Choose a password."""
    visit = await at_the_door(request, slug)
    async with visit.edge.db.transaction(visit.anyone, read_only=True) as tx:
        person = await identity.invited(tx, token)
    return _invitation(visit, person)


@api.post("/invitations/{token}")
async def take_up_invitation(request: Request, slug: str, token: str) -> Response:
    """Join by the password chosen."""
    visit = await at_the_door(request, slug)
    door = Visit(request, visit.tenant)  # whoever is signed in here already becomes the one who is invited
    async with door.edge.db.transaction(door.anyone, read_only=True) as tx:
        person = await identity.invited(tx, token)
    form = await form_of(door)
    if form.secret("password") != form.secret("again"):
        return _invitation(door, person, error=door.word("invitation.differ"))
    try:
        made = await identity.accept_invitation(
            door.edge.db, door.anyone, token, form.secret("password"), client=request.headers.get("user-agent", "")
        )
    except _PASSWORD_REFUSED as refusal:
        return _invitation(door, person, error=door.word(f"problem.{refusal.code()}", least=identity.SHORTEST_PASSWORD))
    return _entered(door, made, "")


@api.post("/sign-out")
async def sign_out(request: Request, slug: str) -> Response:
    """End this session."""
    visit = await inside(request, slug)
    await form_of(visit)
    if visit.signed is not None:
        async with visit.edge.db.transaction(visit.principal) as tx:
            await identity.sign_out(tx, visit.signed)
    response = visit.onward("/sign-in", done="signed_out")
    visit.leave(response)
    return response


def _invitation(visit: Visit, person: identity.Staff, error: str | None = None) -> Response:
    status = HTTPStatus.OK if error is None else Invalid.status
    return visit.show("invitation", status=status, person=person, error=error, least=identity.SHORTEST_PASSWORD)


def _entered(visit: Visit, made: identity.NewSession, wanted: str) -> Response:
    response = visit.onward(wanted) if made.stage == "open" else visit.onward("/sign-in/code", next=wanted)
    visit.enter(response, made)
    return response


def _next(given: object) -> str:
    """The page of this console that was wanted before: a path and no more, so that nobody is sent elsewhere."""
    wanted = str(given.get("next", "")) if hasattr(given, "get") else ""
    return wanted if wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted else ""


def _address(request: Request) -> str:
    """Where the visitor comes from; uvicorn puts here what a trusted proxy says."""
    return request.client.host if request.client else ""
