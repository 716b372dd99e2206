"""Where PayU India sends browsers back to, and tells us of payments, refunds and disputes: one address for all tenants.

PayU knows one merchant, this deployment; which tenant it speaks of stands in the signed `udf1`.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vezne import identity
from vezne.kernel.body import BodyTooLarge, read_body
from vezne.kernel.db import DatabaseUnavailable
from vezne.kernel.errors import Refusal
from vezne.kernel.http import Edge, refusals
from vezne.kernel.pages import language_of
from vezne.kernel.principal import Principal
from vezne.payments.api.forms import HEADERS, PAGES
from vezne.payments.api.webhooks import LARGEST_BODY, WebhookAddressUnknown, WebhookKept
from vezne.payments.gateways import Gateways, ProviderUnknown
from vezne.payments.operations import receiving, returning
from vezne.payments.operations.paying import principal_of
from vezne.payments.providers.base import ProviderRefused, ProviderUnavailable, SignatureInvalid
from vezne.payments.providers.payu import NAME
from vezne.payments.providers.payu_answers import read_form
from vezne.payments.tenant_texts import tenant_number

_MESSAGES: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "payments.payu.unknown",
    HTTPStatus.UNAUTHORIZED: "payments.payu.not_believed",
}


class BrowserRoute(APIRoute):
    """A route that browsers come to by themselves: to them a refusal is a page, to programs it is a problem document."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, its refusals shown to people."""
        endpoint = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Refusal as refusal:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                return _page(request, refusal)

        return answer


returns_api = APIRouter(prefix="/v1/payu", tags=["webhooks in"], route_class=BrowserRoute)
notices_api = APIRouter(prefix="/v1/payu", tags=["webhooks in"])
_BACK: dict[str, Any] = {
    "status_code": HTTPStatus.SEE_OTHER,
    "response_class": RedirectResponse,
    "responses": refusals(
        returning.ReturnUnknown, WebhookAddressUnknown, ProviderUnknown, SignatureInvalid, BodyTooLarge, DatabaseUnavailable
    ),
    "openapi_extra": {"security": []},  # no API key: the reverse hash tells who speaks
}


@returns_api.post("/success", **_BACK)
async def come_back_from_payu(request: Request) -> Response:
    """The customer's browser, sent back by PayU after a payment that it says succeeded or is on its way.

    The form's reverse hash is verified and the form is kept; then PayU itself is asked what is true, and the browser is sent on
    to the attempt's `return_url` by GET. When PayU gives no answer just now, the customer sees that page all the same, waiting.
    """
    return await _come_back(request)


@returns_api.post("/failure", **_BACK)
async def come_back_from_payu_unpaid(request: Request) -> Response:
    """The same after a payment that PayU says failed or was cancelled; that too is only believed when PayU is asked."""
    return await _come_back(request)


@notices_api.post(
    "/webhook",
    responses=refusals(
        WebhookAddressUnknown, ProviderUnknown, SignatureInvalid, ProviderUnavailable, BodyTooLarge, DatabaseUnavailable
    ),
    openapi_extra={"security": []},
)
async def receive_payu_webhook(request: Request) -> WebhookKept:
    """Keep what PayU tells from server to server and answer at once; a job then asks PayU what is true.

    Payments are forms with a reverse hash. Refunds and disputes are JSON without one: a reason to ask, and no more.
    """
    edge, gateways = _edge(request), _gateways(request)
    raw = await read_body(request, LARGEST_BODY)
    sender = await _sender(request, raw)
    kept = await receiving.receive(edge.db, gateways, sender, NAME, raw, dict(request.headers))
    return WebhookKept(id=kept)


async def _come_back(request: Request) -> Response:
    edge, gateways = _edge(request), _gateways(request)
    raw = await read_body(request, LARGEST_BODY)
    sender = await _sender(request, raw)
    onward = await returning.come_back(edge.db, gateways, sender, NAME, raw, dict(request.headers))
    return RedirectResponse(onward, HTTPStatus.SEE_OTHER, HEADERS)


async def _sender(request: Request, raw: bytes) -> Principal:
    """The tenant it is about, with no permission of any kind. What names none of ours can be kept nowhere, and is refused."""
    edge, gateways = _edge(request), _gateways(request)
    provider = gateways.provider(NAME)
    try:
        text = read_form(raw).get("udf1", "")
    except SignatureInvalid:
        text = ""
    if not text:  # JSON names no tenant, but a payment of ours, and PayU tells whose that is
        notice = provider.read_webhook(raw, dict(request.headers), gateways.now())
        try:
            seen = await provider.fetch(notice.provider_ref or "")
        except ProviderRefused:
            raise WebhookAddressUnknown from None
        text = str(seen.response.get("udf1", ""))
    try:
        principal = await principal_of(edge.db, tenant_number(text), f"provider:{NAME}", "provider")
    except (ValueError, identity.TenantNotFound):
        provider.read_webhook(raw, dict(request.headers), gateways.now())
        raise WebhookAddressUnknown from None
    return replace(principal, request_id=request.state.request_id)


def _page(request: Request, refusal: Refusal) -> Response:
    key = _MESSAGES.get(refusal.status, "problem.other")
    wait = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return PAGES.render(
        request,
        "problem.html",
        status=refusal.status,
        headers={**HEADERS, **wait},
        message=PAGES.text(language_of(request), key),
        request_id=request.state.request_id,
    )


ROUTERS = (returns_api, notices_api)


def _edge(request: Request) -> Edge:
    edge: Edge = request.app.state.edge
    return edge


def _gateways(request: Request) -> Gateways:
    gateways: Gateways = request.app.state.gateways
    return gateways
