"""Where Stripe tells us of everything: one address for all tenants, as a Stripe account has one list of endpoints (CM5, CM13).

Whose an event is stands in the metadata of its object, which we wrote there. A deployment of which only one tenant uses Stripe
keeps everything for that tenant; of several, an event that names none is asked after at Stripe before it is kept.
"""

from dataclasses import replace

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from vezne import identity
from vezne.kernel.body import BodyTooLarge, read_body
from vezne.kernel.db import Database, DatabaseUnavailable
from vezne.kernel.http import Edge, refusals
from vezne.kernel.principal import Principal
from vezne.payments.api.webhooks import WebhookId
from vezne.payments.gateways import Gateways, ProviderUnknown
from vezne.payments.operations import receiving
from vezne.payments.operations.paying import principal_of
from vezne.payments.providers.base import ProviderUnavailable, SignatureInvalid
from vezne.payments.providers.stripe import StripeProvider
from vezne.payments.providers.stripe_amounts import NAME
from vezne.payments.providers.stripe_notices import tenant_in
from vezne.payments.tenant_texts import tenant_number

LARGEST_EVENT = 256 * 1024
"""A bill with many lines is a long event."""

notices_api = APIRouter(prefix="/v1/stripe", tags=["webhooks in"])


class WebhookForged(SignatureInvalid):
    """The event is not believed: {reason}."""

    documented_code = "PAY005"


class StripeEventKept(BaseModel):
    """The event is believed."""

    id: WebhookId | None = Field(description="as it is kept; null: it concerns none of our tenants, and is not kept")


@notices_api.post(
    "/webhook",
    responses=refusals(ProviderUnknown, WebhookForged, ProviderUnavailable, BodyTooLarge, DatabaseUnavailable),
    openapi_extra={"security": []},  # no API key: the signature tells who speaks
)
async def receive_stripe_webhook(request: Request) -> StripeEventKept:
    """Keep what Stripe tells and answer at once; a job then asks Stripe what is true. The same event again: kept, not acted on.

    Set this address on Stripe's dashboard, for snapshot or thin events of any API version. What is not believed is kept as
    forged where its tenant is known, and answered with 401 and PAY005.
    """
    edge: Edge = request.app.state.edge
    gateways: Gateways = request.app.state.gateways
    raw, headers = await read_body(request, LARGEST_EVENT), dict(request.headers)
    try:
        sender = await _sender(edge.db, gateways, raw, headers)
        if sender is None:
            return StripeEventKept(id=None)
        sender = replace(sender, request_id=request.state.request_id)
        return StripeEventKept(id=await receiving.receive(edge.db, gateways, sender, NAME, raw, headers))
    except SignatureInvalid as invalid:
        raise WebhookForged(reason=invalid.facts.get("reason")) from None


async def _sender(db: Database, gateways: Gateways, raw: bytes, headers: dict[str, str]) -> Principal | None:
    """The tenant it is about, with no permission of any kind; None: it is Stripe's word, and about none of ours."""
    provider = gateways.provider(NAME)
    named = tenant_in(raw)
    found = await (_only_user(db) if named is None else _tenant(db, named))
    if found is not None:
        return found
    notice = provider.read_webhook(raw, headers, gateways.now())
    if named is None and isinstance(provider, StripeProvider):
        named = await provider.whose(notice)
    return await _tenant(db, named or "")


async def _tenant(db: Database, text: str) -> Principal | None:
    try:
        return await principal_of(db, tenant_number(text), f"provider:{NAME}", "provider")
    except (ValueError, identity.TenantNotFound):
        return None


async def _only_user(db: Database) -> Principal | None:
    """The one tenant that takes payments through Stripe, if no other does."""
    users = [tenant for tenant in await identity.list_tenants(db) if _uses_stripe(tenant)]
    if len(users) != 1:
        return None
    return Principal(users[0].tenant_id, f"provider:{NAME}", "provider", frozenset(), users[0].livemode)


def _uses_stripe(tenant: identity.Tenant) -> bool:
    return NAME in {tenant.settings.payment_provider, *tenant.settings.other_providers}
