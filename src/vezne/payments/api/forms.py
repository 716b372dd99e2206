"""The page that sends the customer's browser on to a provider that is entered by a form."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from vezne.kernel.http import Edge
from vezne.kernel.pages import Pages, language_of
from vezne.payments.gateways import Gateways, ProviderUnknown
from vezne.payments.operations.starting import FormUnknown, form_of

forms_api = APIRouter(prefix="/pay", include_in_schema=False)

PAGES: Final = Pages("payments")
HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


@forms_api.get("/{token}")
async def forward(request: Request, token: str) -> Response:
    """The form of a live attempt, signed for this answer and kept nowhere. Again, while it is live: the same form."""
    edge: Edge = request.app.state.edge
    gateways: Gateways = request.app.state.gateways
    try:
        form, locale = await form_of(edge.db, gateways, token)
    except (FormUnknown, ProviderUnknown):
        return PAGES.render(
            request,
            "problem.html",
            status=HTTPStatus.NOT_FOUND,
            headers=HEADERS,
            message=PAGES.text(language_of(request), "payments.forward.gone"),
            request_id=request.state.request_id,
        )
    target = urlsplit(form.action)
    return PAGES.render(
        request,
        "payments/forward.html",
        locale=locale,
        form_targets=(f"{target.scheme}://{target.netloc}",),
        headers=HEADERS,
        form=form,
    )
