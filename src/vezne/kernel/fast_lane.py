"""The fast lane: the few busiest routes, found and served ahead of FastAPI's routing.

Its middlewares, exit stacks and search through all routes cost more processor time than such a request's own work. A route
of the fast lane is an ordinary one as well: FastAPI describes it, and answers where the fast lane does not (405, OPTIONS).
"""

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send


class FastRoute(Protocol):
    """A POST route that can answer a request by itself."""

    @property
    def path(self) -> str:
        """Its path with {parameters}, which are text."""

    async def answer(self, request: Request) -> Response:
        """The answer; nothing has been sent before it. Raises what the app has handlers for."""


class FastLane:
    """ASGI middleware: serves POST requests for `routes`, and leaves everything else to the app."""

    def __init__(self, app: ASGIApp, routes: Sequence[FastRoute]) -> None:
        self.app = app
        self._lanes = [(compile_path(route.path)[0], route) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST" and not scope.get("root_path"):
            for pattern, route in self._lanes:
                match = pattern.match(scope["path"])
                if match is not None:
                    scope["path_params"] = match.groupdict()
                    scope["route"] = route
                    response = await self._answer(route, Request(scope, receive))
                    await response(scope, receive, send)
                    return
        await self.app(scope, receive, send)

    async def _answer(self, route: FastRoute, request: Request) -> Response:
        try:
            return await route.answer(request)
        except Exception as error:
            for kind, handler in request.app.exception_handlers.items():
                if isinstance(kind, type) and isinstance(error, kind):
                    handled: Response = await handler(request, error)
                    return handled
            raise
