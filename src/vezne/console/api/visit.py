"""A visit to the console: whose, in which tenant, in which language; and how a page or a redirect leaves it."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vezne import identity
from vezne.console.models import PLACES, browser, tone
from vezne.kernel.clock import real_now
from vezne.kernel.db import Tx
from vezne.kernel.errors import Forbidden
from vezne.kernel.http import Edge
from vezne.kernel.ids import public_id
from vezne.kernel.messages import LANGUAGES, MessageMissing
from vezne.kernel.pages import Pages, language_of
from vezne.kernel.principal import Principal
from vezne.payments import Gateways

PAGES: Final = Pages("console")
LANGUAGE_COOKIE: Final = "vezne_language"
_YEAR: Final = 365 * 24 * 3600
_LANGUAGE_NAMES = frozenset(LANGUAGES)


class PageForOthers(Forbidden):
    """Your role does not reach this page."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody at the console; `signed` is None at the door."""

    request: Request
    tenant: identity.Tenant
    token: str | None = None
    signed: identity.SignedIn | None = None

    @property
    def root(self) -> str:
        """Where this tenant's console begins."""
        return f"/console/{self.tenant.slug}"

    @property
    def edge(self) -> Edge:
        """What the service stands on."""
        edge: Edge = self.request.app.state.edge
        return edge

    @property
    def gateways(self) -> Gateways:
        """The providers, and our address."""
        gateways: Gateways = self.request.app.state.gateways
        return gateways

    @property
    def lang(self) -> str:
        """The language to answer in."""
        return language_of(self.request, self.locale)

    @property
    def locale(self) -> str | None:
        """What was chosen last; the person's own; (None) the browser's, if it wishes for one of ours; or the tenant's."""
        chosen = self.request.cookies.get(LANGUAGE_COOKIE, "")
        if chosen in _LANGUAGE_NAMES:
            return chosen
        if self.signed is not None and self.signed.staff.locale:
            return self.signed.staff.locale
        wishes = {part.strip()[:2].lower() for part in self.request.headers.get("accept-language", "").split(",")}
        return None if wishes & _LANGUAGE_NAMES else self.tenant.settings.locale

    @property
    def zone(self) -> ZoneInfo:
        """The tenant's time zone."""
        return self.tenant.settings.zone

    @property
    def today(self) -> date:
        """The day it is now in the tenant's zone; a page's default, never what money is reckoned by."""
        return real_now().astimezone(self.zone).date()

    @property
    def anyone(self) -> Principal:
        """Somebody of whom no more is known than which tenant's door they stand at."""
        return Principal(
            self.tenant.tenant_id,
            "public:console",
            "public",
            frozenset(),
            livemode=self.tenant.livemode,
            request_id=self.request.state.request_id,
        )

    @property
    def principal(self) -> Principal:
        """Who acts."""
        if self.signed is None:
            return self.anyone
        return replace(self.signed.principal, request_id=self.request.state.request_id)

    @property
    def cookie(self) -> str:
        """What the session's cookie is called. With https a name that no other host, nor an insecure page, can set."""
        return f"__Host-vezne-{self.tenant.slug}" if self.is_secure else f"vezne-{self.tenant.slug}"

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach us by https."""
        return self.gateways.public_url.startswith("https://") or self.request.url.scheme == "https"

    def may(self, permission: str) -> bool:
        """Whether the visitor has a permission."""
        return self.principal.may(permission)

    def word(self, key: str, **names: object) -> str:
        """A message in the visitor's language."""
        return PAGES.text(self.lang, key, **names)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A transaction that looks."""
        async with self.edge.db.transaction(self.principal, read_only=True) as tx:
            yield tx

    def show(
        self,
        template: str,
        *,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
        **facts: Any,  # noqa: ANN401 - whatever the template is given
    ) -> Response:
        """A page."""
        response = PAGES.render(
            self.request,
            f"console/{template}.html",
            status=status,
            locale=self.locale,
            headers=headers,
            **{**self._shared(), **facts},
        )
        chosen = self.request.query_params.get("lang", "")
        if chosen in _LANGUAGE_NAMES:
            response.set_cookie(
                LANGUAGE_COOKIE, chosen, _YEAR, path="/console", secure=self.is_secure, httponly=True, samesite="lax"
            )
        return response

    def onward(self, path: str, **query: str) -> RedirectResponse:
        """To another page of this console."""
        given = {name: value for name, value in query.items() if value}
        address = f"{self.root}{path}" + (f"?{urlencode(given)}" if given else "")
        return RedirectResponse(address, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})

    def enter(self, response: Response, made: identity.NewSession) -> None:
        """Give the visitor their session's token."""
        path = "/" if self.is_secure else self.root
        response.set_cookie(self.cookie, made.token, path=path, secure=self.is_secure, httponly=True, samesite="lax")

    def leave(self, response: Response) -> None:
        """Take the session's token back."""
        path = "/" if self.is_secure else self.root
        response.delete_cookie(self.cookie, path=path, secure=self.is_secure, httponly=True, samesite="lax")

    def when(self, at: datetime | None) -> Markup:
        """A day and a time of it, in the tenant's zone; its seconds are in the title."""
        if at is None:
            return Markup("–")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            at.isoformat(),
            format_datetime(at, "long", tzinfo=self.zone, locale=self.lang),
            format_datetime(at, _SHORT[self.lang], tzinfo=self.zone, locale=self.lang),
        )

    def day(self, at: datetime | date | None) -> Markup:
        """A day, in the tenant's zone."""
        if at is None:
            return Markup("–")
        day = at.astimezone(self.zone).date() if isinstance(at, datetime) else at
        return Markup('<time datetime="{}">{}</time>').format(
            day.isoformat(), format_date(day, _DAY[self.lang], locale=self.lang)
        )

    def _shared(self) -> dict[str, Any]:
        principal = self.principal
        return {
            "visit": self,
            "root": self.root,
            "tenant": self.tenant,
            "signed": self.signed if self.signed and self.signed.session.stage == "open" else None,
            "places": [place for place in PLACES if self.signed and place.is_for(principal)],
            "here": self.request.url.path.removeprefix(self.root),
            "test_mode": not self.tenant.livemode,
            "may": principal.may,
            "is_partner": principal.payee_id is not None,
            "when": self.when,
            "day": self.day,
            "tone": tone,
            "browser": browser,
            "pid": public_id,
            "form_token": identity.form_token(self.token) if self.token else "",
            "once": lambda: secrets.token_urlsafe(12),
            "notice": self._notice("done"),
            "problem": self._notice("problem"),
        }

    def _notice(self, name: str) -> str | None:
        """What became of the action before: the query names a message, and what it does not name is not shown."""
        code = self.request.query_params.get(name, "")
        if not code:
            return None
        try:
            return self.word(f"{name}.{code}")
        except (MessageMissing, KeyError):
            return self.word("problem.other_refusal") if name == "problem" else None


_SHORT: Final = {"en": "d MMM y, HH:mm", "tr": "d MMM y HH:mm"}
_DAY: Final = {"en": "d MMM y", "tr": "d MMM y"}
