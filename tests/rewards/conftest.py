"""Fixtures of the rewards' tests."""

from desk_fixtures import desk, sandbox
from orders_fixtures import office
from rewards_fixtures import academy

__all__ = ["academy", "desk", "office", "sandbox"]
