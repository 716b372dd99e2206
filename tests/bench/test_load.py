import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import repeat
from typing import cast

import pytest
import uvloop
from bench.load import Address, content_length, encode_request, generate_load, percentile

pytestmark = pytest.mark.unit

REQUEST = encode_request("GET", "/", headers={"Host": "localhost"})
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"

Answer = Callable[[asyncio.WriteTransport, int], None]


class Server(asyncio.Protocol):
    """Answers the n-th request it ever saw as `answer` says."""

    seen = 0

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        assert data == REQUEST
        Server.seen += 1
        self.answer(self.transport, Server.seen)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Address]:
    Server.seen = 0
    server = await asyncio.get_running_loop().create_server(lambda: Server(answer), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()


def created(transport: asyncio.WriteTransport, _: int) -> None:
    transport.write(CREATED)


async def test_every_request_is_sent_once_and_counted_by_its_status() -> None:
    async with serving(created) as address:
        load = await generate_load([address], repeat(REQUEST, 500), connections=8, seconds=10)
    assert (load.answered, dict(load.statuses), Server.seen) == (500, {201: 500}, 500)
    assert 0 < load.p50_ms <= load.p99_ms <= load.max_ms
    assert load.verified().per_second > 0


def test_it_runs_on_uvloop_as_the_benches_do() -> None:
    async def exchange() -> int:
        async with serving(created) as address:
            return (await generate_load([address], repeat(REQUEST, 100), connections=4, seconds=10)).verified().answered

    assert uvloop.run(exchange()) == 100


async def test_the_load_ends_when_its_time_is_up() -> None:
    async with serving(created) as address:
        load = await generate_load([address], repeat(REQUEST), connections=2, seconds=0.2)
    assert load.verified().seconds < 2
    assert load.answered == Server.seen


async def test_an_unexpected_status_fails_the_load_and_shows_the_answer() -> None:
    def refuse_the_third(transport: asyncio.WriteTransport, number: int) -> None:
        transport.write(b'HTTP/1.1 409 Conflict\r\ncontent-length: 11\r\n\r\n{"code":""}' if number == 3 else CREATED)

    async with serving(refuse_the_third) as address:
        load = await generate_load([address], repeat(REQUEST, 10), connections=1, seconds=10)
    assert dict(load.statuses) == {201: 9, 409: 1}
    with pytest.raises(RuntimeError, match=r"1 unexpected answers and 0 lost of 10(.|\n)*code"):
        load.verified()


async def test_an_answer_in_pieces_is_one_answer() -> None:
    def trickle(transport: asyncio.WriteTransport, _: int) -> None:
        for at, piece in enumerate((CREATED[:12], CREATED[12:40], CREATED[40:])):
            asyncio.get_running_loop().call_later(0.01 * at, transport.write, piece)

    async with serving(trickle) as address:
        load = await generate_load([address], repeat(REQUEST, 6), connections=2, seconds=10)
    assert dict(load.verified().statuses) == {201: 6}


async def test_a_connection_cut_before_the_answer_is_counted_and_replaced_but_nothing_is_sent_again() -> None:
    def cut_the_second(transport: asyncio.WriteTransport, number: int) -> None:
        if number == 2:
            transport.abort()
        else:
            transport.write(CREATED)

    async with serving(cut_the_second) as address:
        load = await generate_load([address], repeat(REQUEST, 5), connections=1, seconds=10)
    assert (load.answered, load.lost, Server.seen) == (4, 1, 5)
    with pytest.raises(RuntimeError, match="1 lost"):
        load.verified()


async def test_an_answer_of_unknown_length_is_never_taken_for_a_success() -> None:
    def chunk(transport: asyncio.WriteTransport, _: int) -> None:
        transport.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")

    async with serving(chunk) as address:
        load = await generate_load([address], repeat(REQUEST, 2), connections=1, seconds=10)
    assert (load.answered, load.lost) == (0, 2)


async def test_nobody_listening_ends_the_load_with_nothing_answered() -> None:
    load = await generate_load([("127.0.0.1", 1)], repeat(REQUEST), connections=1, seconds=0.1)
    with pytest.raises(RuntimeError, match="0 lost of 0"):
        load.verified()


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\nserver: x", 12),
        (b"HTTP/1.1 200 OK\r\nserver: x\r\nContent-LENGTH:7", 7),
        (b"HTTP/1.1 204 No Content\r\nserver: x", 0),
        (b"HTTP/1.1 200 OK\r\nserver: x", None),
    ],
)
def test_the_length_of_an_answer_is_read_however_it_is_written(head: bytes, length: int | None) -> None:
    assert content_length(head + b"\r\n\r\n", len(head)) == length


def test_percentiles_are_taken_from_the_ordered_values() -> None:
    assert [percentile(range(100), share) for share in (0.5, 0.99, 1.0)] == [50, 99, 99]
    assert percentile([], 0.5) == 0
