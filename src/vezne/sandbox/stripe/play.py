"""The machine API under /stripe/play, for tests: what a customer would do on the pages, and the merchant on its dashboard."""

import json
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vezne.sandbox import api
from vezne.sandbox.refusals import Refused, no_such
from vezne.sandbox.requests import LARGEST_BODY, Body, LoopbackUrl, read_body
from vezne.sandbox.store import Store, Tx
from vezne.sandbox.stripe import account, objects, payment_intents, payment_methods, sessions, setup_intents
from vezne.sandbox.stripe.cards import CARDS, IBANS
from vezne.sandbox.stripe.pages import way_back
from vezne.sandbox.stripe.shapes import ADDRESS, Object


class Act(Body):
    """What the customer pays with, and what they then answer the bank."""

    method: Literal["card", "apple_pay", "google_pay", "link", "sepa_debit"] = "card"
    card: Annotated[str, Field(pattern=r"^[0-9 -]{12,30}$")] = "4242424242424242"
    iban: Annotated[str, Field(pattern=r"^[A-Z0-9]{15,34}$")] = "AT611904300234573201"
    email: Annotated[str, Field(pattern=r"^[^@ ]+@[^@ ]+$", max_length=200)] = "ada@example.com"
    three_ds: Literal["approve", "decline", "abandon"] = "approve"


class Dashboard(Body):
    """What the merchant sets on Stripe's dashboard."""

    webhook_url: LoopbackUrl | None
    payload: Literal["snapshot", "thin", "both"] = "snapshot"


async def play(request: Request) -> Response:
    """POST /stripe/play/{id} of a Checkout Session or an intent that waits for its customer: do it, and tell how it then is."""
    store, raw = _store(request), await _authenticated(request)
    act, id_ = read_body(Act, raw), request.path_params["id"]
    return _json(await store.transact(lambda tx: _played(tx, id_, act)))


def _played(tx: Tx, id_: str, act: Act) -> Object:
    session = objects.find(tx, sessions.KIND, id_)
    if session is not None:
        if session["status"] != "open":
            raise Refused(409, "invalid_state", f"Session {id_} is {session['status']} and takes no payment.")
        session, _ = sessions.submit(tx, session, _method(tx, act))
        intent = sessions.intent_of(tx, session)
    else:
        intent = objects.find(tx, payment_intents.KIND, id_) or objects.find(tx, setup_intents.KIND, id_)
    if intent is None:
        raise no_such("session or intent", id_)
    if intent["status"] == "requires_action" and act.three_ds != "abandon":
        of = setup_intents if intent["object"] == setup_intents.KIND else payment_intents
        intent = of.answer(tx, intent["id"], approved=act.three_ds == "approve")
    session = None if session is None else objects.get(tx, sessions.KIND, session["id"])
    error = intent.get("last_payment_error") or intent.get("last_setup_error")
    location = way_back(session) if session is not None and session["status"] == "complete" else None
    return {"session": session, "intent": intent, "error": error, "location": location}


def _method(tx: Tx, act: Act) -> Object:
    billing = {"address": dict.fromkeys(ADDRESS), "email": act.email, "name": None, "phone": None, "tax_id": None}
    if act.method == "sepa_debit":
        if act.iban not in IBANS:
            raise Refused(400, "unknown_account", "iban: only the test accounts are taken", "iban")
        return payment_methods.of_iban(tx, act.iban, billing)
    card = CARDS.get(act.card.replace(" ", "").replace("-", ""))
    if card is None:
        raise Refused(400, "unknown_card", "card: only the documented test cards are taken", "card")
    return payment_methods.of_card(tx, card, wallet=None if act.method == "card" else act.method, billing=billing)


async def set_dashboard(request: Request) -> Response:
    """PUT /stripe/play/dashboard: where webhooks go from now on, and in which form."""
    body = read_body(Dashboard, await _authenticated(request))
    await _store(request).transact(lambda tx: account.set_dashboard(tx, account.Dashboard(body.webhook_url, body.payload)))
    return _json({"webhook_url": body.webhook_url, "payload": body.payload})


async def _authenticated(request: Request) -> bytes:
    """The request's body, once it is known to be the sandbox's owner's: by the sandbox's own key, as Stripe has no such API."""
    raw = await api.read_limited(request, LARGEST_BODY)
    api.authenticate(request, raw)
    return raw


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _json(body: Object) -> Response:
    return Response(json.dumps(body), 200, {}, "application/json")


ROUTES = (
    Route("/stripe/play/dashboard", set_dashboard, methods=["PUT"]),
    Route("/stripe/play/{id}", play, methods=["POST"]),
)
