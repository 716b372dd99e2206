"""The load generator's own cost, so that a reader knows what it takes from the machine it shares with the server."""

import asyncio
import sys
from itertools import repeat

from bench.figures import Bench, Figure, under
from bench.load import Load, encode_request, generate_load
from bench.session import Session

_CONNECTIONS = 64


async def _measure(session: Session) -> list[Figure]:
    session.say("load generator against a server that does nothing")
    load = (await _load_echo(2.0 if session.quick else 5.0)).verified()
    return [
        Figure(what="CPU the generator takes", value=load.cpu_us, unit="µs a request", target=under(30)),
        Figure(
            what=f"answers it can draw over {_CONNECTIONS} connections",
            value=load.per_second,
            unit="/s",
            note=f"p99 {load.p99_ms:.1f} ms",
        ),
    ]


async def _load_echo(seconds: float) -> Load:
    echo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.echo", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert echo.stdout is not None
    assert echo.stdin is not None
    try:
        port = int(await echo.stdout.readline())
        request = encode_request(
            "POST", "/v1/wallets/wal_0/debits", headers={"Host": "127.0.0.1"}, body=b'{"amount_minor":1,"currency":"TRY"}'
        )
        return await generate_load([("127.0.0.1", port)], repeat(request), connections=_CONNECTIONS, seconds=seconds)
    finally:
        echo.stdin.close()
        await echo.wait()


GENERATOR = Bench(
    name="generator",
    title="The load generator",
    about="The generator of all HTTP figures against a server that answers at once: what it takes of the cores it shares.",
    measure=_measure,
)
