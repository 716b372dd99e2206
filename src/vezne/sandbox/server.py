"""Serving the sandbox over HTTP, on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from vezne.kernel.clock import real_now
from vezne.sandbox.app import create_app
from vezne.sandbox.settings import SandboxSettings
from vezne.sandbox.store import Clock

_GRACE_SECONDS = 3


def _config(settings: SandboxSettings, clock: Clock) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings, clock),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="on",
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def run(settings: SandboxSettings) -> None:
    """Serve until SIGINT or SIGTERM. Settings have already refused every address that is not loopback."""
    uvicorn.Server(_config(settings, real_now)).run()


class _Guest(uvicorn.Server):
    """A server inside another program, whose signals are that program's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@asynccontextmanager
async def running(settings: SandboxSettings, clock: Clock = real_now) -> AsyncIterator[str]:
    """Serve inside this event loop while the block runs; gives the base URL. With port 0 a free port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        server = _Guest(_config(settings, clock))
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            if serving.done():
                raise RuntimeError("the sandbox could not start; its log says why")
            await asyncio.sleep(0.01)
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
