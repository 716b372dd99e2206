"""How long the fault suite goes on."""

import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Rounds:
    """How long a test goes on."""

    soak_seconds: float

    def of(self, count: int) -> Iterator[int]:
        """So many rounds, or as many as fit into the soak's time."""
        ends = time.monotonic() + self.soak_seconds
        number = 0
        while number < count or time.monotonic() < ends:
            yield number
            number += 1
