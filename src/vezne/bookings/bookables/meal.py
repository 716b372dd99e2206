"""A meal: servings, each given out against its ticket."""

from vezne.bookings.bookables.base import Bookable

MEAL = Bookable(name="meal", manner="counted", gives_tickets=True)
