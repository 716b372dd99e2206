"""The customer's pages. Every step is a plain form answered by a redirect; a small script only improves them."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from vezne.checkout.api.visitor import HEADERS, PAGES, RETURNS, STARTS, PageRoute, locale_for, take, visitor
from vezne.checkout.models import PAYABLE, Checkout, State
from vezne.checkout.operations import paying
from vezne.kernel.body import read_body
from vezne.kernel.http import Edge
from vezne.kernel.messages import LANGUAGES
from vezne.kernel.pages import language_of
from vezne.payments import Gateways, ProviderUnavailable, ProviderUnknown

pages_api = APIRouter(prefix="/checkout/{token}", route_class=PageRoute, include_in_schema=False)

_LARGEST_FORM, _MOST_FIELDS = 2_000, 10
_WAITS = frozenset({State.PROCESSING, State.REVIEW})


@pages_api.get("")
async def show(request: Request, token: str, returned: str = "") -> Response:
    """The checkout as it stands."""
    view = await paying.look(_edge(request).db, await visitor(request, token), token)
    return _show(request, token, view, "checking" if returned and view.state is State.UNDER_WAY else view.state)


@pages_api.get("/status")
async def status(request: Request, token: str) -> Response:
    """What the page's script compares with what it shows."""
    view = await paying.look(_edge(request).db, await visitor(request, token), token)
    return JSONResponse({"state": view.state, "mark": view.mark}, headers=HEADERS)


@pages_api.post("/attempts")
async def pay(request: Request, token: str) -> Response:
    """To the provider's page; back to ours when there is nothing to pay."""
    db, gateways = _edge(request).db, _gateways(request)
    principal = await visitor(request, token)
    view = await paying.look(db, principal, token)
    if not take(STARTS, token):
        return _show(request, token, view, "too_fast", status=HTTPStatus.TOO_MANY_REQUESTS, retry_after="60")
    lang = language_of(request, locale_for(request, view.locale, view.default_locale))
    back = f"{gateways.public_url}{_link(request, token, '/return')}"
    try:
        chosen = await _chosen_provider(request)
        there = await paying.pay(db, gateways, principal, token, return_url=back, locale=lang, provider=chosen)
    except (ProviderUnavailable, ProviderUnknown):
        return _show(request, token, view, "unreachable", status=HTTPStatus.SERVICE_UNAVAILABLE, retry_after="5")
    return _onward(there or _link(request, token))


@pages_api.get("/return")
async def come_back(request: Request, token: str) -> Response:
    """Where the provider sends the customer: ask what is true, then show it at an address that may be reloaded."""
    db, principal = _edge(request).db, await visitor(request, token)
    if take(RETURNS, token):
        view = await paying.come_back(db, _gateways(request), principal, token)
    else:
        view = await paying.look(db, principal, token)
    unsure = {"returned": "1"} if view.state is State.UNDER_WAY else {}
    return _onward(_link(request, token, **unsure))


@pages_api.get("/cancel")
async def ask_to_cancel(request: Request, token: str) -> Response:
    """Ask once more before the order is cancelled."""
    view = await paying.look(_edge(request).db, await visitor(request, token), token)
    return _show(request, token, view, "leave") if view.state in PAYABLE else _onward(_link(request, token))


@pages_api.post("/cancellations")
async def cancel(request: Request, token: str) -> Response:
    """Cancel the order."""
    await paying.give_up(_edge(request).db, await visitor(request, token), token)
    return _onward(_link(request, token))


@pages_api.get("/attempts")
@pages_api.get("/cancellations")
async def back_to_the_page(request: Request, token: str) -> Response:
    """A form's address opened by hand, or through a language link: back to the page."""
    return _onward(_link(request, token))


async def _chosen_provider(request: Request) -> str | None:
    """Whom the form names, if it names anybody."""
    raw = await read_body(request, _LARGEST_FORM)
    try:
        pairs = parse_qsl(raw.decode(), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    return dict(pairs).get("provider")


def _edge(request: Request) -> Edge:
    edge: Edge = request.app.state.edge
    return edge


def _gateways(request: Request) -> Gateways:
    gateways: Gateways = request.app.state.gateways
    return gateways


def _link(request: Request, token: str, step: str = "", **query: str) -> str:
    """A step of this checkout, in the language the customer has chosen."""
    lang = request.query_params.get("lang")
    if lang in LANGUAGES:
        query["lang"] = lang
    return f"/checkout/{token}{step}" + (f"?{urlencode(query)}" if query else "")


def _onward(address: str) -> Response:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, HEADERS)


def _show(
    request: Request, token: str, view: Checkout, face: str, *, status: int = HTTPStatus.OK, retry_after: str | None = None
) -> Response:
    template = _template(view, face)
    face = view.state if template == "over" else face
    waits = template == "wait" and face != State.REVIEW
    locale = locale_for(request, view.locale, view.default_locale)
    return PAGES.render(
        request,
        f"checkout/{template}.html",
        status=status,
        locale=locale,
        form_targets=_page_origins(_gateways(request), view.providers),
        choices=view.choices(_gateways(request).providers),
        headers=HEADERS if retry_after is None else {**HEADERS, "Retry-After": retry_after},
        test_mode=view.test_mode,
        view=view,
        face=str(face),
        until=_until(view, language_of(request, locale)),
        link=lambda step: _link(request, token, step),
        page_url=_link(request, token),
        refresh_url=_link(request, token, "/return") if waits else None,
    )


def _template(view: Checkout, face: str) -> str:
    if face in {State.PAID, "leave"}:
        return face
    if face == "checking" or face in _WAITS:
        return "wait"
    return "pay" if view.state in PAYABLE else "over"


def _until(view: Checkout, lang: str) -> Markup:
    """When the time to pay is over: an hour and minute, with its day when that is not the same."""
    zone = ZoneInfo(view.time_zone)
    end = view.expires_at.astimezone(zone)
    today = (view.expires_at - timedelta(seconds=view.seconds_left)).astimezone(zone).date()
    text = format_time(end, "short", locale=lang, tzinfo=zone)
    if end.date() != today:
        text = f"{format_date(end.date(), 'long', locale=lang)} {text}"
    return Markup('<time datetime="{}">{}</time>').format(end.isoformat(), text)


def _page_origins(gateways: Gateways, providers: Sequence[str]) -> tuple[str, ...]:
    """Where the forms of this page may lead: to whoever may be chosen."""
    served = [gateways.providers[name] for name in providers if name in gateways.providers]
    return tuple(dict.fromkeys(origin for provider in served for origin in provider.page_origins))
