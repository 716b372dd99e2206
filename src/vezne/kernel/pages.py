"""Pages: a slice's templates in the house's layout, in the reader's language, under a strict content policy.

    pages = Pages("checkout")               # templates/ and messages.toml of vezne.checkout, over the kernel's own
    return pages.render(request, "pay.html", locale=tenant.locale, order=order)

**Layout.** A template begins with `{% extends 'page.html' %}` and fills the blocks

- `title` (text), `content` (inside `<main>`; begin with one `<h1>`), and if it needs them
- `head` (meta, no inline script), `scripts` (`<script defer src="{{ asset('checkout.js') }}"></script>`),
- `brand`, `header_aside`, `footer`, `languages`, `body_class`: what stands around the content.

`test_mode=True` in the context shows the test mark. Of the classes, `vezne.css` adds to Tailwind's and Basecoat's:
`page-narrow`, `page-split` (what is bought beside how it is paid), `amount`, `amount-large`, `facts` (a `<dl>`),
`outcome` with `data-outcome="good|bad"`, `text-link`, `spinner`, `btn` with `data-size="wide"`.

**In every template**: `t('checkout.pay', amount=…)`, `money(value)`, `moment(at)`, `icon('lock')` (a Lucide name, as a
literal: the build collects those), `asset('vezne.css')`, `nonce()` for an inline script or style that cannot be a file,
`lang`, `languages` (code → link), `request`.

**Messages** stand in each slice's `messages.toml`, a key in every language of `LANGUAGES`; a test reads them all.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from vezne.kernel.messages import LANGUAGES, Translator
from vezne.kernel.money import Money, format_money

ASSETS_PATH: Final = "/assets"
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(self)",
    "Referrer-Policy": "same-origin",  # stronger would send `Origin: null` with our own forms
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HOUSE = Path(__file__).resolve().parent.parent
_DIST = _HOUSE / "assets" / "dist"
_PREFERENCE = re.compile(r"^\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$")


class AssetsNotBuilt(RuntimeError):
    """The pages' styles are not there. An installed wheel carries them; in a working tree `make assets` builds them."""

    def __init__(self) -> None:
        super().__init__("the page assets are not built: run `make assets`")


def language_of(request: Request, locale: str | None = None) -> str:
    """The language to answer in: the reader's `?lang=`, else the tenant's locale, else the browser's wish, else English."""
    explicit = request.query_params.get("lang", "")
    if explicit in LANGUAGES:
        return explicit
    if locale and (own := locale.replace("_", "-").split("-")[0].lower()) in LANGUAGES:
        return own
    return _preferred(request.headers.get("accept-language", ""))


def _preferred(header: str) -> str:
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")):
        wish = _PREFERENCE.match(part)
        if wish and wish[1].lower() in LANGUAGES:
            wishes.append((-float(wish[2] or 1), place, wish[1].lower()))
    wishes = [wish for wish in wishes if wish[0] != 0]
    return min(wishes)[2] if wishes else LANGUAGES[0]


@cache
def _built(name: str) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads((_DIST / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AssetsNotBuilt from None
    return content


def asset(name: str) -> str:
    """Where a built file is served: its name carries a hash of its content, so it may be kept for ever."""
    return f"{ASSETS_PATH}/{_built('manifest.json')[name]}"


def icon(name: str) -> Markup:
    """A Lucide icon as inline SVG, hidden from screen readers: the text beside it speaks."""
    return Markup(_built("icons.json")[name])  # noqa: S704 # built from the pinned icon package, never from input


class _Hashed(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def asset_files() -> StaticFiles:
    """The ASGI app to mount at ASSETS_PATH. Raises AssetsNotBuilt."""
    _built("manifest.json")
    return _Hashed(directory=_DIST / "static")


class Pages:
    """The pages of one slice: its templates first, then the kernel's."""

    def __init__(self, *slices: str) -> None:
        folders = [_HOUSE / name for name in (*slices, "kernel")]
        self._translator = Translator([folder / "messages.toml" for folder in reversed(folders)])
        self._environment = Environment(
            loader=FileSystemLoader([folder / "templates" for folder in folders]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(asset=asset, icon=icon, t=self._t, money=_money, moment=_moment, test_mode=False)

    def text(self, lang: str, key: str, **names: object) -> str:
        """A message outside a template: a field's error, a mail's subject. Raises MessageMissing."""
        return self._translator.template(lang, key).format(**names)

    def render(
        self,
        request: Request,
        template: str,
        *,
        status: int = HTTPStatus.OK,
        locale: str | None = None,
        form_targets: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> HTMLResponse:
        """The page as an answer.

        `locale` is the tenant's. `form_targets` are the origins (`https://pay.example`) to which a form of this page may be
        sent on: browsers hold the redirect that answers a form to the same rule, so a page whose form ends at a provider
        names the provider's origin here.
        """
        lang = language_of(request, locale)
        nonces: list[str] = []
        page = self._environment.get_template(template).render(
            **context,
            request=request,
            lang=lang,
            languages={code: f"?{request.url.include_query_params(lang=code).query}" for code in LANGUAGES},
            nonce=_nonce_into(nonces),
        )
        policy = {
            "Content-Security-Policy": content_policy(nonces, form_targets),
            "Content-Language": lang,
            "Vary": "Accept-Language",
        }
        return HTMLResponse(page, status, headers={**HEADERS, **policy, **(headers or {})})

    @pass_context
    def _t(self, context: Context, key: str, **names: object) -> Markup:
        return escape(self._translator.template(context["lang"], key)).format(**names)


def content_policy(nonces: Sequence[str] = (), form_targets: Sequence[str] = ()) -> str:
    """Nothing loads from elsewhere, nothing runs inline without this answer's nonce, nobody frames the page."""
    inline = "".join(f" 'nonce-{nonce}'" for nonce in nonces)
    targets = "".join(f" {target}" for target in form_targets)
    return (
        f"default-src 'none'; script-src 'self'{inline}; style-src 'self'{inline}; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; form-action 'self'{targets}; base-uri 'none'; frame-ancestors 'none'"
    )


def _nonce_into(nonces: list[str]) -> Callable[[], str]:
    def nonce() -> str:
        if not nonces:
            nonces.append(secrets.token_urlsafe(16))
        return nonces[0]

    return nonce


@pass_context
def _money(context: Context, value: Money) -> Markup:
    return Markup('<span class="amount">{}</span>').format(format_money(value, context["lang"]))


@pass_context
def _moment(context: Context, at: datetime, time_zone: str = "UTC") -> Markup:
    text = format_datetime(at, "medium", tzinfo=ZoneInfo(time_zone), locale=context["lang"])
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)
