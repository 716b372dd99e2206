"""How the console's requests come in: the tenant by the address, the person by the session, forms only from our own pages."""

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import structlog
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from vezne import identity
from vezne.console.api.visit import PAGES, PageForOthers, Visit
from vezne.kernel import idempotency
from vezne.kernel.body import TextUnstorable, read_body
from vezne.kernel.db import Tx
from vezne.kernel.errors import Forbidden, Malformed, NotFound, RateLimited, Refusal, Unavailable
from vezne.kernel.http import Edge
from vezne.kernel.pages import language_of
from vezne.kernel.principal import PermissionMissing

_MOST_FORM: Final = 64 * 1024
_MOST_FIELDS: Final = 200
_MOST_ADDRESS: Final = 500
_NOT_ABOUT_IT = (NotFound, PermissionMissing, Unavailable, PageForOthers, identity.SessionOver)
_ONCE = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_log = structlog.get_logger("vezne.console")


class FormFromElsewhere(Forbidden):
    """This form was not sent from a page of the console."""


class FormStale(Forbidden):
    """This form belongs to another session: open the page again."""


class FormUnreadable(Malformed):
    """A form is sent as application/x-www-form-urlencoded."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a form was filled with: text, without the spaces around it. Of a name given several times, `all` has every value."""

    fields: tuple[tuple[str, str], ...]

    def __getitem__(self, name: str) -> str:
        return next((value.strip() for field, value in self.fields if field == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a field that may be chosen several times."""
        return [value.strip() for field, value in self.fields if field == name]

    def secret(self, name: str) -> str:
        """A password as it was typed, spaces and all."""
        return next((value for field, value in self.fields if field == name), "")


class PageRoute(APIRoute):
    """A route for people: what is refused becomes a page, and who is not signed in is led to the door."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, its refusals shown in the house's layout."""
        endpoint = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except identity.SessionOver:
                return await _to_the_door(request)
            except Refusal as refusal:
                return await _problem(request, refusal)

        return answer


def pages() -> APIRouter:
    """A router of pages of the console."""
    return APIRouter(prefix="/console/{slug}", route_class=PageRoute, include_in_schema=False)


async def at_the_door(request: Request, slug: str) -> Visit:
    """A visit by anyone. Raises TenantNotFound."""
    edge: Edge = request.app.state.edge
    if "\x00" in slug:
        raise identity.TenantNotFound(tenant=slug[:64])
    tenant = await identity.find_tenant(edge.db, slug)
    visit = Visit(request, tenant)
    token = request.cookies.get(visit.cookie)
    if not token:
        return visit
    try:
        signed = await identity.session_of(edge.db, visit.anyone, token)
    except identity.SessionOver:
        return visit
    return Visit(request, tenant, token, signed)


async def inside(request: Request, slug: str, permission: str | None = None, *, platform: bool = False) -> Visit:
    """A visit by somebody who is signed in, and may see what asks for `permission`; with `platform`, for no one payee's staff.

    Raises TenantNotFound, SessionOver, PermissionMissing, PageForOthers.
    """
    visit = await at_the_door(request, slug)
    if visit.signed is None or visit.signed.session.stage != "open":
        raise identity.SessionOver
    if "%00" in request.url.query:
        raise TextUnstorable(loc=("query",))
    if permission is not None:
        visit.principal.demand(permission)
    if platform and visit.principal.payee_id is not None:
        raise PageForOthers
    return visit


async def form_of(visit: Visit) -> Form:
    """The form that was sent, from a page of ours and, of somebody signed in, of their own session.

    Browsers tell where a request comes from, and no page can make them lie; the form's token is the second lock. Raises
    FormFromElsewhere, FormStale, FormUnreadable, BodyTooLarge, TextUnstorable.
    """
    if not _is_our_own(visit):
        raise FormFromElsewhere
    raw = await read_body(visit.request, _MOST_FORM)
    try:
        fields = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise FormUnreadable from None
    if any("\x00" in name or "\x00" in value for name, value in fields):
        raise TextUnstorable(loc=("body",))
    form = Form(tuple(fields))
    if visit.token is not None and not identity.form_token_matches(visit.token, form["form_token"]):
        raise FormStale
    return form


async def act(
    visit: Visit,
    form: Form,
    back: str,
    work: Callable[[Tx], Awaitable[str]],
    *,
    done: str,
    query: Mapping[str, str] | None = None,
) -> Response:
    """Do what a form asks, once: sent twice, the second is answered like the first. Then lead to the page `work` names.

    What is refused leads back to the page it was asked on, and is told there.
    """
    once = form["once"]
    if not _ONCE.fullmatch(once):
        raise FormStale
    key, digest = f"console:{once}", idempotency.hash_request(visit.request, repr(form.fields).encode())
    try:
        async with visit.edge.db.transaction(visit.principal) as tx:
            stored = await idempotency.claim(tx, key, digest)
            if stored is not None:
                stored.replay(digest)  # raises, when another form was sent under the same token
                return visit.onward(stored.body.decode(), done=done)
            there = await work(tx)
            await idempotency.store(tx, key, HTTPStatus.SEE_OTHER, there.encode())
    except Refusal as refusal:
        return refused(visit, refusal, back, query=query)
    return visit.onward(there, done=done)


def refused(visit: Visit, refusal: Refusal, back: str, *, query: Mapping[str, str] | None = None) -> Response:
    """Back to the page on which it was asked, which says why not. What is not about the question itself is raised again."""
    if isinstance(refusal, _NOT_ABOUT_IT):
        raise refusal
    _log.info("refused", code=refusal.code(), request_id=visit.request.state.request_id)
    return visit.onward(back, problem=refusal.code(), **(query or {}))


def _is_our_own(visit: Visit) -> bool:
    headers = visit.request.headers
    site = headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is None:
        return site == "same-origin"
    return urlsplit(origin).netloc in {headers.get("host"), urlsplit(visit.gateways.public_url).netloc} - {None, ""}


async def _to_the_door(request: Request) -> Response:
    visit = await at_the_door(request, request.path_params["slug"])
    path = request.url.path.removeprefix(visit.root)
    wanted = path if request.method == "GET" and path else ""
    if wanted and request.url.query:
        wanted = f"{wanted}?{request.url.query}"
    wanted = wanted if len(wanted) <= _MOST_ADDRESS else ""
    if visit.signed is not None:
        return visit.onward("/sign-in/code", next=wanted)
    response = visit.onward("/sign-in", next=wanted, problem="" if request.method == "GET" else "over")
    visit.leave(response)
    return response


async def _problem(request: Request, refusal: Refusal) -> Response:
    wait = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    key = _message(refusal)
    try:
        visit = await at_the_door(request, str(request.path_params.get("slug", "")))
    except Refusal:
        lang = language_of(request)
        return PAGES.render(
            request, "problem.html", status=refusal.status, headers=wait, message=PAGES.text(lang, key),
            request_id=request.state.request_id,
        )  # fmt: skip
    return visit.show("problem", status=refusal.status, headers=wait, message=visit.word(key))


def _message(refusal: Refusal) -> str:
    if isinstance(refusal, FormStale | FormFromElsewhere):
        return "console.problem.form"
    if isinstance(refusal, Forbidden):
        return "console.problem.forbidden"
    if isinstance(refusal, NotFound):
        return "console.problem.not_found"
    if isinstance(refusal, RateLimited):
        return "console.problem.too_often"
    if isinstance(refusal, Unavailable):
        return "console.problem.unavailable"
    return "console.problem.not_possible"
