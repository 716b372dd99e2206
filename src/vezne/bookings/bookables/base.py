"""What a kind of bookable says of itself."""

from dataclasses import dataclass
from typing import Literal

Manner = Literal["counted", "exclusive"]
"""counted: so many seats at once; exclusive: a unit of a pool for a period of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookable:
    """A kind of thing that is booked, and what its booking gives."""

    name: str
    manner: Manner
    gives_tickets: bool
    """Whether each booked seat comes with a ticket that is checked at the door."""
    has_attendees: bool = False
    """Whether the customers who come are listed and counted, and each ticket's attendance recorded."""
