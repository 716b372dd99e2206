"""An event: seats, a ticket for each, and a list of who comes."""

from vezne.bookings.bookables.base import Bookable

EVENT = Bookable(name="event", manner="counted", gives_tickets=True, has_attendees=True)
