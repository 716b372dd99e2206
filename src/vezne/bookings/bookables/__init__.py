"""What can be booked: one small module a kind, and this list of them."""

from vezne.bookings.bookables.base import Bookable, Manner
from vezne.bookings.bookables.event import EVENT
from vezne.bookings.bookables.meal import MEAL
from vezne.bookings.bookables.storage import STORAGE

BOOKABLES: dict[str, Bookable] = {kind.name: kind for kind in (EVENT, MEAL, STORAGE)}
"""Every kind by its name."""

__all__ = ["BOOKABLES", "Bookable", "Manner"]
