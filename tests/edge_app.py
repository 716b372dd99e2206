"""A small application on the kernel's edge, for the tests of the edge alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import httpx2
from fastapi import FastAPI, Query
from pydantic import Field
from starlette.requests import Request

from vezne import identity
from vezne.kernel import edge
from vezne.kernel.db import Database
from vezne.kernel.errors import Conflict
from vezne.kernel.events import Event
from vezne.kernel.http import Edge, RequestModel, TxDep, requires, router
from vezne.kernel.ids import PublicId, new_id
from vezne.kernel.money import AmountMinor, Currency
from vezne.kernel.paging import PageQuery
from vezne.kernel.principal import Principal

WalletId = Annotated[UUID, PublicId("wal")]
LEAK = "the vault is at vz_sk_test_never_show_this"


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletNoted(Event):
    wallet_id: UUID
    note: str


class NoteRefused(Conflict):
    """The note {note} is refused."""


class NoteIn(RequestModel):
    """A note to keep."""

    note: str = Field(max_length=1_000)
    amount_minor: AmountMinor = 1
    currency: Currency = "TRY"
    metadata: dict[str, str] = Field(default_factory=dict)
    refuse: bool = False
    wait: float = 0


notes = router("/v1/notes", "Notes")


@notes.post("", status_code=201, dependencies=[requires("wallets.write")])
async def post_note(body: NoteIn, tx: TxDep) -> dict[str, str]:
    """Keep a note, or refuse it after it was written."""
    fact = WalletNoted(wallet_id=new_id(), note=body.note)
    await tx.publish(fact)
    await tx.flush()
    await asyncio.sleep(body.wait)
    if body.refuse:
        raise NoteRefused(note=body.note)
    return {"wallet": fact.subject(), "note": body.note}


@notes.get("", dependencies=[requires("wallets.read")])
async def get_notes(tx: TxDep, page: PageQuery, note: Annotated[str | None, Query()] = None) -> dict[str, int]:
    """How many notes there are."""
    count = await tx.fetchval(
        """SELECT count(*) FROM events
           WHERE tenant_id = $1 AND type = 'wallet.noted' AND ($2::text IS NULL OR payload->>'note' = $2)""",
        tx.tenant_id,
        note,
    )
    return {"notes": count, "limit": page.limit}


@notes.get("/{wallet_id}")
async def get_note(wallet_id: WalletId, tx: TxDep) -> dict[str, str]:
    """Echo an id."""
    return {"tenant": str(tx.tenant_id), "wallet": wallet_id.hex}


@notes.post("/bugs")
async def post_bug(tx: TxDep) -> dict[str, str]:
    """A bug of ours, after something was written."""
    await tx.publish(WalletNoted(wallet_id=new_id(), note="bug"))
    await tx.flush()
    raise RuntimeError(LEAK)


def make_app(db: Database) -> FastAPI:
    """The application, with the house's own authentication."""
    app = FastAPI()
    keys = identity.Authenticator(db)

    async def who(request: Request) -> Principal:
        return await keys.authenticate(request.headers.get("authorization"))

    app.state.edge = Edge(db, who)
    app.include_router(notes)
    edge.install(app)
    return app


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Requests to `app` without a network."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://edge.test") as client:
        yield client
