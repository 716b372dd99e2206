"""SQL of bookings."""
