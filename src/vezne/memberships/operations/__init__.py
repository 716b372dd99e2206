"""What memberships do."""
