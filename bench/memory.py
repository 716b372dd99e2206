"""This process's own memory while it works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bench.figures import Figure, at_most

_PAUSE = 0.5
_FLAT = 1.1


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


def stays_flat(samples: list[float]) -> Figure:
    """The largest memory in the second half of the samples beside that in the first."""
    half = len(samples) // 2
    return Figure(
        what="largest resident memory in the second half",
        value=max(samples[half:]),
        unit="MiB",
        beside=max(samples[:half]),
        beside_what="in the first half",
        target=at_most(_FLAT),
    )
