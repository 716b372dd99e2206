"""Fixtures of the settlements' tests."""

from settlements_fixtures import careful_till, till

__all__ = ["careful_till", "till"]
