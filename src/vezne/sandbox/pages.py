"""The hosted pages a customer sees. They work without JavaScript: every step is a plain form answered by a redirect."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from babel.dates import format_datetime
from babel.numbers import format_currency
from iso4217 import Currency as Iso4217
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from vezne.sandbox import operations, queries
from vezne.sandbox.api import read_limited
from vezne.sandbox.cards import CARDS, Card, digits_of
from vezne.sandbox.forms import LARGEST_FORM, CardForm, check_card_form, read_form
from vezne.sandbox.loopback import with_payment
from vezne.sandbox.models import Payment, Status
from vezne.sandbox.refusals import Refused, no_such
from vezne.sandbox.store import Store, Tx, instant
from vezne.sandbox.texts import LANGUAGES, TEXTS, language_of

_TEMPLATES = Environment(
    loader=PackageLoader("vezne.sandbox"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_HEADERS = {
    # form-action names schemes and not this host: browsers apply it to the redirect that follows a form as well, and that
    # one leads to the merchant.
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self' http: https:; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_CODE_BEFORE_DIGIT = re.compile(r"[A-Z]{3}(?=[0-9])")  # where a currency has no symbol, its code stands off the amount
_SEE_OTHER = 303
_UNPROCESSABLE = 422


def amount_text(amount_minor: int, currency: str, language: str, decimals: int | None = None) -> str:
    """The amount as people write it, with the decimals a provider gives the currency, else those of ISO 4217."""
    exponent = Iso4217(currency).exponent or 0 if decimals is None else decimals
    amount = Decimal(amount_minor).scaleb(-exponent)
    text = str(format_currency(amount, currency, locale=language, decimal_quantization=False))
    return _CODE_BEFORE_DIGIT.sub("\\g<0>\N{NO-BREAK SPACE}", text)


def _result_of(card: Card, texts: Mapping[str, str]) -> str:
    if card.three_ds:
        return texts["three_ds_declined" if card.failure_code else "three_ds"]
    if card.failure_code is not None:
        return texts["declines"].format(reason=texts[card.failure_code])
    return texts["delayed" if card.delayed else "ok"]


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _language(request: Request, payment: Payment | None) -> str:
    asked = request.query_params.get("lang")
    return asked if asked in LANGUAGES else language_of(payment.locale if payment else "en")


def _here(request: Request, step: str = "") -> str:
    """The address of this payment's page or a step of it, in the language the customer chose."""
    lang = request.query_params.get("lang")
    return f"{_store(request).skin.prefix}/pay/{request.path_params['id']}{step}" + (f"?lang={lang}" if lang in LANGUAGES else "")


def _render(request: Request, template: str, payment: Payment | None, status: int = 200, **facts: object) -> Response:
    language = _language(request, payment)
    texts = TEXTS[language]
    here = request.url.path
    shared: dict[str, object] = {
        "t": texts,
        "language": language,
        "languages": TEXTS,
        "here": here,
        "payment": payment,
        "title": _store(request).skin.title,
    }
    if payment is not None:
        shared["amount"] = amount_text(payment.amount_minor, payment.currency, language)
        shared["back"] = with_payment(payment.return_url, payment.id)
        shared["expires_at"] = payment.expires_at
        shared["expires"] = format_datetime(instant(payment.expires_at), "d MMM HH:mm 'UTC'", locale=language)
    html = _TEMPLATES.get_template(template).render({**shared, **facts})
    return HTMLResponse(html, status, {**_HEADERS, "content-language": language})


def _onward(address: str) -> Response:
    return RedirectResponse(address, _SEE_OTHER, _HEADERS)


def _show_form(request: Request, payment: Payment, form: CardForm) -> Response:
    texts = TEXTS[_language(request, payment)]
    return _render(
        request,
        "card.html",
        payment,
        _UNPROCESSABLE if form.errors else 200,
        errors={field: texts[key] for field, key in form.errors.items()},
        shown=form.shown,
        cards=[(card, _result_of(card, texts)) for card in CARDS.values()],
        action=_here(request),
        cancel=_here(request, "/cancel"),
    )


def _show_outcome(request: Request, payment: Payment) -> Response:
    texts = TEXTS[_language(request, payment)]
    reason = texts[payment.failure_code] if payment.failure_code else None
    return _render(request, "outcome.html", payment, reason=reason)


def _where_it_stands(request: Request, payment: Payment) -> Response:
    """After a form: to the bank's question, to the page that tells of a decline or an expiry, or back to the merchant."""
    if payment.status is Status.REQUIRES_ACTION:
        return _onward(_here(request, "/3ds"))
    if payment.status in {Status.PENDING, Status.FAILED, Status.EXPIRED}:
        return _onward(_here(request))
    return _onward(with_payment(payment.return_url, payment.id))


async def _in_store(request: Request, step: Callable[[Tx, Payment], Payment]) -> Payment:
    store = _store(request)
    payment_id = request.path_params["id"]

    def take(tx: Tx) -> Payment:
        payment = queries.select_payment(tx, payment_id)
        if payment.off_session:  # nobody is there to look at it
            raise no_such("page of payment", payment_id)
        return step(tx, payment)

    return await store.transact(take)


async def show_payment(request: Request) -> Response:
    """The card form while the payment waits for a card; afterwards how it went. `?card=` fills in a test card's number."""
    payment = await _in_store(request, lambda _, payment: payment)
    if payment.status is Status.REQUIRES_ACTION:
        return _onward(_here(request, "/3ds"))
    if payment.status is not Status.PENDING:
        return _show_outcome(request, payment)
    card = CARDS.get(digits_of(request.query_params.get("card", "")))
    shown = {"number": card.spaced if card else "", "expiry": ""}
    return _show_form(request, payment, CardForm(card=None, errors={}, shown=shown))


async def submit_card(request: Request) -> Response:
    """Pay. Sent twice, the first one counts and both lead to the same place."""
    fields = read_form(await read_limited(request, LARGEST_FORM))
    store = _store(request)
    form = check_card_form(fields, store.clock())
    card = form.card
    payment = await _in_store(request, lambda tx, payment: payment if card is None else operations.pay(tx, payment, card))
    if payment.status is Status.PENDING and form.errors:
        return _show_form(request, payment, form)
    return _where_it_stands(request, payment)


async def show_challenge(request: Request) -> Response:
    """The bank's question (3-D Secure), while there is one."""
    payment = await _in_store(request, lambda _, payment: payment)
    if payment.status is not Status.REQUIRES_ACTION:
        return _onward(_here(request))
    return _render(request, "challenge.html", payment, action=_here(request, "/3ds"), cancel=_here(request, "/cancel"))


async def answer_challenge(request: Request) -> Response:
    """The customer's answer to the bank."""
    answer = read_form(await read_limited(request, LARGEST_FORM)).get("answer")
    if answer not in {"approve", "decline"}:
        raise Refused(400, "invalid_form", "answer must be approve or decline.")
    approved = answer == "approve"
    payment = await _in_store(request, lambda tx, payment: operations.answer_challenge(tx, payment, approved=approved))
    return _where_it_stands(request, payment)


async def cancel(request: Request) -> Response:
    """The customer goes back without paying."""
    payment = await _in_store(request, operations.leave)
    return _onward(with_payment(payment.return_url, payment.id))


def show_problem(request: Request, refused: Refused) -> Response:
    """A page for an address that names no payment, or a form that cannot be read."""
    name = "not_found" if refused.status == 404 else "bad_request"  # noqa: PLR2004 - the one status with a page of its own
    return _render(request, "problem.html", None, refused.status, name=name)


def routes(prefix: str) -> list[Route]:
    """The hosted pages, under `prefix`."""
    page = f"{prefix}/pay/{{id}}"
    return [
        Route(page, show_payment, methods=["GET"]),
        Route(page, submit_card, methods=["POST"]),
        Route(f"{page}/3ds", show_challenge, methods=["GET"]),
        Route(f"{page}/3ds", answer_challenge, methods=["POST"]),
        Route(f"{page}/cancel", cancel, methods=["POST"]),
    ]
