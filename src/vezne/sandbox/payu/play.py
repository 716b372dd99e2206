"""The machine API under /payu/play, for tests: what a customer would do on PayU's page, and the merchant on its dashboard."""

import json
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from vezne.sandbox import api
from vezne.sandbox.cards import digits_of
from vezne.sandbox.payu import operations, queries
from vezne.sandbox.payu.cards import CARDS
from vezne.sandbox.payu.models import Transaction
from vezne.sandbox.payu.pages import way_back
from vezne.sandbox.refusals import Refused, no_such
from vezne.sandbox.requests import LARGEST_BODY, Body, LoopbackUrl, read_body
from vezne.sandbox.store import Store, Tx


class Act(Body):
    """What happens: a card is used, the customer cancels, or leaves for so long that the time is over, or the bank captures."""

    act: Literal["pay", "hold", "cancel", "abandon", "finish"] = "pay"
    card: Annotated[str, Field(pattern=r"^[0-9 -]{12,30}$")] = "5123456789012346"


class Dashboard(Body):
    """What the merchant sets on PayU's dashboard."""

    webhook_url: LoopbackUrl | None


async def play(request: Request) -> Response:
    """POST /payu/play/{txnid}: do it, and tell what the browser would post back, and where. Whether it does is up to the test."""
    store, raw = _store(request), await _authenticated(request)
    act = read_body(Act, raw)
    salt = request.app.state.settings.payu_merchant_salt
    txnid = request.path_params["txnid"]

    def work(tx: Tx) -> dict[str, object]:
        found = queries.select_by_txnid(tx, txnid)
        if found is None:
            raise no_such("transaction", txnid)
        moved = _done(tx, found, act)
        action, fields = way_back(moved, salt)
        return {"status": moved.status, "unmappedstatus": moved.unmappedstatus, "action": action, "fields": fields}

    return _json(await store.transact(work))


def _done(tx: Tx, found: Transaction, act: Act) -> Transaction:
    if act.act in {"pay", "hold"}:
        card = CARDS.get(digits_of(act.card))
        if card is None:
            raise Refused(400, "unknown_card", "card: only the documented test cards are taken", "card")
        if not found.is_open:
            raise Refused(409, "invalid_state", f"Transaction {found.txnid} is {found.unmappedstatus} and takes no card.")
        return operations.pay(tx, found, card, hold=act.act == "hold")
    if act.act == "cancel":
        return operations.cancel(tx, found)
    if act.act == "finish":
        return operations.finish(tx, found)
    operations.happen(tx, "abandon", found.mihpayid)
    return queries.select_by_txnid(tx, found.txnid) or found


async def set_dashboard(request: Request) -> Response:
    """PUT /payu/play/dashboard: where webhooks go from now on."""
    body = read_body(Dashboard, await _authenticated(request))
    await _store(request).transact(lambda tx: queries.upsert_webhook_url(tx, body.webhook_url))
    return _json({"webhook_url": body.webhook_url})


async def list_refunds(request: Request) -> Response:
    """GET /payu/play/{txnid}/refunds: all there are, by which a test sees that none was made twice."""
    await _authenticated(request)
    txnid = request.path_params["txnid"]

    def look(tx: Tx) -> dict[str, object]:
        found = queries.select_by_txnid(tx, txnid)
        refunds = queries.select_refunds_of(tx, found.mihpayid) if found else []
        return {"data": [{"token": refund.token, "paise": refund.paise, "status": refund.status} for refund in refunds]}

    return _json(await _store(request).transact(look))


async def _authenticated(request: Request) -> bytes:
    """The request's body, once it is known to be the sandbox's owner's: by the sandbox's own key, as PayU has no such API."""
    raw = await api.read_limited(request, LARGEST_BODY)
    api.authenticate(request, raw)
    return raw


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _json(body: dict[str, object]) -> Response:
    return Response(json.dumps(body), 200, {}, "application/json")
