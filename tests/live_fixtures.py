"""Watchers of balances, as the service sees them: ASGI without a network, so that many are cheap and one can stop reading."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from wallets_fixtures import Json

Headers = list[tuple[bytes, bytes]]


@dataclass
class Line:
    """A connection: what the service sent on it, and whether the other end reads."""

    scope: dict[str, Any]
    sent: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)
    heard: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    async def receive(self) -> dict[str, Any]:
        return await self.heard.get()

    async def send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        await self.sent.put(message)

    async def next(self, within: float = 5) -> dict[str, Any]:
        """The next message the service sends."""
        return await asyncio.wait_for(self.sent.get(), within)

    async def over(self, within: float = 5) -> None:
        """Wait until the service has ended it."""
        assert self.task is not None
        with contextlib.suppress(Exception):
            await asyncio.wait_for(asyncio.shield(self.task), within)
        assert self.task.done()


@dataclass
class Events(Line):
    """Server-sent events."""

    text: str = ""

    async def status(self) -> int:
        """The status of the answer, which comes first."""
        return int((await self.next())["status"])

    async def balance(self, within: float = 5) -> Json:
        """The next balance told."""
        while True:
            name, data = await self.event(within)
            if name == "balance":
                return data

    async def event(self, within: float = 5) -> tuple[str, Json]:
        """The next event that is no comment."""
        while True:
            while "\n\n" not in self.text:
                self.text += (await self.next(within))["body"].decode()
            block, _, self.text = self.text.partition("\n\n")
            fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if "data" in fields:
                return fields.get("event", "message"), json.loads(fields["data"])


@dataclass
class Socket(Line):
    """A WebSocket."""

    async def balance(self) -> Json:
        """The next balance told."""
        while True:
            message = await self.next()
            assert message["type"] == "websocket.send", message
            told: Json = json.loads(message["text"])
            if told["type"] == "balance":
                return told


@asynccontextmanager
async def events(app: FastAPI, wallet: str, *, headers: Headers | None = None, query: str = "") -> AsyncIterator[Events]:
    """Watch a wallet by events until the block ends."""
    scope = _scope("http", f"/v1/wallets/{wallet}/balance-stream", headers) | {"method": "GET", "query_string": query.encode()}
    line = Events(scope)
    async with _open(app, line, [{"type": "http.request", "body": b"", "more_body": False}], "http.disconnect"):
        yield line


@asynccontextmanager
async def socket(
    app: FastAPI, wallet: str, *, headers: Headers | None = None, offered: tuple[str, ...] = ()
) -> AsyncIterator[Socket]:
    """Watch a wallet by WebSocket until the block ends."""
    scope = _scope("websocket", f"/v1/wallets/{wallet}/live", headers) | {"subprotocols": list(offered), "query_string": b""}
    line = Socket(scope | {"extensions": {"websocket.http.response": {}}})
    async with _open(app, line, [{"type": "websocket.connect"}], "websocket.disconnect"):
        yield line


@asynccontextmanager
async def _open(app: FastAPI, line: Line, hello: list[dict[str, Any]], goodbye: str) -> AsyncIterator[None]:
    line.reads.set()
    for message in hello:
        line.heard.put_nowait(message)
    line.task = asyncio.create_task(app(line.scope, line.receive, line.send))  # type: ignore[arg-type]
    try:
        yield
    finally:
        line.heard.put_nowait({"type": goodbye, "code": 1000})
        line.reads.set()
        await line.over()


def _scope(kind: str, path: str, headers: Headers | None) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "server": ("vezne.test", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "headers": headers or [],
        "state": {},
    }
