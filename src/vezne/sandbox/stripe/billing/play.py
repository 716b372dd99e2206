"""The machine API under /stripe/play, for what a merchant sets on Stripe's dashboard about bills."""

import json
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vezne.sandbox import api
from vezne.sandbox.requests import LARGEST_BODY, Body, read_body
from vezne.sandbox.store import Store
from vezne.sandbox.stripe.billing import dunning

Days = Annotated[int, Field(ge=1, le=60)]


class Retries(Body):
    """When a bill that could not be collected is tried again, and what becomes of its subscription after the last try."""

    retry_days: Annotated[list[Days], Field(max_length=8)] = Field([3, 5, 7], description="days between one try and the next")
    after_last: Literal["cancel", "mark_unpaid", "leave"] = "cancel"


async def set_retries(request: Request) -> Response:
    """PUT /stripe/play/billing: from now on, for all bills. It asks for the sandbox's own key, as Stripe has no such API."""
    store: Store = request.app.state.store
    raw = await api.read_limited(request, LARGEST_BODY)
    api.authenticate(request, raw)
    chosen = read_body(Retries, raw).model_dump()
    await store.transact(lambda tx: dunning.set_up(tx, chosen))
    return Response(json.dumps(chosen), 200, {}, "application/json")


ROUTES = (Route("/stripe/play/billing", set_retries, methods=["PUT"]),)
