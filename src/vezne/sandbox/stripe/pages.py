"""Stripe's hosted pages: Checkout, and the bank's question. They work without JavaScript: each step is a form and a redirect."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from babel.dates import format_datetime
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from vezne.sandbox import pages
from vezne.sandbox.api import read_limited
from vezne.sandbox.cards import Card, digits_of
from vezne.sandbox.forms import LARGEST_FORM, CardForm, check_card_form, read_form
from vezne.sandbox.refusals import Refused
from vezne.sandbox.store import Store, Tx
from vezne.sandbox.stripe import charges, objects, payment_intents, payment_methods, sessions, setup_intents
from vezne.sandbox.stripe.amounts import exponent
from vezne.sandbox.stripe.cards import CARDS, IBANS, ON_THE_PAGE, TestCard
from vezne.sandbox.stripe.errors import no_such
from vezne.sandbox.stripe.shapes import ADDRESS, Object
from vezne.sandbox.stripe.texts import TEXTS
from vezne.sandbox.texts import LANGUAGES, language_of

TITLE = "Stripe"
_TEMPLATES = Environment(
    loader=PackageLoader("vezne.sandbox"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_HEADERS = {
    # form-action covers the redirect that follows a form as well, and that one leads to the merchant.
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self' http: https:; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_FORM_CARDS: Mapping[str, Card] = {number: Card(number=number, brand=card.brand) for number, card in CARDS.items()}
_SEE_OTHER, _UNPROCESSABLE = 303, 422
_MARK = "{CHECKOUT_SESSION_ID}"


def amount_text(amount: int, currency: str, language: str) -> str:
    """The amount as people write it, with the decimals it has at Stripe."""
    return pages.amount_text(amount, currency.upper(), language, exponent(currency))


def way_back(session: Object) -> str:
    """Where a browser goes when its customer is done."""
    return str(session["success_url"]).replace(_MARK, session["id"])


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _language(request: Request, locale: str | None) -> str:
    """The one that was chosen; else the merchant's wish; else the browser's."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return str(asked)
    if locale not in {None, "auto"}:
        return language_of(str(locale))
    return language_of(request.headers.get("accept-language", "en").partition(",")[0])


def _lang(request: Request) -> str:
    lang = request.query_params.get("lang")
    return f"?lang={lang}" if lang in LANGUAGES else ""


def _render(request: Request, template: str, locale: str | None, facts: Mapping[str, object], status: int = 200) -> Response:
    language = _language(request, locale)
    shared: dict[str, object] = {
        "t": TEXTS[language],
        "language": language,
        "languages": TEXTS,
        "here": request.url.path,
        "title": TITLE,
    }
    html = _TEMPLATES.get_template(template).render({**shared, **facts})
    return HTMLResponse(html, status, {**_HEADERS, "content-language": language})


def _onward(address: str) -> Response:
    return RedirectResponse(address, _SEE_OTHER, _HEADERS)


def _look(tx: Tx, id_: str) -> tuple[Object, Object | None, list[Object]]:
    session = objects.get(tx, sessions.KIND, id_)
    items: list[Object] = objects.hidden_of(tx, id_)["items"]
    return session, sessions.intent_of(tx, session), items


async def show(request: Request) -> Response:
    """GET /stripe/pay/{id}: the form while the session is open, with the bank's last no; afterwards how it went."""
    id_ = request.path_params["id"]
    session, intent, items = await _store(request).transact(lambda tx: _look(tx, id_))
    if session["status"] != "open":
        return _outcome(request, session, items)
    if intent is not None and intent["status"] == "requires_action":
        return _onward(_challenge(request, intent))
    card = CARDS.get(digits_of(request.query_params.get("card", "")))
    shown = {"number": _FORM_CARDS[card.number].spaced if card else "", "expiry": "", "email": "", "iban": ""}
    return _form(request, session, items, shown, {}, _why(intent))


def _why(intent: Object | None) -> str | None:
    """What the bank said to the last try, as a key of the texts."""
    error = (intent or {}).get("last_payment_error") or (intent or {}).get("last_setup_error")
    if error is None:
        return None
    code = str(error.get("decline_code") or error["code"])
    if code.endswith("authentication_failure"):
        return "authentication_failure"
    return code if code in TEXTS["en"] else "generic_decline"


def _facts(request: Request, session: Object, items: list[Object]) -> dict[str, object]:
    language = _language(request, session["locale"])
    texts = TEXTS[language]
    total = session["amount_total"]
    rows = [
        (
            item["description"],
            texts["times"].format(quantity=item["quantity"]) if item["quantity"] > 1 else "",
            amount_text(item["amount_total"], item["currency"], language),
            _every(item["price"]["recurring"], texts),
        )
        for item in items
    ]
    until = datetime.fromtimestamp(session["expires_at"], UTC)
    return {
        "session": session,
        "amount": None if total is None else amount_text(total, session["currency"], language),
        "rows": rows,
        "expires_at": until.isoformat(),
        "expires": format_datetime(until, "d MMM HH:mm 'UTC'", locale=language),
    }


def _every(recurring: Object | None, texts: Mapping[str, str]) -> str:
    if recurring is None:
        return ""
    count, interval = recurring["interval_count"], texts[recurring["interval"]]
    return texts["every_1" if count == 1 else "every_n"].format(count=count, interval=interval)


def _form(
    request: Request,
    session: Object,
    items: list[Object],
    shown: Mapping[str, str],
    errors: Mapping[str, str],
    why: str | None,
) -> Response:
    language = _language(request, session["locale"])
    texts = TEXTS[language]
    facts: dict[str, object] = {
        **_facts(request, session, items),
        "errors": {field: texts[key] for field, key in errors.items()},
        "shown": shown,
        "why": None if why is None else texts[why],
        "ask_email": _asks_email(session),
        "by_debit": "sepa_debit" in session["payment_method_types"],
        "cards": [(_FORM_CARDS[number], _result_of(CARDS[number], texts)) for number in ON_THE_PAGE],
        "action": f"{request.url.path}{_lang(request)}",
        "cancel": session["cancel_url"],
    }
    return _render(request, "stripe/checkout.html", session["locale"], facts, _UNPROCESSABLE if errors else 200)


def _asks_email(session: Object) -> bool:
    return session["customer"] is None and session["customer_email"] is None


def _result_of(card: TestCard, texts: Mapping[str, str]) -> str:
    if card.three_ds != "optional":
        return texts["three_ds_declined" if card.decline else "three_ds"]
    if card.decline is not None:
        return texts["card_attaches" if card.attaches else f"card_{card.decline}"]
    if card.dispute is not None:
        return texts["card_dispute"]
    return texts["ok" if card.refund == "succeeded" else f"card_refund_{card.refund}"]


def _outcome(request: Request, session: Object, items: list[Object]) -> Response:
    paid = session["status"] == "complete"
    name = ("complete" if session["payment_status"] != "unpaid" else "processing") if paid else "expired"
    back = way_back(session) if paid else session["cancel_url"]
    facts = {**_facts(request, session, items), "name": name, "back": back}
    return _render(request, "stripe/outcome.html", session["locale"], facts)


async def submit(request: Request) -> Response:
    """POST /stripe/pay/{id}: pay by card, by a wallet or by debit. Sent twice, the first one counts."""
    fields, id_ = read_form(await read_limited(request, LARGEST_FORM)), request.path_params["id"]
    session, _, items = await _store(request).transact(lambda tx: _look(tx, id_))
    form, errors = _checked(fields, _store(request), ask_email=_asks_email(session))
    if errors and session["status"] == "open":
        shown = {**form.shown, "email": fields.get("email", "")[:200], "iban": ""}
        return _form(request, session, items, shown, errors, None)

    def pay(tx: Tx) -> tuple[Object, Object | None]:
        found = objects.get(tx, sessions.KIND, id_)
        if found["status"] == "open":
            found, _ = sessions.submit(tx, found, _method(tx, fields, form))
        return found, sessions.intent_of(tx, found)

    session, intent = await _store(request).transact(pay)
    return _where_it_stands(request, session, intent)


def _checked(fields: Mapping[str, str], store: Store, *, ask_email: bool) -> tuple[CardForm, dict[str, str]]:
    method = fields.get("method", "card")
    nothing = CardForm(card=None, errors={}, shown={"number": "", "expiry": ""})
    if method in payment_methods.WALLETS:
        return nothing, {}
    if method == "sepa_debit":
        iban = fields.get("iban", "").replace(" ", "").upper()
        return nothing, {} if iban in IBANS else {"iban": "iban_unknown"}
    form = check_card_form(fields, store.clock(), _FORM_CARDS)
    errors = dict(form.errors)
    mail = fields.get("email", "").strip()
    if ask_email and not (0 < mail.find("@") < len(mail) - 1 and " " not in mail):
        errors = {"email": "email_malformed", **errors}
    return form, errors


def _method(tx: Tx, fields: Mapping[str, str], form: CardForm) -> Object:
    """The payment method that was typed, or that the wallet has."""
    mail = fields.get("email", "").strip() or None
    billing = {"address": dict.fromkeys(ADDRESS), "email": mail, "name": None, "phone": None, "tax_id": None}
    method = fields.get("method", "card")
    if method in payment_methods.WALLETS:
        return payment_methods.of_card(tx, CARDS["4242424242424242"], wallet=method, billing=billing)
    if method == "sepa_debit":
        return payment_methods.of_iban(tx, fields["iban"].replace(" ", "").upper(), billing)
    card = form.card
    if card is None:
        raise Refused(400, "invalid_form", "The form could not be read.")
    month, year = form.shown["expiry"].split("/")
    return payment_methods.of_card(tx, CARDS[card.number], month=int(month), year=2000 + int(year), billing=billing)


def _where_it_stands(request: Request, session: Object, intent: Object | None) -> Response:
    if session["status"] == "complete":
        return _onward(way_back(session))
    if intent is not None and intent["status"] == "requires_action":
        return _onward(_challenge(request, intent))
    return _onward(f"/stripe/pay/{session['id']}{_lang(request)}")


def _challenge(request: Request, intent: Object) -> str:
    return f"/stripe/3ds/{intent['id']}/{intent['client_secret']}{_lang(request)}"


def _intent(tx: Tx, id_: str, secret: str) -> tuple[Object, Object | None, str]:
    """An intent whose secret the browser knows, its session, and the last digits of its card."""
    kind = setup_intents.KIND if id_.startswith("seti_") else payment_intents.KIND
    intent = objects.get(tx, kind, id_)
    if intent["client_secret"] != secret:
        raise no_such(kind, id_)
    method = objects.find(tx, payment_methods.KIND, intent["payment_method"])
    return intent, sessions.of_intent(tx, id_), "" if method is None else str(method["card"]["last4"])


async def show_challenge(request: Request) -> Response:
    """GET /stripe/3ds/{id}/{secret}: the bank's question (3-D Secure), while there is one."""
    id_, secret = request.path_params["id"], request.path_params["secret"]
    intent, session, last4 = await _store(request).transact(lambda tx: _intent(tx, id_, secret))
    if intent["status"] != "requires_action":
        return await _after(request, intent, session)
    locale = None if session is None else session["locale"]
    amount = intent.get("amount")
    text = None if amount is None else amount_text(amount, intent["currency"], _language(request, locale))
    action = f"{request.url.path}{_lang(request)}"
    return _render(request, "stripe/challenge.html", locale, {"amount": text, "last4": last4, "action": action})


async def answer_challenge(request: Request) -> Response:
    """POST /stripe/3ds/{id}/{secret}: the customer's answer to the bank. Sent twice, the first one counts."""
    answer = read_form(await read_limited(request, LARGEST_FORM)).get("answer")
    if answer not in {"approve", "decline"}:
        raise Refused(400, "invalid_form", "answer must be approve or decline.")
    id_, secret = request.path_params["id"], request.path_params["secret"]

    def work(tx: Tx) -> tuple[Object, Object | None]:
        _intent(tx, id_, secret)
        of = setup_intents if id_.startswith("seti_") else payment_intents
        return of.answer(tx, id_, approved=answer == "approve"), sessions.of_intent(tx, id_)

    intent, session = await _store(request).transact(work)
    return await _after(request, intent, session)


async def _after(request: Request, intent: Object, session: Object | None) -> Response:
    """Back to the page, to the merchant, or, of an intent without a page, to the address it was confirmed with."""
    if session is not None:
        return _where_it_stands(request, session, intent)
    back = await _store(request).transact(lambda tx: objects.hidden_of(tx, intent["id"]).get("return_url"))
    well = intent["status"] in {"succeeded", "requires_capture", "processing"}
    if back is None:
        shown: dict[str, object] = {"back": None, "rows": [], "amount": None, "name": "complete" if well else "failed"}
        return _render(request, "stripe/outcome.html", None, shown)
    kind = str(intent["object"])
    named = {kind: intent["id"], f"{kind}_client_secret": intent["client_secret"]}
    query = urlencode({**named, "redirect_status": "succeeded" if well else "failed"})
    return _onward(f"{back}{'&' if '?' in str(back) else '?'}{query}")


async def show_receipt(request: Request) -> Response:
    """GET /stripe/receipts/{id}: what was paid, and what of it was given back."""
    id_ = request.path_params["id"]
    charge = await _store(request).transact(lambda tx: objects.get(tx, charges.KIND, id_))
    language = _language(request, None)
    paid, back = (amount_text(charge[name], charge["currency"], language) for name in ("amount_captured", "amount_refunded"))
    return _render(request, "stripe/receipt.html", None, {"charge": charge, "paid": paid, "refunded": back})


def show_problem(request: Request, refused: Refused) -> Response:
    """A page for an address that names nothing, or a form that cannot be read."""
    name = "not_found" if refused.status == 404 else "bad_request"  # noqa: PLR2004 - the one status with a page of its own
    return _render(request, "problem.html", None, {"name": name}, refused.status)


ROUTES = (
    Route("/stripe/pay/{id}", show, methods=["GET"]),
    Route("/stripe/pay/{id}", submit, methods=["POST"]),
    Route("/stripe/3ds/{id}/{secret}", show_challenge, methods=["GET"]),
    Route("/stripe/3ds/{id}/{secret}", answer_challenge, methods=["POST"]),
    Route("/stripe/receipts/{id}", show_receipt, methods=["GET"]),
)
