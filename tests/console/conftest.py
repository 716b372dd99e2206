"""These tests are of the console's pages."""

from console_fixtures import office
from desk_fixtures import sandbox

__all__ = ["office", "sandbox"]
