"""These tests stand in a booking office."""

from bookings_fixtures import office

__all__ = ["office"]
