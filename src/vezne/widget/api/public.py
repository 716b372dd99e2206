"""The widget's public endpoints: for any web page of a site that the tenant lets, without cookies and without a secret."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from vezne import identity
from vezne.kernel import idempotency
from vezne.kernel.body import BodyNotJson, BodyTooLarge
from vezne.kernel.db import Busy, DatabaseUnavailable
from vezne.kernel.errors import Invalid, NotFound, RateLimited
from vezne.kernel.http import refusals
from vezne.kernel.ids import UnknownId, parse_id
from vezne.kernel.principal import Principal
from vezne.kernel.vault import Vault
from vezne.widget.api.shapes import CaptchaOut, InitOut, ReservationIn, TakenOut, TextsOut
from vezne.widget.api.taking import Taken, captcha_kind, take_request
from vezne.widget.api.visitor import (
    PREFLIGHT,
    REQUESTS,
    TRIES,
    VISITS,
    PublicRoute,
    address_of,
    admit,
    edge_of,
    guest_of,
    holder_of,
    origin_of,
    speak,
    take,
    token_of,
)
from vezne.widget.models import (
    TOKEN_LIFE,
    AskedOtherwise,
    CaptchaMissing,
    CaptchaUnavailable,
    CaptchaWrong,
    ConsentMissing,
    DayUnreadable,
    NoStorageFree,
    NoSuchStorage,
    OriginNotAllowed,
    ReservationCancelledAlready,
    StayBackwards,
    StayInThePast,
    StayTooFar,
    ToPay,
    WidgetTenantDiffers,
    WidgetTokenInvalid,
    WidgetTooFast,
)
from vezne.widget.operations import puzzles, tokens

api = APIRouter(
    prefix="/v1/widget",
    tags=["widget"],
    route_class=PublicRoute,
    responses=refusals(
        BodyNotJson, OriginNotAllowed, NotFound, BodyTooLarge, Invalid, RateLimited, WidgetTooFast, Busy, DatabaseUnavailable
    ),
)
OPEN: dict[str, Any] = {"security": []}
BY_TOKEN: dict[str, Any] = {"security": [{"widget_token": []}]}


@api.get(
    "/init",
    openapi_extra=OPEN,
    responses=refusals(identity.KeyMissing, identity.KeyUnknown, WidgetTenantDiffers, identity.TooManyRequests),
)
async def begin_visit(
    request: Request,
    key: Annotated[str, Query(max_length=200, description="a publishable key")] = "",
    tenant_id: Annotated[str, Query(max_length=100, description="the key's tenant, by slug or id; checked when given")] = "",
) -> InitOut:
    """Begin a visit: a token that may ask for storage for an hour, and what the tenant asks of its guests."""
    take(VISITS, "init", key, address_of(request))
    holder = await holder_of(request, key)
    async with edge_of(request).db.transaction(holder, read_only=True) as tx:
        tenant = await identity.tenant_of(tx)
        if tenant_id and not _is(tenant, tenant_id):
            raise WidgetTenantDiffers(loc=("query", "tenant_id"))
        admit(request, tenant.settings)
        token = _token(tx.vault, holder)
        return InitOut(
            access_token=token,
            expires_in=int(TOKEN_LIFE.total_seconds()),
            tenant=tenant.name,
            livemode=tenant.livemode,
            locale=speak(request, tenant.settings.locale),
            captcha=shown_captcha(request, tx.vault, tenant),
            texts=TextsOut(
                version=tenant.settings.consent_version,
                privacy_url=tenant.settings.privacy_url,
                terms_url=tenant.settings.terms_url,
            ),
        )


@api.get("/captcha", openapi_extra=BY_TOKEN, responses=refusals(WidgetTokenInvalid))
async def get_captcha(request: Request) -> CaptchaOut:
    """Another puzzle, where the tenant asks for one: each is good once."""
    token = token_of(request)
    take(VISITS, "captcha", token.tenant_id, address_of(request))
    async with edge_of(request).db.transaction(guest_of(request, token), read_only=True) as tx:
        await tokens.check_key(tx, token)
        tenant = await identity.tenant_of(tx)
        admit(request, tenant.settings)
        return shown_captcha(request, tx.vault, tenant)


@api.post(
    "/reservations",
    status_code=200,
    openapi_extra=BY_TOKEN,
    responses=refusals(
        WidgetTokenInvalid,
        idempotency.IdempotencyKeyMalformed,
        ConsentMissing,
        DayUnreadable,
        StayBackwards,
        StayInThePast,
        StayTooFar,
        CaptchaMissing,
        CaptchaWrong,
        CaptchaUnavailable,
        NoStorageFree,
        NoSuchStorage,
        ReservationCancelledAlready,
        idempotency.IdempotencyKeyReused,
    ),
)
async def reserve(request: Request, response: Response, asked: ReservationIn) -> TakenOut:
    """Reserve storage from a day to a day: a unit is held, and the guest sent to `payment_url`.

    The same request with the same `Idempotency-Key`, or from the same visit, is one reservation with one payment.
    """
    token = token_of(request)
    take(REQUESTS, "reserve", token.tenant_id, address_of(request))
    take(TRIES, "reserve", token.number)
    guest = guest_of(request, token)
    async with edge_of(request).db.transaction(guest, read_only=True) as tx:
        await tokens.check_key(tx, token)
        settings = await identity.settings_of(tx)
    lang = speak(request, settings.locale, asked.locale)
    admit(request, settings)
    key = idempotency.key_of(request)
    try:
        taken = await take_request(request, guest, token, asked.asked(lang), captcha=asked.captcha, key=key)
    except AskedOtherwise:
        raise idempotency.IdempotencyKeyReused(loc=("header", idempotency.HEADER)) from None
    if taken.again and key is not None:
        response.headers[idempotency.REPLAYED] = "true"
    return shown_taken(taken)


@api.options("/init", include_in_schema=False)
@api.options("/captcha", include_in_schema=False)
@api.options("/reservations", include_in_schema=False)
async def preflight(request: Request, key: Annotated[str, Query(max_length=200)] = "") -> Response:
    """What a browser asks before a script of another site may. Without a key it does not tell whose widget it is about."""
    take(VISITS, "preflight", address_of(request))
    origin = origin_of(request)
    if key:
        holder = await holder_of(request, key)
        async with edge_of(request).db.transaction(holder, read_only=True) as tx:
            admit(request, await identity.settings_of(tx))
    elif origin is not None and not await identity.is_widget_origin(edge_of(request).db, origin):
        raise OriginNotAllowed
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=PREFLIGHT)


def _is(tenant: identity.Tenant, named: str) -> bool:
    if named == tenant.slug:
        return True
    try:
        return parse_id("ten", named) == tenant.id
    except UnknownId:
        return False


def _token(vault: Vault, holder: Principal) -> str:
    if holder.key_id is None:
        raise identity.KeyUnknown
    return tokens.issue(vault, tenant_id=holder.tenant_id, key_id=holder.key_id, livemode=holder.livemode)


def shown_captcha(request: Request, vault: Vault, tenant: identity.Tenant) -> CaptchaOut:
    """What the tenant's guests are asked, with a new puzzle where it is one."""
    kind = captcha_kind(request, tenant.settings)
    if kind == "hcaptcha":
        return CaptchaOut(kind=kind, site_key=request.app.state.settings.hcaptcha_site_key)
    if kind == "altcha":
        made = puzzles.puzzle(vault, tenant.tenant_id)
        challenge = {
            "algorithm": made.algorithm,
            "challenge": made.challenge,
            "maxnumber": made.max_number,
            "salt": made.salt,
            "signature": made.signature,
        }
        return CaptchaOut(kind=kind, challenge=challenge)
    return CaptchaOut(kind=kind)


def shown_taken(taken: Taken) -> TakenOut:
    """A reservation as the documents answer it."""
    to_pay: ToPay = taken.to_pay
    required = to_pay.url is not None
    return TakenOut(
        id=taken.reservation.id,
        status="pending" if required else "converted" if to_pay.settled else "cancelled",
        payment_required=required,
        payment_url=to_pay.url,
        payment_intent_id=to_pay.intent_id,
        amount_minor=to_pay.amount_minor,
        currency=to_pay.currency or None,
        expires_at=to_pay.expires_at,
    )
