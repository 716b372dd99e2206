"""Whoever uses a widget: which tenant's, from which web site, how often, in which language."""

import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.responses import Response

from vezne import identity
from vezne.kernel.edge import invalid_response, refusal_response
from vezne.kernel.errors import Refusal
from vezne.kernel.http import Edge, StrictRequest
from vezne.kernel.ids import public_id
from vezne.kernel.messages import LANGUAGES, MessageMissing
from vezne.kernel.pages import Pages
from vezne.kernel.principal import Principal
from vezne.payments import Gateways
from vezne.widget.models import OriginNotAllowed, Token, WidgetTokenInvalid, WidgetTooFast
from vezne.widget.operations import tokens

PAGES: Final = Pages("widget")
VISITS: Final = RateLimitItemPerMinute(300)
"""How often a minute one address may open the widget of one tenant, in each process."""
REQUESTS: Final = RateLimitItemPerMinute(120)
"""How often a minute one address may ask for storage of one tenant, in each process."""
TRIES: Final = RateLimitItemPerMinute(20)
"""How often a minute one visit may ask, in each process."""
PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type, idempotency-key",
    "Access-Control-Max-Age": "600",
}
EXPOSED: Final = "Idempotency-Replayed, Retry-After, X-Request-Id"
PUBLISHABLE: Final = "vz_pk_"
_WISH = re.compile(rf"\b({'|'.join(LANGUAGES)})\b", re.IGNORECASE)
_limiter = MovingWindowRateLimiter(MemoryStorage())


def edge_of(request: Request) -> Edge:
    """What endpoints stand on."""
    edge: Edge = request.app.state.edge
    return edge


def gateways_of(request: Request) -> Gateways:
    """The providers, and our public address."""
    gateways: Gateways = request.app.state.gateways
    return gateways


def take(limit: RateLimitItem, *whose: object) -> None:
    """Count one use. Raises WidgetTooFast."""
    if not _limiter.hit(limit, *(str(part) for part in whose)):
        raise WidgetTooFast(retry_after_seconds=60, retry_after=60)


def address_of(request: Request) -> str:
    """Where a request comes from, as its connection says."""
    return "" if request.client is None else request.client.host


async def holder_of(request: Request, key: str) -> Principal:
    """Whoever shows a publishable key. Raises KeyUnknown: a secret key has no business in a browser."""
    if not key.startswith(PUBLISHABLE) or not key.isascii():
        raise identity.KeyUnknown
    headers = [(b"authorization", f"Bearer {key}".encode())]
    shown = Request({**request.scope, "headers": headers})
    return await edge_of(request).authenticate(shown)


def token_of(request: Request) -> Token:
    """The widget's token that a request brings. Raises WidgetTokenInvalid."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise WidgetTokenInvalid
    return tokens.read(edge_of(request).db.vault, text.strip())


def guest_of(request: Request, token: Token) -> Principal:
    """Whoever brings a token: nobody in particular, without any permission."""
    actor = f"widget:{public_id('key', token.key_id)}"
    return Principal(token.tenant_id, actor, "public", frozenset(), livemode=token.livemode, request_id=request.state.request_id)


def speak(request: Request, default: str, chosen: str | None = None) -> str:
    """The language to answer in: the chosen one, else `?lang=`, else the browser's first wish of ours, else the tenant's."""
    wish = _WISH.search(request.headers.get("accept-language", "")[:500])
    asked = request.query_params.get("lang", "")
    lang = chosen or (asked if asked in LANGUAGES else None) or (wish[1].lower() if wish else default)
    request.state.lang = lang
    return lang


def told(request: Request, refusal: Refusal) -> str:
    """What a refusal says, in the guest's language where we have it."""
    lang = getattr(request.state, "lang", None) or speak(request, LANGUAGES[0])
    with suppress(MessageMissing):
        return PAGES.text(lang, f"widget.refused.{refusal.code()}", **refusal.facts)
    return refusal.detail


def origin_of(request: Request) -> str | None:
    """The web site whose script asks; None for our own pages and for whoever is no browser."""
    origin = request.headers.get("origin")
    own = {gateways_of(request).public_url, f"{request.url.scheme}://{request.url.netloc}"}
    return None if origin is None or origin in own else origin


def admit(request: Request, settings: identity.TenantSettings) -> None:
    """Let the tenant's own web sites ask, and read the answer. Raises OriginNotAllowed."""
    origin = origin_of(request)
    if origin is None:
        return
    if origin not in settings.widget_origins:
        request.state.origin_refused = True
        raise OriginNotAllowed
    request.state.origin_admitted = origin


class PublicRoute(APIRoute):
    """A route for scripts of other web sites: no cookies, refusals in the guest's language, readable by admitted sites only."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, with what stands around it."""
        endpoint = super().get_route_handler()

        async def answer(request: Request) -> Response:
            strict = StrictRequest(_as_json(request), request.receive)
            try:
                if strict.method == "POST":
                    await strict.json()  # here, since FastAPI would hide what is wrong with a body it reads itself
                response = await endpoint(strict)
            except RequestValidationError as error:
                response = invalid_response(error, strict.state.request_id)
            except Refusal as refusal:
                refusal.detail = told(strict, refusal)
                response = refusal_response(refusal, strict.state.request_id)
            response.headers["Cache-Control"] = "no-store"
            return await _readable(strict, response)

        return answer


def _as_json(request: Request) -> dict[str, Any]:
    """The documents' own example sends its JSON without saying that it is."""
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
    return {**request.scope, "headers": [*headers, (b"content-type", b"application/json")]}


async def _readable(request: Request, response: Response) -> Response:
    """Who may read the answer: a site that was admitted; of a refusal before we knew the tenant, a site of any tenant."""
    response.headers["Vary"] = "Origin, Accept-Language"
    origin = origin_of(request)
    if origin is None or getattr(request.state, "origin_refused", False):
        return response
    if getattr(request.state, "origin_admitted", None) == origin or await identity.is_widget_origin(edge_of(request).db, origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
    return response
