"""Bookings over HTTP."""

from vezne.bookings.api.attendees import api as attendees_api
from vezne.bookings.api.claims import api as claims_api
from vezne.bookings.api.resources import api as resources_api
from vezne.bookings.api.tickets import api as tickets_api
from vezne.bookings.api.tickets import keys as ticket_keys
from vezne.bookings.api.waiting import api as waiting_api

ROUTERS = (resources_api, claims_api, tickets_api, ticket_keys, attendees_api, waiting_api)

__all__ = ["ROUTERS"]
