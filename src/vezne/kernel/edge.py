"""What stands around every request: a request id, problem bodies, an access log, metrics, and 500 for our own bugs."""

import re
import time
from collections.abc import Sequence

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id
from vezne.kernel.telemetry import REQUEST_SECONDS

UNAUTHORIZED = 401
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{8,100}", re.ASCII)
CLIENT_WENT_AWAY = 499  # nginx's number: nobody is there to answer
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NAMED_ERRORS = 100
_log = structlog.get_logger("vezne.http")


class RequestEdge:
    """ASGI middleware: gives each request its id, logs and counts it, and turns a bug into a 500 that leaks nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status: int | None = None
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = status or CLIENT_WENT_AWAY
        except Exception:
            _log.exception("bug", request_id=request_id, method=scope["method"], path=scope["path"])
            if status is not None:  # half an answer is out: cutting the connection is all that tells the caller
                raise
            bug = problem(500, "internal_error", "Something went wrong on our side; nothing was done.", request_id)
            await bug(scope, receive, send_with_id)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"  # a caller cannot make up ever new series
            REQUEST_SECONDS.labels(method, route, str(status)).observe(time.perf_counter() - started)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(text):
                return text
    return f"req_{new_id().hex}"


def problem(
    status: int, code: str, detail: str, request_id: str, errors: Sequence[dict[str, object]] = (), retry_after: int | None = None
) -> JSONResponse:
    """The body of every refusal."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    body = {"detail": detail, "code": code, "errors": list(errors), "request_id": request_id}
    return JSONResponse(body, status, headers)


def refusal_response(refusal: Refusal, request_id: str) -> JSONResponse:
    """A refusal as its answer; a documented code of an older API replaces ours where there is one."""
    code = refusal.documented_code or refusal.code()
    response = problem(refusal.status, code, refusal.detail, request_id, refusal.errors(), refusal.retry_after)
    if refusal.status == UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="vezne"'  # RFC 9110, section 11.6.1: a 401 says how to ask
    return response


async def _on_refusal(request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    return refusal_response(refusal, request.state.request_id)


async def _on_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return invalid_response(error, request.state.request_id)


def invalid_response(error: RequestValidationError, request_id: str) -> JSONResponse:
    """A request that does not fit its model, as its answer: each field at fault is named."""
    errors: list[dict[str, object]] = [
        {"loc": list(item["loc"]), "msg": item["msg"], "type": item["type"]} for item in error.errors()[:_NAMED_ERRORS]
    ]
    names = ", ".join(".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0]) for item in error.errors()[:5])
    return problem(422, "invalid", f"Not valid: {names}.", request_id, errors)


async def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    response = problem(error.status_code, code, str(error.detail), request.state.request_id)
    response.headers.update(error.headers or {})
    return response


def install(app: FastAPI) -> None:
    """Put the edge around `app`."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_middleware(RequestEdge)
