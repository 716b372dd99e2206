"""Nobody finds codes by trying: whoever names too many that are none is refused for a while, right ones too.

Counted in each process, for the caller and for the customer they act for.
"""

from functools import partial
from typing import Final
from uuid import UUID

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from vezne import identity
from vezne.kernel.db import Tx
from vezne.promos.refusals import PromoGuessing

OF_CUSTOMER: tuple[RateLimitItem, ...] = (RateLimitItemPerMinute(10), RateLimitItemPerHour(60))
OF_CALLER: tuple[RateLimitItem, ...] = (RateLimitItemPerMinute(300),)
"""A shop's server asks for all its customers."""
RULE: Final = "promo_guessing"
_WAIT = 60
_limiter = MovingWindowRateLimiter(MemoryStorage())


def refuse_guessing(tx: Tx, customer_id: UUID) -> None:
    """Raise PromoGuessing when too many wrong codes were named; where it was for one customer, staff are told of them."""
    passed = {who: limit for limit, who in _counted(tx, customer_id) if not _limiter.test(limit, *who)}
    if not passed:
        return
    refusal = PromoGuessing(retry_after_seconds=_WAIT, retry_after=_WAIT)
    limit = passed.get(_customer(tx, customer_id))
    if limit is not None:
        refusal.noted = partial(_alert, customer_id, limit)
    raise refusal


async def _alert(customer_id: UUID, limit: RateLimitItem, tx: Tx) -> None:
    """Tell staff of a customer who guesses, unless they have just decided about them, or nobody is known by this id."""
    since = tx.now - identity.RULES[RULE].window
    if customer_id in await identity.customers_by_id(tx, [customer_id]) and customer_id not in await identity.decided_since(
        tx, RULE, since
    ):
        facts = {"count": limit.amount, "threshold": limit.amount, "within_seconds": limit.get_expiry()}
        await identity.raise_alert(tx, customer_id, RULE, facts=facts)


def count_guess(tx: Tx, customer_id: UUID) -> None:
    """A code was named that is none."""
    for limit, who in _counted(tx, customer_id):
        _limiter.hit(limit, *who)


def _counted(tx: Tx, customer_id: UUID) -> list[tuple[RateLimitItem, tuple[str, ...]]]:
    if tx.principal.kind == "system":
        return []
    customer = _customer(tx, customer_id)
    caller = ("promo", str(tx.tenant_id), "caller", tx.principal.actor)
    return [*[(limit, customer) for limit in OF_CUSTOMER], *[(limit, caller) for limit in OF_CALLER]]


def _customer(tx: Tx, customer_id: UUID) -> tuple[str, ...]:
    return "promo", str(tx.tenant_id), "customer", str(customer_id)
