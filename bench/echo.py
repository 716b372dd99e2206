"""A server that answers every request at once with the same small JSON: what the load generator's own cost is measured against.

Run as `python -m bench.echo`; it prints its port on the first line and ends when its standard input does.
"""

import asyncio
import contextlib
import sys
from typing import cast

import uvloop

_BODY = b'{"id":"txn_01jzz0000000000000000000","wallet_id":"wal_01jzz0000000000000000000","amount_minor":1,"currency":"TRY"}'
_ANSWER = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


class Echo(asyncio.Protocol):
    """Answers once for each piece that arrives; the generator never sends two requests in one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without being a subclass

    def data_received(self, data: bytes) -> None:
        """Answer, whatever was asked."""
        del data
        self._transport.write(_ANSWER)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve())
