"""Fixtures of the identity's tests."""

from tokens_fixtures import customer_id, stranger_id

__all__ = ["customer_id", "stranger_id"]
