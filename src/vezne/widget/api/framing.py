"""Pages that may stand in other people's: whom their content policy lets frame them, and what is refused as a page."""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from vezne.kernel.errors import NotFound, RateLimited, Refusal, Unauthenticated
from vezne.kernel.http import StrictRequest
from vezne.widget import hcaptcha
from vezne.widget.api.visitor import PAGES, speak

HEADERS: Final = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_POLICY, _FRAME_OPTIONS, _NOBODY = "Content-Security-Policy", "X-Frame-Options", "frame-ancestors 'none'"
_log = structlog.get_logger("vezne.widget")


def framed_by(response: Response, origins: Sequence[str]) -> Response:
    """Let our own pages and these sites, and nobody else, show the page in a frame.

    X-Frame-Options knows no lists (RFC 7034), and frame-ancestors stands above it (CSP level 3, section 6.4.2).
    """
    ancestors = " ".join(["frame-ancestors", "'self'", *origins])
    response.headers[_POLICY] = response.headers[_POLICY].replace(_NOBODY, ancestors)
    del response.headers[_FRAME_OPTIONS]
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"  # a payment opened in another tab may tell of itself
    return response


def framing_ours(response: Response) -> Response:
    """Let the page show frames of ours."""
    response.headers[_POLICY] += "; frame-src 'self'"
    return response


def with_hcaptcha(response: Response) -> Response:
    """Let the page load hCaptcha (docs.hcaptcha.com, "CSP settings")."""
    sources = " ".join(hcaptcha.PAGE_ORIGINS)
    policy = response.headers[_POLICY]
    for directive in ("script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        policy = policy.replace(directive, f"{directive} {sources}")
    response.headers[_POLICY] = f"{policy}; frame-src {sources}"
    return response


class FrameRoute(APIRoute):
    """A route for people: what is refused becomes a page, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, its refusals shown in the house's layout."""
        endpoint = super().get_route_handler()

        async def answer(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            try:
                return await endpoint(strict)
            except Refusal as refusal:
                return _problem(strict, refusal)

        return answer


def _problem(request: Request, refusal: Refusal) -> Response:
    lang = getattr(request.state, "lang", None) or speak(request, "en")
    if isinstance(refusal, NotFound | Unauthenticated):
        status, key = HTTPStatus.NOT_FOUND, "problem.not_found"
    elif isinstance(refusal, RateLimited):
        status, key = HTTPStatus.TOO_MANY_REQUESTS, "widget.too_fast"
    else:
        status, key = HTTPStatus.SERVICE_UNAVAILABLE, "problem.other"
        _log.warning("page_refused", code=refusal.code(), request_id=request.state.request_id)
    wait = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return PAGES.render(
        request,
        "problem.html",
        status=status,
        locale=lang,
        headers={**HEADERS, **wait},
        message=PAGES.text(lang, key),
        request_id=request.state.request_id,
    )
