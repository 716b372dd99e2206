"""The visitor of a checkout page: which tenant's, how often they may ask, and what they see when something is refused."""

import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi.routing import APIRoute
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.responses import Response

from vezne import identity
from vezne.checkout.models import CheckoutTokenUnknown, LinkOver, tenant_of_token
from vezne.kernel.errors import NotFound, Refusal
from vezne.kernel.http import Edge
from vezne.kernel.messages import LANGUAGES
from vezne.kernel.pages import Pages, language_of
from vezne.kernel.principal import Principal

PAGES: Final = Pages("checkout")
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address is the key; forms need no Origin, as no cookie stands behind them
    "X-Robots-Tag": "noindex, nofollow",
}
STARTS: Final = RateLimitItemPerMinute(10)
"""How often a minute one payment may be sent to its provider, in each process."""
RETURNS: Final = RateLimitItemPerMinute(30)
"""How often a minute the provider is asked about one payment because its customer is back, in each process."""

_ID_LENGTH = 30  # of the public id a token begins with: the part of it that is no secret
_WISH = re.compile(rf"\b(?:{'|'.join(LANGUAGES)})\b", re.IGNORECASE)
_limiter = MovingWindowRateLimiter(MemoryStorage())
_log = structlog.get_logger("vezne.checkout")


def take(limit: RateLimitItem, token: str) -> bool:
    """Count one use of an address; False when it was used too often."""
    return _limiter.hit(limit, token)


async def visitor(request: Request, token: str) -> Principal:
    """Whoever holds an address, inside the tenant it names. Raises CheckoutTokenUnknown."""
    edge: Edge = request.app.state.edge
    tenant_id = tenant_of_token(token)
    livemode = await identity.livemode_of(edge.db, tenant_id)
    if livemode is None:
        raise CheckoutTokenUnknown
    return Principal(tenant_id, "public:checkout", "public", frozenset(), livemode=livemode, request_id=request.state.request_id)


def locale_for(request: Request, own: str | None, default: str) -> str | None:
    """The customer's own language; else (None) the browser's, if it asks for one of ours; else the tenant's."""
    if own is not None:
        return own
    return None if _WISH.search(request.headers.get("accept-language", "")) else default


class PageRoute(APIRoute):
    """A route for people: what is refused becomes a page, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, its refusals shown in the house's layout."""
        endpoint = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Refusal as refusal:
                return _problem(request, refusal)

        return answer


def _problem(request: Request, refusal: Refusal) -> Response:
    if isinstance(refusal, LinkOver):
        key = "checkout.over.text"
    elif isinstance(refusal, NotFound):
        key = "problem.not_found"
    else:
        key = "problem.other"
        _log.warning("page_refused", code=refusal.code(), request_id=request.state.request_id)
    wait = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    # A person reads "try again" as well from a lock that was not to be had as from a database that is away.
    status = HTTPStatus.SERVICE_UNAVAILABLE if refusal.status == HTTPStatus.CONFLICT else refusal.status
    return PAGES.render(
        request,
        "problem.html",
        status=status,
        headers={**HEADERS, **wait},
        message=PAGES.text(language_of(request), key),
        request_id=request.state.request_id,
    )
