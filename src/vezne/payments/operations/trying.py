"""Work whose next try is enqueued before it is begun."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from vezne.kernel.db import Busy, Database, Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.principal import Principal

_log = structlog.get_logger("vezne.payments")
T = TypeVar("T")


async def try_now(what: str, work: Awaitable[object]) -> None:
    """Do `work`. That it fails is told and no more: were it raised, the worker would run the job again beside the next try,
    which it has enqueued already, and the tries would multiply.
    """
    try:
        await work
    except Refusal as refusal:
        _log.warning("to be tried again", what=what, reason=refusal.code(), detail=refusal.detail)
    except Exception:  # noqa: BLE001 - a bug too must not multiply jobs; it is logged with its traceback
        _log.exception("to be tried again", what=what)


async def in_turn(db: Database, principal: Principal, work: Callable[[Tx], Awaitable[T]]) -> T:
    """Do `work` in a transaction of its own; up to four times, since another may hold the payer's accounts in another order.

    Raises Busy when all were in vain.
    """
    for _ in range(3):
        try:
            async with db.transaction(principal) as tx:
                return await work(tx)
        except Busy:
            continue
    async with db.transaction(principal) as tx:
        return await work(tx)
