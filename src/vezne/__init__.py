"""Vezne: the cash desk of an application. Each folder here is a slice; its front door is its `__init__`."""

from importlib.metadata import version

__version__ = version("vezne")
