"""What promos do."""
