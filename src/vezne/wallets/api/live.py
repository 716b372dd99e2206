"""A wallet's balance as it changes, over server-sent events and over WebSocket.

A browser can set no header on either. So a customer's token, and nothing else, may stand in the address of the events (it is
taken out there before anything is logged), and be offered as a subprotocol beside `vezne` on the WebSocket.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Query
from pydantic import BaseModel
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from vezne.kernel import clock, edge
from vezne.kernel.errors import Refusal, Unauthenticated
from vezne.kernel.http import Edge, TransactionalRoute, TxDep, refusals, requires, router
from vezne.kernel.ids import new_id, parse_id
from vezne.kernel.principal import Principal
from vezne.wallets import refusals as says
from vezne.wallets.api.schemas import WalletId
from vezne.wallets.models import Sight
from vezne.wallets.operations.wallets import seen_wallet
from vezne.wallets.operations.watching import TooManyWatchers, Watching, sight_of

PROTOCOL = "vezne"
TOKEN_PREFIX = "vz_ct_"  # noqa: S105 - what a customer's token begins with
TOKEN_OVER, TOO_SLOW, NOT_ALLOWED = 4401, 4408, 1008


class BalanceOut(BaseModel):
    """What a wallet holds, in minor units; `version` counts its transactions."""

    type: str = "balance"
    wallet_id: WalletId
    balance_minor: int
    available_minor: int
    held_minor: int
    currency: str
    version: int
    at: str


class BalanceEvents(EventSourceResponse):
    """Events to a reader who may stop reading: then it is gone, and no fault of ours. They end whole when the service stops."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        whole = False

        async def heard(message: Message) -> None:
            nonlocal whole
            whole = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await super().__call__(scope, receive, heard)
        except SendTimeoutError:
            raise ClientDisconnect from None
        if not whole:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class TokenInAddressRoute(TransactionalRoute):
    """A route that also takes a customer's token from the address: it becomes the header, and is never seen there again."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = next((value for name, value in asked if name == "token"), "")
        scope["query_string"] = urlencode([(name, value) for name, value in asked if name != "token"]).encode()
        if token.startswith(TOKEN_PREFIX) and all(name != b"authorization" for name, _ in scope["headers"]):
            scope["headers"] = [*scope["headers"], (b"authorization", f"Bearer {token}".encode())]
        await super().handle(scope, receive, send)


api = router("/v1/wallets", "Wallets")
api.route_class = TokenInAddressRoute


@api.get(
    "/{wallet_id}/balance-stream",
    response_class=EventSourceResponse,
    dependencies=[requires("wallets.read", own="own.read")],
    responses={
        **refusals(says.WalletMissing, TooManyWatchers),
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "Events `balance`, the first at once, the next whenever it differs; their data is JSON: `wallet_id`, "
            "`balance_minor`, `available_minor`, `held_minor`, `currency`, `version`, `at`. `end` says that the token is over. "
            "The same over WebSocket at `/v1/wallets/{wallet_id}/live`, with the subprotocol `vezne`, and beside it a customer's "
            "token where no header can be set.",
        },
    },
)
async def stream_balance(
    wallet_id: WalletId,
    request: Request,
    tx: TxDep,
    token: Annotated[  # noqa: ARG001 - read by the route, which takes it out of the address
        str | None, Query(description="a customer's token, where no header can be set", max_length=4096)
    ] = None,
) -> EventSourceResponse:
    """What a wallet holds, told again whenever that changes, until the token is over. A customer's token sees its own wallets."""
    first = await sight_of(tx, await seen_wallet(tx, wallet_id))
    watching = _watching(request)
    watching.demand_room(tx.principal)
    return BalanceEvents(
        _events(watching, request, tx.principal, first),
        headers={"Access-Control-Allow-Origin": "*"},  # the token is all that opens it, and no browser adds that by itself
        ping=watching.pace.heartbeat.total_seconds(),
        send_timeout=watching.pace.slowest.total_seconds(),
        sep="\n",
    )


@api.websocket("/{wallet_id}/live")
async def watch_balance(socket: WebSocket, wallet_id: str) -> None:
    """What a wallet holds, told again whenever that changes, until the token is over."""
    request = _as_request(socket)
    try:
        principal, first = await _admitted(request, wallet_id)
        watching = _watching(request)
        watching.demand_room(principal)
    except Refusal as refusal:
        await _deny(socket, refusal)
        return
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
    listening = asyncio.create_task(_until_gone(socket))
    telling = asyncio.create_task(_tell(socket, _sights(watching, request, principal, first), watching.pace.slowest))
    try:
        await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (listening, telling):
            task.cancel()
        await asyncio.gather(listening, telling, return_exceptions=True)


def _watching(request: Request) -> Watching:
    """The process's watches."""
    state = request.app.state
    found: Watching | None = getattr(state, "wallet_watching", None)
    if found is None:
        found = state.wallet_watching = Watching(state.edge.db)
    return found


async def _sights(watching: Watching, request: Request, principal: Principal, first: Sight) -> AsyncGenerator[Sight | None]:
    """The first sight, then each change, and None once a heartbeat; ends when the token is over, or its key was revoked."""
    heartbeat, over = watching.pace.heartbeat, principal.expires_at
    with watching.watch(principal, first) as watch:
        yield first
        beat = clock.real_now() + heartbeat
        while over is None or clock.real_now() < over:
            until = beat if over is None else min(beat, over)
            sight = await watch.change(max(until - clock.real_now(), timedelta()))
            if clock.real_now() >= beat:
                if not await _stands(request):
                    return
                beat = clock.real_now() + heartbeat
                yield sight
            elif sight is not None:
                yield sight


async def _stands(request: Request) -> bool:
    """Whether the key or token is still good; when that cannot be told just now, it is."""
    who: Edge = request.app.state.edge
    try:
        await who.authenticate(request)
    except Unauthenticated:
        return False
    except Refusal:
        return True
    return True


async def _events(watching: Watching, request: Request, principal: Principal, first: Sight) -> AsyncGenerator[ServerSentEvent]:
    async with contextlib.aclosing(_sights(watching, request, principal, first)) as sights:
        async for sight in sights:
            if sight is not None:
                yield ServerSentEvent(json.dumps(_shown(sight)), event="balance", id=str(sight.version), sep="\n")
    yield ServerSentEvent('{"type": "end"}', event="end", sep="\n")


async def _tell(socket: WebSocket, sights: AsyncGenerator[Sight | None], slowest: timedelta) -> None:
    """Send every sight, and a heartbeat where there is none; whoever does not read is dropped."""
    async with contextlib.aclosing(sights) as told:
        async for sight in told:
            message = {"type": "heartbeat"} if sight is None else _shown(sight)
            try:
                await asyncio.wait_for(socket.send_json(message), slowest.total_seconds())
            except TimeoutError:
                with contextlib.suppress(TimeoutError, RuntimeError):
                    await asyncio.wait_for(socket.close(TOO_SLOW, "too slow"), 1)
                return
    await socket.close(TOKEN_OVER, "the token is over")


async def _until_gone(socket: WebSocket) -> None:
    """Listen until the other end has gone; what it says means nothing here."""
    with contextlib.suppress(WebSocketDisconnect):
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass


async def _admitted(request: Request, wallet_id: str) -> tuple[Principal, Sight]:
    """Who asks, and the first sight. Raises what the edge and the wallet refuse with."""
    who: Edge = request.app.state.edge
    principal = await who.authenticate(request)
    principal.demand("own.read" if principal.customer_id is not None else "wallets.read")
    async with who.db.transaction(principal, read_only=True) as tx:
        return principal, await sight_of(tx, await seen_wallet(tx, parse_id("wal", wallet_id)))


def _as_request(socket: WebSocket) -> Request:
    """The handshake as the request it began as; a customer's token offered as a subprotocol becomes its header."""
    offered: list[str] = socket.scope.get("subprotocols", [])
    token = next((each for each in offered if each.startswith(TOKEN_PREFIX)), None)
    headers = socket.scope["headers"]
    if token is not None and all(name != b"authorization" for name, _ in headers):
        headers = [*headers, (b"authorization", f"Bearer {token}".encode())]
    return Request({**socket.scope, "type": "http", "method": "GET", "headers": headers})


async def _deny(socket: WebSocket, refusal: Refusal) -> None:
    """Refuse the handshake with the refusal as its answer, where the server can send one."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(edge.refusal_response(refusal, f"req_{new_id().hex}"))
    else:
        await socket.close(NOT_ALLOWED)


def _shown(sight: Sight) -> dict[str, Any]:
    return BalanceOut(
        wallet_id=sight.wallet_id,
        balance_minor=sight.balance_minor,
        available_minor=sight.available_minor,
        held_minor=sight.held_minor,
        currency=sight.currency,
        version=sight.version,
        at=sight.at.isoformat().replace("+00:00", "Z"),
    ).model_dump(mode="json")
