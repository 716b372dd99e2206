"""Fixtures of the catalogue's tests."""

from wallets_fixtures import shop

__all__ = ["shop"]
