"""Taking a guest's request: the same road for scripts and for the page's own form."""

from dataclasses import dataclass

from starlette.requests import Request

from vezne import identity
from vezne.kernel.principal import Principal
from vezne.kernel.settings import Settings
from vezne.widget.api.visitor import edge_of, gateways_of
from vezne.widget.hcaptcha import HCaptcha
from vezne.widget.models import Asked, Captcha, NoStorageFree, Reservation, Token, ToPay
from vezne.widget.operations import paying, puzzles, reserving


@dataclass(frozen=True, slots=True)
class Taken:
    """A reservation that has its unit, and where it is paid; `again` when the request had come before."""

    reservation: Reservation
    to_pay: ToPay
    again: bool


def captcha_kind(request: Request, settings: identity.TenantSettings) -> Captcha:
    """What is asked of this tenant's guests: hCaptcha where the deployment wants it, else what the tenant chose."""
    deployment: Settings = request.app.state.settings
    return "hcaptcha" if deployment.widget_hcaptcha_enabled else settings.widget_captcha


async def take_request(
    request: Request, guest: Principal, token: Token, asked: Asked, *, captcha: str | None, key: str | None
) -> Taken:
    """Keep what the guest asks for, find a unit, and say where it is paid. The same request again: the same reservation.

    When nothing is free, the request stays with its consents, as pending, and NoStorageFree is raised: staff may convert it
    later. hCaptcha is asked between two transactions. Raises what `reserving.ask` and `reserving.convert` do.
    """
    db = edge_of(request).db
    async with db.transaction(guest, read_only=True) as tx:
        settings = await identity.settings_of(tx)
        before = await reserving.asked_before(tx, token, asked, key)
        if before is None:
            await reserving.check(tx, asked)
    kind = captcha_kind(request, settings)
    if before is None and kind == "hcaptcha":
        await HCaptcha.from_settings(request.app.state.settings).check(captcha)
    nothing_free: NoStorageFree | None = None
    async with db.transaction(guest) as tx:
        made, is_new = (before, False) if before is not None else await reserving.ask(tx, token, asked, key)
        if is_new and kind == "altcha":
            await puzzles.use(tx, captcha)
        try:
            made = await reserving.convert(tx, made.id)
        except NoStorageFree as refusal:
            nothing_free = refusal
    if nothing_free is not None:
        raise nothing_free
    return Taken(made, await paying.to_pay(db, gateways_of(request), guest, made), not is_new)
