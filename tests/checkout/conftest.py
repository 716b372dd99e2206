"""These tests stand at a till."""

from checkout_fixtures import till
from desk_fixtures import sandbox

__all__ = ["sandbox", "till"]
