"""Where providers tell us what happened, and the log of what they told."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from vezne import identity
from vezne.kernel.body import BodyTooLarge, read_body
from vezne.kernel.db import DatabaseUnavailable
from vezne.kernel.errors import NotFound
from vezne.kernel.http import Edge, TxDep, refusals, router
from vezne.kernel.ids import PublicId
from vezne.kernel.paging import Page, PageParams, by_id, page_of
from vezne.kernel.principal import Principal
from vezne.payments import queries_webhooks
from vezne.payments.gateways import Gateways, ProviderUnknown
from vezne.payments.models import InboundWebhook
from vezne.payments.operations import receiving
from vezne.payments.operations.paying import principal_of
from vezne.payments.providers.base import SignatureInvalid
from vezne.payments.tenant_texts import tenant_number

LARGEST_BODY = 64 * 1024
WebhookId = Annotated[UUID, PublicId("whk")]
Outcome = Literal["received", "forged", "duplicate", "waiting", "unknown_payment", "applied"]

receiving_api = APIRouter(prefix="/v1/providers", tags=["webhooks in"])
log_api = router("/v1/inbound-webhooks", "webhooks in", permission="payments.read")


class WebhookAddressUnknown(NotFound):
    """No webhooks are received here."""


class WebhookKept(BaseModel):
    """The webhook is ours to act on."""

    id: WebhookId


class InboundWebhookOut(BaseModel):
    """What a provider, or somebody in its name, sent."""

    id: WebhookId
    provider: str
    received_at: datetime
    signature_valid: bool | None
    event_id: str | None
    type: str | None
    provider_ref: str | None
    subscription_ref: str | None
    dispute_ref: str | None
    outcome: Outcome
    note: str | None
    processed_at: datetime | None
    headers: dict[str, str]
    body: str = Field(description="as it came; bytes that are no UTF-8 are replaced")


class WebhookFilter(PageParams):
    """Which webhooks are asked for."""

    provider: str | None = Field(None, max_length=64)
    outcome: Outcome | None = None


@receiving_api.post(
    "/{provider}/webhooks/{tenant}",
    responses=refusals(WebhookAddressUnknown, ProviderUnknown, SignatureInvalid, BodyTooLarge, DatabaseUnavailable),
    openapi_extra={"security": []},  # no API key: the signature tells who speaks
)
async def receive_webhook(request: Request, provider: str, tenant: str) -> WebhookKept:
    """Keep what a provider says and answer at once; a job then asks the provider what is true.

    The address is given to the provider with each payment. Whether the sender is believed is decided by its signature alone.
    """
    edge: Edge = request.app.state.edge
    gateways: Gateways = request.app.state.gateways
    gateways.provider(provider)
    sender = await _sender(edge, provider, tenant, request.state.request_id)
    raw = await read_body(request, LARGEST_BODY)
    kept = await receiving.receive(edge.db, gateways, sender, provider, raw, dict(request.headers))
    return WebhookKept(id=kept)


async def _sender(edge: Edge, provider: str, tenant: str, request_id: str) -> Principal:
    try:
        number = tenant_number(tenant)
        principal = await principal_of(edge.db, number, f"provider:{provider}", "provider")
    except (ValueError, identity.TenantNotFound):
        raise WebhookAddressUnknown from None
    return replace(principal, request_id=request_id)


@log_api.get("")
async def list_inbound_webhooks(tx: TxDep, asked: Annotated[WebhookFilter, Query()]) -> Page[InboundWebhookOut]:
    """What providers told us, newest first: raw, and what became of it."""
    rows = await queries_webhooks.select_webhooks(
        tx,
        limit=asked.limit + 1,
        before=asked.id_of("whk"),
        provider=asked.provider,
        outcome=asked.outcome,
    )
    return page_of(rows, asked, _shown, by_id("whk"))


def _shown(webhook: InboundWebhook) -> InboundWebhookOut:
    return InboundWebhookOut.model_validate(
        {
            "id": webhook.id,
            "provider": webhook.provider,
            "received_at": webhook.received_at,
            "signature_valid": webhook.signature_valid,
            "event_id": webhook.event_id,
            "type": webhook.type,
            "provider_ref": webhook.provider_ref,
            "subscription_ref": webhook.subscription_ref,
            "dispute_ref": webhook.dispute_ref,
            "outcome": webhook.outcome,
            "note": webhook.note,
            "processed_at": webhook.processed_at,
            "headers": dict(webhook.headers),
            "body": webhook.raw_body.decode(errors="replace"),
        }
    )
