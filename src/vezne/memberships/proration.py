"""What a change of plan in the middle of a period costs, in whole minor units.

What is left of a period is worth `value × seconds left // seconds of the whole period`, rounded down. A change to a plan of the
same interval goes on to the same end and costs the new price's part of what is left; a change of interval begins a whole new
period. What is left of the old period is set off against it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proration:
    """A change now: `cost_minor` for the time from `starts_at` to `ends_at`, less `unused_minor` of what was paid for before."""

    starts_at: datetime
    ends_at: datetime
    cost_minor: int
    unused_minor: int

    @property
    def due_minor(self) -> int:
        """What is to be paid now; negative: the new plan costs less than what is left."""
        return self.cost_minor - self.unused_minor


def part_left(value: int, starts_at: datetime, ends_at: datetime, now: datetime) -> int:
    """The part of `value` that stands for the time from `now` to the period's end, by seconds, rounded down."""
    whole = max(1, seconds(starts_at, ends_at))
    return value * min(whole, max(0, seconds(now, ends_at))) // whole


def seconds(begins: datetime, ends: datetime) -> int:
    """The whole seconds from one time to another."""
    return (ends - begins) // _SECOND
