"""What requests are told while the gate is shut."""

from starlette.types import ASGIApp, Receive, Scope, Send

from vezne.app.gate import Gate
from vezne.kernel.edge import refusal_response
from vezne.kernel.errors import Unavailable

ALWAYS_ANSWERED = frozenset({"/healthz", "/readyz", "/metrics"})


class ServiceNotReady(Unavailable):
    """The service is not ready: {reason}."""


class GateMiddleware:
    """ASGI middleware: 503 for everything but the checks while the gate is shut."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say that it is too early."""
        if self.gate.is_open or scope["type"] != "http" or scope["path"] in ALWAYS_ANSWERED:
            await self.app(scope, receive, send)
            return
        answer = refusal_response(ServiceNotReady(reason=self.gate.reason, retry_after=1), scope["state"]["request_id"])
        await answer(scope, receive, send)
