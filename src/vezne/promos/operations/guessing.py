"""Nobody finds codes by trying: whoever names too many that are none is refused for a while, right ones too.

Counted in each process, for the caller and for the customer they act for.
"""

from uuid import UUID

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from vezne.kernel.db import Tx
from vezne.promos.refusals import PromoGuessing

OF_CUSTOMER: tuple[RateLimitItem, ...] = (RateLimitItemPerMinute(10), RateLimitItemPerHour(60))
OF_CALLER: tuple[RateLimitItem, ...] = (RateLimitItemPerMinute(300),)
"""A shop's server asks for all its customers."""
_WAIT = 60
_limiter = MovingWindowRateLimiter(MemoryStorage())


def refuse_guessing(tx: Tx, customer_id: UUID) -> None:
    """Raise PromoGuessing when too many wrong codes were named."""
    if not all(_limiter.test(limit, *who) for limit, who in _counted(tx, customer_id)):
        raise PromoGuessing(retry_after_seconds=_WAIT, retry_after=_WAIT)


def count_guess(tx: Tx, customer_id: UUID) -> None:
    """A code was named that is none."""
    for limit, who in _counted(tx, customer_id):
        _limiter.hit(limit, *who)


def _counted(tx: Tx, customer_id: UUID) -> list[tuple[RateLimitItem, tuple[str, ...]]]:
    if tx.principal.kind == "system":
        return []
    customer = ("promo", str(tx.tenant_id), "customer", str(customer_id))
    caller = ("promo", str(tx.tenant_id), "caller", tx.principal.actor)
    return [*[(limit, customer) for limit in OF_CUSTOMER], *[(limit, caller) for limit in OF_CALLER]]
