"""What the console works out over several slices."""
