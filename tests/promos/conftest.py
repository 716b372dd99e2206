"""These tests stand at a booth where codes are given out."""

from promos_fixtures import booth

__all__ = ["booth"]
