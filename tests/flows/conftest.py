"""The stories are told on a whole deployment."""

from running import deployment

__all__ = ["deployment"]
