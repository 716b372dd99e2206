"""A TCP proxy on loopback that does what networks do: it cuts, slows, swallows. Every fault is counted when it happens."""

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

Side = Literal["to_server", "to_client"]
Moment = Literal["before", "in flight", "answered"]
CHUNK = 65536
REMEMBERED = 2**20


class Cut(Exception):
    """The connection ends here."""


@dataclass(eq=False)
class AtCommit:
    """What happens to the next transaction that says all these words, when it commits.

    Its connection is cut at that moment. With `waits`, the transaction first stands still there, until `go` is set: `port`, by
    which whoever commits is connected to the proxy, tells who that is.
    """

    words: tuple[bytes, ...]
    moment: Moment
    waits: bool = False
    port: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class Link:
    """One connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    budget: dict[Side, int] = field(default_factory=dict)
    at_commit: Moment | None = None
    said: bytearray = field(default_factory=bytearray)
    fate: AtCommit | None = None

    def cut(self) -> None:
        """End both halves at once, without a goodbye."""
        for writer in (self.client, self.server):
            writer.transport.abort()


Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@dataclass
class FaultProxy:
    """Forwards to one server. Faults are armed by setting the fields; `fired` says what happened how often.

    `cut_after`: each new connection is cut after so many bytes to that side. `commit_cuts`: so many COMMITs to come are cut, at
    the moment that `commit_moment` names. `slow`: seconds each chunk takes longer. `half_open`: nothing arrives any more,
    and nobody is told. `fates`: what is to happen to one transaction each, known by what it says.
    """

    open: Open
    port: int = 0
    cut_after: tuple[Side, int] | None = None
    commit_cuts: int = 0
    commit_moment: Moment = "answered"
    slow: float = 0.0
    half_open: bool = False
    fates: list[AtCommit] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    links: set[Link] = field(default_factory=set)

    def calm(self) -> None:
        """No fault is armed; what was swallowed stays lost, so connections that lost something are cut."""
        if self.half_open:
            self.cut_all()
        self.cut_after, self.commit_cuts, self.slow, self.half_open = None, 0, 0.0, False

    def cut_all(self) -> None:
        """Cut every connection there is."""
        self.fired["connection cut"] += len(self.links)
        for link in self.links:
            link.cut()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        try:
            server_reader, server_writer = await self.open()
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, server_writer)
        if self.cut_after is not None:
            link.budget = dict([self.cut_after])
        self.links.add(link)
        pumps = [
            asyncio.create_task(self._pump(link, reader, server_writer, "to_server")),
            asyncio.create_task(self._pump(link, server_reader, writer, "to_client")),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            link.cut()
            self.links.discard(link)
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, side: Side) -> None:
        with contextlib.suppress(OSError, Cut):
            while chunk := await reader.read(CHUNK):
                if self.half_open:
                    self.fired["half-open"] += 1
                    continue
                if self.slow:
                    self.fired["slow"] += 1
                    await asyncio.sleep(self.slow)
                await self._forward(link, chunk, writer, side)

    async def _forward(self, link: Link, chunk: bytes, writer: asyncio.StreamWriter, side: Side) -> None:
        left = link.budget.get(side)
        if left is not None:
            link.budget[side] = left - len(chunk)
            if left < len(chunk):
                writer.write(chunk[:left])
                await writer.drain()
                self.fired[f"cut {side}"] += 1
                raise Cut
        if side == "to_server":
            self._listen(link, chunk)
            if link.at_commit == "before":
                await self._end_at_commit(link)
        elif link.at_commit:
            await self._end_at_commit(link)  # the server has committed and said so; nobody hears it
        writer.write(chunk)
        await writer.drain()
        if link.at_commit == "in flight":
            await self._end_at_commit(link)

    def _listen(self, link: Link, chunk: bytes) -> None:
        """Remember what a transaction says while anybody waits for words, and see whether it commits."""
        if self.fates:
            if b"BEGIN" in chunk:
                link.said.clear()
            link.said += chunk[: REMEMBERED - len(link.said)]
        if not _commits(chunk):
            return
        if self.commit_cuts:
            self.commit_cuts -= 1
            link.at_commit = self.commit_moment
            return
        link.fate = next((fate for fate in self.fates if all(word in link.said for word in fate.words)), None)
        if link.fate is not None:
            self.fates.remove(link.fate)
            link.fate.port = link.client.get_extra_info("peername")[1]
            link.at_commit = link.fate.moment

    async def _end_at_commit(self, link: Link) -> None:
        if link.fate is not None:
            link.fate.reached.set()
            if link.fate.waits:
                await link.fate.go.wait()
            self.fired[f"{link.fate.words[0].decode()} cut at COMMIT, {link.at_commit}"] += 1
        self._count_commit(link)

    def _count_commit(self, link: Link) -> None:
        self.fired[f"cut at COMMIT, {link.at_commit}"] += 1
        raise Cut


def _commits(chunk: bytes) -> bool:
    """Whether these frontend messages hold a COMMIT, as a simple query or as one to be parsed."""
    at = chunk.find(b"COMMIT")
    while at != -1:
        for head in (5, 6):  # Q, length, text; P, length, empty name, text
            start = at - head
            if start >= 0 and chunk[start : start + 1] in {b"Q", b"P"}:
                (length,) = struct.unpack("!I", chunk[start + 1 : start + 5])
                if length < 64:
                    return True
        at = chunk.find(b"COMMIT", at + 1)
    return False


@asynccontextmanager
async def proxy_to(open_server: Open) -> AsyncIterator[FaultProxy]:
    """A proxy on a free port of loopback."""
    proxy = FaultProxy(open_server)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = int(listening.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        listening.close()
        proxy.cut_all()


def postgres_at(dsn: str) -> tuple[Open, Callable[[int], str]]:
    """How to reach the server behind an address, and the address of a proxy's port in its place."""
    parts = urlsplit(dsn)
    host = parse_qs(parts.query).get("host", [""])[0]

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if host.startswith("/"):
            return await asyncio.open_unix_connection(str(Path(host) / ".s.PGSQL.5432"))
        return await asyncio.open_connection(parts.hostname, parts.port or 5432)

    def through(port: int) -> str:
        return f"postgresql://{unquote(parts.username or '')}@127.0.0.1:{port}{parts.path}?sslmode=disable"

    return connect, through
