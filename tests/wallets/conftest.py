"""Fixtures of the wallets' tests."""

from wallets_fixtures import shop

__all__ = ["shop"]
