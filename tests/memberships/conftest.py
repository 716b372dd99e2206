"""Fixtures of the memberships' tests."""

from memberships_fixtures import club

__all__ = ["club"]
