"""Tickets, their codes and the door over HTTP."""

import io
from datetime import datetime
from typing import Annotated, Any, Literal

import segno
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from vezne import identity
from vezne.bookings import refusals as says
from vezne.bookings.api.fields import (
    CheckId,
    ClaimId,
    CustomerId,
    ResourceId,
    TicketId,
    TicketOut,
    fields_of,
)
from vezne.bookings.codes import LONGEST_CODE, public_keys
from vezne.bookings.operations import checking_in, tickets
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.paging import CursorUnknown, Page, PageParams, by_id, page_of

api = router("/v1", "Tickets")
keys = APIRouter(prefix="/v1/ticket-keys", tags=["Tickets"])

_READ = [requires("bookings.read")]
_IMAGES = {"svg": "image/svg+xml", "png": "image/png"}


class TicketFilter(PageParams):
    """Which tickets are asked for."""

    resource_id: ResourceId | None = None
    customer_id: CustomerId | None = None
    claim_id: ClaimId | None = None


class CodeOut(BaseModel):
    """The text of a ticket's QR code."""

    ticket_id: TicketId
    version: int
    code: str = Field(description="a JWT (EdDSA); GET /v1/ticket-keys verifies it offline")


class TransferIn(RequestModel):
    """Who gets the ticket."""

    customer_id: CustomerId


class CheckInIn(RequestModel):
    """A code that was scanned."""

    code: str = Field(min_length=1, max_length=LONGEST_CODE)
    nonce: Annotated[str, StringConstraints(min_length=8, max_length=100, pattern=r"^[!-~]+$")] = Field(
        description="the scanner's own name for this scan: sent again, it gets the same answer"
    )
    resource_id: ResourceId | None = Field(None, description="what is checked here; null: anything")


class CheckInOut(BaseModel):
    """Somebody was let in."""

    id: CheckId
    ticket_id: TicketId
    resource_id: ResourceId
    nonce: str
    actor: str = Field(description="who let them in")
    checked_in_at: datetime


class EntryOut(CheckInOut):
    """Somebody was let in, and what with."""

    resource_name: str
    ticket: TicketOut


class CheckInFilter(PageParams):
    """Which check-ins are asked for."""

    resource_id: ResourceId | None = None


class KeySet(BaseModel):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, str]]


@api.get("/tickets", dependencies=_READ, responses=refusals(CursorUnknown))
async def list_tickets(asked: Annotated[TicketFilter, Query()], tx: TxDep) -> Page[TicketOut]:
    """Tickets, newest first."""
    found = await tickets.tickets_page(
        tx,
        limit=asked.limit + 1,
        before=asked.id_of("tkt"),
        resource_id=asked.resource_id,
        customer_id=asked.customer_id,
        claim_id=asked.claim_id,
    )
    return page_of(found, asked, TicketOut.of, by_id("tkt"))


@api.get("/tickets/{ticket_id}", dependencies=_READ, responses=refusals(says.TicketUnknown))
async def get_ticket(ticket_id: TicketId, tx: TxDep) -> TicketOut:
    """One ticket."""
    return TicketOut.of(await tickets.ticket(tx, ticket_id))


@api.get("/tickets/{ticket_id}/code", dependencies=_READ, responses=refusals(says.TicketUnknown, says.TicketVoid))
async def get_code(ticket_id: TicketId, tx: TxDep) -> CodeOut:
    """The text of a ticket's QR code."""
    found = await tickets.ticket(tx, ticket_id)
    return CodeOut(ticket_id=found.id, version=found.version, code=await tickets.ticket_code(tx, found))


@api.get(
    "/tickets/{ticket_id}/qr",
    dependencies=_READ,
    response_class=Response,
    responses={
        **refusals(says.TicketUnknown, says.TicketVoid),
        200: {"content": {mime: {"schema": {"type": "string"}} for mime in _IMAGES.values()}, "description": "the picture"},
    },
)
async def get_qr(
    ticket_id: TicketId,
    tx: TxDep,
    picture: Annotated[Literal["svg", "png"], Query(alias="format")] = "svg",
    scale: Annotated[int, Query(ge=1, le=20, description="pixels a module")] = 4,
) -> Response:
    """A ticket's QR code as a picture."""
    code = await tickets.ticket_code(tx, await tickets.ticket(tx, ticket_id))
    return Response(draw_qr(code, picture, scale), media_type=_IMAGES[picture], headers={"Cache-Control": "no-store"})


@api.post(
    "/tickets/{ticket_id}/transfers",
    status_code=201,
    dependencies=[requires("bookings.write")],
    responses=refusals(says.TicketUnknown, says.TicketVoid, says.TicketUsed, identity.CustomerNotFound),
)
async def post_transfer(ticket_id: TicketId, body: TransferIn, tx: TxDep) -> TicketOut:
    """Pass a ticket to another customer: it gets a new code, the one of before is void."""
    return TicketOut.of(await tickets.transfer_ticket(tx, ticket_id, body.customer_id))


@api.post(
    "/check-ins",
    status_code=201,
    dependencies=[requires("checkin.write")],
    responses=refusals(
        says.CodeNotOurs,
        says.TicketUnknown,
        says.TicketElsewhere,
        says.TicketVoid,
        says.TicketSuperseded,
        says.TicketOver,
        says.PaymentRequired,
        says.AlreadyCheckedIn,
        says.NonceUsed,
    ),
)
async def post_check_in(body: CheckInIn, tx: TxDep) -> EntryOut:
    """Let in whoever shows this code, once; a second scan is told when the first was."""
    done = await checking_in.check_in(tx, body.code, body.nonce, resource_id=body.resource_id)
    shown = fields_of(CheckInOut, done.check_in)
    return EntryOut(**shown, resource_name=done.resource.name, ticket=TicketOut.of(done.ticket))


@api.get("/check-ins", dependencies=_READ, responses=refusals(CursorUnknown))
async def list_check_ins(asked: Annotated[CheckInFilter, Query()], tx: TxDep) -> Page[CheckInOut]:
    """Who was let in, newest first."""
    found = await checking_in.check_ins_page(tx, limit=asked.limit + 1, before=asked.id_of("chk"), resource_id=asked.resource_id)
    return page_of(found, asked, lambda each: CheckInOut(**fields_of(CheckInOut, each)), by_id("chk"))


@keys.get("", openapi_extra={"security": []})  # public keys: whoever stands at a door needs no API key to have them
async def list_ticket_keys(request: Request) -> KeySet:
    """The public keys with which anybody verifies a ticket's code offline (Ed25519)."""
    return KeySet(keys=public_keys(request.app.state.edge.db.vault)["keys"])


def draw_qr(code: str, picture: Literal["svg", "png"], scale: int) -> bytes:
    """A QR code with the quiet zone its standard asks for."""
    out = io.BytesIO()
    options: dict[str, Any] = {"svgclass": None, "lineclass": None, "title": "QR"} if picture == "svg" else {}
    segno.make_qr(code, error="m").save(out, kind=picture, scale=scale, border=4, light="white", **options)
    return out.getvalue()
