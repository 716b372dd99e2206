"""These tests stand at a desk: the service, the sandbox and a worker run by hand."""

from desk_fixtures import desk, sandbox
from payu_fixtures import counter
from stripe_fixtures import till

__all__ = ["counter", "desk", "sandbox", "till"]
