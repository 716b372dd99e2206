"""What bookings does."""
