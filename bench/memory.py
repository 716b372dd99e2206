"""This process's own memory while it works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_PAUSE = 0.5


@asynccontextmanager
async def watching_own_memory() -> AsyncIterator[list[float]]:
    """Samples of the resident memory in MiB, oldest first, taken while the block runs."""
    samples: list[float] = []
    watch = asyncio.create_task(_watch(samples))
    try:
        yield samples
        samples.append(await _resident())
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def _watch(samples: list[float]) -> None:
    while True:
        samples.append(await _resident())
        await asyncio.sleep(_PAUSE)


async def _resident() -> float:
    status = await asyncio.to_thread(Path("/proc/self/status").read_text)
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
