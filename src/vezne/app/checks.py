"""What those who watch the service ask it: alive, ready, counts."""

import hmac
import ipaddress
import os

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vezne.app.gate import Gate
from vezne.kernel.db import Database, DatabaseUnavailable
from vezne.kernel.edge import refusal_response
from vezne.kernel.errors import Forbidden

api = APIRouter(tags=["Operations"])


class MetricsPrivate(Forbidden):
    """Counts are given on loopback, or to a bearer of the metrics token."""


@api.get("/healthz", include_in_schema=False)
async def healthz() -> JSONResponse:
    """The process lives."""
    return JSONResponse({"status": "alive"})


@api.get("/readyz", include_in_schema=False)
async def readyz(request: Request) -> JSONResponse:
    """The process can serve: its database is there, safe and migrated. 503 with the reason otherwise.

    The header Vezne-Process tells which of several processes on one port has answered.
    """
    gate: Gate = request.app.state.gate
    reason = gate.reason
    if gate.is_open:
        db: Database = request.app.state.edge.db
        try:
            async with db.connection() as connection:
                await connection.fetchval("SELECT 1", timeout=5)
        except DatabaseUnavailable:
            reason = "the database cannot be reached"
    process = {"Vezne-Process": str(os.getpid())}
    if reason is None:
        return JSONResponse({"status": "ready"}, headers=process)
    return JSONResponse({"status": "not ready", "reason": reason}, 503, {"Retry-After": "1", **process})


@api.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Counts of all processes of this start, for Prometheus."""
    if not _may_read_metrics(request):
        return refusal_response(MetricsPrivate(), request.state.request_id)
    return Response(generate_latest(_registry()), media_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: Request) -> bool:
    token = request.app.state.settings.metrics_token
    if token is not None:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode())
    # uvicorn puts the address a trusted proxy names here, so a proxy on this machine does not make the world local
    host = request.client.host if request.client else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _registry() -> CollectorRegistry:
    """All processes' counts where `vezne run` started several; this one's where it stands alone."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # published without a return type
    return together
