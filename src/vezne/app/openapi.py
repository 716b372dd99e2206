"""The description of the API: FastAPI's own, with authentication and idempotency keys."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import vezne
from vezne.app.paths import DOCUMENTED

SUMMARY = "The cash desk of an application: payments, wallets and a double-entry ledger."
DESCRIPTION = """\
Amounts are whole minor units (`amount_minor`: 100 is 1.00 TRY) beside a `currency`. Ids are text with a prefix that says what
they name. Send your secret key as a bearer token; send an `Idempotency-Key` with every POST, and the same request again gets the
same answer. Lists are pages: pass `next` as `after`. Every refusal is a `Problem`, whose `code` is stable.
"""
SECURITY = {"type": "http", "scheme": "bearer", "description": "An API key: `vz_sk_…` (secret), `vz_rk_…` (restricted)."}
WIDGET_TOKEN = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "What `/v1/widget/init` gives."}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes the request safe to send again: 1 to 255 printable ASCII characters, new for each new request.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of every route under /v1 and of the documented paths."""
    described = get_openapi(
        title="Vezne",
        version=vezne.__version__,
        openapi_version="3.1.0",
        summary=SUMMARY,
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": app.state.settings.public_url or "/"}],
    )
    components = described.setdefault("components", {})
    components["securitySchemes"] = {"key": SECURITY, "widget_token": WIDGET_TOKEN}
    documented = {path for _, path in DOCUMENTED}
    for path, operations in described["paths"].items():
        if path.startswith("/v1/") or path in documented:
            for method, operation in operations.items():
                _complete(method, operation)
    described["paths"] = dict(sorted(described["paths"].items()))
    return described


def _complete(method: str, operation: dict[str, Any]) -> None:
    operation.setdefault("security", [{"key": []}])
    if method == "post":
        parameters = operation.setdefault("parameters", [])
        if all(parameter["name"] != IDEMPOTENCY_KEY["name"] for parameter in parameters):
            parameters.append(IDEMPOTENCY_KEY)
