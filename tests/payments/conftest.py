"""These tests stand at a desk: the service, the sandbox and a worker run by hand."""

from desk_fixtures import desk, sandbox

__all__ = ["desk", "sandbox"]
