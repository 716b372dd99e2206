"""Storage: one unit of a pool, from a day to a day."""

from vezne.bookings.bookables.base import Bookable

STORAGE = Bookable(name="storage", manner="exclusive", gives_tickets=False)
