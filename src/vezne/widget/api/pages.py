"""The widget's page, which other sites show in a frame; the script that puts it there; a page that shows how that looks.

The page works without cookies, and without scripts: its form is sent as forms are, and the answer is the next page.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from babel.dates import format_date, format_time
from fastapi import APIRouter
from markupsafe import Markup
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from vezne import identity
from vezne.kernel.body import parse_json
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.kernel.messages import LANGUAGES
from vezne.kernel.money import Money, format_money
from vezne.kernel.principal import Principal
from vezne.kernel.vault import Vault
from vezne.widget import hcaptcha
from vezne.widget.api.framing import HEADERS, FrameRoute, framed_by, framing_ours, with_hcaptcha
from vezne.widget.api.public import shown_captcha
from vezne.widget.api.shapes import ReservationIn, read_day
from vezne.widget.api.taking import Taken, take_request
from vezne.widget.api.visitor import (
    PAGES,
    REQUESTS,
    TRIES,
    VISITS,
    address_of,
    edge_of,
    guest_of,
    holder_of,
    speak,
    take,
    told,
)
from vezne.widget.models import (
    FURTHEST_AHEAD,
    ConsentMissing,
    DayUnreadable,
    NoSuchStorage,
    Storage,
    ToPay,
    WidgetTokenInvalid,
)
from vezne.widget.operations import storages, tokens

pages_api = APIRouter(prefix="/widget", route_class=FrameRoute, include_in_schema=False)

SCRIPT: Final = Path(__file__).resolve().parents[1] / "templates" / "widget-embed.js"
FIELDS: Final = (
    "checkin_date",
    "checkout_date",
    "resource_id",
    "name",
    "email",
    "phone",
    "kvkk_consent",
    "terms_consent",
    "captcha",
)
_KEPT: Final = ("lang", "origin", "resource", "open")
_MOST_FIELDS = 30
_GENERAL = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at the widget: whose it is, and what it offers."""

    key: str
    holder: Principal
    tenant: identity.Tenant
    storages: list[Storage]
    today: date
    parent: str | None
    lang: str

    @property
    def settings(self) -> identity.TenantSettings:
        """What the tenant chose."""
        return self.tenant.settings


@pages_api.get("/v1.js")
async def script() -> Response:
    """The script for other people's pages: it defines `<vezne-booking>`."""
    headers = {
        "Access-Control-Allow-Origin": "*",  # a page may pin the script by its hash, which needs CORS
        "Cache-Control": "public, max-age=3600",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return FileResponse(SCRIPT, media_type="text/javascript; charset=utf-8", headers=headers)


@pages_api.get("/demo")
async def demo(request: Request, key: str = "") -> Response:
    """How the widget looks on a page: of test tenants, by their publishable key."""
    tenant = None
    if key:
        take(VISITS, "demo", key[:200], address_of(request))
        holder = await holder_of(request, key)
        if holder.livemode:
            raise identity.KeyUnknown
        async with edge_of(request).db.transaction(holder, read_only=True) as tx:
            tenant = await identity.tenant_of(tx)
    lang = speak(request, LANGUAGES[0] if tenant is None else tenant.settings.locale)
    page = PAGES.render(
        request, "widget/demo.html", locale=lang, headers=HEADERS, test_mode=tenant is not None, tenant=tenant, key=key
    )
    return framing_ours(page)


@pages_api.get("/{key}")
async def show(request: Request, key: str) -> Response:
    """The form."""
    return _form(request, await _open(request, key), {}, {})


@pages_api.post("/{key}")
async def send(request: Request, key: str) -> Response:
    """What the guest filled in: the reservation, or the form again with what is wrong at each field."""
    visit = await _open(request, key)
    take(REQUESTS, "reserve", visit.tenant.tenant_id, address_of(request))
    fields = await _fields(request)
    try:
        taken = await _take(request, visit, fields)
    except ValidationError as error:
        faults = _faults(visit, error) | _missing(visit, fields)
        return _form(request, visit, fields, faults, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except (ConsentMissing, DayUnreadable) as refusal:
        return _form(request, visit, fields, _missing(visit, fields), status=refusal.status)
    except Refusal as refusal:
        status = HTTPStatus.BAD_REQUEST if isinstance(refusal, WidgetTokenInvalid) else refusal.status
        return _form(request, visit, fields, {_field(refusal.loc): told(request, refusal)}, status=status)
    return _done(request, visit, taken)


async def _take(request: Request, visit: Visit, fields: Mapping[str, str]) -> Taken:
    token = tokens.read(edge_of(request).db.vault, fields.get("token", ""))
    if token.tenant_id != visit.tenant.tenant_id:
        raise WidgetTokenInvalid
    take(TRIES, "reserve", token.number)
    asked = ReservationIn.model_validate(parse_json(json.dumps(_body(fields)).encode()))
    guest = guest_of(request, token)
    return await take_request(request, guest, token, asked.asked(visit.lang), captcha=asked.captcha, key=None)


async def _open(request: Request, key: str) -> Visit:
    """Whose widget this is. Raises KeyUnknown, NoSuchStorage, WidgetTooFast."""
    take(VISITS, "page", key[:200], address_of(request))
    holder = await holder_of(request, key)
    async with edge_of(request).db.transaction(holder, read_only=True) as tx:
        tenant = await identity.tenant_of(tx)
        lang = speak(request, tenant.settings.locale)
        named = request.query_params.get("resource")
        try:
            wanted = parse_id("rsc", named) if named else None
        except UnknownId:
            raise NoSuchStorage(resource_id=str(named)[:40]) from None
        offered = await storages.offered(tx, wanted)
        today = tx.now.astimezone(tenant.settings.zone).date()
    origin = request.query_params.get("origin", "")
    own = f"{request.url.scheme}://{request.url.netloc}"
    parent = origin if origin in {*tenant.settings.widget_origins, own} else None
    return Visit(key, holder, tenant, offered, today, parent, lang)


async def _fields(request: Request) -> dict[str, str]:
    """The form as it was sent; what cannot be read is none."""
    raw = await request.body()
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def _body(fields: Mapping[str, str]) -> dict[str, Any]:
    """The form as the endpoint for scripts takes it."""
    guest = {name: fields.get(name, "") for name in ("name", "email")}
    phone = fields.get("phone", "").strip()
    solved = fields.get("captcha") or fields.get("h-captcha-response")
    optional = {name: said for name, said in (("resource_id", fields.get("resource_id")), ("captcha", solved)) if said}
    return {
        "guest": guest | ({"phone": phone} if phone else {}),
        "checkin_date": fields.get("checkin_date", ""),
        "checkout_date": fields.get("checkout_date", ""),
        "kvkk_consent": "kvkk_consent" in fields,
        "terms_consent": "terms_consent" in fields,
        **optional,
    }


def _field(loc: tuple[str | int, ...] | None) -> str:
    name = str(loc[-1]) if loc else _GENERAL
    return name if name in FIELDS else _GENERAL


def _faults(visit: Visit, error: ValidationError) -> dict[str, str]:
    fields = [_field(tuple(item["loc"])) for item in error.errors()]
    return {name: PAGES.text(visit.lang, f"widget.error.{name}" if name else "widget.form.again") for name in fields}


def _missing(visit: Visit, fields: Mapping[str, str]) -> dict[str, str]:
    """The days and consents that are not given: told together with whatever else is wrong."""
    wrong = []
    for name in ("checkin_date", "checkout_date"):
        try:
            read_day(fields.get(name, ""), name)
        except DayUnreadable:
            wrong.append(name)
    wrong += [name for name in ("kvkk_consent", "terms_consent") if name not in fields]
    return {name: PAGES.text(visit.lang, f"widget.error.{name}") for name in wrong}


def _form(
    request: Request, visit: Visit, values: Mapping[str, str], errors: Mapping[str, str], *, status: int = HTTPStatus.OK
) -> Response:
    vault = edge_of(request).db.vault
    token = _token(vault, visit, values.get("token", ""))
    captcha = shown_captcha(request, vault, visit.tenant)
    page = PAGES.render(
        request,
        "widget/form.html",
        status=status,
        locale=visit.lang,
        headers=HEADERS,
        test_mode=not visit.tenant.livemode,
        visit=visit,
        values=values,
        errors={name: errors[name] for name in (_GENERAL, *FIELDS) if name in errors},
        token=token,
        captcha=captcha,
        challenge=None if captcha.challenge is None else json.dumps(captcha.challenge),
        hcaptcha_script=hcaptcha.SCRIPT,
        action=_action(request, visit.key),
        last_day=visit.today + FURTHEST_AHEAD,
        price=_price,
        shown=lambda money: format_money(money, visit.lang),
        public=_public,
    )
    framed = framed_by(page, visit.settings.widget_origins)
    return with_hcaptcha(framed) if captcha.kind == "hcaptcha" else framed


def _token(vault: Vault, visit: Visit, sent: str) -> str:
    """The same visit's as long as it lasts, so that what is sent again is known as the same; else a new one."""
    holder = visit.holder
    if holder.key_id is None:
        raise identity.KeyUnknown
    with suppress(WidgetTokenInvalid):
        if tokens.read(vault, sent).tenant_id == holder.tenant_id:
            return sent
    return tokens.issue(vault, tenant_id=holder.tenant_id, key_id=holder.key_id, livemode=holder.livemode)


def _done(request: Request, visit: Visit, taken: Taken) -> Response:
    to_pay = taken.to_pay
    place = next((each for each in visit.storages if each.id == taken.reservation.resource_id), None)
    page = PAGES.render(
        request,
        "widget/done.html",
        locale=visit.lang,
        headers=HEADERS,
        test_mode=not visit.tenant.livemode,
        visit=visit,
        made=taken.reservation,
        place=place,
        to_pay=to_pay,
        pay_url=to_pay.url,
        amount=Money(to_pay.amount_minor, to_pay.currency) if to_pay.currency else None,
        new_tab=request.query_params.get("open") == "tab",
        again=_action(request, visit.key),
        until=_until(visit, to_pay),
        day=lambda day: format_date(day, "long", locale=visit.lang),
        public=_public,
    )
    return framed_by(page, visit.settings.widget_origins)


def _until(visit: Visit, to_pay: ToPay) -> Markup:
    """Until when the unit is held: an hour and minute, with its day when that is not today."""
    if to_pay.expires_at is None:
        return Markup()
    end = to_pay.expires_at.astimezone(visit.settings.zone)
    text = format_time(end, "short", locale=visit.lang, tzinfo=visit.settings.zone)
    if end.date() != visit.today:
        text = f"{format_date(end.date(), 'long', locale=visit.lang)} {text}"
    return Markup('<time datetime="{}">{}</time>').format(end.isoformat(), text)


def _public(id_: UUID, prefix: str = "rsc") -> str:
    return public_id(prefix, id_)


def _price(storage: Storage) -> Money | None:
    if storage.price_minor is None or storage.currency is None:
        return None
    return Money(storage.price_minor, storage.currency)


def _action(request: Request, key: str) -> str:
    kept = {name: request.query_params[name] for name in _KEPT if request.query_params.get(name)}
    return f"/widget/{key}" + (f"?{urlencode(kept)}" if kept else "")
