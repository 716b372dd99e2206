"""The machine a bench ran on, as far as it explains the figures: never its name, its address or a path on it."""

import os
import platform
import re
import statistics
import tempfile
import time
from pathlib import Path

import asyncpg

_DURABILITY = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_compression",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
)


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory, kernel, Python and the time one durable write takes."""
    kibibytes = int(_field("/proc/meminfo", r"MemTotal:\s*(\d+)") or 0)
    return {
        "processor": _field("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{kibibytes / 1024 / 1024:.0f} GiB",
        "system": f"{platform.system()} {'.'.join(re.findall(r'[0-9]+', platform.release())[:2])}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


async def describe_postgres(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str]:
    """The server's version and the settings that decide what a commit costs."""
    version = await connection.fetchval("SHOW server_version")
    settings = [f"{name} = {await connection.fetchval(f'SHOW {name}')}" for name in _DURABILITY]
    return {"PostgreSQL": str(version), "its settings": ", ".join(settings)}


def durable_write_ms(writes: int = 100) -> float:
    """The median time of one 8 kB write and fdatasync on the disk the temporary folder is on, in milliseconds."""
    block, times = os.urandom(8192), []
    with tempfile.TemporaryFile() as file:
        for _ in range(writes):
            began = time.perf_counter()
            os.write(file.fileno(), block)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def load_average() -> float:
    """The machine's load over the last minute: above the number of cores, others were working beside the bench."""
    return os.getloadavg()[0]


def _field(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found.group(1).strip() if found else ""
