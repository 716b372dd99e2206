"""The memberships' SQL."""
