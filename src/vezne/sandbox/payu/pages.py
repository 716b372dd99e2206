"""PayU's hosted page: entered by the merchant's form, left by a form that the browser posts back."""

import secrets
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from vezne.sandbox.api import read_limited
from vezne.sandbox.cards import Card, digits_of
from vezne.sandbox.forms import LARGEST_FORM, CardForm, check_card_form, read_form
from vezne.sandbox.pages import amount_text
from vezne.sandbox.payu import operations
from vezne.sandbox.payu.cards import CARDS
from vezne.sandbox.payu.models import Transaction
from vezne.sandbox.payu.texts import TEXTS
from vezne.sandbox.payu.webhooks import postback, signed
from vezne.sandbox.refusals import Refused
from vezne.sandbox.store import Store, Tx
from vezne.sandbox.texts import LANGUAGES

CURRENCY = "INR"
TITLE = "PayU"
_TEMPLATES = Environment(
    loader=PackageLoader("vezne.sandbox"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}
_LARGEST_ENTRY, _MOST_POSTED = 32 * 1024, 100
_SEE_OTHER, _UNPROCESSABLE = 303, 422


def way_back(transaction: Transaction, salt: str) -> tuple[str, dict[str, str]]:
    """Where the browser goes when the customer is done, and the signed form it takes there."""
    address = transaction.posted["furl" if transaction.status == "failure" else "surl"]
    return address, signed(postback(transaction), salt)


def _language(request: Request) -> str:
    """The one that was chosen; else Turkish where the browser prefers it: the merchant's form names no language."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return str(asked)
    return "tr" if request.headers.get("accept-language", "").lower().startswith("tr") else "en"


def _render(
    request: Request, template: str, status: int = 200, *, transaction: Transaction | None = None, **facts: object
) -> Response:
    language, nonce = _language(request), secrets.token_urlsafe(16)
    shared: dict[str, object] = {
        "t": TEXTS[language],
        "language": language,
        "languages": TEXTS,
        "here": request.url.path,
        "title": TITLE,
        "nonce": nonce,
    }
    target = "'self'"
    if transaction is not None:
        shared["transaction"] = transaction
        shared["amount"] = amount_text(transaction.paise, CURRENCY, language)
        target += "".join(f" {_origin(transaction.posted[name])}" for name in ("surl", "furl"))
    html = _TEMPLATES.get_template(template).render({**shared, **facts})
    # The merchant answers the form with a redirect to wherever the customer came from, which form-action covers too.
    policy = (
        f"default-src 'none'; style-src 'self'; img-src data:; script-src 'nonce-{nonce}'; "
        f"form-action {target} http: https:; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(html, status, {**_HEADERS, "content-security-policy": policy, "content-language": language})


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _here(request: Request, page: str, step: str = "") -> str:
    lang = request.query_params.get("lang")
    return f"/payu/pay/{page}{step}" + (f"?lang={lang}" if lang in LANGUAGES else "")


async def enter(request: Request) -> Response:
    """POST /_payment: check the merchant's form, and show its customer the page."""
    posted = read_form(await read_limited(request, _LARGEST_ENTRY), _MOST_POSTED)
    transaction = await _store(request).transact(lambda tx: operations.enter(tx, posted))
    return RedirectResponse(_here(request, transaction.page), _SEE_OTHER, _HEADERS)


async def _in_store(request: Request, step: Callable[[Tx, Transaction], Transaction]) -> Transaction:
    page = request.path_params["page"]
    return await _store(request).transact(lambda tx: step(tx, operations.of_page(tx, page)))


async def show(request: Request) -> Response:
    """The card form while the payment is open; afterwards the way back."""
    transaction = await _in_store(request, lambda _, transaction: transaction)
    if not transaction.is_open:
        return _show_way_back(request, transaction)
    card = CARDS.get(digits_of(request.query_params.get("card", "")))
    shown = {"number": card.spaced if card else "", "expiry": ""}
    return _show_form(request, transaction, CardForm(card=None, errors={}, shown=shown))


async def pay(request: Request) -> Response:
    """Pay. Sent twice, the first one counts. With `stay` the tab is closed, as it were: nothing is posted back."""
    fields = read_form(await read_limited(request, LARGEST_FORM))
    form = check_card_form(fields, _store(request).clock(), CARDS)
    card = form.card
    transaction = await _in_store(request, lambda tx, found: found if card is None else operations.pay(tx, found, card))
    if transaction.is_open and form.errors:
        return _show_form(request, transaction, form)
    step = "/closed" if fields.get("stay") else ""
    return RedirectResponse(_here(request, transaction.page, step), _SEE_OTHER, _HEADERS)


async def cancel(request: Request) -> Response:
    """The customer goes back without paying."""
    transaction = await _in_store(request, operations.cancel)
    return RedirectResponse(_here(request, transaction.page), _SEE_OTHER, _HEADERS)


async def closed(request: Request) -> Response:
    """The tab is closed, as it were: what PayU knows reaches the merchant from server to server only."""
    transaction = await _in_store(request, lambda _, transaction: transaction)
    return _render(request, "payu/closed.html", transaction=transaction)


def _show_form(request: Request, transaction: Transaction, form: CardForm) -> Response:
    texts = TEXTS[_language(request)]
    return _render(
        request,
        "payu/card.html",
        _UNPROCESSABLE if form.errors else 200,
        transaction=transaction,
        errors={field: texts[key] for field, key in form.errors.items()},
        shown=form.shown,
        cards=[(card, _result_of(card, texts)) for card in CARDS.values()],
        action=_here(request, transaction.page),
        cancel=_here(request, transaction.page, "/cancel"),
    )


def _result_of(card: Card, texts: Mapping[str, str]) -> str:
    if card.failure_code is not None:
        return texts["declines"].format(reason=texts[card.failure_code])
    return texts["delayed" if card.delayed else "ok"]


def _show_way_back(request: Request, transaction: Transaction) -> Response:
    texts = TEXTS[_language(request)]
    action, fields = way_back(transaction, request.app.state.settings.payu_merchant_salt)
    reason = texts.get(transaction.failure_code or "")
    return _render(request, "payu/back.html", transaction=transaction, action=action, fields=fields, reason=reason)


def show_problem(request: Request, refused: Refused) -> Response:
    """A form that PayU does not take, or an address that names no payment: in its words, for the integrator."""
    return _render(request, "payu/problem.html", refused.status, message=refused.message)
