"""A lean HTTP/1.1 load generator: a fixed number of kept-alive connections, each sending its next request when it has its answer.

It sends requests that were encoded beforehand and reads of an answer the status and the length, so that it takes little of the
machine it shares with what it measures (`python -m bench generator` says how little). It is a closed loop: a latency is the time
one of N patient callers waits. Every answer's status is checked, and a lost connection is counted, never hidden by a retry.
"""

import asyncio
import gc
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

_HEAD_END = b"\r\n\r\n"
_SAMPLES_KEPT = 5
_RECONNECTS_ALLOWED = 1000
_DRAIN_SECONDS = 10.0  # what callers still in flight get after the time is up

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a run answered. Latencies are in milliseconds; `cpu_us` is this process's own cost a request, in microseconds."""

    answered: int
    seconds: float
    statuses: Mapping[int, int]
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float
    lost: int = 0
    unexpected: int = 0
    samples: Sequence[str] = field(default=())

    @property
    def per_second(self) -> float:
        """Answers a second, from the first request sent to the last answer read."""
        return self.answered / self.seconds if self.seconds else 0.0

    def verified(self) -> "Load":
        """This load, if every request got an answer and every answer was expected; raises RuntimeError with samples if not."""
        if self.lost or self.unexpected or not self.answered:
            told = (
                f"{self.unexpected} unexpected answers and {self.lost} lost of {self.answered + self.lost}: {dict(self.statuses)}"
            )
            raise RuntimeError("\n".join([told, *self.samples]))
        return self


def encode_request(method: str, target: str, *, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """One HTTP/1.1 request as bytes. `headers` must name the host; the length is added here."""
    lines = [
        f"{method} {target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + _HEAD_END + body


async def generate_load(
    addresses: Sequence[Address],
    requests: Iterable[bytes],
    *,
    connections: int,
    seconds: float,
    expect: frozenset[int] = frozenset({200, 201}),
) -> Load:
    """Send `requests` over `connections` shared out among `addresses` until they or the time run out; each is sent once."""
    run = _Run(iter(requests), expect)
    loop = asyncio.get_running_loop()
    gc.collect()
    gc.disable()
    cpu, run.began = time.process_time(), time.perf_counter()
    alarm = loop.call_later(seconds, run.stop)
    try:
        callers = [loop.create_task(_keep_calling(run, addresses[number % len(addresses)])) for number in range(connections)]
        await asyncio.gather(*callers)
    finally:
        alarm.cancel()
        gc.enable()
    return run.load(time.process_time() - cpu)


async def _keep_calling(run: "_Run", address: Address) -> None:
    """One caller: a connection, and another one whenever the server closed it, until there is nothing more to send."""
    loop = asyncio.get_running_loop()
    while not run.over:
        closed: asyncio.Future[None] = loop.create_future()
        try:
            transport, _ = await loop.create_connection(partial(_Caller, run, closed), *address)
        except OSError:
            run.count_reconnect()
            await asyncio.sleep(0.02)
            continue
        if not await _closes_in_time(run, closed):
            transport.abort()
            await closed


async def _closes_in_time(run: "_Run", closed: "asyncio.Future[None]") -> bool:
    """Wait for the connection's end: as long as the run lasts, and then as long as a drain may last."""
    while not closed.done():
        await asyncio.wait([closed], timeout=_DRAIN_SECONDS if run.over else 1.0)
        if run.over and not closed.done() and time.perf_counter() > run.stopped + _DRAIN_SECONDS:
            return False
    return True


class _Run:
    """What all callers share: where requests come from and where answers are counted."""

    def __init__(self, requests: Iterator[bytes], expect: frozenset[int]) -> None:
        self.requests = requests
        self.expect = expect
        self.over = False
        self.began = self.stopped = self.last_answer = 0.0
        self.latencies = array("d")
        self.statuses: dict[int, int] = {}
        self.samples: list[str] = []
        self.lost = self.reconnects = 0

    def stop(self) -> None:
        """No further request is sent; those in flight may still be answered."""
        if not self.over:
            self.over, self.stopped = True, time.perf_counter()

    def next_request(self) -> bytes | None:
        """The next request, or None when the run is over."""
        if self.over:
            return None
        request = next(self.requests, None)
        if request is None:
            self.stop()
        return request

    def count_answer(self, status: int, latency: float, now: float, answer: bytes) -> None:
        self.latencies.append(latency)
        self.last_answer = now
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status not in self.expect:
            self.keep(answer)

    def count_loss(self, why: str) -> None:
        self.lost += 1
        self.keep(why.encode())

    def count_reconnect(self) -> None:
        """A server that keeps closing or refusing connections ends the run; the load it answered tells."""
        self.reconnects += 1
        if self.reconnects > _RECONNECTS_ALLOWED:
            self.keep(b"gave up: the server refused or closed too many connections")
            self.stop()

    def keep(self, sample: bytes) -> None:
        if len(self.samples) < _SAMPLES_KEPT:
            self.samples.append(sample[:1000].decode(errors="replace"))

    def load(self, cpu: float) -> Load:
        times = sorted(self.latencies)
        answered = len(times)
        return Load(
            answered=answered,
            seconds=max(self.last_answer - self.began, 0.0),
            statuses=dict(sorted(self.statuses.items())),
            p50_ms=percentile(times, 0.50) * 1000,
            p99_ms=percentile(times, 0.99) * 1000,
            max_ms=percentile(times, 1.0) * 1000,
            cpu_us=cpu / answered * 1e6 if answered else 0.0,
            lost=self.lost,
            unexpected=sum(count for status, count in self.statuses.items() if status not in self.expect),
            samples=tuple(self.samples),
        )


class _Caller(asyncio.Protocol):
    """One connection: sends, reads one answer, sends the next."""

    __slots__ = ("_closed", "_in_flight", "_part", "_run", "_sent", "_transport")

    def __init__(self, run: _Run, closed: "asyncio.Future[None]") -> None:
        self._run = run
        self._closed = closed
        self._in_flight = False
        self._part = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without being a subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._part:
            data, self._part = self._part + data, b""
        head = data.find(_HEAD_END)
        length = content_length(data, head) if head >= 0 else 0
        size = head + 4 + length if length is not None else 0
        if head < 0 or len(data) < size:
            self._part = data
            return
        if not self._in_flight or len(data) > size:
            self._abandon(data)
            return
        now = time.perf_counter()
        self._in_flight = False
        self._run.count_answer(int(data[9:12]), now - self._sent, now, data)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._in_flight:
            self._in_flight = False
            self._run.count_loss(f"connection lost before the answer: {exc or 'closed by the server'}")
        if not self._run.over:
            self._run.count_reconnect()
        if not self._closed.done():
            self._closed.set_result(None)

    def _send(self) -> None:
        request = self._run.next_request()
        if request is None:
            self._transport.close()
            return
        self._in_flight = True
        self._sent = time.perf_counter()
        self._transport.write(request)

    def _abandon(self, data: bytes) -> None:
        """An answer this generator cannot read (chunked, or more than was asked for) counts as lost."""
        self._in_flight = False
        self._run.count_loss(f"unreadable answer: {data[:300]!r}")
        self._transport.abort()


def content_length(data: bytes, head: int) -> int | None:
    """The length of the body that follows the head ending at `head`; None if the answer does not tell."""
    at = data.find(b"content-length:", 0, head)
    if at < 0:
        at = data[:head].lower().find(b"content-length:")
    if at >= 0:
        return int(data[at + 15 : data.find(b"\r\n", at)])
    return 0 if data[9:12] in {b"204", b"304"} else None


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the ordered values lie; 0 for none."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
