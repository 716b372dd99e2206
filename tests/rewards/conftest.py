"""Fixtures of the rewards' tests."""

from rewards_fixtures import academy

__all__ = ["academy"]
