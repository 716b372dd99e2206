"""The part of the machine API that is about stored cards; only where the protocol keeps any."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vezne.sandbox import operations, queries, stored_cards
from vezne.sandbox.api import Answer, card_of, look, page, perform
from vezne.sandbox.models import shown_card
from vezne.sandbox.refusals import Refused
from vezne.sandbox.requests import NewCharge, PlayMethod, fingerprint
from vezne.sandbox.store import Tx


async def charge(request: Request) -> Response:
    """POST /charges: a stored card, while its customer is away"""

    def action(tx: Tx, body: NewCharge) -> Answer:
        payment, made = operations.charge(tx, body, fingerprint("charge", body=body.model_dump()))
        return Answer(201 if made else 200, tx.skin.show_payment(payment))

    return await perform(request, "charge", NewCharge, action)


async def list_cards(request: Request) -> Response:
    """GET /methods?customer=, newest first"""
    limit, after = page(request)
    customer = request.query_params.get("customer")
    if not customer:
        raise Refused(400, "invalid_parameter", "customer: say whose", "customer")

    def question(tx: Tx) -> Mapping[str, object]:
        rows = queries.select_cards(tx, customer, limit=limit + 1, after=after)
        return {"data": [shown_card(row) for row in rows[:limit]], "has_more": len(rows) > limit}

    return await look(request, "read", question)


async def fetch_card(request: Request) -> Response:
    """GET /methods/{id}"""
    method_id = request.path_params["id"]
    return await look(request, "read", lambda tx: shown_card(queries.select_card(tx, method_id)))


async def remove_card(request: Request) -> Response:
    """DELETE /methods/{id}"""
    method_id = request.path_params["id"]
    return await look(request, "remove", lambda tx: shown_card(stored_cards.remove(tx, method_id)))


async def play_card(request: Request) -> Response:
    """POST /methods/{id}/play, for tests: later charges go as with this card"""
    method_id = request.path_params["id"]

    def action(tx: Tx, body: PlayMethod) -> Answer:
        return Answer(200, shown_card(stored_cards.act_like(tx, method_id, card_of(body.card))))

    return await perform(request, "play", PlayMethod, action)


def routes(prefix: str) -> list[Route]:
    """Under `prefix`."""
    return [
        Route(f"{prefix}/v1/charges", charge, methods=["POST"]),
        Route(f"{prefix}/v1/methods", list_cards, methods=["GET"]),
        Route(f"{prefix}/v1/methods/{{id}}", fetch_card, methods=["GET"]),
        Route(f"{prefix}/v1/methods/{{id}}", remove_card, methods=["DELETE"]),
        Route(f"{prefix}/v1/methods/{{id}}/play", play_card, methods=["POST"]),
    ]
