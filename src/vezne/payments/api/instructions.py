"""The page that tells a customer how to pay in cash or by bank transfer."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from vezne.kernel.http import Edge
from vezne.kernel.pages import Pages, language_of
from vezne.payments.gateways import Gateways, ProviderUnknown
from vezne.payments.operations.instructing import instructions
from vezne.payments.operations.starting import FormUnknown

instructions_api = APIRouter(prefix="/pay", include_in_schema=False)

PAGES: Final = Pages("payments")
HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


@instructions_api.get("/{token}/instructions")
async def show_instructions(request: Request, token: str) -> Response:
    """What to pay, to whom, by when and with which code; afterwards whether it came."""
    edge: Edge = request.app.state.edge
    gateways: Gateways = request.app.state.gateways
    try:
        view = await instructions(edge.db, gateways, token)
    except (FormUnknown, ProviderUnknown):
        return PAGES.render(
            request,
            "problem.html",
            status=HTTPStatus.NOT_FOUND,
            headers=HEADERS,
            message=PAGES.text(language_of(request), "payments.forward.gone"),
            request_id=request.state.request_id,
        )
    return PAGES.render(
        request,
        "payments/instructions.html",
        locale=view.attempt.locale,
        headers=HEADERS,
        test_mode=view.test_mode,
        view=view,
        way=view.attempt.provider,
    )
