"""These tests stand at a desk: the service, the sandbox and a worker run by hand."""

from desk_fixtures import desk, sandbox
from orders_fixtures import office

__all__ = ["desk", "office", "sandbox"]
