"""What runs by the clock: one table. One worker at a time runs an item, however many there are.

The queue's clock is real time; what is due is decided inside, by each tenant's own clock.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vezne.kernel.db import Database


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A sweep over all tenants: its name, when it runs (cron with seconds last), and what it does. It may run twice."""

    name: str
    cron: str
    run: Callable[[Database], Awaitable[None]]


SCHEDULE: tuple[Scheduled, ...] = ()
