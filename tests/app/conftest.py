"""The command line and the processes are tested on a whole deployment."""

from running import deployment

__all__ = ["deployment"]
