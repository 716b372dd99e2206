"""What the slice is made of: frozen, and no SQL."""
